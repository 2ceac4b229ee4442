"""Cart and orders are linearizable under concurrency and faults (contract §5, §6; promise 6).

Clients of one account ask a real server at once, connections and processes are killed meanwhile, and what they were
answered is checked by ``linearizability.py``. Five bugs, put into the real SQL one at a time, must be caught.
``FILMER_TRUST_HISTORIES=1000 FILMER_TRUST_OPERATIONS=50`` asks more.
"""

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.current_edition import connect
from tests.figures import record_figure
from tests.raw_connections import LOST, Customer, RawConnection, RawResponse, request
from tests.server_processes import kill_worker
from tests.shop import stress_shop
from tests.shop.linearizability import (
    Add,
    Call,
    Checkout,
    Clear,
    Line,
    ListOrders,
    Operation,
    Order,
    OrderEntry,
    PendingCall,
    Put,
    Recorder,
    Refusal,
    Remove,
    Response,
    View,
    check,
)
from tests.shop.stress_shop import FILMS, ITEMS
from tests.users import CARD

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

HISTORIES = int(os.environ.get("FILMER_TRUST_HISTORIES") or 6)
OPERATIONS = int(os.environ.get("FILMER_TRUST_OPERATIONS") or 30)
CLIENTS = 3
AT_ONCE = 4  # histories, each of an account of its own
CUT = 0.06  # how often a client hangs up before the answer
BAD_CARD = {**CARD, "creditCardId": "4000000000000002"}
BUG_HISTORIES = 40  # at most, until it is caught

_NAMES = FILMS[:3]


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    url = make_database()
    stress_shop.open_shop(url)
    return url


@pytest.fixture(scope="module")
def faulty_database(make_database: MakeDatabase) -> str:
    """For the bugs, which leave orders that are not whole."""
    url = make_database()
    stress_shop.open_shop(url)
    return url


@pytest.fixture(scope="module")
def prices(database: str) -> dict[str, Decimal]:
    with connect(database) as conn:
        rows = conn.execute(
            "SELECT id, coalesce(t.price, 4.99) FROM film LEFT JOIN film_terms t ON film_id = id WHERE id = ANY(%s)",
            [list(_NAMES)],
        )
        return {row[0]: row[1] for row in rows}


def drawn(draw: random.Random, number: int) -> Call:
    film = draw.choice(_NAMES)
    kinds: list[Call] = [
        View(),
        Add(film, draw.randint(1, 4)),
        Put(film, draw.randint(1, 10)),
        Remove(film),
        Clear(),
        Checkout(),
        Checkout(key=f"key {number // 6}"),  # now and then the same as before
        Checkout(good_card=False),
        ListOrders(),
    ]
    return draw.choices(kinds, [5, 8, 2, 2, 1, 3, 4, 1, 4])[0]


def as_request(call: Call, customer: Customer) -> bytes:  # noqa: PLR0911 - one line a call
    match call:
        case View():
            return request("GET", "/api/v1/cart", customer)
        case Add(film, quantity):
            return request("POST", ITEMS, customer, {"movieId": film, "quantity": quantity})
        case Put(film, quantity):
            return request("PUT", f"{ITEMS}/{film}", customer, {"quantity": quantity})
        case Remove(film):
            return request("DELETE", f"{ITEMS}/{film}", customer)
        case Clear():
            return request("DELETE", "/api/v1/cart", customer)
        case Checkout(key, good_card):
            return stress_shop.checkout(customer, key, CARD if good_card else BAD_CARD)
        case ListOrders():
            return request("GET", "/api/v1/orders?size=100", customer)


def money(number: Any) -> Decimal:
    return Decimal(str(number))


def lines_of(items: Any) -> tuple[Line, ...]:
    return tuple(Line(item["movieId"], item["quantity"], money(item["price"])) for item in items)


