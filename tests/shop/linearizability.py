"""A linearizability checker for recorded histories of one account's cart and orders (promise 6).

A history is linearizable when each operation can be given one moment between its invocation and its response at which
it took effect all at once, so that every response is what a sequential shop would have given (``Model``, contract §5
and §6). An operation whose response was lost may have taken effect at any moment after its invocation, or never.

The search is Wing and Gong's with Lowe's memory and "just in time" rule: an operation takes effect when it returns, or
when the response of another needs it before; and no set of operations with the same state after it is tried twice.
The maintained checkers are Porcupine (Go) and Knossos (Clojure); none was found for Python.

Recording over HTTP, from any number of threads or tasks, on an account that starts with nothing::

    recorder = Recorder(lost=(httpx.TransportError,))
    with recorder.call(Add("tt0000001", 2), client=3) as pending:  # around an ``await`` as well
        response = client.post("/api/v1/cart/items", json={"movieId": "tt0000001", "quantity": 2})
        if response.status_code < 500:  # else it stays UNKNOWN
            pending.response = ...  # a tuple of Line, an Order, a tuple of OrderEntry, or a Refusal
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

# Calls.


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

# Responses.


class Line(NamedTuple):
    film: str
    quantity: int
    price: Decimal


Lines = tuple[Line, ...]  # a cart's, in the order they were added


class Order(NamedTuple):
    id: int | None  # None only in what ``Model`` expects: a new order whose number is in no response yet
    lines: Lines
    total: Decimal


class OrderEntry(NamedTuple):
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


Response = Lines | Order | tuple[OrderEntry, ...] | Refusal
UNKNOWN: Final = None


@dataclass(frozen=True, slots=True)
class Operation:
    call: Call
    response: Response | None
    invoked: float  # by one clock for all clients that never goes back
    returned: float = math.inf  # infinite when the response is UNKNOWN
    client: int = 0

    def overlaps(self, other: "Operation") -> bool:
        return self.invoked <= other.returned and other.invoked <= self.returned


@dataclass(slots=True)
class PendingCall:
    """A recorded call, and where its caller puts the response."""

    call: Call
    client: int
    invoked: float
    response: Response | None = UNKNOWN
    returned: float = math.inf


class Recorder:
    """Records each call and its response, and when they happened."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, lost: tuple[type[BaseException], ...] = ()) -> None:
        """The exceptions of ``lost`` mean an unknown outcome and end here; others are recorded so and go on."""
        self._clock = clock
        self._lost = lost
        self._calls: list[PendingCall] = []

    @contextlib.contextmanager
    def call(self, call: Call, client: int = 0) -> Iterator[PendingCall]:
        pending = PendingCall(call, client, self._clock())
        self._calls.append(pending)  # now: one that never ends is part of the history
        with contextlib.suppress(*self._lost):
            yield pending
            pending.returned = self._clock()

    def history(self) -> list[Operation]:
        return [
            # A response that was set before an exception does not count.
            Operation(pending.call, UNKNOWN, pending.invoked, client=pending.client)
            if pending.response is UNKNOWN or pending.returned == math.inf
            else Operation(pending.call, pending.response, pending.invoked, pending.returned, pending.client)
            for pending in list(self._calls)
        ]


# The sequential shop.


