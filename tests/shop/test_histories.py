"""The checker of histories itself: it passes what is right, and catches shops with one mistake each."""

import heapq
import itertools
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from random import Random

import pytest
from tests.shop.linearizability import (
    UNKNOWN,
    Add,
    Call,
    Checkout,
    Clear,
    Line,
    Lines,
    ListOrders,
    Model,
    Operation,
    Order,
    OrderEntry,
    Put,
    Recorder,
    Refusal,
    Remove,
    Response,
    State,
    View,
    check,
    total,
)

PRICES = {"tt1": Decimal("4.99"), "tt2": Decimal("3.50"), "tt3": Decimal("0.10")}


def lines(*wanted: tuple[str, int]) -> Lines:
    return tuple(Line(film, quantity, PRICES[film]) for film, quantity in wanted)


def order(number: int, *wanted: tuple[str, int]) -> Order:
    return Order(number, lines(*wanted), total(lines(*wanted)))


def listed(*orders: Order) -> tuple[OrderEntry, ...]:
    return tuple(OrderEntry(order.id, sum(line.quantity for line in order.lines), order.total) for order in orders)


def op(invoked: float, returned: float, call: Call, response: Response | None) -> Operation:
    return Operation(call, response, invoked, returned)


def lost(invoked: float, call: Call) -> Operation:
    return Operation(call, UNKNOWN, invoked)


def one_by_one(*calls: tuple[Call, Response | None]) -> list[Operation]:
    """Each called after the one before it was answered."""
    return [
        lost(number, call) if response is UNKNOWN else op(number, number + 0.5, call, response)
        for number, (call, response) in enumerate(calls)
    ]


FIRST, SECOND = order(11, ("tt1", 2)), order(7, ("tt2", 1))

RIGHT: dict[str, list[Operation]] = {
    "nothing": [],
    "a cart, one change after the other": one_by_one(
        (View(), ()),
        (Add("tt1", 2), lines(("tt1", 2))),
        (Add("tt2"), lines(("tt1", 2), ("tt2", 1))),
        (Add("tt1", 8), lines(("tt1", 10), ("tt2", 1))),
        (Add("tt1"), Refusal.OVER_TEN),
        (Put("tt1", 3), lines(("tt1", 3), ("tt2", 1))),
        (Put("tt3", 3), Refusal.NOT_IN_CART),
        (Remove("tt1"), lines(("tt2", 1))),
        (Remove("tt1"), Refusal.NOT_IN_CART),
        (Add("tt1", 1), lines(("tt2", 1), ("tt1", 1))),
        (Add("tt9"), Refusal.NO_FILM),
        (Clear(), ()),
        (Clear(), ()),
    ),
    "orders, newest first": one_by_one(
        (Checkout(), Refusal.EMPTY),
        (Add("tt1", 2), lines(("tt1", 2))),
        (Checkout(good_card=False), Refusal.CARD),
        (Checkout(), FIRST),
        (View(), ()),
        (Checkout(), Refusal.EMPTY),
        (Add("tt2"), SECOND.lines),
        (Checkout("k"), SECOND),
        (ListOrders(), listed(SECOND, FIRST)),
        (Add("tt3"), lines(("tt3", 1))),
        (Checkout("k"), SECOND),
        (Checkout("k", good_card=False), Refusal.OTHER_BODY),
        (View(), lines(("tt3", 1))),
    ),
    "a view that overlaps a change sees it or not": [
        op(0, 9, Add("tt1"), lines(("tt1", 1))),
        op(1, 2, View(), ()),
        op(3, 4, View(), lines(("tt1", 1))),
    ],
    "overlapping submits without a key get one order": [
        op(0, 1, Add("tt1", 2), FIRST.lines),
        op(2, 5, Checkout(), FIRST),
        op(3, 6, Checkout(), FIRST),
        op(4, 7, Checkout(), Refusal.EMPTY),
        op(5, 8, Checkout(), FIRST),  # called as the first was answered: they overlap still
        op(9, 10, ListOrders(), listed(FIRST)),
    ],
    "a lost change took effect, late": [
        lost(0, Add("tt1", 2)),
        op(1, 2, View(), ()),
        op(3, 4, View(), lines(("tt1", 2))),
    ],
    "a lost change never took effect": [lost(0, Add("tt1", 2)), *one_by_one((View(), ()), (Checkout(), Refusal.EMPTY))],
    "a lost checkout is told of by its key": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout("k"), UNKNOWN), (View(), ()), (Checkout("k"), FIRST)
    ),
    "a lost checkout is told of by the list": one_by_one(
        (Add("tt1", 2), FIRST.lines),
        (Checkout("k"), UNKNOWN),
        (Add("tt2"), SECOND.lines),
        (Checkout(), SECOND),
        (ListOrders(), listed(SECOND, FIRST)),
        (Checkout("k"), FIRST),
    ),
    "a lost checkout had nothing to sell until later": one_by_one(
        (Checkout(), UNKNOWN), (Add("tt1", 2), FIRST.lines), (View(), ()), (ListOrders(), listed(FIRST))
    ),
}

