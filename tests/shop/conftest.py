"""Customers of real servers; and the application in this process, for a clock or a payment provider of the test's."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import httpx
import pytest
from litestar.types import ASGIApp
from tests.asgi_client import ask, running_app
from tests.conftest import SECRET_KEY, MakeDatabase, ServeHere, Server
from tests.connections import fetch
from tests.in_process import InProcess
from tests.responses import data_of, error_of
from tests.server_in_thread import ServerInThread
from tests.stripe_server import shared_stripe, stripe_server
from tests.users import CARD, PASSWORD, hash_password, open_account, put_card, session_of, visitor

from filmer.accounts.schemas import User
from filmer.app import create_app
from filmer.clock import Clock, SystemClock
from filmer.settings import Settings
from filmer.shop.checkout import Checkout
from filmer.shop.payment import PaymentProvider

__all__ = ["shared_stripe", "stripe_server"]

CART = "/api/v1/cart"
ITEMS = "/api/v1/cart/items"
CHECKOUT = "/api/v1/checkout"
ORDERS = "/api/v1/orders"
KEY = "Idempotency-Key"

# Films of tests/films.csv and what they cost; None: the shop's default.
SHAWSHANK, BATMAN_BEGINS, DARK_KNIGHT, AMELIE, UNDER_SCORE = (
    "tt0111161", "tt0372784", "tt0468569", "tt0211915", "tt0000003",
)  # fmt: skip

SignIn = Callable[..., httpx.Client]
StartShop = Callable[..., "LocalShop"]


class Store(NamedTuple):
    """A shop with the films of films.csv and the card of tests.users, which is anybody's."""

    url: str
    server: Server | ServerInThread

    @property
    def client(self) -> httpx.Client:
        return self.server.client


def open_store(make_database: MakeDatabase) -> str:
    """A database with films and a card."""
    url = make_database(films=True)
    put_card(url)
    return url


def forget_people(url: str) -> None:
    """What they did is gone; the films, the shop's key and settings, and the card of anybody's stay."""
    fetch(
        url,
        """
        DO $$ DECLARE it text; BEGIN
            SET LOCAL session_replication_role = replica;  -- in any order, and without what triggers remember
            FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN
                ('migration', 'secret_key', 'edition', 'import_run', 'genre', 'film_terms', 'film_in_use',
                 'shop_settings')
            LOOP EXECUTE format('DELETE FROM %I', it); END LOOP;
        END $$
        """,
    )
    put_card(url)


@pytest.fixture(scope="session", autouse=True)
def _password() -> None:
    """Made and remembered before an event loop runs, which open_account has."""
    hash_password(PASSWORD)


@pytest.fixture(scope="session")
def store(make_database: MakeDatabase, serve_here: ServeHere) -> Store:
    """Shared: each test here comes with customers of its own."""
    url = open_store(make_database)
    return Store(url, serve_here(url))


@pytest.fixture
def sign_in(store: Store) -> Iterator[SignIn]:
    """Signs a user in, by default a new customer, on a client of its own; ``at``: at another server of the store."""
    with contextlib.ExitStack() as stack:

        def enter(person: User | None = None, *, at: httpx.Client | None = None) -> httpx.Client:
            client = visitor(at or store.client)
            client.cookies.update(session_of(store.url, person or open_account(store.url)))
            stack.callback(client.close)
            return client

        yield enter


@pytest.fixture
def customer(sign_in: SignIn) -> httpx.Client:
    """A new customer of the store, whose cart is empty."""
    return sign_in()


def put_in_cart(client: httpx.Client, movie_id: str = SHAWSHANK, quantity: int = 1) -> httpx.Response:
    response = client.post(ITEMS, json={"movieId": movie_id, "quantity": quantity})
    assert response.status_code == 200, response.text
    return response


def pay(client: httpx.Client, key: str | None = None, card: Mapping[str, str] = CARD, **instead: Any) -> httpx.Response:
    """Submits the cart; ``instead``: fields of the card that are otherwise."""
    return client.post(CHECKOUT, json={**card, **instead}, headers={KEY: key} if key else {})


def buy(client: httpx.Client, movie_id: str = SHAWSHANK, quantity: int = 1) -> int:
    """The id of an order of one title."""
    put_in_cart(client, movie_id, quantity)
    return int(data_of(pay(client))["orderId"])


def refused(response: httpx.Response) -> None:
    """contract §6.3: always the same words."""
    error = error_of(response, 402, "PAYMENT_FAILED")
    assert error["message"] == "Credit card validation failed"
    assert error["details"] == {"reason": "Card information does not match"}
    assert_not_cached(response)


def empty(response: httpx.Response) -> None:
    """contract §6.1"""
    assert error_of(response, 400, "VALIDATION_ERROR")["details"] == {"reason": "Cart is empty"}
    assert_not_cached(response)


def assert_not_cached(response: httpx.Response) -> None:
    """contract §1.7: anything personal is no-store; a tag would make it kept."""
    assert response.headers.get_list("cache-control") == ["no-store"]
    assert "etag" not in response.headers


class LocalShop(InProcess, httpx.BaseTransport):
    """The application in this process, on an event loop of its own, asked through httpx as a server would be."""

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        provider: PaymentProvider | None = None,
        pool_size: int = 8,
        **others: Any,
    ) -> None:
        """``others``: settings."""
        settings = Settings(
            database_url=url,
            redis_url=None,
            cache_duration_seconds=0,
            secret_key=SECRET_KEY,
            pool_size=pool_size,
            **others,
        )
        self._clock = clock or SystemClock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        super().__init__(self.run(self._create(settings, clock)))
        if provider is not None:
            self.checkout._provider = provider
        self.url = url
        self.media_dir = settings.media_dir or ""

    @staticmethod
    async def _create(settings: Settings, clock: Clock | None) -> ASGIApp:
        return create_app(settings, clock=clock)

    @property
    def checkout(self) -> Checkout:
        checkout: Checkout = self.component("checkout")
        return checkout

    def run(self, work: Any) -> Any:
        """What a coroutine returns, on the application's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def sign_in(self, person: User | None = None) -> httpx.Client:
        """A client that is signed in as this user, by default a new customer."""
        cookie = session_of(self.url, person or open_account(self.url), self._clock.now())
        return httpx.Client(transport=self, base_url="http://127.0.0.1", cookies=cookie)

    def tidy(self) -> None:
        """What each process does once a minute."""
        self.run(self.checkout.tidy(self.checkout._database))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        response = self.run(ask(self.app, request.method, request.url.raw_path, headers, request.read()))
        return httpx.Response(response.status, headers=response.headers, content=response.body)

    def __enter__(self) -> Self:
        self._life = running_app(self.app)
        self.run(self._life.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._life.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def database_url(make_database: MakeDatabase) -> str:
    """A database of this test's own, with films."""
    return make_database(films=True)


@pytest.fixture
def start_shop(database_url: str) -> Iterator[StartShop]:
    """Starts the application in this process, on a database of the test's own with films and the card of anybody's."""
    put_card(database_url)
    with contextlib.ExitStack() as stack:

        def start(**how: Any) -> LocalShop:
            return stack.enter_context(LocalShop(database_url, **how))

        yield start