class Placed(NamedTuple):
    id: int | None  # None: placed by an operation of unknown outcome, and its number is in no response yet
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
        """The states that this operation can leave behind, given the response it returned."""
        response = self.history[number].response
        for expected, after in self.possible(state, number):
            if response is UNKNOWN:
                if after is not state:  # to have taken no effect is to have taken none yet
                    yield after
            elif response == expected:
                yield after

    def possible(self, state: State, number: int) -> Iterator[tuple[Response, State]]:
        """The responses that are right in this state, and the state after each. Order numbers are those it returned."""
        operation = self.history[number]
        match operation.call:
            case View():
                yield state.cart, state
            case ListOrders():
                yield from _list_orders(state, operation.response)
            case Checkout() as checkout:
                yield from self._checkout(state, number, checkout)
            case change:
                cart = self._changed(state.cart, change)
                if isinstance(cart, Refusal) or cart == state.cart:
                    yield cart, state
                else:
                    yield cart, state._replace(cart=cart)

    def _changed(self, cart: Lines, change: Change) -> Lines | Refusal:
        """The cart after a change, which is also its response; or why it is refused (contract §5.2)."""
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

    def _checkout(self, state: State, number: int, checkout: Checkout) -> Iterator[tuple[Response, State]]:
        """Contract §6.1 and §6.4."""
        response = self.history[number].response
        response_id = response.id if isinstance(response, Order) else None
        for place, order in enumerate(state.orders):
            if self.may_replay(order.by, number):
                yield from _replayed(state, place, response_id)
        if checkout.key is not None and any(self._key_of(order.by) == checkout.key for order in state.orders):
            if not checkout.good_card:
                yield Refusal.OTHER_BODY, state
        elif not state.cart:
            yield Refusal.EMPTY, state
        elif not checkout.good_card:
            yield Refusal.CARD, state
        elif not _is_taken(response_id, state):
            placed = Placed(response_id, state.cart, number)
            yield Order(response_id, state.cart, total(state.cart)), State((), (placed, *state.orders))

    def may_replay(self, by: int, number: int) -> bool:
        """Whether this checkout may return the order that another, ``by``, has placed."""
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


def _replayed(state: State, place: int, response_id: int | None) -> Iterator[tuple[Response, State]]:
    """Returns an order that exists already; this may be the first response with its number."""
    order = state.orders[place]
    if order.id is None and response_id is not None and not _is_taken(response_id, state):
        order = order._replace(id=response_id)
        state = state._replace(orders=(*state.orders[:place], order, *state.orders[place + 1 :]))
    yield Order(order.id, order.lines, total(order.lines)), state


def _list_orders(state: State, response: Response | None) -> Iterator[tuple[Response, State]]:
    orders = state.orders
    if isinstance(response, tuple) and len(response) == len(orders) and any(order.id is None for order in orders):
        numbers = [entry.id if isinstance(entry, OrderEntry) else None for entry in response]
        if len(set(numbers)) == len(numbers):  # no two orders have one number
            orders = tuple(
                order._replace(id=number) if order.id is None else order
                for order, number in zip(orders, numbers, strict=True)
            )
            state = state._replace(orders=orders)
    yield tuple(_entry(order) for order in orders), state


def _entry(order: Placed) -> OrderEntry:
    return OrderEntry(order.id, sum(line.quantity for line in order.lines), total(order.lines))


# The search.


_MAX_TRIES: Final = 50_000  # tries, a second or so


class _TooLongError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Verdict:
    ok: bool
    why: str = ""  # the shortest prefix that nothing explains, its last response, and which would have been possible
    order: tuple[int, ...] = ()  # when ok: one order of the operations, numbered by their invocation
    tried: int = 0  # how many nodes were visited


def check(history: Iterable[Operation], prices: Mapping[str, Decimal]) -> Verdict:
    """Looks for an order that explains every response. The account starts with an empty cart and no orders."""
    history = sorted(history, key=lambda operation: operation.invoked)
    search = _Search(history, prices)
    linearization = next(search.linearizations(), None)
    if linearization is not None:
        return Verdict(ok=True, order=tuple(number for number, _ in linearization.path), tried=search.tried)
    wrong = _first_wrong(history, prices, search)
    return Verdict(ok=False, why=_why(history, prices, wrong), tried=search.tried)


def _first_wrong(history: Sequence[Operation], prices: Mapping[str, Decimal], search: "_Search") -> int:
    """The first response that nothing explains.

    The search that failed knew responses before they were returned, so each prefix of the history is searched anew.
    Where that takes too long, since more is unknown in a prefix, it is the response at which the search ended.
    """
    for number in search.returns[search.depth :]:
        beginning = _Search(_until(history, history[number].returned), prices)
        try:
            if next(beginning.linearizations(_MAX_TRIES), None) is None:
                return number
        except _TooLongError:
            break
    return search.returns[search.depth]


