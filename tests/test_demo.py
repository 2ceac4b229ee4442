"""The demo's users, tokens and cards work under ``serve --demo`` and nowhere else (contract §8)."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Request
from tests.commands import CommandResult, filmer
from tests.conftest import SECRET_KEY, MakeDatabase, Serve, Server
from tests.connections import in_database
from tests.current_edition import connect
from tests.responses import data_of, error_of
from tests.users import LOGIN, visitor

from filmer.accounts.tokens import Tokens
from filmer.clock import SystemClock
from filmer.demo import VIDEOS, add_demo_videos, open_demo
from filmer.errors import InvalidToken
from filmer.server.serving import ServeError, free_port, require_loopback
from filmer.settings import Settings
from filmer.store.embedded import Engines
from filmer.store.postgres import Connection

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

PASSWORD = "filmer-demo"
USERS = [
    (1, "admin", "admin@example.com", "Ada", "Admin"),
    (2, "customer", "user@example.com", "John", "Doe"),
    (3, "customer", "jane@example.com", "Jane", "Smith"),
]
TOKENS = {1: "abcdef1234567890", 2: "1234567890"}
CARDS = [
    ("4111111111111111", "John", "Doe", "2030-12", 2),
    ("5555555555554444", "Jane", "Smith", "2031-06", 3),
    ("4000000000000069", "John", "Doe", "2020-01", 2),
]


def log_in(client: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    client.cookies.clear()
    return client.post(LOGIN, json={"email": email, "password": password})


def check_out(client: httpx.Client, card: tuple[str, str, str, str, int]) -> httpx.Response:
    film = client.get("/api/v1/movies", params={"size": 1}).json()["data"]["items"][0]["id"]
    added = client.post("/api/v1/cart/items", json={"movieId": film, "quantity": 1})
    assert added.status_code in {200, 201}, added.text
    number, first, last, expiration, _ = card
    body = {"creditCardId": number, "firstName": first, "lastName": last, "expiration": expiration}
    return client.post("/api/v1/checkout", json=body)


def roles_of_tokens(database_url: str, *, demo: bool = True) -> dict[int, str]:
    """The role of the user of each of the demo's tokens, by account, for those tokens that work."""
    tokens = Tokens(SystemClock(), demo=demo)

    async def work(conn: Connection) -> dict[int, str]:
        roles: dict[int, str] = {}
        for token in TOKENS.values():
            scope: Any = {"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]}
            with suppress(InvalidToken):
                user = await tokens.require(conn, Request(scope))
                assert TOKENS[user.id] == token
                roles[user.id] = user.role
        return roles

    roles: dict[int, str] = in_database(database_url, work)
    return roles


def start(database_url: str, engines: Engines, *arguments: str) -> CommandResult:
    """``filmer serve``, where it is expected to refuse."""
    port = free_port("127.0.0.1")
    return filmer("serve", "--port", port, *arguments, DATABASE_URL=database_url, REDIS_URL=engines.redis_url)


def output_until_warning(server: Server) -> str:
    """The output up to the warning, which comes last."""
    deadline = time.monotonic() + 30
    while "everybody may know them" not in server.output():
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.02)
    return server.output()


@pytest.fixture(scope="session")
def demo_url(make_database: MakeDatabase) -> str:
    return make_database()


@pytest.fixture(scope="session")
def demo(demo_url: str, serve: Serve) -> Server:
    """Started twice, which must change nothing."""
    serve(demo_url, "--demo").stop()
    return serve(demo_url, "--demo")


@pytest.fixture
def client(demo: Server) -> Iterator[httpx.Client]:
    with visitor(demo.client) as client:
        yield client


def test_it_prints_people_tokens_and_cards_and_warns(demo: Server) -> None:
    shown = output_until_warning(demo)
    for account_id, role, email, first, last in USERS:
        token = [TOKENS[account_id]] if account_id in TOKENS else []
        expected = [str(account_id), role, email, first, last, *token]
        assert any(line.split() == expected for line in shown.splitlines())
    for number, first, last, expiration, account_id in CARDS:
        assert f"{number}  {expiration}  {first} {last} (account {account_id})" in shown
    assert PASSWORD in shown
    assert "everybody may know them" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(("account_id", "role", "email", "first", "last"), USERS)
def test_its_people_sign_in(
    account_id: int, role: str, email: str, first: str, last: str, client: httpx.Client, demo_url: str
) -> None:
    expected = {"customerId": account_id, "email": email, "firstName": first, "lastName": last}
    assert data_of(log_in(client, email)) == expected
    with psycopg.connect(demo_url) as conn:
        row = conn.execute("SELECT role, demo FROM account WHERE id = %s", [account_id]).fetchone()
    assert row == (role, True)


