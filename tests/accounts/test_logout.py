"""POST /api/v1/auth/logout (shop-api.md, "Logout"; contract §4.1)."""

import httpx
import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.test_login import log_in, session_of, token_of
from tests.conftest import MakeDatabase, Serve
from tests.responses import data_of, error_of
from tests.users import visitor

LOGOUT = "/api/v1/auth/logout"


def log_out(client: httpx.Client, *tokens: str) -> httpx.Response:
    client.cookies.clear()
    return client.post(LOGOUT, headers=[("cookie", f"JSESSIONID={token}") for token in tokens])


def test_the_answer_is_the_one_the_spec_prints(accounts: Shop, browser: Browser) -> None:
    client = browser()
    log_in(client, open_account(accounts.database_url).email)
    response = client.post(LOGOUT)
    assert data_of(response) == {"message": "Logged out successfully"}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers.get_list("set-cookie") == ["JSESSIONID=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"]
    assert not client.cookies, "the browser has given it back"


def test_it_ends_this_session_and_no_other(accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    client = browser()
    first, second = (token_of(log_in(client, mary.email)) for _ in range(2))
    data_of(log_out(client, first))
    for _ in range(3):
        error_of(session_of(client, first), 401, "UNAUTHORIZED")
    assert data_of(session_of(client, second))["customerId"] == mary.id


@pytest.mark.parametrize("tokens", [(), ("",), ("A" * 43,)])
def test_who_is_not_signed_in_cannot_log_out(tokens: tuple[str, ...], browser: Browser) -> None:
    response = log_out(browser(), *tokens)
    assert error_of(response, 401, "UNAUTHORIZED")["details"] == {}
    assert "set-cookie" not in response.headers


def test_a_second_time_it_is_refused(accounts: Shop, browser: Browser) -> None:
    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    data_of(log_out(client, token))
    error_of(log_out(client, token), 401, "UNAUTHORIZED")


def test_a_body_changes_nothing(accounts: Shop, browser: Browser) -> None:
    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    response = client.post(
        LOGOUT, content=b"{", headers={"cookie": f"JSESSIONID={token}", "content-type": "text/plain"}
    )
    data_of(response)
    error_of(session_of(client, token), 401, "UNAUTHORIZED")


def test_two_cookies_that_differ_are_no_session_and_end_none(accounts: Shop, browser: Browser) -> None:
    client = browser()
    token = token_of(log_in(client, open_account(accounts.database_url).email))
    error_of(log_out(client, token, "A" * 43), 401, "UNAUTHORIZED")
    data_of(session_of(client, token))


@pytest.mark.proof
@pytest.mark.parallel
def test_it_is_over_on_every_node_at_once(make_database: MakeDatabase, serve: Serve) -> None:
    """Contract §4.1. Both nodes have served the session before, so both could remember it."""
    url = make_database()
    mary = open_account(url)
    nodes = [serve(url, FILMER_WORKERS=workers) for workers in ("2", "1")]
    with visitor(nodes[0].client) as here, visitor(nodes[1].client) as there:
        for _ in range(5):
            token = token_of(log_in(here, mary.email))
            for client in (here, there) * 4:
                assert data_of(session_of(client, token))["authenticated"] is True
            data_of(log_out(there, token))
            for client in (here, there) * 4:
                error_of(session_of(client, token), 401, "UNAUTHORIZED")
    for node in nodes:
        node.stop()