def as_response(call: Call, reply: RawResponse) -> Response | None:  # noqa: PLR0911 - one line an answer
    """None when the outcome is unknown."""
    if reply.status in {429, 503}:
        return None
    body = json.loads(reply.body)
    match call, reply.status:
        case View(), 200:
            return lines_of(body["data"]["items"])
        case Checkout(), 200:
            data = body["data"]
            return Order(data["orderId"], lines_of(data["items"]), money(data["totalPrice"]))
        case ListOrders(), 200:
            orders = body["data"]["items"]
            return tuple(
                OrderEntry(order["orderId"], order["itemCount"], money(order["totalPrice"])) for order in orders
            )
        case _, 200:
            return lines_of(body["data"]["cart"]["items"])
        case Add(), 400:
            return Refusal.OVER_TEN
        case Checkout(), 400 if body["error"]["details"] == {"reason": "Cart is empty"}:
            return Refusal.EMPTY
        case Checkout(), 402:
            return Refusal.CARD
        case Checkout(), 409:
            return Refusal.OTHER_BODY
        case ((Put() | Remove()), 404):
            return Refusal.NOT_IN_CART
    raise AssertionError((call, reply))


class Client:
    """Sends one request after the other, and hangs up now and then."""

    def __init__(self, port: int, customer: Customer, recorder: Recorder, number: int, seed: str) -> None:
        self._port = port
        self._customer = customer
        self._recorder = recorder
        self._number = number
        self._draw = random.Random(seed)
        self._connection: RawConnection | None = None

    def run(self, operations: int) -> None:
        for number in range(operations):
            call = drawn(self._draw, number)
            with self._recorder.call(call, self._number) as pending:
                self._send(call, pending)
        if self._connection:
            self._connection.close()

    def _send(self, call: Call, pending: PendingCall) -> None:
        try:
            self._connection = self._connection or RawConnection(self._port)
            self._connection.send(as_request(call, self._customer))
            if self._draw.random() < CUT:
                time.sleep(self._draw.uniform(0, 0.01))
                self._connection.reset()
                raise ConnectionResetError
            pending.response = as_response(call, self._connection.receive())
        except LOST:
            if self._connection:
                self._connection.close()
            self._connection = None
            raise


