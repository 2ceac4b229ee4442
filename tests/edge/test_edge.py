"""The byte cache in front of everything: right, shared, and of use when what it stands on is away."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo
from tests.conftest import MakeDatabase, Serve, ServeHere, import_films
from tests.current_edition import BREAK, LOCK, MEND, connect
from tests.layers import layer_of
from tests.machine import answered_within
from tests.proxy import proxied_database, proxied_valkey
from tests.responses import TIME, data_of, error_of
from tests.server_in_thread import ServerInThread

from filmer.edge.cache import CachedResponse
from filmer.edge.public_cache import PublicCache
from filmer.server.serving import free_port
from filmer.store import valkey
from filmer.store.embedded import Engines

FILM = "/api/v1/movies/tt0111161"
OTHER = "/api/v1/movies/tt0372784"
PAGES = ["/api/v1/movies?size=5", FILM, "/api/v1/genres", "/api/v1/stars", "/api/v1/search/movies?title=batman"]


# --- what tests do to the things a server stands on -----------------------------------------------


@contextmanager
def locked_catalogue(database_url: str) -> Iterator[psycopg.Connection]:
    """Nothing of the catalogue can be read meanwhile: whoever computes an answer waits."""
    with connect(database_url) as conn:
        conn.execute(LOCK)
        yield conn
        conn.rollback()


def waiting(database_url: str) -> int:
    """How many connections of servers wait for the locked catalogue."""
    with psycopg.connect(make_conninfo(database_url, application_name="onlooker"), autocommit=True) as conn:
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'filmer' AND wait_event_type = 'Lock'"
        )
        return int((conn.execute(statement).fetchone() or (0,))[0])


def wait_for_waiting(database_url: str) -> None:
    deadline = time.monotonic() + 10
    while not waiting(database_url):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


@contextmanager
def unreadable_catalogue(database_url: str) -> Iterator[None]:
    """Whoever computes an answer meanwhile fails."""
    with connect(database_url, autocommit=True) as conn:
        conn.execute(BREAK)
        try:
            yield
        finally:
            conn.execute(MEND)


def edition_key(database_url: str) -> str:
    with psycopg.connect(database_url) as conn:
        database, version = conn.execute("SELECT database, version FROM edition").fetchone() or (None, 0)
    assert database is not None
    return f"{database.hex}:{version}"


def rename_film(database_url: str, film: str, title: str) -> None:
    """A change no edition tells of: only who computes the answer anew can see it."""
    with connect(database_url, autocommit=True) as conn:
        done = conn.execute("UPDATE film SET title = %s WHERE id = %s", [title, film])
        assert done.rowcount == 1


@contextmanager
def serving(
    serve_here: ServeHere, database_url: str, *, through: str | None = None, **environment: str
) -> Iterator[ServerInThread]:
    """A server that keeps what it answers from the first on: it knows which edition it answers from."""
    server = serve_here(through or database_url, **environment)
    edition = layer_of(server.app, PublicCache)._edition
    deadline = time.monotonic() + 10
    while not edition.key:
        assert time.monotonic() < deadline, "it does not watch the edition"
        time.sleep(0.01)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine Valkey may take longer than it is waited for; that is another matter than these."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", 0.4)


@pytest.fixture
def claims_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """In servers of this process: who waits for a claim that was left behind waits longer than a client does."""
    monkeypatch.setattr("filmer.edge.valkey_cache.CLAIM_MILLISECONDS", 60_000)


@pytest.fixture
def filled(make_database: MakeDatabase) -> str:
    """A database of this test's own with the films of films.csv."""
    return make_database(films=True)


def headers_of(found: httpx.Response) -> list[tuple[str, str]]:
    """The headers, but for those that tell requests apart."""
    return [pair for pair in found.headers.multi_items() if pair[0] not in {"x-request-id", "date"}]


def same(first: httpx.Response, second: httpx.Response) -> bool:
    """Whether two answers are the same to the byte, but for what tells requests apart."""
    answers = [(found.status_code, headers_of(found), found.content) for found in (first, second)]
    return answers[0] == answers[1]


# --- hits -----------------------------------------------------------------------------------------