def _why(history: Sequence[Operation], prices: Mapping[str, Decimal], wrong: int) -> str:
    start, moment = history[0].invoked, history[wrong].returned
    known = _until(history, moment)
    known[wrong] = replace(known[wrong], response=UNKNOWN, returned=math.inf)
    search = _Search(known, prices)
    others = _mask(range(len(known))) & ~(1 << wrong)
    possible: dict[str, None] = {}  # a set that keeps its order
    order: list[str] = []
    with contextlib.suppress(_TooLongError):
        for linearization in islice(search.linearizations(_MAX_TRIES), 100):
            after = [state for number, state in linearization.path if number == wrong]
            for before in after or (at.state for at in islice(search.reached(linearization, others), 100)):
                possible.update((_in_words(response), None) for response, _ in search.model.possible(before, wrong))
            order = order or [str(number) for number, _ in linearization.path if number != wrong]
    invoked = [_line(history, number, start) for number, operation in enumerate(history) if operation.invoked <= moment]
    return "\n".join(
        [
            f"Nothing explains the answer of {_line(history, wrong, start)}",
            "It could have been, for one:",
            *(f"  {response}" for response in islice(possible, 8)),
            f"The other answers until then fit in the order {', '.join(order) or '(none)'}, for one.",
            f"The {len(invoked)} of {len(history)} operations that were called by then:",
            *(f"  {line}" for line in invoked),
        ]
    )


def _until(history: Sequence[Operation], moment: float) -> list[Operation]:
    """The history as it was known at this moment."""
    return [
        operation if operation.returned <= moment else replace(operation, response=UNKNOWN, returned=math.inf)
        for operation in history
        if operation.invoked <= moment
    ]


class _Node(NamedTuple):
    taken: int  # the operations that took effect, one bit each
    state: State
    path: tuple[tuple[int, State], ...]  # what took effect, each in which state; of two ways one is enough


@dataclass(slots=True)
class _Visited:
    """The nodes that need not be searched again."""

    unknown: int
    known: dict[tuple[int, State], list[int]] = field(default_factory=dict)

    def add(self, node: _Node) -> bool:
        """Whether it is new: no node before did the same with fewer of the operations of unknown outcome."""
        spent = node.taken & self.unknown
        others = self.known.setdefault((node.taken & ~self.unknown, node.state), [])
        if any(subset & ~spent == 0 for subset in others):
            return False
        others.append(spent)
        return True