def record(port: int, customer: Customer, seed: str) -> list[Operation]:
    recorder = Recorder(lost=LOST)
    clients = [Client(port, customer, recorder, number, f"{seed} {number}") for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(OPERATIONS // CLIENTS,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call in (View(), ListOrders()):  # what was acknowledged must show at last
        for _ in range(40):
            with recorder.call(call, CLIENTS) as pending, RawConnection(port) as connection:
                pending.response = as_response(call, connection.round_trip(as_request(call, customer)))
            if pending.response is not None:
                break
            time.sleep(0.1)
    return recorder.history()


@pytest.mark.timeout(1500)
def test_histories_under_faults_have_an_order(database: str, serve: Serve, prices: dict[str, Decimal]) -> None:
    server: Server = serve(database, FILMER_WORKERS="2")
    people = stress_shop.customers(database, HISTORIES)
    histories: dict[int, list[Operation]] = {}
    waiting = iter(range(HISTORIES))
    lock = threading.Lock()
    done = threading.Event()

    def work() -> None:
        while True:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            histories[number] = record(server.port, people[number], f"history {number}")

    def break_things() -> None:
        draw, killed = random.Random(6), 0.0
        while not done.wait(draw.uniform(0.2, 0.6)):
            with suppress(psycopg.OperationalError):
                stress_shop.terminate_backends(database, most=draw.randint(1, 3))
            if time.monotonic() - killed > 8:  # Granian gives up a server whose workers die in a row
                killed = time.monotonic()
                kill_worker(server, draw.randrange(2))

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    breaker = threading.Thread(target=break_things)
    for thread in (*threads, breaker):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    breaker.join()
    assert len(histories) == HISTORIES
    unknown = orders = 0
    for number, history in sorted(histories.items()):
        verdict = check(history, prices)
        assert verdict.ok, f"history {number}: {verdict.why}"
        unknown += sum(operation.response is None for operation in history)
        orders += sum(isinstance(operation.response, Order) for operation in history)
    operations = sum(map(len, histories.values()))
    assert unknown < operations / 2, "too little was answered for this to show anything"
    assert unknown, "nothing broke"
    assert orders >= HISTORIES / 4
    with connect(database) as conn:
        assert not stress_shop.audit(conn)
    record_figure(
        f"{HISTORIES} histories, {operations} operations, {unknown} without an answer, {orders} orders: all in order"
    )


# Bugs that such shops have had, each in the place of the real SQL.
BUGS = {
    "an addition overwrites another that was made meanwhile": """
        async def lock_cart(conn, account_id, **_):
            await conn.execute("BEGIN")
        async def add_line(conn, account_id, film_id, quantity, default_price):
            held = await real.select_quantity(conn, account_id, film_id) or 0
            if held + quantity > 10:
                raise InvalidRequest(message="too many")
            await asyncio.sleep(0.005)
            if not held:
                lines = await real.add_line(conn, account_id, film_id, quantity, default_price)
            else:
                await real.update_quantity(conn, account_id, film_id, held + quantity)
                lines = await real.select_lines(conn, account_id, default_price)
            if not any(line.film_id == film_id for line in lines):  # it was taken out meanwhile
                raise InvalidRequest(message="too many")
            return lines
    """,
    "a key that comes again buys again": """
        async def select_due(conn, attempt, **named):
            return await real.select_due(conn, msgspec.structs.replace(attempt, key="another"), **named)
        async def sell_lines(conn, attempt, *values, **named):
            return await real.sell_lines(conn, msgspec.structs.replace(attempt, key="another"), *values, **named)
    """,
    "a cart is shown as it was a while ago": """
        seen = {}
        async def select_lines(conn, account_id, default_price):
            now = await real.select_lines(conn, account_id, default_price)
            if conn.info.transaction_status.name == "INTRANS":
                return now
            seen.setdefault(account_id, []).append(now)
            return seen[account_id][max(0, len(seen[account_id]) - 2)]
    """,
    "what is added during a checkout is lost": """
        async def lock_cart(conn, account_id, **_):
            await conn.execute("BEGIN")
        async def sell_lines(conn, attempt, *values, **named):
            sold = await real.sell_lines(conn, attempt, *values, **named)
            await conn.execute("COMMIT")
            await conn.execute("BEGIN")
            await asyncio.sleep(0.02)
            await real.delete_lines(conn, attempt.account_id)
            return sold
    """,
    "an acknowledged order is not there": """
        async def select_orders(conn, account_id, *, first, size):
            count, orders = await real.select_orders(conn, account_id, first=first, size=size)
            return max(0, count - 1), orders[1:]
    """,
}  # fmt: skip

_STARTER = """
import asyncio, msgspec, sys, types
from filmer.errors import InvalidRequest
from filmer.shop import queries
real = types.SimpleNamespace(**vars(queries))
{bug}
for name, faulty in list(globals().items()):
    if asyncio.iscoroutinefunction(faulty):
        setattr(queries, name, faulty)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="filmer-bug-") as made:
        yield Path(made)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_caught(
    bug: str, faulty_database: str, serve: Serve, prices: dict[str, Decimal], folder: Path
) -> None:
    lines = BUGS[bug].strip("\n").splitlines()
    source = "\n".join(raw_connection[8:] for raw_connection in lines)
    # Every Python that starts with this folder on its path loads it: the workers, too.
    (folder / "sitecustomize.py").write_text(_STARTER.format(bug=source))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    server: Server = serve(faulty_database, FILMER_WORKERS="1", PYTHONPATH=path)
    try:
        for number, customer in enumerate(stress_shop.customers(faulty_database, BUG_HISTORIES)):
            verdict = check(record(server.port, customer, f"{bug} {number}"), prices)
            if not verdict.ok:
                assert "Nothing explains" in verdict.why
                return
    finally:
        server.stop()
    raise AssertionError(f"{BUG_HISTORIES} histories, and nobody noticed that {bug}")