def test_a_second_server_answers_from_what_the_first_has_computed(filled: str, serve_here: ServeHere) -> None:
    """Byte for byte, from Valkey; HEAD and If-None-Match as well."""
    with serving(serve_here, filled) as first, serving(serve_here, filled) as second:
        computed = [first.client.get(path) for path in PAGES]
        assert [found.status_code for found in computed] == [200] * len(PAGES)
        assert len({found.content for found in computed}) == len(PAGES)
        with unreadable_catalogue(filled):
            assert second.client.get(OTHER).status_code == 500, "nothing can be computed"
            for path, expected in zip(PAGES, computed, strict=True):
                for server in (first, second, second):  # from memory, from Valkey, from memory
                    assert same(server.client.get(path), expected)
                head = second.client.head(path)
                assert (head.status_code, head.content) == (200, b"")
                assert headers_of(head) == headers_of(expected)
                unchanged = second.client.get(path, headers={"if-none-match": expected.headers["etag"]})
                assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_an_etag_is_the_same_whoever_computes_it(filled: str, serve_here: ServeHere) -> None:
    with (
        serving(serve_here, filled, CACHE_DURATION_SECONDS="0") as first,
        serving(serve_here, filled, CACHE_DURATION_SECONDS="0") as second,
    ):
        for path in PAGES:
            assert first.client.get(path).headers["etag"] == second.client.get(path).headers["etag"]


def test_without_a_duration_nothing_is_kept(filled: str, serve_here: ServeHere, engines: Engines) -> None:
    pattern = f"filmer:*{edition_key(filled)}*"
    with (
        redis.Redis.from_url(engines.redis_url) as client,
        serving(serve_here, filled, CACHE_DURATION_SECONDS="0") as server,
        serving(serve_here, filled) as keeping,
    ):
        assert data_of(server.client.get(FILM))["title"] == "The Shawshank Redemption"
        assert not list(client.scan_iter(pattern))
        keeping.client.get(FILM)
        assert list(client.scan_iter(pattern)), "the same question finds what is kept"
        rename_film(filled, "tt0111161", "Renamed")
        assert data_of(server.client.get(FILM))["title"] == "Renamed"
        assert data_of(keeping.client.get(FILM))["title"] == "The Shawshank Redemption"


@pytest.mark.usefixtures("claims_for_good")
def test_what_has_run_out_is_computed_anew_at_once(filled: str, serve_here: ServeHere) -> None:
    """The claim of the first computation must not keep the second waiting."""
    with serving(serve_here, filled, CACHE_DURATION_SECONDS="1") as server:
        server.client.get(FILM)
        rename_film(filled, "tt0111161", "Renamed")
        deadline = time.monotonic() + 20
        while data_of(server.client.get(FILM))["title"] != "Renamed":
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.usefixtures("claims_for_good")
def test_errors_are_not_kept(filled: str, serve_here: ServeHere) -> None:
    with serving(serve_here, filled) as server:
        error_of(server.client.get("/api/v1/movies/tt404"), 404, "NOT_FOUND")
        with unreadable_catalogue(filled):
            error_of(server.client.get(FILM), 500, "INTERNAL_ERROR")
        with connect(filled, autocommit=True) as conn:  # no edition tells of it
            conn.execute("UPDATE film SET id = 'tt404' WHERE id = 'tt0372784'")
        for path in ("/api/v1/movies/tt404", FILM):
            assert server.client.get(path).status_code == 200, "who failed left no claim"


# --- many at once ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("claims_for_good")
def test_one_computes_however_many_ask(filled: str, serve_here: ServeHere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred at once, of two servers, for something nobody asked for before."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", 10.0)  # who does not get Valkey's answer in time computes alone

    async def ask(*servers: ServerInThread) -> tuple[int, list[httpx.Response]]:
        most = 0
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False, verify=False) as client:
            with locked_catalogue(filled):
                urls = [server.client.base_url.join(FILM) for server in servers]
                asking = [asyncio.create_task(client.get(url)) for url in urls * 100]
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    most = max(most, await asyncio.to_thread(waiting, filled))
                    await asyncio.sleep(0.02)
                    if most:  # the other server would not be far behind; a lock is waited for 2 s
                        deadline = min(deadline, time.monotonic() + 0.5)
            return most, await asyncio.gather(*asking)

    with serving(serve_here, filled) as one, serving(serve_here, filled) as other:
        most, answers = asyncio.run(ask(one, other))
    assert most == 1
    assert [found.status_code for found in answers] == [200] * 200
    assert len({found.content for found in answers}) == 1
    assert len({found.headers["x-request-id"] for found in answers}) == 200