WRONG: dict[str, list[Operation]] = {
    "a view of before": one_by_one((Add("tt1"), lines(("tt1", 1))), (View(), ())),
    "a view that goes back": [
        op(0, 9, Add("tt1"), lines(("tt1", 1))),
        op(1, 2, View(), lines(("tt1", 1))),
        op(3, 4, View(), ()),
    ],
    "another price": one_by_one((Add("tt1"), (Line("tt1", 1, Decimal(5)),))),
    "another sum": one_by_one((Add("tt1"), lines(("tt1", 1))), (Checkout(), Order(1, lines(("tt1", 1)), Decimal(5)))),
    "a line that lost its place": one_by_one(
        (Add("tt1"), lines(("tt1", 1))),
        (Add("tt2"), lines(("tt1", 1), ("tt2", 1))),
        (Put("tt1", 2), lines(("tt2", 1), ("tt1", 2))),
    ),
    "eleven in a line": one_by_one((Add("tt1", 10), lines(("tt1", 10))), (Add("tt1"), lines(("tt1", 11)))),
    "a change that was refused and made": one_by_one(
        (Add("tt1", 9), lines(("tt1", 9))), (Add("tt1", 2), Refusal.OVER_TEN), (View(), lines(("tt1", 10)))
    ),
    "two adds, one counted": [
        op(0, 3, Add("tt1"), lines(("tt1", 1))),
        op(1, 4, Add("tt1"), lines(("tt1", 1))),
    ],
    "a cart that is still there": one_by_one((Add("tt1", 2), FIRST.lines), (Checkout(), FIRST), (View(), FIRST.lines)),
    "a later submit without a key gets the same order": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout(), FIRST), (Checkout(), FIRST)
    ),
    "a key that gives two orders": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout("k"), FIRST), (Add("tt2"), SECOND.lines), (Checkout("k"), SECOND)
    ),
    "a key that is forgotten": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout("k"), FIRST), (Checkout("k"), Refusal.EMPTY)
    ),
    "another key that gets the same order": [
        op(0, 1, Add("tt1", 2), FIRST.lines),
        op(2, 5, Checkout("k"), FIRST),
        op(3, 6, Checkout("l"), FIRST),
    ],
    "two orders of one number": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout(), FIRST), (Add("tt1", 2), FIRST.lines), (Checkout(), FIRST)
    ),
    "two lost orders of one number": one_by_one(
        (Add("tt1", 2), FIRST.lines),
        (Checkout(), UNKNOWN),
        (View(), ()),
        (Add("tt1", 2), FIRST.lines),
        (Checkout(), UNKNOWN),
        (View(), ()),
        (ListOrders(), listed(FIRST, FIRST)),
    ),
    "orders, oldest first": one_by_one(
        (Add("tt1", 2), FIRST.lines),
        (Checkout(), FIRST),
        (Add("tt2"), SECOND.lines),
        (Checkout(), SECOND),
        (ListOrders(), listed(FIRST, SECOND)),
    ),
    "a lost change that took effect twice": one_by_one(
        (Add("tt1", 2), UNKNOWN), (View(), lines(("tt1", 2))), (View(), lines(("tt1", 4)))
    ),
    "a lost change before it was asked for": one_by_one((View(), lines(("tt1", 2))), (Add("tt1", 2), UNKNOWN)),
    "a lost checkout that changed its number": one_by_one(
        (Add("tt1", 2), FIRST.lines), (Checkout("k"), UNKNOWN), (ListOrders(), listed(FIRST)), (Checkout("k"), SECOND)
    ),
    "a declined card that paid": one_by_one((Add("tt1", 2), FIRST.lines), (Checkout(good_card=False), FIRST)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name: str) -> None:
    verdict = check(RIGHT[name], PRICES)
    assert verdict.ok, verdict.why


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_caught(name: str) -> None:
    assert not check(WRONG[name], PRICES).ok


