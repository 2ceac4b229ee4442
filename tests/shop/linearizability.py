"""Did one account's cart and orders behave like one copy? A checker of recorded histories (promise 6).

A history is in order when each operation can be given one moment between its call and its answer at which it took
effect all at once, so that every answer is what a plain shop would have answered (``Model``, contract §5 and §6).
An operation whose answer was lost may have taken effect at any moment after its call, or never.

The search is Wing and Gong's with Lowe's memory and "just in time" rule: an operation takes effect when its answer
comes, or when an answer needs it before; and no set of operations with the same state after it is tried twice.
The checkers that are well kept are Porcupine (Go) and Knossos (Clojure); none was found for Python.

Recording over HTTP, from any number of threads or tasks, on an account that starts with nothing::

    recorder = Recorder(lost=(httpx.TransportError,))
    with recorder.call(Add("tt0000001", 2), client=3) as said:  # around an ``await`` as well
        response = client.post("/api/v1/cart/items", json={"movieId": "tt0000001", "quantity": 2})
        if response.status_code < 500:  # else it stays UNKNOWN
            said.answer = ...  # a tuple of Line, an Order, a tuple of Listed, or a Refusal
    verdict = check(recorder.history(), prices)
    assert verdict.ok, verdict.why
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

# What is asked.


@dataclass(frozen=True, slots=True)
class View:
    pass


@dataclass(frozen=True, slots=True)
class Add:
    film: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Put:
    film: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Remove:
    film: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class Checkout:
    """All with a good card are the same submit, whatever their keys; one with a bad card is another body."""

    key: str | None = None
    good_card: bool = True


@dataclass(frozen=True, slots=True)
class ListOrders:
    """The whole list: a history places fewer orders than one page holds."""


Change = Add | Put | Remove | Clear
Call = View | Change | Checkout | ListOrders

# What is answered.


class Line(NamedTuple):
    film: str
    quantity: int
    price: Decimal


Lines = tuple[Line, ...]  # a cart's, in the order they were added


class Order(NamedTuple):
    id: int | None  # None only in what ``Model`` expects: a new order whose number nobody has been told
    lines: Lines
    total: Decimal


class Listed(NamedTuple):
    id: int | None
    units: int
    total: Decimal


class Refusal(StrEnum):
    OVER_TEN = "400 over 10 in a line"
    EMPTY = "400 Cart is empty"
    CARD = "402 card does not match"
    NO_FILM = "404 no such film"
    NOT_IN_CART = "404 not in the cart"
    OTHER_BODY = "409 the key came with another body"


Answer = Lines | Order | tuple[Listed, ...] | Refusal
UNKNOWN: Final = None


@dataclass(frozen=True, slots=True)
class Operation:
    call: Call
    answer: Answer | None
    called: float  # by one clock for all clients that never goes back
    answered: float = math.inf  # infinite when the answer is UNKNOWN
    client: int = 0

    def overlaps(self, other: "Operation") -> bool:
        return self.called <= other.answered and other.called <= self.answered


@dataclass(slots=True)
class Said:
    """Where a recorded call puts its answer."""

    call: Call
    client: int
    called: float
    answer: Answer | None = UNKNOWN
    answered: float = math.inf


class Recorder:
    """Writes down what was asked and answered, and when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, lost: tuple[type[BaseException], ...] = ()) -> None:
        """The exceptions of ``lost`` mean an unknown outcome and end here; others are recorded so and go on."""
        self._clock = clock
        self._lost = lost
        self._said: list[Said] = []

    @contextlib.contextmanager
    def call(self, call: Call, client: int = 0) -> Iterator[Said]:
        said = Said(call, client, self._clock())
        self._said.append(said)  # now: one that never ends is part of the history
        with contextlib.suppress(*self._lost):
            yield said
            said.answered = self._clock()

    def history(self) -> list[Operation]:
        return [
            Operation(said.call, UNKNOWN, said.called, client=said.client)
            if said.answer is UNKNOWN or said.answered == math.inf  # what was said before an exception does not count
            else Operation(said.call, said.answer, said.called, said.answered, said.client)
            for said in list(self._said)
        ]


# What a plain shop would do.


class Placed(NamedTuple):
    id: int | None  # None: placed by an operation of unknown outcome, and no answer has told its number yet
    lines: Lines
    by: int  # the operation that placed it


class State(NamedTuple):
    cart: Lines = ()
    orders: tuple[Placed, ...] = ()  # newest first


def total(lines: Lines) -> Decimal:
    return sum((line.quantity * line.price for line in lines), Decimal())