class _Lookahead:
    """What later responses say of an order at the moment it is placed.

    Without it, a wrong guess at what lost operations have sold would show only much later, after all that can follow
    from it was tried.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.longest_list: tuple[OrderEntry, ...] = ()  # oldest first
        self.checkouts: dict[int | None, list[int]] = {}  # which checkouts returned an order
        for number, operation in enumerate(model.history):
            if isinstance(operation.response, Order):
                self.checkouts.setdefault(operation.response.id, []).append(number)
            elif isinstance(operation.call, ListOrders) and isinstance(operation.response, tuple):
                listed = tuple(entry for entry in reversed(operation.response) if isinstance(entry, OrderEntry))
                self.longest_list = max(self.longest_list, listed, key=len)

    def placed(self, state: State) -> State | None:
        """The state with the number of its newest order, if that can be known; None if the order cannot be."""
        new, *others = state.orders
        if len(others) < len(self.longest_list):
            entry = self.longest_list[len(others)]
            if new.id is None and not _is_taken(entry.id, state):
                new = new._replace(id=entry.id)
            if _entry(new) != entry:
                return None
        for number in self.checkouts.get(new.id, ()):
            response = self.model.history[number].response
            same = isinstance(response, Order) and response.lines == new.lines
            if not same or not (number == new.by or self.model.may_replay(new.by, number)):
                return None
        return state._replace(orders=(new, *others))


class _Search:
    """Depth first, one response after the other in the order of time; ``history`` is sorted by invocation."""

    def __init__(self, history: Sequence[Operation], prices: Mapping[str, Decimal]) -> None:
        self.history = history
        self.model = Model(history, prices)
        self.lookahead = _Lookahead(self.model)
        numbers = range(len(history))
        self.unknown = _mask(number for number in numbers if history[number].response is UNKNOWN)
        idle = self.unknown & _mask(number for number in numbers if not _can_change(history[number].call))
        self.returns = sorted(
            (number for number in numbers if history[number].response is not UNKNOWN),
            key=lambda number: history[number].returned,
        )
        self.invoked = [  # by the time of each end
            ~idle & _mask(number for number in numbers if history[number].invoked <= history[end].returned)
            for end in self.returns
        ]
        # Of two lost operations that asked the same, the earlier takes effect first: it can do all the later can.
        self.twins = [
            self.unknown >> number & 1
            and self.unknown & _mask(n for n in range(number) if history[n].call == operation.call)
            for number, operation in enumerate(history)
        ]
        # An Add, a Put, a Remove or a Clear that changes nothing at first may be needed later, when it does.
        self.reads = ~self.unknown & _mask(
            number
            for number, operation in enumerate(history)
            if isinstance(operation.response, Refusal) or isinstance(operation.call, View | ListOrders | Checkout)
        )
        self.tried = 0
        self.depth = 0  # how many responses could be explained

    def linearizations(self, max_tries: float = math.inf) -> Iterator[_Node]:
        """Nodes in which all responses are explained: at least one if there is any, by far not all."""
        seen = [_Visited(self.unknown) for _ in self.returns]
        levels = [iter([_Node(0, State(), ())])]
        while levels:
            if self.tried > max_tries:
                raise _TooLongError
            node = next(levels[-1], None)
            depth = len(levels) - 1
            if node is None:
                levels.pop()
            elif depth == len(self.returns):
                yield node
            elif seen[depth].add(node):
                self.depth = max(self.depth, depth)
                levels.append(self._explained(node, self.returns[depth], self.invoked[depth]))

    def _explained(self, node: _Node, number: int, invoked: int) -> Iterator[_Node]:
        """The nodes in which this operation has taken effect as it returned, the least changed ones first."""
        node = self._settled(node, invoked)
        if node.taken >> number & 1:
            yield node
            return
        for before in self.reached(node, invoked & ~(1 << number)):
            yield from self._after(before, number, invoked)

    def reached(self, node: _Node, invoked: int) -> Iterator[_Node]:
        """This node, and all that the operations under way can make of it."""
        seen = _Visited(self.unknown)
        seen.add(node)
        queue = deque([node])
        while queue:
            here = queue.popleft()
            yield here
            for number in _bits(invoked & ~here.taken):
                if self.twins[number] & ~here.taken == 0:
                    queue.extend(there for there in self._after(here, number, invoked) if seen.add(there))

    def _after(self, node: _Node, number: int, invoked: int) -> Iterator[_Node]:
        done, state, path = node
        self.tried += 1
        for after in self.model.after(state, number):
            known_state = self.lookahead.placed(after) if len(after.orders) > len(state.orders) else after
            if known_state is not None:
                yield self._settled(_Node(done | 1 << number, known_state, (*path, (number, state))), invoked)

    def _settled(self, node: _Node, invoked: int) -> _Node:
        """With all reads done that return here what they did return: as they change nothing, they need not wait."""
        done, state, path = node
        for number in _bits(invoked & ~done & self.reads):
            self.tried += 1
            if any(after is state for after in self.model.after(state, number)):
                done |= 1 << number
                path = (*path, (number, state))
        return _Node(done, state, path)


def _can_change(call: Call) -> bool:
    return call.good_card if isinstance(call, Checkout) else not isinstance(call, View | ListOrders)


def _mask(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


def _line(history: Sequence[Operation], number: int, start: float) -> str:
    operation = history[number]
    times = f"{operation.invoked - start:.3f} to " + (
        "…" if operation.returned == math.inf else f"{operation.returned - start:.3f}"
    )
    response = "(not known)" if operation.response is UNKNOWN else _in_words(operation.response)
    return f"{number}. client {operation.client}, {times}: {operation.call} → {response}"


def _in_words(response: Response) -> str:
    if isinstance(response, Refusal):
        return response.value
    if isinstance(response, Order):
        return f"order {response.id or '(any new number)'} of {_in_words(response.lines)}, {response.total} in all"
    parts = [
        f"{part.quantity} {part.film} at {part.price}"
        if isinstance(part, Line)
        else f"order {part.id or '(any)'} of {part.units} for {part.total}"
        for part in response
    ]
    return f"[{'; '.join(parts)}]"
