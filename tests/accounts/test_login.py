"""POST /api/v1/auth/login (shop-api.md, "Login"; contract §4)."""

import base64
import hashlib
import re
from typing import Any

import httpx
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.conftest import MakeDatabase, ServeHere
from tests.responses import data_of, error_of, offences_of
from tests.users import LOGIN, PASSWORD, visitor

SESSION = "/api/v1/auth/session"
COOKIE = re.compile(r"JSESSIONID=([A-Za-z0-9_-]{43}); Path=/; HttpOnly; SameSite=Lax")
LONGEST = f"{'x' * 64}@{'.'.join(['y' * 63] * 2)}.{'z' * 62}"  # 255 characters


def token_of(response: httpx.Response) -> str:
    """The session's id in the only cookie there is, which has our attributes and no others."""
    cookies = response.headers.get_list("set-cookie")
    assert len(cookies) == 1
    match = COOKIE.fullmatch(cookies[0])
    assert match, cookies[0]
    return match[1]


def log_in(client: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    client.cookies.clear()
    return client.post(LOGIN, json={"email": email, "password": password})


def session_of(client: httpx.Client, *tokens: str) -> httpx.Response:
    client.cookies.clear()
    return client.get(SESSION, headers=[("cookie", f"JSESSIONID={token}") for token in tokens])


def test_the_answer_is_the_one_the_spec_prints(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    response = log_in(browser(), mary.email)
    expected = {"customerId": mary.id, "email": mary.email, "firstName": "Mary", "lastName": "Major"}
    assert data_of(response) == expected
    assert list(response.json()["data"]) == list(expected)
    assert response.headers["cache-control"] == "no-store"
    assert "Secure" not in response.headers["set-cookie"]


def test_the_refusal_is_the_one_the_spec_prints(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    response = log_in(browser(), mary.email, "not the password")
    error = error_of(response, 401, "INVALID_CREDENTIALS")
    assert error == {"code": "INVALID_CREDENTIALS", "message": "Invalid email or password", "details": {}}
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers


def test_a_session_has_256_bits_of_its_own_each_time_and_the_database_their_digest_alone(
    accounts: Shop, browser: Browser
) -> None:
    """Contract §4.1."""
    mary = open_account(accounts.database_url)
    client = browser()
    tokens = [token_of(log_in(client, mary.email)) for _ in range(12)]
    assert len(set(tokens)) == 12
    assert {len(base64.urlsafe_b64decode(f"{token}=")) for token in tokens} == {32}
    assert len({token[:4] for token in tokens}) > 6
    with psycopg.connect(accounts.database_url) as conn:
        rows = conn.execute("SELECT s.digest, s::text FROM session s WHERE account_id = %s", [mary.id]).fetchall()
    assert {bytes(digest) for digest, _ in rows} == {hashlib.sha256(token.encode()).digest() for token in tokens}
    assert not [token for token in tokens for _, shown in rows if token in shown]


def test_logging_in_again_ends_the_session_that_came_along(accounts: Shop, browser: Browser) -> None:
    mary, john = open_account(accounts.database_url), open_account(accounts.database_url)
    client = browser()
    first = token_of(log_in(client, mary.email))
    elsewhere = token_of(log_in(browser(), mary.email))
    response = client.post(LOGIN, json={"email": mary.email, "password": PASSWORD}, headers=_cookie(first))
    second = token_of(response)
    error_of(session_of(client, first), 401, "UNAUTHORIZED")
    response = client.post(LOGIN, json={"email": john.email, "password": PASSWORD}, headers=_cookie(second))
    assert data_of(session_of(client, token_of(response)))["customerId"] == john.id
    error_of(session_of(client, second), 401, "UNAUTHORIZED")
    assert data_of(session_of(client, elsewhere))["customerId"] == mary.id, "another browser's session is not ended"


def test_a_refused_login_leaves_the_session_that_came_along(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    client = browser()
    token = token_of(log_in(client, mary.email))
    client.cookies.clear()
    response = client.post(LOGIN, json={"email": mary.email, "password": "wrong"}, headers=_cookie(token))
    assert "set-cookie" not in response.headers
    error_of(response, 401, "INVALID_CREDENTIALS")
    assert data_of(session_of(client, token))["customerId"] == mary.id


@pytest.mark.parametrize("chosen", ["A" * 43, "1", "", "' OR 1=1", "A" * 4000])
def test_a_value_the_caller_chose_never_becomes_a_session(chosen: str, accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    client = browser()
    response = client.post(LOGIN, json={"email": mary.email, "password": PASSWORD}, headers=_cookie(chosen))
    assert token_of(response) != chosen
    error_of(session_of(client, chosen), 401, "UNAUTHORIZED")


def test_an_address_is_trimmed_and_compared_without_case(accounts: Shop, browser: Browser) -> None:
    """Contract §4.2. The address is returned as it was given when the account was opened."""
    mary = open_account(accounts.database_url, email="Mary.Größe@Example.com")
    for typed in (
        " mary.größe@example.com\t",
        "MARY.GRÖSSE@EXAMPLE.COM".replace("SS", "ß"),
        "Mary.Gro\u0308ße@example.com",
    ):
        assert data_of(log_in(browser(), typed))["email"] == mary.email
    error_of(log_in(browser(), "marygröße@example.com"), 401, "INVALID_CREDENTIALS")


def test_passwords_are_taken_as_they_are(accounts: Shop, browser: Browser) -> None:
    """No trimming, no case; but the same however a keyboard composes accents."""
    mary = open_account(accounts.database_url, password=" Pässword ")
    client = browser()
    assert log_in(client, mary.email, " Pässword ").status_code == 200
    assert log_in(client, mary.email, " Pa\u0308ssword ").status_code == 200
    for wrong in ("Pässword", " pässword ", " Password ", " "):
        error_of(log_in(client, mary.email, wrong), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    "email",
    [
        "a@b", "user+tag@example.co.uk", "o'neil@example.com", "x_y-z@ex-ample.com", "用户@例子.公司", "a@1.2.3.4",
        "!#$%&'*+/=?^_`{|}~-@example.com", f"{'x' * 64}@example.com", LONGEST, f"  {LONGEST}  ",
    ],
)  # fmt: skip
def test_strange_addresses_are_addresses(email: str, browser: Browser) -> None:
    error_of(log_in(browser(), email), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    "email",
    [
        "", " ", "mary", "@", "@example.com", "mary@", "mary@@example.com", "mary@exa mple.com", "ma ry@example.com",
        "mary@example..com", "mary@.example.com", "mary@example.com.", "mary@-example.com", "mary@example-.com",
        "mary@exam_ple-.com", "a@b@c", "mary@example.com\nbcc: a@b", "<mary@example.com>", "mary@[127.0.0.1]",
        '"mary"@example.com', f"{'x' * 65}@example.com", f"mary@{'x' * 64}.com", "ma\u009bry@example.com",
        "ma\u202ery@example.com", "ma\u200bry@example.com", "ma\u0000ry@example.com", "mary,john@example.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_an_offence(email: str, browser: Browser) -> None:
    assert set(offences_of(log_in(browser(), email))) == {"email"}


def test_an_address_has_at_most_255_characters(browser: Browser) -> None:
    assert len(LONGEST) == 255
    assert "255" in offences_of(log_in(browser(), f"{LONGEST}z"))["email"]
    assert "255" in offences_of(log_in(browser(), f"a@{'b' * 60000}"))["email"]


def test_every_offence_is_told(browser: Browser) -> None:
    """Contract §1.5."""
    client = browser()
    assert list(offences_of(client.post(LOGIN, json={}))) == ["email", "password"]
    assert list(offences_of(log_in(client, "mary", ""))) == ["email", "password"]
    wrong: Any
    for wrong in (None, 1, 1.5, True, [], {}, ["mary@example.com"]):
        assert list(offences_of(client.post(LOGIN, json={"email": wrong, "password": wrong}))) == ["email", "password"]
    assert list(offences_of(client.post(LOGIN, json={"email": "mary@example.com", "password": "a\0b"}))) == ["password"]
    twice = b'{"email": "mary@example.com", "password": "a", "password": "b"}'
    response = client.post(LOGIN, content=twice, headers={"content-type": "application/json"})
    assert list(offences_of(response)) == ["password"]


def test_fields_it_does_not_know_are_ignored(accounts: Shop, browser: Browser) -> None:
    """Contract §1.3."""
    mary = open_account(accounts.database_url)
    body = {"email": mary.email, "password": PASSWORD, "role": "admin", "customerId": 1, "remember": None}
    assert data_of(browser().post(f"{LOGIN}?page=x", json=body))["customerId"] == mary.id


def test_a_body_it_cannot_take_is_refused_in_the_envelope(browser: Browser) -> None:
    client = browser()
    form = client.post(LOGIN, data={"email": "mary@example.com", "password": "x"})
    error_of(form, 415, "UNSUPPORTED_MEDIA_TYPE")
    error_of(client.post(LOGIN, json={"email": "a@b", "password": "x" * 2**16}), 413, "PAYLOAD_TOO_LARGE")
    error_of(client.post(LOGIN, json=[]), 400, "VALIDATION_ERROR")
    error_of(client.post(LOGIN), 400, "VALIDATION_ERROR")
    refused = client.get(LOGIN)
    error_of(refused, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in refused.headers["allow"]
    assert not client.cookies


def test_the_longest_password_a_body_can_carry_is_just_wrong(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    error_of(log_in(browser(), mary.email, "x" * 65000), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("field", ["email", "password", "firstName"])
def test_accents_by_the_thousand_do_not_stop_the_others(field: str, browser: Browser) -> None:
    """Putting all that a body holds in order takes Python a second, in which nobody else is answered."""
    body = {"email": "mary@example.com", "password": "x" * 8, "firstName": "Mary", "lastName": "Major"}
    path = LOGIN if field in {"email", "password"} else "/api/v1/auth/register"
    client = browser()
    accented, plain = [], []
    for _ in range(3):  # in turn, so that a busy machine delays both
        accented.append(client.post(path, json={**body, field: "a" + "\u0301\u0316" * 15000}))
        plain.append(client.post(path, json={**body, field: "a" * 30001}))
    assert {response.status_code for response in accented} == {401 if path == LOGIN and field == "password" else 400}
    quickest = min(response.elapsed.total_seconds() for response in accented)
    assert quickest < 0.3 + 2 * min(response.elapsed.total_seconds() for response in plain)


def test_a_closed_account_is_refused_like_a_wrong_password(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    client = browser()
    token = token_of(log_in(client, mary.email))
    _execute(accounts.database_url, f"UPDATE account SET disabled = true WHERE id = {mary.id}")
    error_of(session_of(client, token), 401, "UNAUTHORIZED")
    refused, wrong = (log_in(browser(), mary.email, password) for password in (PASSWORD, "wrong"))
    assert "set-cookie" not in refused.headers
    assert error_of(refused, 401, "INVALID_CREDENTIALS") == error_of(wrong, 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    ("public_url", "secure"),
    [("https://films.example", True), ("http://films.example", False), ("HTTPS://films.example:8443", True)],
)
def test_the_cookie_is_secure_where_browsers_use_https(
    public_url: str,
    *,
    secure: bool,
    make_database: MakeDatabase,
    serve_here: ServeHere,
) -> None:
    """Contract §4.1. Whatever the request itself came by: a proxy in front ends TLS."""
    url = make_database()
    mary = open_account(url)
    server = serve_here(url, FILMER_PUBLIC_URL=public_url)
    with visitor(server.client) as client:
        cookie = log_in(client, mary.email).headers["set-cookie"]
        expected = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        assert cookie.split("; ", 1)[1] == expected
        logout = client.post("/api/v1/auth/logout", headers=_cookie(cookie.split(";")[0].partition("=")[2]))
        assert logout.headers["set-cookie"] == f"JSESSIONID=; {expected}; Max-Age=0"
    server.stop()


def _cookie(token: str) -> dict[str, str]:
    return {"cookie": f"JSESSIONID={token}"}


def _execute(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute(statement.encode())