class Model:
    """One cart and its orders, one operation at a time."""

    def __init__(self, history: Sequence[Operation], prices: Mapping[str, Decimal]) -> None:
        self.history = history
        self.prices = prices

    def after(self, state: State, number: int) -> Iterator[State]:
        """The states that this operation can leave behind by answering what it answered."""
        answer = self.history[number].answer
        for expected, then in self.possible(state, number):
            if answer is UNKNOWN:
                if then is not state:  # to have taken no effect is to have taken none yet
                    yield then
            elif answer == expected:
                yield then

    def possible(self, state: State, number: int) -> Iterator[tuple[Answer, State]]:
        """The answers that are right in this state, and the state after each. Order numbers are as it was told."""
        operation = self.history[number]
        match operation.call:
            case View():
                yield state.cart, state
            case ListOrders():
                yield from _listed(state, operation.answer)
            case Checkout() as checkout:
                yield from self._checkout(state, number, checkout)
            case change:
                cart = self._changed(state.cart, change)
                if isinstance(cart, Refusal) or cart == state.cart:
                    yield cart, state
                else:
                    yield cart, state._replace(cart=cart)

    def _changed(self, cart: Lines, change: Change) -> Lines | Refusal:
        """The cart after a change, which is also its answer; or why there is none (contract §5.2)."""
        if isinstance(change, Clear):
            return ()
        place = next((place for place, line in enumerate(cart) if line.film == change.film), None)
        if isinstance(change, Add):
            if place is None:
                price = self.prices.get(change.film)
                return Refusal.NO_FILM if price is None else (*cart, Line(change.film, change.quantity, price))
            quantity = cart[place].quantity + change.quantity
            return Refusal.OVER_TEN if quantity > 10 else _with_quantity(cart, place, quantity)
        if place is None:
            return Refusal.NOT_IN_CART
        if isinstance(change, Put):
            return _with_quantity(cart, place, change.quantity)
        return cart[:place] + cart[place + 1 :]

    def _checkout(self, state: State, number: int, checkout: Checkout) -> Iterator[tuple[Answer, State]]:
        """Contract §6.1 and §6.4."""
        told = self.history[number].answer
        told_id = told.id if isinstance(told, Order) else None
        for place, order in enumerate(state.orders):
            if self.tells_again(order.by, number):
                yield from _told_again(state, place, told_id)
        if checkout.key is not None and any(self._key_of(order.by) == checkout.key for order in state.orders):
            if not checkout.good_card:
                yield Refusal.OTHER_BODY, state
        elif not state.cart:
            yield Refusal.EMPTY, state
        elif not checkout.good_card:
            yield Refusal.CARD, state
        elif not _is_taken(told_id, state):
            placed = Placed(told_id, state.cart, number)
            yield Order(told_id, state.cart, total(state.cart)), State((), (placed, *state.orders))

    def tells_again(self, by: int, number: int) -> bool:
        """May this checkout be told of the order that another, ``by``, has placed?"""
        checkout = self.history[number].call
        if not isinstance(checkout, Checkout) or not checkout.good_card:
            return False
        if checkout.key is not None:
            return checkout.key == self._key_of(by)
        return self.history[by].overlaps(self.history[number])  # whether that one had a key or not

    def _key_of(self, by: int) -> str | None:
        call = self.history[by].call
        return call.key if isinstance(call, Checkout) else None


def _with_quantity(cart: Lines, place: int, quantity: int) -> Lines:
    return (*cart[:place], cart[place]._replace(quantity=quantity), *cart[place + 1 :])


def _is_taken(order_id: int | None, state: State) -> bool:
    return order_id is not None and any(order.id == order_id for order in state.orders)


def _told_again(state: State, place: int, told_id: int | None) -> Iterator[tuple[Answer, State]]:
    """An order that is there already is the answer; this may be the first time that its number is told."""
    order = state.orders[place]
    if order.id is None and told_id is not None and not _is_taken(told_id, state):
        order = order._replace(id=told_id)
        state = state._replace(orders=(*state.orders[:place], order, *state.orders[place + 1 :]))
    yield Order(order.id, order.lines, total(order.lines)), state


def _listed(state: State, told: Answer | None) -> Iterator[tuple[Answer, State]]:
    orders = state.orders
    if isinstance(told, tuple) and len(told) == len(orders) and any(order.id is None for order in orders):
        numbers = [entry.id if isinstance(entry, Listed) else None for entry in told]
        if len(set(numbers)) == len(numbers):  # no two orders have one number
            orders = tuple(
                order._replace(id=number) if order.id is None else order
                for order, number in zip(orders, numbers, strict=True)
            )
            state = state._replace(orders=orders)
    yield tuple(_entry(order) for order in orders), state


def _entry(order: Placed) -> Listed:
    return Listed(order.id, sum(line.quantity for line in order.lines), total(order.lines))


# The search.


_PATIENCE: Final = 50_000  # tries, a second or so


class _TooLongError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Verdict:
    ok: bool
    why: str = ""  # the shortest beginning that nothing explains, what was answered last and what was possible
    order: tuple[int, ...] = ()  # when ok: one order of the operations, by their place in time of call
    tried: int = 0  # how many situations were looked at


