"""GET /api/v1/auth/session (shop-api.md, "Session Check"; contract §4.1), and which cookies are one."""

import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.test_login import SESSION, log_in, session_of, token_of
from tests.responses import data_of, error_of


def test_the_answer_is_the_one_the_spec_prints(accounts: Shop, browser: Browser) -> None:
    mary, client = open_account(accounts.database_url), browser()
    log_in(client, mary.email)
    response = client.get(SESSION)
    data = data_of(response)
    expected = {
        "authenticated": True,
        "customerId": mary.id,
        "email": mary.email,
        "firstName": "Mary",
        "lastName": "Major",
    }
    assert data == expected
    assert list(data) == list(expected)
    assert response.headers["cache-control"] == "no-store"
    assert "set-cookie" not in response.headers
    assert "etag" not in response.headers


def test_without_a_session_it_is_401(browser: Browser) -> None:
    response = browser().get(SESSION)
    assert error_of(response, 401, "UNAUTHORIZED")["details"] == {}
    assert response.headers["cache-control"] == "no-store"


def test_two_cookies_that_differ_are_no_session(accounts: Shop, browser: Browser) -> None:
    """Another site of the same domain can toss one in; which of the two is theirs nobody can tell."""
    client = browser()
    mary, john = (token_of(log_in(client, open_account(accounts.database_url).email)) for _ in range(2))
    for tokens in ((mary, john), (john, mary), (mary, ""), ("", mary), (mary, "x"), (mary, f'"{mary}"')):
        error_of(session_of(client, *tokens), 401, "UNAUTHORIZED")
        client.cookies.clear()
        single_flight = "; ".join(f"JSESSIONID={token}" for token in tokens)
        error_of(client.get(SESSION, headers={"cookie": single_flight}), 401, "UNAUTHORIZED")
    data_of(session_of(client, mary, mary))
    data_of(session_of(client, john))


@pytest.mark.parametrize(
    "form", ["a=b; JSESSIONID={}", "JSESSIONID={};a=b", "jsessionid=x; JSESSIONID={}", "a;JSESSIONID={}"]
)
def test_other_cookies_do_not_matter(form: str, accounts: Shop, browser: Browser) -> None:
    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    client.cookies.clear()
    data_of(client.get(SESSION, headers={"cookie": form.format(token)}))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1], lambda token: f"{token}=", lambda token: token.swapcase(),
        lambda token: f"{token}\xff", lambda token: f"x{token}", lambda token: f'"{token}"',
        lambda token: token.replace(token[0], "é"), lambda _: "é" * 99,
    ],
)  # fmt: skip
def test_what_is_nearly_a_session_is_none(change: object, accounts: Shop, browser: Browser) -> None:
    assert callable(change)
    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    client.cookies.clear()
    cookie = b"JSESSIONID=" + change(token).encode("latin-1")
    error_of(client.get(SESSION, headers=[(b"cookie", cookie)]), 401, "UNAUTHORIZED")


def test_the_digest_in_the_database_is_no_cookie(accounts: Shop, browser: Browser) -> None:
    """Who has stolen the database has no session by that."""
    import base64
    import hashlib

    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    digest = hashlib.sha256(token.encode()).digest()
    for stolen in (digest.hex(), base64.urlsafe_b64encode(digest).decode().rstrip("="), f"\\x{digest.hex()}"):
        error_of(session_of(client, stolen), 401, "UNAUTHORIZED")


def test_head_is_answered_like_get(accounts: Shop, browser: Browser) -> None:
    client = browser()
    log_in(client, open_account(accounts.database_url).email)
    response = client.head(SESSION)
    assert (response.status_code, response.content, response.headers["cache-control"]) == (200, b"", "no-store")