def test_who_hangs_up_takes_nothing_from_the_others(filled: str, serve_here: ServeHere) -> None:
    with serving(serve_here, filled) as server:
        found: list[httpx.Response] = []
        other = threading.Thread(target=lambda: found.append(server.client.get(FILM)))
        with locked_catalogue(filled):
            with socket.create_connection(("127.0.0.1", server.port)) as impatient:
                impatient.sendall(f"GET {FILM} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
                wait_for_waiting(filled)
                other.start()
            other.join(0.3)
            assert other.is_alive(), "it waits for the one computation"
            assert waiting(filled) == 1
        other.join(10)
        assert data_of(found[0])["id"] == "tt0111161"
        with unreadable_catalogue(filled):
            assert same(server.client.get(FILM), found[0]), "it was kept"


def test_who_hangs_up_alone_leaves_a_server_that_works(filled: str, serve_here: ServeHere) -> None:
    with serving(serve_here, filled, FILMER_POOL_SIZE="2") as server:
        for page in range(1, 6):
            with locked_catalogue(filled), socket.create_connection(("127.0.0.1", server.port)) as impatient:
                address = f"/api/v1/movies?size=2&page={page}"
                impatient.sendall(f"GET {address} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
                wait_for_waiting(filled)
        assert data_of(server.client.get(FILM))["id"] == "tt0111161", "no connection was lost"


# --- Valkey is away, or not itself ----------------------------------------------------------------


def test_a_valkey_that_refuses_changes_no_answer(filled: str, serve_here: ServeHere) -> None:
    nobody = f"redis://127.0.0.1:{free_port('127.0.0.1')}/0"
    with (
        serving(serve_here, filled, CACHE_DURATION_SECONDS="0") as reference,
        serving(serve_here, filled, REDIS_URL=nobody) as server,
    ):
        for path in PAGES:
            assert same(server.client.get(path), reference.client.get(path))
        with unreadable_catalogue(filled):
            assert server.client.get(PAGES[0]).status_code == 200, "its own memory works"
        assert server.client.get("/api/v1/health").status_code == 200


def test_a_wrong_password_changes_no_answer_and_is_told_to_nobody(filled: str, serve: Serve, engines: Engines) -> None:
    user = f"u{edition_key(filled)[:12]}"
    url = engines.redis_url.replace("unix://", f"unix://{user}@")
    with redis.Redis.from_url(engines.redis_url) as client:
        client.execute_command("ACL", "SETUSER", user, "on", ">right", "~*", "+@all")
        try:
            server = serve(filled, REDIS_URL=url, REDIS_PASSWORD="tell-nobody")
            for path in PAGES:
                assert server.client.get(path).status_code == 200
            assert "cache away" in server.output()
            assert "tell-nobody" not in server.output()
        finally:
            client.execute_command("ACL", "DELUSER", user)


@pytest.mark.parametrize("harm", ["cut", "freeze"])
def test_a_valkey_that_goes_away_changes_no_answer(
    filled: str, serve_here: ServeHere, engines: Engines, harm: str
) -> None:
    with (
        proxied_valkey(engines) as (url, proxy),
        serving(serve_here, filled, REDIS_URL=url, FILMER_CACHE_MIB="0", CACHE_DURATION_SECONDS="3600") as server,
    ):
        before = [server.client.get(path) for path in PAGES]
        with unreadable_catalogue(filled):
            for path, was in zip(PAGES, before, strict=True):
                assert same(server.client.get(path), was), "it comes from Valkey"
        getattr(proxy, harm)()
        for path, was in zip(PAGES, before, strict=True):
            found = server.client.get(path)
            assert same(found, was)
            answered_within(1, found)
        assert server.client.get(OTHER).status_code == 200
        proxy.mend()
        deadline = time.monotonic() + 15
        with unreadable_catalogue(filled):
            while server.client.get(PAGES[0]).status_code != 200:
                assert time.monotonic() < deadline, "it is not used again"
                time.sleep(0.05)


def garbage() -> dict[str, bytes]:
    good = msgspec.msgpack.encode(CachedResponse(200, [(b"content-type", b"text/plain")], b"x", b'"x"'))
    return {
        "noise": b"\xff\x00\xc1 not ours",
        "cut off": good[:-3],
        "something else": msgspec.msgpack.encode({"status": 200}),
        "other types": msgspec.msgpack.encode(["200", [], 5, b""]),
        "empty": b"",
        "number": b"1",
    }


def test_bytes_that_are_not_ours_change_no_answer(filled: str, serve_here: ServeHere, engines: Engines) -> None:
    pattern = f"filmer:page:{edition_key(filled)}:*"
    with (
        redis.Redis.from_url(engines.redis_url) as client,
        serving(serve_here, filled, FILMER_CACHE_MIB="0") as server,
    ):
        expected = server.client.get(FILM)
        page = next(iter(client.scan_iter(pattern)))
        for kind, value in garbage().items():
            client.set(page, value, ex=30)
            assert same(server.client.get(FILM), expected), kind
        client.delete(page)
        client.rpush(page, "a list")
        assert same(server.client.get(FILM), expected)
        client.delete(page)


@pytest.mark.usefixtures("claims_for_good")
def test_a_page_that_valkey_dropped_is_computed_anew_at_once(
    filled: str, serve_here: ServeHere, engines: Engines
) -> None:
    """As when its memory runs out: nobody waits for a claim that is done."""
    with (
        redis.Redis.from_url(engines.redis_url) as client,
        serving(serve_here, filled, FILMER_CACHE_MIB="0") as server,
    ):
        expected = server.client.get(FILM)
        pages = list(client.scan_iter(f"filmer:page:{edition_key(filled)}:*"))
        assert client.delete(*pages) == 1
        found = server.client.get(FILM)
        assert same(found, expected)


# --- the database is away -------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "freeze"])
def test_without_a_database_cached_pages_go_on_and_all_is_well_when_it_is_back(
    filled: str, serve_here: ServeHere, harm: str
) -> None:
    with proxied_database(filled) as (url, proxy), serving(serve_here, filled, through=url) as server:
        before = [server.client.get(path) for path in PAGES]
        getattr(proxy, harm)()
        for path, was in zip(PAGES, before, strict=True):
            assert same(server.client.get(path), was)
        missing = server.client.get(OTHER)
        error_of(missing, 503, "SERVICE_UNAVAILABLE")
        assert int(missing.headers["retry-after"]) >= 1
        health = server.client.get("/api/v1/health")
        assert health.status_code == 503
        body = health.json()
        assert TIME.fullmatch(body["data"].pop("timestamp"))
        assert body == {"success": True, "data": {"status": "DOWN", "database": "DOWN"}}
        assert same(server.client.get(FILM), before[PAGES.index(FILM)])
        proxy.mend()
        deadline = time.monotonic() + 5
        while {server.client.get(path).status_code for path in (OTHER, "/api/v1/health")} != {200}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert data_of(server.client.get("/api/v1/search/movies?title=dark"))["items"]
        answered_within(2, health)
        answered_within(5, missing)


def test_an_import_while_we_were_cut_off_shows_when_we_are_back(
    filled: str, serve_here: ServeHere, tmp_path: Path
) -> None:
    film = tmp_path / "films.csv"
    film.write_text("id,title\ntt0111161,Imported meanwhile\n", "utf-8")
    with proxied_database(filled) as (url, proxy), serving(serve_here, filled, through=url) as server:
        assert data_of(server.client.get(FILM))["title"] == "The Shawshank Redemption"
        proxy.cut()
        import_films(filled, film, keep_others=True)
        proxy.mend()
        deadline = time.monotonic() + 5
        while "Imported meanwhile" not in server.client.get(FILM).text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