def test_the_verdict_tells_the_first_answer_that_nothing_explains() -> None:
    history = one_by_one(
        (Add("tt1", 2), lines(("tt1", 2))),
        (Add("tt2"), UNKNOWN),
        (View(), lines(("tt1", 1))),
        (View(), lines(("tt1", 2))),
    )
    why = check(history, PRICES).why.splitlines()
    assert why[0].startswith("Nothing explains the answer of 2. client 0, 2.000 to 2.500: View() → [1 tt1 at 4.99]")
    assert why[2:4] == ["  [2 tt1 at 4.99]", "  [2 tt1 at 4.99; 1 tt2 at 3.50]"]
    assert "The 3 of 4 operations that were called by then:" in why


def test_an_answer_that_came_later_is_not_taken_for_the_first_wrong_one() -> None:
    """The add must have taken effect before the view's answer; what is wrong is the add's own, which came later."""
    history = [op(0, 9, Add("tt1"), lines(("tt1", 3))), op(1, 2, View(), lines(("tt1", 1)))]
    assert "the answer of 0. client 0" in check(history, PRICES).why


def test_the_order_of_a_verdict_explains_the_history() -> None:
    history = simulate(3)
    by_call = sorted(history, key=lambda operation: operation.invoked)
    model, state = Model(by_call, PRICES), State()
    order = check(history, PRICES).order
    for place, number in enumerate(order):
        assert all(by_call[number].invoked <= by_call[later].returned for later in order[place:])
        (state, *_) = model.after(state, number)
    assert {number for number, operation in enumerate(by_call) if operation.response is not UNKNOWN} <= set(order)


def hang_up() -> None:
    raise ConnectionError


def test_a_recorder_writes_down_what_was_asked_and_answered() -> None:
    ticks = itertools.count()
    recorder = Recorder(lambda: float(next(ticks)), lost=(ConnectionError,))
    with recorder.call(View(), client=3) as pending:
        pending.response = ()
    with recorder.call(Clear()):
        pass  # a 5xx: nobody says what came of it
    with recorder.call(Add("tt1")) as pending:
        pending.response = ()
        hang_up()
    with pytest.raises(ZeroDivisionError), recorder.call(Remove("tt1")):
        raise ZeroDivisionError
    with recorder.call(View()):
        under_way = recorder.history()
    assert under_way == [
        Operation(View(), (), 0, 1, client=3),
        Operation(Clear(), UNKNOWN, 2),
        Operation(Add("tt1"), UNKNOWN, 4),
        Operation(Remove("tt1"), UNKNOWN, 5),
        Operation(View(), UNKNOWN, 6),
    ]


# A shop in memory, with its own idea of the rules, and customers' browsers that all use one account.


