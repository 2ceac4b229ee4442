"""A checkout happens or does not, wherever it breaks off (contract §6.4; promise 3).

A checkout that nothing disturbs is watched first: each time it lets go of the event loop, and each call that reaches
for the database or the payment. Then each of these moments is spoilt in turn, so that a new statement or a new
``await`` is tried as soon as it is there.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from tests.conftest import SECRET_KEY, MakeDatabase
from tests.figures import record_figure
from tests.raw_connections import Customer, RawResponse
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS
from tests.users import CARD

import filmer.app
import filmer.components
from filmer.settings import Settings
from filmer.shop.cards import CardsOnFile
from filmer.shop.payment import Authorization, Payment
from filmer.store.postgres import Database

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

SPARE = 300  # customers: more than there are moments


class Asked(Database):
    """The pool, known to the test."""

    latest: "Asked"

    def __init__(self, url: str, *, size: int) -> None:
        super().__init__(url, size=size)
        Asked.latest = self


class CollectedLater(CardsOnFile):
    """Has a second step, so that this is tried as well."""

    async def authorize(self, payment: Payment) -> Authorization | None:
        authorization = await super().authorize(payment)
        return authorization and Authorization(authorization.reference, is_captured=False)


class Moments:
    """Counts what is called, and spoils one call."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.spoilt = -1
        self.is_late = False  # spoil it after it was done: the answer is lost
        self.is_cancelled = False  # instead of failing
        self.is_watching = False

    def start(self, spoilt: int = -1, *, is_late: bool = False, is_cancelled: bool = False) -> None:
        self.names.clear()
        self.spoilt, self.is_late, self.is_cancelled, self.is_watching = spoilt, is_late, is_cancelled, True

    async def _break(self, error: Exception) -> None:
        task = asyncio.current_task()
        if self.is_cancelled and task is not None:
            task.cancel()
            await asyncio.sleep(0)
        raise error

    def watch(self, patch: pytest.MonkeyPatch, owner: type, name: str, error: Callable[[], Exception]) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def watched(*arguments: Any, **named: Any) -> Any:
            if not self.is_watching:
                return await real(*arguments, **named)
            self.names.append(f"{owner.__name__}.{name}")
            is_mine = len(self.names) - 1 == self.spoilt
            if is_mine and not self.is_late and name != "putconn":  # a connection kept from the pool is our own leak
                await self._break(error())
            result = await real(*arguments, **named)
            if is_mine:
                if name == "getconn":  # nobody else could give it back
                    await arguments[0].putconn(result)
                await self._break(error())
            return result

        patch.setattr(owner, name, watched)


class Stepped:
    """Runs a coroutine, counts how often it lets go of the event loop, and cancels it at one of those moments."""

    def __init__(self, work: Coroutine[Any, Any, None], cancelled_at: int = -1) -> None:
        self._work = work
        self._cancelled_at = cancelled_at
        self.steps = 0

    def __await__(self) -> Generator[Any, Any, None]:
        sent: Any = None
        inner = self._work.__await__()
        while True:
            try:
                waited_for = inner.send(sent)
            except StopIteration:
                return
            if self.steps == self._cancelled_at:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()  # as soon as we wait, as it would be from outside
            self.steps += 1
            try:
                sent = yield waited_for
            except asyncio.CancelledError as error:
                waiting = inner.throw(error)
                yield from _rest(inner, waiting)
                return


