"""The disk of PostgreSQL is full: reads work, writes get 503, no order is lost or incomplete, and filmer recovers once
there is free space (promise 23).

The tests fill a small volume, which only root may mount. ``FILMER_TRUST_DISK_FULL_ROUNDS=10`` fills it ten
times, ``FILMER_TRUST_DISK_FULL_SECONDS=20`` for 20 seconds.
"""

import contextlib
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest
from tests.community.conftest import RATINGS, ApiUser, tmdb_settings
from tests.conftest import FILMS as FILMS_FILE
from tests.conftest import Serve, Server, import_films
from tests.figures import record_figure
from tests.importing.datasets import filmer, intact
from tests.machine import running_seconds
from tests.raw_connections import Customer
from tests.responses import is_unavailable
from tests.sandbox import Sandbox, shared_sandbox
from tests.server_processes import accepts, eventually
from tests.shop import stress_shop
from tests.shop.stress_shop import CHECKOUT, FILMS, ITEMS
from tests.users import CARD, LOGIN, PASSWORD, open_account

from filmer.store.embedded import Engines, running_engines
from filmer.store.migrate import migrate

pytestmark = pytest.mark.proof

__all__ = ["shared_sandbox"]

ROUNDS = int(os.environ.get("FILMER_TRUST_DISK_FULL_ROUNDS") or 1)
SECONDS = float(os.environ.get("FILMER_TRUST_DISK_FULL_SECONDS") or 3)  # of load on the full disk, twice a round
SIZE_MIB = 192 + 32 * ROUNDS  # each round adds orders and write-ahead log
BUYERS, SIDE_BY_SIDE = 40, 4
TMDB_FILMS = (278, 550, 238, 603, 680, 155, 13)
LONGEST_SECONDS = 10.0  # of a response
RECOVERY_SECONDS = 150.0  # of PostgreSQL, which replays its log, on a busy machine
BACK_SECONDS = 30.0  # after that, until filmer has recovered

CACHED = ("/", "/api/v1/movies?size=100", f"/films/{FILMS[0]}", "/api/v1/genres", "/api/movies/popular")