def check(history: Iterable[Operation], prices: Mapping[str, Decimal]) -> Verdict:
    """Is there an order that explains every answer? The account starts with an empty cart and no orders."""
    history = sorted(history, key=lambda operation: operation.called)
    search = _Search(history, prices)
    way = next(search.ways(), None)
    if way is not None:
        return Verdict(ok=True, order=tuple(number for number, _ in way.path), tried=search.tried)
    wrong = _first_wrong(history, prices, search)
    return Verdict(ok=False, why=_why(history, prices, wrong), tried=search.tried)


def _first_wrong(history: Sequence[Operation], prices: Mapping[str, Decimal], search: "_Search") -> int:
    """The first answer that nothing explains. The search that failed knew answers before they came: cut them off.
    Where that takes long, for more is unknown then, the answer at which the search ended must do.
    """
    for number in search.ends[search.depth :]:
        beginning = _Search(_until(history, history[number].answered), prices)
        try:
            if next(beginning.ways(_PATIENCE), None) is None:
                return number
        except _TooLongError:
            break
    return search.ends[search.depth]


def _why(history: Sequence[Operation], prices: Mapping[str, Decimal], wrong: int) -> str:
    start, moment = history[0].called, history[wrong].answered
    told = _until(history, moment)
    told[wrong] = replace(told[wrong], answer=UNKNOWN, answered=math.inf)
    search = _Search(told, prices)
    others = _mask(range(len(told))) & ~(1 << wrong)
    possible: dict[str, None] = {}  # a set that keeps its order
    order: list[str] = []
    with contextlib.suppress(_TooLongError):
        for way in islice(search.ways(_PATIENCE), 100):
            then = [state for number, state in way.path if number == wrong]
            for before in then or (at.state for at in islice(search.reached(way, others), 100)):
                possible.update((_in_words(answer), None) for answer, _ in search.model.possible(before, wrong))
            order = order or [str(number) for number, _ in way.path if number != wrong]
    called = [_line(history, number, start) for number, one in enumerate(history) if one.called <= moment]
    return "\n".join(
        [
            f"Nothing explains the answer of {_line(history, wrong, start)}",
            "It could have been, for one:",
            *(f"  {answer}" for answer in islice(possible, 8)),
            f"The other answers until then fit in the order {', '.join(order) or '(none)'}, for one.",
            f"The {len(called)} of {len(history)} operations that were called by then:",
            *(f"  {line}" for line in called),
        ]
    )


def _until(history: Sequence[Operation], moment: float) -> list[Operation]:
    """As it was known at this moment."""
    return [
        one if one.answered <= moment else replace(one, answer=UNKNOWN, answered=math.inf)
        for one in history
        if one.called <= moment
    ]


class _Situation(NamedTuple):
    done: int  # the operations that took effect, one bit each
    state: State
    path: tuple[tuple[int, State], ...]  # what took effect, each in which state; of two ways one is enough


@dataclass(slots=True)
class _Seen:
    """The situations that need no second look."""

    unknown: int
    known: dict[tuple[int, State], list[int]] = field(default_factory=dict)

    def add(self, situation: _Situation) -> bool:
        """Is it new? Not when one was there that did the same with fewer of the operations of unknown outcome."""
        spent = situation.done & self.unknown
        others = self.known.setdefault((situation.done & ~self.unknown, situation.state), [])
        if any(other & ~spent == 0 for other in others):
            return False
        others.append(spent)
        return True