def _rest(inner: Generator[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    """What a cancelled coroutine still does to put its things in order."""
    with suppress(StopIteration):
        while True:
            sent = yield waited_for
            waited_for = inner.send(sent)


class Shop:
    """The application in this process, asked without a socket between."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.steps = 0

    async def check_out(self, customer: Customer, key: str | None, cancelled_at: int = -1) -> RawResponse | None:
        """None when it was cancelled before an answer left."""
        sent_messages: dict[str, Any] = {}
        body = json.dumps(CARD).encode()
        unread = [{"type": "http.request", "body": body, "more_body": False}]
        headers = [(b"host", b"shop"), (b"content-type", b"application/json")]
        headers += [(b"cookie", f"JSESSIONID={customer.cookie}".encode())]
        headers += [(b"idempotency-key", key.encode())] if key else []

        async def receive() -> Any:
            return unread.pop() if unread else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent_messages["status"] = message.get("status", sent_messages.get("status"))
            sent_messages["body"] = message.get("body", b"")

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": stress_shop.CHECKOUT, "raw_path": stress_shop.CHECKOUT.encode(), "query_string": b"",
            "headers": headers,
            "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        stepped = Stepped(self._app(scope, receive, send), cancelled_at)

        async def run() -> None:
            await stepped

        await asyncio.gather(asyncio.create_task(run()), return_exceptions=True)
        self.steps = stepped.steps
        return RawResponse(sent_messages["status"], sent_messages["body"]) if sent_messages.get("body") else None


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Shop]:
    app: Any = filmer.app.create_app(Settings(database_url=url, secret_key=SECRET_KEY, pool_size=4))
    events: asyncio.Queue[Any] = asyncio.Queue()
    happened: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, events.get,
                                   happened.put))  # fmt: skip
    await events.put({"type": "lifespan.startup"})
    await happened.get()
    try:
        yield Shop(app)
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await happened.get()
        await life


@pytest.fixture(scope="module")
def database(make_database: MakeDatabase) -> str:
    url = make_database()
    stress_shop.open_shop(url)
    return url


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    watched = Moments()
    monkeypatch.setattr(filmer.components, "Database", Asked)
    monkeypatch.setattr(filmer.components, "CardsOnFile", CollectedLater)

    def lost() -> Exception:
        return psycopg.OperationalError("the test cut this connection")

    for owner, names in {
        psycopg.AsyncConnection: ["execute", "commit"],
        AsyncConnectionPool: ["getconn", "putconn"],
        CollectedLater: ["authorize", "capture"],
    }.items():
        for name in names:
            watched.watch(monkeypatch, owner, name, lost)
    return watched


async def require_order(conn: psycopg.Connection, customer: Customer, point: str) -> None:
    """No half, no lock, no transaction left open, every connection back in the pool."""
    pool = Asked.latest

    def is_calm() -> bool:
        doing = stress_shop.activity(conn)
        counted = pool.statistics_by_pool()["main"]
        return (
            set(doing) <= {"idle", "carts locked"}
            and not doing["carts locked"]
            and counted["pool_available"] == counted["pool_size"]
            and not counted.get("requests_waiting")
        )

    for _ in range(500):
        if is_calm():
            break
        await asyncio.sleep(0.01)
    assert is_calm(), (point, stress_shop.activity(conn), pool.statistics_by_pool()["main"])
    assert not stress_shop.halves(conn, [customer.account_id]), point
    assert not stress_shop.audit(conn), point


async def try_again(shop: Shop, conn: psycopg.Connection, customer: Customer, key: str | None, point: str) -> None:
    """With its key the checkout comes to its end; without one, the order that is there already is not made again."""
    placed = conn.execute("SELECT id FROM shop_order WHERE account_id = %s", [customer.account_id]).fetchall()
    response = await shop.check_out(customer, key)
    assert response is not None, point
    if response.status == 200:
        order = response.data["orderId"]
        assert order == placed[0][0] if placed else order, point
    else:
        assert (response.status, key, bool(placed)) == (400, None, True), (point, response)
    assert conn.execute("SELECT count(*) FROM shop_order WHERE account_id = %s", [customer.account_id]).fetchone() == (
        1,
    )
    assert not stress_shop.halves(conn, [customer.account_id]), point


@pytest.mark.timeout(300)
@pytest.mark.parametrize("key", ["a key", None])
def test_a_checkout_that_breaks_anywhere_is_whole_or_has_not_happened(
    database: str, moments: Moments, key: str | None
) -> None:
    people = iter(stress_shop.customers(database, SPARE))

    async def spoil_all(conn: psycopg.Connection) -> tuple[int, int, list[str]]:
        async with running(database) as shop:
            whole = next(people)
            stress_shop.fill_carts(conn, [whole.account_id], FILMS[:2])
            moments.start()
            response = await shop.check_out(whole, key)
            moments.is_watching = False
            assert response is not None
            assert response.status == 200, response
            names, steps = list(moments.names), shop.steps
            ways = itertools.product(range(len(names)), (False, True), (False, True))
            for number, is_late, is_cancelled in ways:
                how = "cancelled" if is_cancelled else "failed"
                customer, point = next(people), f"{number}. {names[number]} {how} {'after' if is_late else 'before'}"
                stress_shop.fill_carts(conn, [customer.account_id], FILMS[:2])
                moments.start(number, is_late=is_late, is_cancelled=is_cancelled)
                await shop.check_out(customer, key)
                moments.is_watching = False
                await require_order(conn, customer, point)
                await try_again(shop, conn, customer, key, point)
            for number in range(steps):
                customer, point = next(people), f"cancelled at step {number} of {steps}"
                stress_shop.fill_carts(conn, [customer.account_id], FILMS[:2])
                await shop.check_out(customer, key, cancelled_at=number)
                await require_order(conn, customer, point)
                await try_again(shop, conn, customer, key, point)
            return len(names), steps, names

    with psycopg.connect(database, autocommit=True) as conn:
        calls, steps, names = asyncio.run(spoil_all(conn))
    kinds = {name.split(".")[1] for name in names}
    assert kinds == {"execute", "commit", "getconn", "putconn", "authorize", "capture"}
    assert steps > 7
    whose = "with" if key else "without"
    record_figure(f"{whose} a key: {calls} calls failed and cancelled, before and after; {steps} steps cancelled")
