"""Cart and orders behave like one copy, whoever asks at the same time and whatever breaks (contract §5, §6; promise 6).

Clients of one account ask a real server at once, connections and processes are killed meanwhile, and what they were
answered is checked by ``histories.py``. Five bugs, put into the real SQL one at a time, must be caught.
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
from tests.figures import record_figure
from tests.nodes import kill_worker
from tests.people import CARD
from tests.raw_connections import LOST, Customer, RawConnection, Reply, request
from tests.shop import faults
from tests.shop.faults import FILMS, ITEMS
from tests.shop.histories import (
    Add,
    Answer,
    Call,
    Checkout,
    Clear,
    Line,
    Listed,
    ListOrders,
    Operation,
    Order,
    Put,
    Recorder,
    Refusal,
    Remove,
    Said,
    View,
    check,
)

pytestmark = pytest.mark.proof

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
    faults.open_shop(url)
    return url


@pytest.fixture(scope="module")
def prices(database: str) -> dict[str, Decimal]:
    with psycopg.connect(database) as conn:
        rows = conn.execute("SELECT id, coalesce(price, 4.99) FROM catalogue.film WHERE id = ANY(%s)", [list(_NAMES)])
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


def as_request(call: Call, one: Customer) -> bytes:  # noqa: PLR0911 - one line a call
    match call:
        case View():
            return request("GET", "/api/v1/cart", one)
        case Add(film, quantity):
            return request("POST", ITEMS, one, {"movieId": film, "quantity": quantity})
        case Put(film, quantity):
            return request("PUT", f"{ITEMS}/{film}", one, {"quantity": quantity})
        case Remove(film):
            return request("DELETE", f"{ITEMS}/{film}", one)
        case Clear():
            return request("DELETE", "/api/v1/cart", one)
        case Checkout(key, good_card):
            return faults.checkout(one, key, CARD if good_card else BAD_CARD)
        case ListOrders():
            return request("GET", "/api/v1/orders?size=100", one)


def money(number: Any) -> Decimal:
    return Decimal(str(number))


def lines_of(items: Any) -> tuple[Line, ...]:
    return tuple(Line(item["movieId"], item["quantity"], money(item["price"])) for item in items)


def as_answer(call: Call, reply: Reply) -> Answer | None:  # noqa: PLR0911 - one line an answer
    """None when nobody knows what became of it."""
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
            return tuple(Listed(one["orderId"], one["itemCount"], money(one["totalPrice"])) for one in orders)
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
    """Asks one thing after the other, and hangs up now and then."""

    def __init__(self, port: int, one: Customer, recorder: Recorder, number: int, seed: str) -> None:
        self._port = port
        self._one = one
        self._recorder = recorder
        self._number = number
        self._draw = random.Random(seed)
        self._line: RawConnection | None = None

    def run(self, operations: int) -> None:
        for number in range(operations):
            call = drawn(self._draw, number)
            with self._recorder.call(call, self._number) as said:
                self._ask(call, said)
        if self._line:
            self._line.close()

    def _ask(self, call: Call, said: Said) -> None:
        try:
            self._line = self._line or RawConnection(self._port)
            self._line.send(as_request(call, self._one))
            if self._draw.random() < CUT:
                time.sleep(self._draw.uniform(0, 0.01))
                self._line.reset()
                raise ConnectionResetError
            said.answer = as_answer(call, self._line.receive())
        except LOST:
            if self._line:
                self._line.close()
            self._line = None
            raise


def record(port: int, one: Customer, seed: str) -> list[Operation]:
    recorder = Recorder(lost=LOST)
    clients = [Client(port, one, recorder, number, f"{seed} {number}") for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(OPERATIONS // CLIENTS,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call in (View(), ListOrders()):  # what was acknowledged must show at last
        for _ in range(40):
            with recorder.call(call, CLIENTS) as said, RawConnection(port) as line:
                said.answer = as_answer(call, line.ask(as_request(call, one)))
            if said.answer is not None:
                break
            time.sleep(0.1)
    return recorder.history()


@pytest.mark.timeout(1500)
def test_histories_under_faults_have_an_order(database: str, serve: Serve, prices: dict[str, Decimal]) -> None:
    server: Server = serve(database, FILMER_WORKERS="2")
    people = faults.customers(database, HISTORIES)
    histories: dict[int, list[Operation]] = {}
    waiting = iter(range(HISTORIES))
    take = threading.Lock()
    done = threading.Event()

    def work() -> None:
        while True:
            with take:
                number = next(waiting, None)
            if number is None:
                return
            histories[number] = record(server.port, people[number], f"history {number}")

    def break_things() -> None:
        draw, killed = random.Random(6), 0.0
        while not done.wait(draw.uniform(0.2, 0.6)):
            with suppress(psycopg.OperationalError):
                faults.terminate_backends(database, most=draw.randint(1, 3))
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
        unknown += sum(one.answer is None for one in history)
        orders += sum(isinstance(one.answer, Order) for one in history)
    asked = sum(map(len, histories.values()))
    assert unknown < asked / 2, "too little was answered for this to show anything"
    assert unknown, "nothing broke"
    assert orders >= HISTORIES / 4
    with psycopg.connect(database) as conn:
        assert not faults.audit(conn)
    record_figure(
        f"{HISTORIES} histories, {asked} operations, {unknown} without an answer, {orders} orders: all in order"
    )


# Bugs that such shops have had, each in the place of the real SQL.
BUGS = {
    "an addition overwrites another that was made meanwhile": """
        async def lock_cart(conn, account_id):
            await asyncio.sleep(0)
        async def add_line(conn, account_id, film_id, quantity, default_price):
            held = await real.select_quantity(conn, account_id, film_id) or 0
            if held + quantity > 10:
                return None
            await asyncio.sleep(0.005)
            if not held:
                return await real.add_line(conn, account_id, film_id, quantity, default_price)
            await real.update_quantity(conn, account_id, film_id, held + quantity)
            return held + quantity
    """,
    "a key that comes again buys again": """
        async def select_receipt(conn, account_id, key, *, since):
            return None
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
        async def lock_cart(conn, account_id):
            await asyncio.sleep(0)
        async def take_lines(conn, account_id):
            taken = await real.take_lines(conn, account_id)
            await conn.execute("COMMIT")
            await conn.execute("BEGIN")
            await asyncio.sleep(0.02)
            await real.delete_lines(conn, account_id)
            return taken
    """,
    "an acknowledged order is not there": """
        async def select_orders(conn, account_id, *, first, size):
            count, orders = await real.select_orders(conn, account_id, first=first, size=size)
            return max(0, count - 1), orders[1:]
    """,
}  # fmt: skip

_STARTER = """
import asyncio, sys, types
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
def test_a_bug_is_caught(bug: str, database: str, serve: Serve, prices: dict[str, Decimal], folder: Path) -> None:
    lines = BUGS[bug].strip("\n").splitlines()
    source = "\n".join(line[8:] for line in lines)
    # Every Python that starts with this folder on its path loads it: the workers, too.
    (folder / "sitecustomize.py").write_text(_STARTER.format(bug=source))
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    server: Server = serve(database, FILMER_WORKERS="1", PYTHONPATH=path)
    try:
        for number, one in enumerate(faults.customers(database, BUG_HISTORIES)):
            verdict = check(record(server.port, one, f"{bug} {number}"), prices)
            if not verdict.ok:
                assert "Nothing explains" in verdict.why
                return
    finally:
        server.stop()
    raise AssertionError(f"{BUG_HISTORIES} histories, and nobody noticed that {bug}")