class _Foresight:
    """What answers that are still to come tell of an order at the moment it is placed: else a wrong guess at what
    lost operations have sold would show only much later, after all that can follow from it was tried.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.listed: tuple[Listed, ...] = ()  # oldest first
        self.told: dict[int | None, list[int]] = {}  # which checkouts were told of an order
        for number, operation in enumerate(model.history):
            if isinstance(operation.answer, Order):
                self.told.setdefault(operation.answer.id, []).append(number)
            elif isinstance(operation.call, ListOrders) and isinstance(operation.answer, tuple):
                listed = tuple(entry for entry in reversed(operation.answer) if isinstance(entry, Listed))
                self.listed = max(self.listed, listed, key=len)

    def placed(self, state: State) -> State | None:
        """The state with the number of its newest order, if that can be known; None if the order cannot be."""
        new, *others = state.orders
        if len(others) < len(self.listed):
            entry = self.listed[len(others)]
            if new.id is None and not _is_taken(entry.id, state):
                new = new._replace(id=entry.id)
            if _entry(new) != entry:
                return None
        for number in self.told.get(new.id, ()):
            answer = self.model.history[number].answer
            same = isinstance(answer, Order) and answer.lines == new.lines
            if not same or not (number == new.by or self.model.tells_again(new.by, number)):
                return None
        return state._replace(orders=(new, *others))


class _Search:
    """Depth first, one answer after the other in the order they came; ``history`` is sorted by time of call."""

    def __init__(self, history: Sequence[Operation], prices: Mapping[str, Decimal]) -> None:
        self.history = history
        self.model = Model(history, prices)
        self.foresight = _Foresight(self.model)
        numbers = range(len(history))
        self.unknown = _mask(number for number in numbers if history[number].answer is UNKNOWN)
        idle = self.unknown & _mask(number for number in numbers if not _can_change(history[number].call))
        self.ends = sorted(
            (number for number in numbers if history[number].answer is not UNKNOWN),
            key=lambda number: history[number].answered,
        )
        self.called = [  # by the time of each end
            ~idle & _mask(number for number in numbers if history[number].called <= history[end].answered)
            for end in self.ends
        ]
        # Of two lost operations that asked the same, the earlier takes effect first: it can do all the later can.
        self.twins = [
            self.unknown >> number & 1 and self.unknown & _mask(n for n in range(number) if history[n].call == one.call)
            for number, one in enumerate(history)
        ]
        # An Add, a Put, a Remove or a Clear that changes nothing at first may be needed later, when it does.
        self.looks = ~self.unknown & _mask(
            number
            for number, one in enumerate(history)
            if isinstance(one.answer, Refusal) or isinstance(one.call, View | ListOrders | Checkout)
        )
        self.tried = 0
        self.depth = 0  # how many answers could be explained

    def ways(self, patience: float = math.inf) -> Iterator[_Situation]:
        """Where it can have come to, all answers explained: at least one if there is any, by far not all."""
        seen = [_Seen(self.unknown) for _ in self.ends]
        levels = [iter([_Situation(0, State(), ())])]
        while levels:
            if self.tried > patience:
                raise _TooLongError
            situation = next(levels[-1], None)
            depth = len(levels) - 1
            if situation is None:
                levels.pop()
            elif depth == len(self.ends):
                yield situation
            elif seen[depth].add(situation):
                self.depth = max(self.depth, depth)
                levels.append(self._explained(situation, self.ends[depth], self.called[depth]))

    def _explained(self, situation: _Situation, number: int, called: int) -> Iterator[_Situation]:
        """The situations in which this operation has taken effect as answered, the least changed ones first."""
        situation = self._settled(situation, called)
        if situation.done >> number & 1:
            yield situation
            return
        for before in self.reached(situation, called & ~(1 << number)):
            yield from self._after(before, number, called)

    def reached(self, situation: _Situation, called: int) -> Iterator[_Situation]:
        """This situation, and all that the operations under way can make of it."""
        seen = _Seen(self.unknown)
        seen.add(situation)
        queue = deque([situation])
        while queue:
            here = queue.popleft()
            yield here
            for number in _bits(called & ~here.done):
                if self.twins[number] & ~here.done == 0:
                    queue.extend(there for there in self._after(here, number, called) if seen.add(there))

    def _after(self, situation: _Situation, number: int, called: int) -> Iterator[_Situation]:
        done, state, path = situation
        self.tried += 1
        for then in self.model.after(state, number):
            foreseen = self.foresight.placed(then) if len(then.orders) > len(state.orders) else then
            if foreseen is not None:
                yield self._settled(_Situation(done | 1 << number, foreseen, (*path, (number, state))), called)

    def _settled(self, situation: _Situation, called: int) -> _Situation:
        """With all done that only looks, and sees here what it saw: it need not wait, as it changes nothing."""
        done, state, path = situation
        for number in _bits(called & ~done & self.looks):
            self.tried += 1
            if any(then is state for then in self.model.after(state, number)):
                done |= 1 << number
                path = (*path, (number, state))
        return _Situation(done, state, path)


def _can_change(call: Call) -> bool:
    return call.good_card if isinstance(call, Checkout) else not isinstance(call, View | ListOrders)


def _mask(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


def _line(history: Sequence[Operation], number: int, start: float) -> str:
    one = history[number]
    times = f"{one.called - start:.3f} to " + ("…" if one.answered == math.inf else f"{one.answered - start:.3f}")
    answer = "(not known)" if one.answer is UNKNOWN else _in_words(one.answer)
    return f"{number}. client {one.client}, {times}: {one.call} → {answer}"


def _in_words(answer: Answer) -> str:
    if isinstance(answer, Refusal):
        return answer.value
    if isinstance(answer, Order):
        return f"order {answer.id or '(any new number)'} of {_in_words(answer.lines)}, {answer.total} in all"
    parts = [
        f"{part.quantity} {part.film} at {part.price}"
        if isinstance(part, Line)
        else f"order {part.id or '(any)'} of {part.units} for {part.total}"
        for part in answer
    ]
    return f"[{'; '.join(parts)}]"
