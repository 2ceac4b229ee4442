"""The database is killed, stopped, paused or made read-only; filmer recovers with it, without a restart (promise 20).

``FILMER_TRUST_COMES_BACK_ROUNDS=10`` does each ten times.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import psycopg
import pytest
from tests.conftest import Serve, Server
from tests.failover_load import SAME, Load
from tests.figures import record_figure
from tests.machine import running_seconds
from tests.replicas import PostgresServer, postgres_servers
from tests.responses import is_unavailable
from tests.shop import stress_shop
from tests.shop.stress_shop import FILMS, ITEMS
from tests.users import LOGIN, PASSWORD, open_account, token_of

from filmer.store.migrate import migrate

pytestmark = pytest.mark.proof

ROUNDS = int(os.environ.get("FILMER_TRUST_COMES_BACK_ROUNDS") or 1)
AWAY_SECONDS = 2.0
BACK_SECONDS = 5.0  # the promise
LONGEST_SECONDS = 10.0  # of one step, which may be two requests of 4.5 seconds each


class Setup:
    """A filmer server with its database, and a method for each kind of request."""

    def __init__(self, postgres: PostgresServer, server: Server) -> None:
        self.postgres = postgres
        self.server = server
        self._numbers = itertools.count(10)
        user = open_account(postgres.url)
        customer = stress_shop.customers(postgres.url, 1)[0]
        self._session = {"cookie": f"JSESSIONID={customer.cookie}"}
        self._token = {"authorization": f"Bearer {token_of(postgres.url, user)}"}
        self._sign_in = {"email": user.email, "password": PASSWORD}
        self._favorites = f"/api/users/{user.id}/favorites"

    def read(self, client: httpx.Client) -> httpx.Response:
        return client.get(f"/api/v1/movies?page={next(self._numbers)}")

    def show_page(self, client: httpx.Client) -> httpx.Response:
        return client.get(f"/films?page={next(self._numbers)}")

    def show_cart(self, client: httpx.Client) -> httpx.Response:
        return client.get("/api/v1/cart", headers=self._session)

    def sign_in(self, client: httpx.Client) -> httpx.Response:
        return client.post(LOGIN, json=self._sign_in)

    def list_favorites(self, client: httpx.Client) -> httpx.Response:
        return client.get(self._favorites, headers=self._token)

    def add_to_cart(self, client: httpx.Client) -> httpx.Response:
        client.delete("/api/v1/cart", headers=self._session)
        return client.post(ITEMS, json={"movieId": FILMS[0], "quantity": 1}, headers=self._session)

    @property
    def reading(self) -> list[Callable[[httpx.Client], httpx.Response]]:
        return [self.read, self.show_page, self.show_cart, self.list_favorites]

    @property
    def writing(self) -> list[Callable[[httpx.Client], httpx.Response]]:
        return [self.add_to_cart, self.sign_in]


@pytest.fixture(scope="module")
def setup(serve: Serve) -> Iterator[Setup]:
    with postgres_servers(1) as (postgres,):
        postgres.init()
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            list(migrate(conn))
        stress_shop.open_shop(postgres.url)
        yield Setup(postgres, serve(postgres.url, "--workers", "2", CACHE_DURATION_SECONDS="600"))


def kill(postgres: PostgresServer) -> Callable[[], None]:
    postgres.kill()
    return postgres.start


def stop(postgres: PostgresServer) -> Callable[[], None]:
    postgres.stop()
    return postgres.start


def pause(postgres: PostgresServer) -> Callable[[], None]:
    postgres.freeze()
    return postgres.thaw


def make_read_only(postgres: PostgresServer) -> Callable[[], None]:
    postgres.set(default_transaction_read_only="on")
    return lambda: postgres.set(default_transaction_read_only="off")


@pytest.mark.parametrize("fault", [kill, stop, pause, make_read_only])
def test_when_the_database_is_back_so_are_we(
    setup: Setup, fault: Callable[[PostgresServer], Callable[[], None]]
) -> None:
    port = setup.server.port
    address = f"http://127.0.0.1:{port}"
    slowest, longest, warm = 0.0, 0.0, 0
    for _ in range(ROUNDS):
        with closing(httpx.Client(base_url=address, timeout=30, trust_env=False, verify=False)) as client:
            for page in (*SAME, *SAME, *SAME, *SAME):  # often enough to reach both workers
                assert httpx.get(f"{address}{page}", timeout=30, trust_env=False, verify=False).status_code == 200
            with Load() as load:
                load.visit(port, lambda draw: draw.choice(SAME))
                heal = fault(setup.postgres)
                gone = time.monotonic()
                failing = setup.writing if fault is make_read_only else [*setup.reading, *setup.writing]
                while time.monotonic() - gone < AWAY_SECONDS:
                    for send in failing:
                        begun = time.monotonic()
                        assert is_unavailable(response := send(client)), response.text
                        longest = max(longest, running_seconds(since=begun))
                heal()
                back = time.monotonic()
                for send in (*setup.reading, *setup.writing):
                    while not send(client).is_success:
                        assert time.monotonic() - back < 6 * BACK_SECONDS, send.__name__
                slowest = max(slowest, running_seconds(since=back))
        assert load.failed_reads() == [], "cached responses stay available"
        warm += len(load.reads)
    assert longest < LONGEST_SECONDS
    assert slowest <= BACK_SECONDS
    record_figure(
        f"{fault.__name__}: {ROUNDS} times, all well {slowest:.1f} s after it was back; meanwhile {warm:,} warm reads, "
        f"0 failed; the longest response {longest:.1f} s"
    )