def test_its_tokens_are_those_of_its_people(demo_url: str, demo: Server) -> None:
    """As community-api.txt prints them."""
    assert demo.process.poll() is None
    assert roles_of_tokens(demo_url) == {1: "admin", 2: "customer"}
    with psycopg.connect(demo_url) as conn:
        assert conn.execute("SELECT account_id, demo, expires FROM token ORDER BY account_id").fetchall() == [
            (1, True, None),
            (2, True, None),
        ]


def test_its_cards_pay_for_those_whose_they_are(client: httpx.Client) -> None:
    for card in CARDS[:2]:
        log_in(client, USERS[card[4] - 1][2])
        assert check_out(client, card).status_code in {200, 201}
    log_in(client, "admin@example.com")
    error_of(check_out(client, CARDS[0]), 402, "PAYMENT_FAILED")
    log_in(client, "user@example.com")
    error_of(check_out(client, CARDS[2]), 400, "VALIDATION_ERROR")


def test_a_demo_without_cards_of_its_own_numbers(demo_url: str, demo: Server) -> None:
    """Only a digest and the last four digits are stored, also of the demo's cards."""
    assert demo.process.poll() is None
    with psycopg.connect(demo_url) as conn:
        rows = [str(row) for row in conn.execute("SELECT card::text FROM card").fetchall()]
    assert len(rows) == 3
    assert not [number for number, *_ in CARDS if number in " ".join(rows)]


def test_without_demo_none_of_it_works(make_database: MakeDatabase, serve: Serve) -> None:
    """Without --demo, sessions opened before, accounts, tokens and cards stop working; with --demo, they work again."""
    url = make_database()
    first = serve(url, "--demo")
    with visitor(first.client) as client:
        log_in(client, "user@example.com")
        cookie = {"cookie": f"JSESSIONID={client.cookies['JSESSIONID']}"}
        newcomer = {"firstName": "Mary", "lastName": "Major", "email": "mary@example.com", "password": "correct horse"}
        client.cookies.clear()
        assert client.post("/api/v1/auth/register", json=newcomer).json()["data"]["customerId"] == 4
    first.stop()

    plain = serve(url)
    assert not [secret for secret in (PASSWORD, *TOKENS.values()) if secret in plain.output()]
    assert roles_of_tokens(url, demo=False) == {}
    with visitor(plain.client) as client:
        for path in ("/api/v1/auth/session", "/api/v1/cart", "/api/v1/orders"):
            error_of(client.get(path, headers=cookie), 401, "UNAUTHORIZED")
        for *_, email, _first, _last in USERS:
            refused = log_in(client, email)
            error_of(refused, 401, "INVALID_CREDENTIALS")
            assert "set-cookie" not in refused.headers
        assert log_in(client, "mary@example.com", "correct horse").status_code == 200
        for card in CARDS[:2]:
            error_of(check_out(client, card), 402, "PAYMENT_FAILED")
        _make_ordinary(url)
        assert data_of(log_in(client, "admin@example.com", "nobody knows this"))["customerId"] == 1
        assert log_in(client, "user@example.com").status_code == 401
    plain.stop()

    again = serve(url, "--demo")
    with visitor(again.client) as client:
        assert log_in(client, "user@example.com").status_code == 200
        assert log_in(client, "admin@example.com").status_code == 401, "it has a password of its own now"
        assert log_in(client, "admin@example.com", "nobody knows this").status_code == 200
    assert roles_of_tokens(url) == {2: "customer"}, "everybody still knows the token of the other"
    again.stop()


def _make_ordinary(database_url: str) -> None:
    result = filmer("account", "password", "1", typed="nobody knows this\n", DATABASE_URL=database_url)
    assert result.returncode == 0, result.stderr


def test_a_demo_from_before_there_were_tokens_gets_them(database_url: str) -> None:
    """Each start restores revoked tokens, once each, but not those of accounts that are no longer the demo's."""
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY)
    open_demo(settings)
    with psycopg.connect(database_url) as conn:
        conn.execute("DELETE FROM token")
        conn.execute("UPDATE account SET demo = false WHERE id = 1")
    assert roles_of_tokens(database_url) == {}
    for _ in range(2):
        open_demo(settings)
        assert roles_of_tokens(database_url) == {2: "customer"}
        with psycopg.connect(database_url) as conn:
            assert conn.execute("SELECT account_id FROM token").fetchall() == [(2,)]
            assert conn.execute("SELECT FROM account").rowcount == 3
            assert conn.execute("SELECT FROM card").rowcount == 3