class Volume:
    """A small file system, and the file that fills it up."""

    def __init__(self, mount_point: Path) -> None:
        self.mount_point = mount_point
        self._ballast = mount_point / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (2**20, 2**12):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(b"\1" * size)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def volume() -> Iterator[Volume]:
    mount_point = Path(tempfile.mkdtemp(prefix="filmer-full-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=755", "tmpfs", str(mount_point)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        mount_point.rmdir()
        if os.environ.get("CI") == "true":
            pytest.fail(f"no small volume can be mounted here: {result.stderr}")
        pytest.skip(f"only root may mount a small volume: {result.stderr.strip()}")
    try:
        yield Volume(mount_point)
    finally:
        subprocess.run(["umount", "--lazy", mount_point], check=True)
        shutil.rmtree(mount_point, ignore_errors=True)


@pytest.fixture
def engines_on_volume(volume: Volume) -> Iterator[Engines]:
    with running_engines(volume.mount_point / "data") as running:
        with psycopg.connect(running.database_url, autocommit=True) as conn:
            list(migrate(conn))
        yield running
        volume.free()


class Exchange(NamedTuple):
    """A request and its response."""

    kind: str
    request: str
    response: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        return self.response.status_code

    def __str__(self) -> str:
        return f"{self.kind}: {self.request}: {self.status} after {self.seconds:.1f} s: {self.response.text[:500]}"


class Workload:
    """Users who send requests without a pause, and the exchanges since ``work`` began."""

    def __init__(self, server: Server, database_url: str) -> None:
        self._base = str(server.client.base_url)
        self._buyers = stress_shop.customers(database_url, BUYERS)
        self._api_users = [ApiUser(database_url, server.client) for _ in range(4)]
        [self._admin] = stress_shop.customers(database_url, 1)
        self._user = open_account(database_url)
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute("UPDATE account SET role = 'admin' WHERE id = %s", [self._admin.account_id])
        self._actions = [
            self._read_cached,
            self._read_uncached,
            self._read_own,
            self._buy,
            self._favorite_and_rate,
            self._register_and_sign_in,
        ]
        self._stopping = threading.Event()
        self.exchanges: list[Exchange] = []
        self.orders: set[int] = set()

    def close(self) -> None:
        for user in self._api_users:
            user.client.close()

    def work(self, seconds: float) -> list[Exchange]:
        """Runs the users for this long, and returns their exchanges."""
        self.exchanges = []
        self._stopping.clear()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            futures = [pool.submit(self._run, random.Random()) for _ in range(SIDE_BY_SIDE)]
            time.sleep(seconds)
            self._stopping.set()
            for future in futures:
                future.result()
        return self.exchanges

    def is_healthy(self) -> bool:
        """Whether every kind of request succeeds."""
        self.exchanges = []
        with httpx.Client(base_url=self._base, timeout=30, trust_env=False, verify=False) as client:
            for action in self._actions:
                client.cookies.clear()
                action(client, random.Random())
        return all(exchange.status < 500 for exchange in self.exchanges)

    def _run(self, draw: random.Random) -> None:
        with httpx.Client(base_url=self._base, timeout=30, trust_env=False, verify=False) as client:
            while not self._stopping.is_set():
                client.cookies.clear()
                draw.choice(self._actions)(client, draw)

    def request(self, client: httpx.Client, kind: str, method: str, path: str, **options: Any) -> httpx.Response:
        begun = time.monotonic()
        response = client.request(method, path, **options)
        self.exchanges.append(Exchange(kind, f"{method} {path}", response, running_seconds(since=begun)))
        return response

    def _read_cached(self, client: httpx.Client, draw: random.Random) -> None:
        self.request(client, "cached", "GET", draw.choice(CACHED))

    def _read_uncached(self, client: httpx.Client, draw: random.Random) -> None:
        number = draw.randrange(10**9)
        path = draw.choice(
            [
                f"/api/v1/movies?page={number}",
                f"/api/v1/search/movies?query=the+{number % 100}&size={number % 100 + 1}",
                f"/films?page={number % 3 + 1}&size={draw.choice((10, 25, 50))}",
            ]
        )
        self.request(client, "read", "GET", path)

    def _read_own(self, client: httpx.Client, draw: random.Random) -> None:
        path = draw.choice(["/api/v1/cart", "/api/v1/orders", "/api/v1/auth/session", "/cart", "/orders", "/favorites"])
        self.request(client, "read", "GET", path, headers=_cookie(draw.choice(self._buyers)))
        user = draw.choice(self._api_users)
        self.request(user.client, "read", "GET", user.favorites)

    def _buy(self, client: httpx.Client, draw: random.Random) -> None:
        headers = _cookie(draw.choice(self._buyers))
        film = {"movieId": draw.choice(FILMS), "quantity": draw.randint(1, 3)}
        self.request(client, "cart", "POST", ITEMS, json=film, headers=headers)
        self.request(client, "cart", "PUT", f"{ITEMS}/{film['movieId']}", json={"quantity": 2}, headers=headers)
        form = {"movieId": film["movieId"], "quantity": "1"}
        self.request(client, "cart", "POST", "/cart/items", data=form, headers=headers)
        if draw.random() < 0.2:
            self.request(client, "cart", "DELETE", "/api/v1/cart", headers=headers)
        key = {"Idempotency-Key": f"key {draw.randrange(10**12)}"} if draw.random() < 0.5 else {}
        response = self.request(client, "checkout", "POST", CHECKOUT, json=CARD, headers=headers | key)
        if response.status_code == 200:
            self.orders.add(response.json()["data"]["orderId"])

    def _favorite_and_rate(self, client: httpx.Client, draw: random.Random) -> None:
        user, film = draw.choice(self._api_users), draw.choice(TMDB_FILMS)
        self.request(user.client, "favourite", "POST", user.favorites, json={"movie_id": film})
        rating = {"movie_id": film, "rating": draw.randint(0, 10) / 2}
        response = self.request(user.client, "rating", "POST", RATINGS, json=rating)
        if response.status_code in {200, 201}:
            self.request(user.client, "rating", "PUT", f"{RATINGS}/{response.json()['id']}", json={"rating": 2.5})
        path = f"/api/users/{user.person.id}/favorites/{draw.randint(1, 50)}"
        self.request(user.client, "favourite", "DELETE", path)
        price = {"price": f"{draw.randint(1, 9)}.50"}
        self.request(
            client, "price", "POST", f"/admin/films/{FILMS[5]}/price", data=price, headers=_cookie(self._admin)
        )

    def _register_and_sign_in(self, client: httpx.Client, draw: random.Random) -> None:
        account = {"email": f"{draw.randrange(10**12)}@example.com", "password": PASSWORD}
        names = {"firstName": "Mary", "lastName": "Major"}
        self.request(client, "registration", "POST", "/api/v1/auth/register", json=account | names)
        client.cookies.clear()
        response = self.request(client, "login", "POST", LOGIN, json={"email": self._user.email, "password": PASSWORD})
        if response.status_code == 200:
            self.request(client, "logout", "POST", "/api/v1/auth/logout")


def _cookie(customer: Customer) -> dict[str, str]:
    return {"Cookie": f"JSESSIONID={customer.cookie}"}


def violations(exchanges: list[Exchange], *, reads: tuple[str, ...]) -> list[str]:
    """The responses that a full disk does not excuse; ``reads``: the kinds that must be 200."""
    return [
        str(exchange)
        for exchange in exchanges
        if exchange.seconds > LONGEST_SECONDS
        or (exchange.kind in reads and exchange.status != 200)
        or (exchange.status >= 500 and not is_unavailable(exchange.response))
    ]


_ROWS = (
    """
    INSERT INTO account (email, email_key, first_name, last_name, password, created)
    SELECT m, m, 'Mary', 'Major', '$argon2id$', now()
    FROM (SELECT gen_random_uuid()::text AS m FROM generate_series(1, %(n)s)) filler
    """,
    """
    INSERT INTO session (digest, account_id, created, used)
    SELECT sha256(uuid_send(gen_random_uuid())), (SELECT max(id) FROM account), now(), now()
    FROM generate_series(1, %(n)s)
    """,
    """
    WITH sold AS (
        INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)
        SELECT trunc(random() * 9007199254740991), (SELECT max(id) FROM account), now(), now(), 1, 1, '', '', now()
        FROM generate_series(1, %(n)s) RETURNING id)
    INSERT INTO order_line (id, order_id, place, film_id, title, quantity, price)
    SELECT id, id, 1, 'tt0111161', '', 1, 1 FROM sold
    """,
)


def fill_table_files(database_url: str) -> None:
    """Uses up the free space in the tables' files, until PostgreSQL needs more of the disk."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        for statement in _ROWS:
            for at_once in (50, 1):
                with contextlib.suppress(psycopg.errors.DiskFull):
                    while True:
                        conn.execute(statement.encode(), {"n": at_once})


def crash_postgres(database_url: str) -> None:
    """PostgreSQL ends when it can't write its log, and can't start again either."""
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            with psycopg.connect(database_url, autocommit=True, connect_timeout=3) as conn:
                conn.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))")


def statuses(exchanges: list[Exchange]) -> str:
    return ", ".join(
        f"{count} responses {status}"
        for status, count in sorted(Counter(exchange.status for exchange in exchanges).items())
    )


@pytest.mark.timeout(180 + int(ROUNDS * (2 * SECONDS + RECOVERY_SECONDS + BACK_SECONDS + 30)))
def test_reads_go_on_writes_are_503_and_all_is_well_once_there_is_room(
    volume: Volume, engines_on_volume: Engines, serve: Serve, shared_sandbox: Sandbox
) -> None:
    url = engines_on_volume.database_url
    stress_shop.open_shop(url)
    server = serve(
        url, REDIS_URL=engines_on_volume.redis_url, CACHE_DURATION_SECONDS="600", **tmdb_settings(shared_sandbox)
    )
    with contextlib.closing(Workload(server, url)) as workload:
        fill_again_and_again(volume, url, server, workload)


def take_new_log_segment(url: str) -> None:
    """PostgreSQL itself stops when its write-ahead log needs a new segment that has no room: that is shown afterwards.

    Here the segment at hand must last, wherever in it the migrations have ended.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
        conn.execute("SELECT pg_switch_wal()")
        conn.execute("CREATE TABLE IF NOT EXISTS segment_begun ()")


def has_sold(workload: Workload) -> bool:
    """Whether there is an order, after half a second in which there is room."""
    assert not violations(workload.work(0.5), reads=("cached", "read"))
    return bool(workload.orders)


def fill_again_and_again(volume: Volume, url: str, server: Server, workload: Workload) -> None:
    all_exchanges: list[Exchange] = []
    slowest = 0.0
    for _ in range(ROUNDS):
        assert eventually(lambda: has_sold(workload))
        take_new_log_segment(url)
        volume.fill()
        fill_table_files(url)
        exchanges = workload.work(SECONDS)
        problems = violations(exchanges, reads=("cached", "read"))
        assert not problems, f"{problems}\n{server.output()[-3000:]}"
        assert any(exchange.status == 503 for exchange in exchanges), statuses(exchanges)
        all_exchanges += exchanges

        for path in CACHED:
            assert server.client.get(path).status_code == 200, path
        crash_postgres(url)
        exchanges = workload.work(SECONDS)
        assert not violations(exchanges, reads=("cached",))
        assert any(exchange.status == 503 for exchange in exchanges), statuses(exchanges)
        all_exchanges += exchanges

        volume.free()
        begun = time.monotonic()
        log = volume.mount_point / "data" / "postgres.log"
        assert eventually(lambda: accepts(url), seconds=RECOVERY_SECONDS), log.read_text("utf-8")[-5000:]
        recovered = time.monotonic()
        while not workload.is_healthy():
            assert time.monotonic() - recovered < BACK_SECONDS, (
                f"{log.read_text('utf-8')[-2000:]}\n{server.output()[-2000:]}"
            )
        slowest = max(slowest, time.monotonic() - begun)
        with psycopg.connect(url) as conn:
            assert not stress_shop.audit(conn)
            assert workload.orders <= {row[0] for row in conn.execute("SELECT id FROM shop_order")}
    assert workload.orders
    record_figure(
        f"{ROUNDS} times full: {statuses(all_exchanges)}; recovered within {slowest:.1f} s, "
        f"{len(workload.orders)} acknowledged orders, none lost or incomplete"
    )


def test_an_import_and_a_backup_on_a_full_disk_end_with_a_sentence(
    volume: Volume, engines_on_volume: Engines, tmp_path: Path
) -> None:
    url = engines_on_volume.database_url
    import_films(url)
    before = intact(url)
    volume.fill()
    commands = {
        "import": filmer(url, "import", "csv", FILMS_FILE),
        "backup beside": filmer(url, "backup", volume.mount_point / "shop.backup"),
        "backup elsewhere": filmer(url, "backup", tmp_path / "shop.backup"),
    }
    volume.free()
    for name, result in commands.items():
        assert result.returncode == 1, name
        assert "Traceback" not in result.stderr
        assert re.search(r"filmer: .*([Nn]o space left|out of disk space)", result.stderr), (name, result.stderr)
    assert intact(url) == before
    assert not list(tmp_path.iterdir())
    assert not list(volume.mount_point.glob("shop*"))
    assert filmer(url, "backup", tmp_path / "shop.backup").returncode == 0
    assert filmer(url, "import", "csv", FILMS_FILE).returncode == 0


def test_a_backup_whose_own_disk_is_full_leaves_nothing(volume: Volume, database_url: str) -> None:
    import_films(database_url)
    volume.fill()
    result = filmer(database_url, "backup", volume.mount_point / "shop.backup")
    assert result.returncode == 1
    assert "No space left on device. There is no backup." in result.stderr
    assert [path.name for path in volume.mount_point.iterdir()] == ["ballast"]
    volume.free()
    assert filmer(database_url, "backup", volume.mount_point / "shop.backup").returncode == 0