class Bug(StrEnum):
    LOST_UPDATE = "1: an add reads the quantity, and writes it later"
    KEEPS_CART = "2: a checkout leaves the cart as it is"
    TWO_ORDERS = "2: a checkout looks for its key, and writes it later"
    STALE_VIEW = "3: a view shows the cart as it was one change ago"
    LOSES_ITEM = "4: a checkout reads the lines, and later deletes whatever is in the cart"
    TWICE = "5: a checkout whose answer was lost takes effect twice"
    MISSING = "5: an order is acknowledged and not kept"


Steps = Generator[float, None, Response]  # each yield lets the others go on for so long


class Shop:
    def __init__(self, random: Random, bug: Bug | None) -> None:
        self.random = random
        self.bug = bug
        self.now = 0.0
        self.cart: dict[str, int] = {}
        self.cart_before: Lines = ()
        self.orders: list[tuple[float, Order]] = []
        self.keys: dict[str, Order] = {}
        self.checking_out = False

    def lines(self) -> Lines:
        return lines(*self.cart.items())

    def pause(self, *bugs: Bug) -> Generator[float]:
        if self.bug in bugs:
            yield self.random.expovariate(1)

    def serve(self, call: Call) -> Steps:
        """Without a bug it does all in one step."""
        if isinstance(call, Checkout):
            return (yield from self.check_out(call, self.now))
        yield self.random.expovariate(1)
        if isinstance(call, View):
            stale = self.bug is Bug.STALE_VIEW and self.random.random() < 0.3
            return self.cart_before if stale else self.lines()
        if isinstance(call, ListOrders):
            return listed(*(order for _, order in reversed(self.orders)))
        before = self.lines()
        if isinstance(call, Add):
            quantity = self.cart.get(call.film, 0) + call.quantity
            yield from self.pause(Bug.LOST_UPDATE)
            if quantity > 10:
                return Refusal.OVER_TEN
            self.cart[call.film] = quantity
        elif isinstance(call, Clear):
            self.cart.clear()
        elif call.film not in self.cart:
            return Refusal.NOT_IN_CART
        elif isinstance(call, Put):
            self.cart[call.film] = call.quantity
        else:
            del self.cart[call.film]
        self.cart_before = before
        return self.lines()

    def check_out(self, call: Checkout, arrived: float) -> Steps:
        yield self.random.expovariate(1)
        while self.checking_out:
            yield 0.1
        if call.key in self.keys:
            return self.keys[call.key] if call.good_card else Refusal.OTHER_BODY
        if call.key is None and call.good_card and self.orders and self.orders[-1][0] > arrived:
            return self.orders[-1][1]
        if not self.cart:
            return Refusal.EMPTY
        if not call.good_card:
            return Refusal.CARD
        self.checking_out = self.bug is Bug.LOSES_ITEM
        sold = self.cart_before = self.lines()
        yield from self.pause(Bug.LOSES_ITEM, Bug.TWO_ORDERS)
        self.checking_out = False
        return self.sell(sold, call.key)

    def sell(self, sold: Lines, key: str | None) -> Order:
        order = Order(self.random.getrandbits(53), sold, total(sold))
        if self.bug is not Bug.MISSING or self.random.random() < 0.7:
            self.orders.append((self.now, order))
        if key:
            self.keys[key] = order
        if self.bug is not Bug.KEEPS_CART:
            self.cart.clear()
        return order

    def serve_nobody(self, call: Call) -> Generator[float]:
        """Serves a call whose client has hung up."""
        response = yield from self.serve(call)
        if self.bug is Bug.TWICE and isinstance(response, Order):
            yield self.random.expovariate(1)
            self.orders.append((self.now, response._replace(id=self.random.getrandbits(53))))


def draw(random: Random, orders: int) -> Call:
    """Something to ask for. A key is about as old as the cart, so that several clients submit with the same."""
    film = random.choice(list(PRICES))
    key = random.choice([None, f"key {orders}", f"key {max(0, orders - random.randint(0, 2))}"])
    calls: list[Call] = [
        View(),
        Add(film, random.choice([1, 1, 2, 3, 7])),
        Put(film, random.randint(1, 10)),
        Remove(film),
        Clear(),
        Checkout(key, good_card=random.random() < 0.9),
        ListOrders(),
    ]
    return random.choices(calls, weights=[4, 7, 2, 2, 1, 6, 3])[0]


