"""The disk under PostgreSQL is full: reads go on, writes are 503, nothing is torn, and all is well once there is room
(promise 23).

On a small volume that is really full, which takes root to mount. ``FILMER_TRUST_DISK_FULL_ROUNDS=10`` fills it more
often, ``FILMER_TRUST_DISK_FULL_SECONDS=20`` for longer.
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
SIZE_MIB = 192 + 32 * ROUNDS  # what is sold stays, and so does its log
BUYERS, SIDE_BY_SIDE = 40, 4
TMDB_FILMS = (278, 550, 238, 603, 680, 155, 13)
LONGEST = 10.0  # seconds an answer may take
RECOVERY = 150.0  # seconds PostgreSQL may take to read its log, on a machine that does other things too
BACK = 30.0  # seconds after which all must be well then

CACHED = ("/", "/api/v1/movies?size=100", f"/films/{FILMS[0]}", "/api/v1/genres", "/api/movies/popular")


class Volume:
    """A file system of its own, and what fills it up."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

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
    place = Path(tempfile.mkdtemp(prefix="filmer-full-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=755", "tmpfs", str(place)]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        place.rmdir()
        if os.environ.get("CI") == "true":
            pytest.fail(f"no small volume can be mounted here: {result.stderr}")
        pytest.skip(f"only root may mount a small volume: {result.stderr.strip()}")
    try:
        yield Volume(place)
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def engines_there(volume: Volume) -> Iterator[Engines]:
    with running_engines(volume.place / "data") as running:
        with psycopg.connect(running.database_url, autocommit=True) as conn:
            list(migrate(conn))
        yield running
        volume.free()


class Exchange(NamedTuple):
    """One answer."""

    what: str
    request: str
    response: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        return self.response.status_code

    def __str__(self) -> str:
        return f"{self.what}: {self.request}: {self.status} after {self.seconds:.1f} s: {self.response.text[:500]}"


class Workload:
    """Users who read and buy without a pause, and every exchange since ``work`` began."""

    def __init__(self, server: Server, database_url: str) -> None:
        self._base = str(server.client.base_url)
        self._buyers = stress_shop.customers(database_url, BUYERS)
        self._keepers = [ApiUser(database_url, server.client) for _ in range(4)]
        [self._boss] = stress_shop.customers(database_url, 1)
        self._person = open_account(database_url)
        with psycopg.connect(database_url, autocommit=True) as conn:
            conn.execute("UPDATE account SET role = 'admin' WHERE id = %s", [self._boss.account_id])
        self._deeds = [self._look, self._look_elsewhere, self._look_at_own, self._buy, self._keep, self._come_and_go]
        self._stopping = threading.Event()
        self.exchanges: list[Exchange] = []
        self.orders: set[int] = set()

    def close(self) -> None:
        for keeper in self._keepers:
            keeper.client.close()

    def work(self, seconds: float) -> list[Exchange]:
        """The exchanges of this time."""
        self.exchanges = []
        self._stopping.clear()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            lives = [pool.submit(self._live, random.Random()) for _ in range(SIDE_BY_SIDE)]
            time.sleep(seconds)
            self._stopping.set()
            for life in lives:
                life.result()
        return self.exchanges

    def is_well(self) -> bool:
        """Whether all that people do can be done."""
        self.exchanges = []
        with httpx.Client(base_url=self._base, timeout=30, trust_env=False, verify=False) as client:
            for deed in self._deeds:
                client.cookies.clear()
                deed(client, random.Random())
        return all(exchange.status < 500 for exchange in self.exchanges)

    def _live(self, draw: random.Random) -> None:
        with httpx.Client(base_url=self._base, timeout=30, trust_env=False, verify=False) as client:
            while not self._stopping.is_set():
                client.cookies.clear()
                draw.choice(self._deeds)(client, draw)

    def ask(self, client: httpx.Client, what: str, method: str, path: str, **options: Any) -> httpx.Response:
        begun = time.monotonic()
        response = client.request(method, path, **options)
        self.exchanges.append(Exchange(what, f"{method} {path}", response, running_seconds(since=begun)))
        return response

    def _look(self, client: httpx.Client, draw: random.Random) -> None:
        self.ask(client, "cached", "GET", draw.choice(CACHED))

    def _look_elsewhere(self, client: httpx.Client, draw: random.Random) -> None:
        number = draw.randrange(10**9)
        path = draw.choice(
            [
                f"/api/v1/movies?page={number}",
                f"/api/v1/search/movies?query=the+{number % 100}&size={number % 100 + 1}",
                f"/films?page={number % 3 + 1}&size={draw.choice((10, 25, 50))}",
            ]
        )
        self.ask(client, "read", "GET", path)

    def _look_at_own(self, client: httpx.Client, draw: random.Random) -> None:
        path = draw.choice(["/api/v1/cart", "/api/v1/orders", "/api/v1/auth/session", "/cart", "/orders", "/favorites"])
        self.ask(client, "read", "GET", path, headers=_cookie(draw.choice(self._buyers)))
        keeper = draw.choice(self._keepers)
        self.ask(keeper.client, "read", "GET", keeper.favorites)

    def _buy(self, client: httpx.Client, draw: random.Random) -> None:
        headers = _cookie(draw.choice(self._buyers))
        film = {"movieId": draw.choice(FILMS), "quantity": draw.randint(1, 3)}
        self.ask(client, "cart", "POST", ITEMS, json=film, headers=headers)
        self.ask(client, "cart", "PUT", f"{ITEMS}/{film['movieId']}", json={"quantity": 2}, headers=headers)
        form = {"movieId": film["movieId"], "quantity": "1"}
        self.ask(client, "cart", "POST", "/cart/items", data=form, headers=headers)
        if draw.random() < 0.2:
            self.ask(client, "cart", "DELETE", "/api/v1/cart", headers=headers)
        key = {"Idempotency-Key": f"key {draw.randrange(10**12)}"} if draw.random() < 0.5 else {}
        response = self.ask(client, "checkout", "POST", CHECKOUT, json=CARD, headers=headers | key)
        if response.status_code == 200:
            self.orders.add(response.json()["data"]["orderId"])

    def _keep(self, client: httpx.Client, draw: random.Random) -> None:
        keeper, film = draw.choice(self._keepers), draw.choice(TMDB_FILMS)
        self.ask(keeper.client, "favourite", "POST", keeper.favorites, json={"movie_id": film})
        rating = {"movie_id": film, "rating": draw.randint(0, 10) / 2}
        response = self.ask(keeper.client, "rating", "POST", RATINGS, json=rating)
        if response.status_code in {200, 201}:
            self.ask(keeper.client, "rating", "PUT", f"{RATINGS}/{response.json()['id']}", json={"rating": 2.5})
        path = f"/api/users/{keeper.person.id}/favorites/{draw.randint(1, 50)}"
        self.ask(keeper.client, "favourite", "DELETE", path)
        price = {"price": f"{draw.randint(1, 9)}.50"}
        self.ask(client, "price", "POST", f"/admin/films/{FILMS[5]}/price", data=price, headers=_cookie(self._boss))

    def _come_and_go(self, client: httpx.Client, draw: random.Random) -> None:
        person = {"email": f"{draw.randrange(10**12)}@example.com", "password": PASSWORD}
        names = {"firstName": "Mary", "lastName": "Major"}
        self.ask(client, "registration", "POST", "/api/v1/auth/register", json=person | names)
        client.cookies.clear()
        response = self.ask(client, "login", "POST", LOGIN, json={"email": self._person.email, "password": PASSWORD})
        if response.status_code == 200:
            self.ask(client, "logout", "POST", "/api/v1/auth/logout")


def _cookie(customer: Customer) -> dict[str, str]:
    return {"Cookie": f"JSESSIONID={customer.cookie}"}


def offences(exchanges: list[Exchange], *, reads: tuple[str, ...]) -> list[str]:
    """Answers that a full disk does not excuse; ``reads``: what has to be 200."""
    return [
        str(exchange)
        for exchange in exchanges
        if exchange.seconds > LONGEST
        or (exchange.what in reads and exchange.status != 200)
        or (exchange.status >= 500 and not _is_503_in_its_envelope(exchange.request.split()[1], exchange.response))
    ]


def _is_503_in_its_envelope(path: str, response: httpx.Response) -> bool:
    if response.status_code != 503 or "retry-after" not in response.headers:
        return False
    if not path.startswith("/api/"):
        return response.headers["content-type"].startswith("text/html")
    body = response.json()
    if path.startswith("/api/v1/"):
        return bool(body["success"] is False and body["error"]["code"] == "SERVICE_UNAVAILABLE")
    return bool(body["error"]["code"] == "SERVICE_UNAVAILABLE" or body["error"] == "SERVICE_UNAVAILABLE")


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


def use_up(database_url: str) -> None:
    """The room there is in the tables' own files, until PostgreSQL wants more of the disk."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        for statement in _ROWS:
            for at_once in (50, 1):
                with contextlib.suppress(psycopg.errors.DiskFull):
                    while True:
                        conn.execute(statement.encode(), {"n": at_once})


def panic(database_url: str) -> None:
    """PostgreSQL can't go on without room for its log: it ends, and can't start either."""
    with contextlib.suppress(psycopg.OperationalError):
        while True:
            with psycopg.connect(database_url, autocommit=True, connect_timeout=3) as conn:
                conn.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))")


def statuses(exchanges: list[Exchange]) -> str:
    return ", ".join(
        f"{count} answers {status}"
        for status, count in sorted(Counter(exchange.status for exchange in exchanges).items())
    )


@pytest.mark.timeout(180 + int(ROUNDS * (2 * SECONDS + RECOVERY + BACK + 30)))
def test_reads_go_on_writes_are_503_and_all_is_well_once_there_is_room(
    volume: Volume, engines_there: Engines, serve: Serve, shared_sandbox: Sandbox
) -> None:
    url = engines_there.database_url
    stress_shop.open_shop(url)
    server = serve(
        url, REDIS_URL=engines_there.redis_url, CACHE_DURATION_SECONDS="600", **tmdb_settings(shared_sandbox)
    )
    with contextlib.closing(Workload(server, url)) as workload:
        fill_again_and_again(volume, url, server, workload)


def fill_again_and_again(volume: Volume, url: str, server: Server, workload: Workload) -> None:
    every: list[Exchange] = []
    slowest = 0.0
    for _ in range(ROUNDS):
        assert not offences(workload.work(0.5), reads=("cached", "read"))
        volume.fill()
        use_up(url)
        exchanges = workload.work(SECONDS)
        wrong = offences(exchanges, reads=("cached", "read"))
        assert not wrong, f"{wrong}\n{server.output()[-3000:]}"
        assert any(exchange.status == 503 for exchange in exchanges), statuses(exchanges)
        every += exchanges

        for path in CACHED:
            assert server.client.get(path).status_code == 200, path
        panic(url)
        exchanges = workload.work(SECONDS)
        assert not offences(exchanges, reads=("cached",))
        assert any(exchange.status == 503 for exchange in exchanges), statuses(exchanges)
        every += exchanges

        volume.free()
        begun = time.monotonic()
        log = volume.place / "data" / "postgres.log"
        assert eventually(lambda: accepts(url), seconds=RECOVERY), log.read_text("utf-8")[-5000:]
        recovered = time.monotonic()
        while not workload.is_well():
            assert time.monotonic() - recovered < BACK, f"{log.read_text('utf-8')[-2000:]}\n{server.output()[-2000:]}"
        slowest = max(slowest, time.monotonic() - begun)
        with psycopg.connect(url) as conn:
            assert not stress_shop.audit(conn)
            assert workload.orders <= {row[0] for row in conn.execute("SELECT id FROM shop_order")}
    assert workload.orders
    record_figure(
        f"{ROUNDS} times full: {statuses(every)}; well again within {slowest:.1f} s, "
        f"{len(workload.orders)} acknowledged orders, none lost or torn"
    )


def test_an_import_and_a_backup_on_a_full_disk_end_with_a_sentence(
    volume: Volume, engines_there: Engines, tmp_path: Path
) -> None:
    url = engines_there.database_url
    import_films(url)
    held = intact(url)
    volume.fill()
    commands = {
        "import": filmer(url, "import", "csv", FILMS_FILE),
        "backup beside": filmer(url, "backup", volume.place / "shop.backup"),
        "backup elsewhere": filmer(url, "backup", tmp_path / "shop.backup"),
    }
    volume.free()
    for what, result in commands.items():
        assert result.returncode == 1, what
        assert "Traceback" not in result.stderr
        assert re.search(r"filmer: .*([Nn]o space left|out of disk space)", result.stderr), (what, result.stderr)
    assert intact(url) == held
    assert not list(tmp_path.iterdir())
    assert not list(volume.place.glob("shop*"))
    assert filmer(url, "backup", tmp_path / "shop.backup").returncode == 0
    assert filmer(url, "import", "csv", FILMS_FILE).returncode == 0


def test_a_backup_whose_own_disk_is_full_leaves_nothing(volume: Volume, database_url: str) -> None:
    import_films(database_url)
    volume.fill()
    result = filmer(database_url, "backup", volume.place / "shop.backup")
    assert result.returncode == 1
    assert "No space left on device. There is no backup." in result.stderr
    assert [path.name for path in volume.place.iterdir()] == ["ballast"]
    volume.free()
    assert filmer(database_url, "backup", volume.place / "shop.backup").returncode == 0