def test_a_database_with_accounts_of_its_own_is_refused(database_url: str, engines: Engines) -> None:
    from tests.users import hash_password

    with psycopg.connect(database_url) as conn:
        conn.execute(
            "INSERT INTO account (email, email_key, first_name, last_name, password, created)"
            " VALUES ('mary@example.com', 'mary@example.com', 'Mary', 'Major', %s, now())",
            [hash_password()],
        )
    result = start(database_url, engines, "--demo")
    assert result.returncode == 1
    assert result.stderr.strip().startswith("filmer: This database has accounts of its own")
    with connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM film").fetchone() == (0,), "it brought the demo's films in"
    assert "Traceback" not in result.stderr
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT email FROM account").fetchall() == [("mary@example.com",)]
        assert conn.execute("SELECT FROM card").rowcount == 0
        assert conn.execute("SELECT FROM token").rowcount == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_it_does_not_listen_beyond_this_machine(host: str, database_url: str, engines: Engines) -> None:
    result = start(database_url, engines, "--demo", "--host", host)
    assert result.returncode == 1
    assert "--i-know-these-are-public" in result.stderr
    assert "Traceback" not in result.stderr
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT FROM account").rowcount == 0, "nothing was made either"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "filmer.example", "", "0", "127.0.0.1.example", "localhost."]
)
def test_other_addresses_are_beyond_this_machine(host: str) -> None:
    with pytest.raises(ServeError, match="--i-know-these-are-public"):
        require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_these_are_this_machine(host: str) -> None:
    require_loopback(host)


def test_it_does_where_that_is_said(make_database: MakeDatabase, serve: Serve) -> None:
    server = serve(
        make_database(films=True), "--demo", "--host", "0.0.0.0", "--i-know-these-are-public", "--workers", "1"
    )
    assert PASSWORD in output_until_warning(server)
    with visitor(server.client) as client:
        assert log_in(client, "user@example.com").status_code == 200
    with socket.create_connection(("127.0.0.2", server.port), timeout=5):
        pass
    server.stop()


def test_its_short_films_are_played_by_who_rents_one(client: httpx.Client) -> None:
    log_in(client, USERS[1][2])
    for video in VIDEOS:
        if video.kind == "trailer":
            continue
        assert client.post("/api/v1/cart/items", json={"movieId": video.film_id, "quantity": 1}).is_success
    number, first, last, expiration, _ = CARDS[0]
    body = {"creditCardId": number, "firstName": first, "lastName": last, "expiration": expiration}
    assert client.post("/api/v1/checkout", json=body).is_success
    for video in VIDEOS:
        if video.kind == "trailer":
            continue
        url = data_of(client.get(f"/api/v1/library/{video.film_id}/stream"))["streamUrl"]
        assert_webm(client.get(url))
        for language in video.languages:
            text = client.get(f"{url.rpartition('/')[0]}/subtitles/{language}.vtt")
            assert text.text.startswith("WEBVTT\n")


def assert_webm(response: httpx.Response) -> None:
    assert (response.status_code, response.headers["content-type"]) == (200, "video/webm")
    assert response.content.startswith(b"\x1a\x45\xdf\xa3")
    assert len(response.content) <= 150 * 1024


def test_its_trailer_is_open_to_all(client: httpx.Client, demo_url: str) -> None:
    with connect(demo_url) as conn:
        stored = conn.execute("SELECT id, location FROM video WHERE kind = 'trailer'").fetchall()
    assert [location for _, location in stored] == ["demo:/inception-trailer.webm"]
    assert_webm(client.get(f"/trailers/{stored[0][0]}/inception-trailer.webm"))


def test_its_short_films_are_added_once(database_url: str) -> None:
    """What the owner takes away stays away."""
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY)
    add_demo_videos(settings)
    assert count_videos(database_url) == 0, "without its films"
    assert filmer("import", "demo", DATABASE_URL=database_url).returncode == 0
    add_demo_videos(settings)
    assert count_videos(database_url) == len(VIDEOS)
    with connect(database_url, autocommit=True) as conn:
        conn.execute("DELETE FROM video WHERE kind = 'feature'")
    add_demo_videos(settings)
    assert count_videos(database_url) == 1


def count_videos(database_url: str) -> int:
    with connect(database_url) as conn:
        row = conn.execute("SELECT count(*) FROM video").fetchone()
    assert row
    return int(row[0])