def simulate(
    seed: int, bug: Bug | None = None, *, size: int = 50, clients: int = 5, loss: float = 0.1
) -> list[Operation]:
    """A history of clients of one account. ``loss``: the share of lost responses, half of them with their call."""
    random = Random(seed)
    shop = Shop(random, bug)
    history: list[Operation] = []
    tickets = itertools.count()
    calls = iter(range(size))

    def client(number: int) -> Generator[float]:
        for _ in calls:
            call, invoked = draw(random, len(shop.orders)), shop.now
            if random.random() < loss:
                history.append(Operation(call, UNKNOWN, invoked, client=number))
                if random.random() < 0.5:
                    late = random.choice([0, 0, 20])
                    heapq.heappush(agenda, (invoked + late, next(tickets), shop.serve_nobody(call)))
            else:
                response = yield from shop.serve(call)
                yield random.expovariate(1)
                history.append(Operation(call, response, invoked, shop.now, number))
            yield random.expovariate(1)

    agenda = [(0.0, next(tickets), client(number)) for number in range(clients)]
    while agenda:
        shop.now, _, process = heapq.heappop(agenda)
        pause = next(process, None)
        if pause is not None:
            heapq.heappush(agenda, (shop.now + pause, next(tickets), process))
    return history


@pytest.mark.parametrize("loss", [0, 0.1, 0.2])
def test_a_shop_without_a_bug_passes(loss: float) -> None:
    for seed in range(40):
        verdict = check(simulate(seed, loss=loss), PRICES)
        assert verdict.ok, f"seed {seed}\n{verdict.why}"


@pytest.mark.parametrize("bug", Bug)
def test_a_shop_with_a_bug_is_caught(bug: Bug) -> None:
    verdicts = (check(simulate(seed, bug), PRICES) for seed in range(200))
    caught = next((verdict for verdict in verdicts if not verdict.ok), None)
    assert caught, f"200 histories show nothing of {bug}"
    assert re.match(r"Nothing explains the answer of \d+\. client \d, ", caught.why)


def explained(history: Sequence[Operation]) -> bool:
    """By trying every order of every choice of the lost operations: slow, and nothing to get wrong."""
    model = Model(history, PRICES)

    def goes_on(state: State, left: frozenset[int]) -> bool:
        if all(history[number].response is UNKNOWN for number in left):
            return True
        soonest = min(history[number].returned for number in left)
        return any(
            goes_on(then, left - {number})
            for number in left
            if history[number].invoked <= soonest
            for then in model.after(state, number)
        )

    return goes_on(State(), frozenset(range(len(history))))


def mixed_up(random: Random, history: Sequence[Operation]) -> list[Operation]:
    """Swaps the responses of two operations of one kind, if there are two."""
    mixed = list(history)
    pairs = [
        (first, second)
        for first, second in itertools.combinations(range(len(history)), 2)
        if type(history[first].call) is type(history[second].call)
        and UNKNOWN not in (history[first].response, history[second].response)
        and history[first].response != history[second].response
    ]
    if pairs:
        first, second = random.choice(pairs)
        mixed[first] = replace(history[first], response=history[second].response)
        mixed[second] = replace(history[second], response=history[first].response)
    return mixed


@pytest.mark.parametrize("bug", [None, *Bug])
def test_the_search_misses_nothing_and_makes_nothing_up(bug: Bug | None) -> None:
    for seed in range(60):
        history = simulate(seed, bug, size=9, clients=4, loss=0.3)
        for recorded in (history, mixed_up(Random(seed), history)):
            assert check(recorded, PRICES).ok == explained(recorded), f"seed {seed}"
