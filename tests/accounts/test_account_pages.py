"""The page of one's account, and the tokens on it, which are nobody else's (promise 7; contract §7.1)."""

import html
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop
from tests.accounts.forms import (
    TOKEN,
    Somebody,
    error_beside,
    failure_of,
    is_signed_in,
    notice_of,
    rows_of,
    send,
    shown_value,
    token_on,
)
from tests.connections import fetch
from tests.users import token_of

from filmer.accounts.tokens import MAX_TOKENS
from filmer.http.envelopes import PAGE_HEADERS

ACCOUNT, TOKENS, END = "/account", "/account/tokens", "/account/sessions/end"
HOSTILE = "\"><script>alert('1')</script>"
OTHER_SITE = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


@pytest.fixture
def mary(accounts: Shop, browser: Browser) -> Somebody:
    return Somebody(accounts, browser())


@pytest.fixture
def eve(accounts: Shop, browser: Browser) -> Somebody:
    return Somebody(accounts, browser())


def test_the_page_tells_who_one_is_and_where_to_go(mary: Somebody) -> None:
    response = mary.client.get(ACCOUNT)
    assert {name: response.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert "<dd>Mary Major</dd>" in response.text
    assert f"<dd>{mary.person.email}</dd>" in response.text
    assert "<dd>Admin</dd>" not in response.text
    for place in ("/orders", "/favorites", "/watchlist", "/seen", "/ratings", "/cart"):
        assert f'<li><a href="{place}">' in response.text
    assert '<meta name="robots" content="noindex">' in response.text
    assert response.text.count("<h1>") == 1
    head = mary.client.head(ACCOUNT)
    assert (head.status_code, head.content, head.headers["cache-control"]) == (200, b"", "no-store")


def test_without_a_session_one_signs_in_first(mary: Somebody, browser: Browser) -> None:
    client = browser()
    assert client.get(ACCOUNT).headers["location"] == "/sign-in?next=%2Faccount"
    client.headers["referer"] = str(client.base_url.join(ACCOUNT))
    assert token_on(mary.make())
    for path in (TOKENS, f"{TOKENS}/{mary.token_ids()[0]}/revoke", END):
        response = send(client, path, name="backup", expires="never")
        assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=%2Faccount")
        assert response.headers["cache-control"] == "no-store"
    assert (len(mary.stored_tokens()), mary.sessions()) == (1, 1)


@pytest.mark.parametrize(("expires", "days"), [("30", 30), ("90", 90), ("365", 365), ("never", None)])
def test_a_new_token_works_and_is_shown_this_once(
    expires: str, days: int | None, mary: Somebody, accounts: Shop
) -> None:
    response = mary.make(f"for {expires}", expires)
    token = token_on(response)
    assert {name: response.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert token not in str(response.headers)
    assert 'href="/account"' in response.text
    ((name, created, ends),) = mary.stored_tokens()
    assert name == f"for {expires}"
    assert ends == (created + timedelta(days=days) if days else None)
    assert mary.takes(token)
    page = mary.client.get(ACCOUNT)
    assert f'<th scope="row">for {expires}</th>' in page.text
    assert token not in page.text
    assert token not in accounts.server.output()
    assert token not in str(fetch(mary.url, "SELECT t::text FROM token t"))


def test_a_form_sent_again_makes_no_second_token(mary: Somebody) -> None:
    """After a reload or a double click: the first response had the token, the later ones say that it exists."""
    token = token_on(mary.make(" backup "))
    again = mary.make("backup", "never")
    assert again.status_code == 400
    assert error_beside(again, "name").startswith("This is the name of a token you have already: ")
    assert shown_value(again, "name") == "backup"
    assert '<option value="never" selected>' in again.text
    assert not TOKEN.search(again.text)
    assert len(mary.stored_tokens()) == 1
    assert mary.takes(token)


def test_a_name_is_taken_by_one_s_own_tokens_alone(mary: Somebody, eve: Somebody) -> None:
    assert token_on(mary.make()) != token_on(eve.make())


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "  ", "expires": "30"}, {"name": "This must not be empty."}),
        ({"name": "x" * 101, "expires": "30"}, {"name": "This must have at most 100 characters."}),
        ({"name": f"\x1b{HOSTILE}", "expires": "30"}, {"name": "This must not contain control characters."}),
        ({"name": "a", "expires": "31"}, {"expires": "This must be one of: 30, 90, 365, never."}),
        ({"name": "a", "expires": HOSTILE}, {"expires": "This must be one of: 30, 90, 365, never."}),
        ({}, {"name": "This is required.", "expires": "This is required."}),
    ],
)
def test_what_is_wrong_stands_beside_its_field(fields: dict[str, str], wrong: dict[str, str], mary: Somebody) -> None:
    response = send(mary.client, TOKENS, **fields)
    assert response.status_code == 400
    assert {name: error for name in ("name", "expires") if (error := error_beside(response, name))} == wrong
    assert shown_value(response, "name") == fields.get("name", "")
    assert "<script>alert" not in response.text
    assert mary.stored_tokens() == []


def test_names_are_only_text(mary: Somebody) -> None:
    shown = mary.make(HOSTILE)
    assert token_on(shown)
    page = mary.client.get(ACCOUNT)
    send(mary.client, f"{TOKENS}/{mary.token_ids()[0]}/revoke")
    after = mary.client.get(ACCOUNT)
    assert HOSTILE in notice_of(after)
    for response in (shown, page, after):
        assert HOSTILE in html.unescape(response.text)
        assert "<script>alert" not in response.text


def test_there_is_a_most_and_it_holds_side_by_side(mary: Somebody) -> None:
    few = 3
    with psycopg.connect(mary.url) as conn:
        conn.execute(
            "INSERT INTO token (digest, account_id, name, created)"
            " SELECT sha256((%(account)s || '/' || n)::bytea), %(account)s::integer, 'no ' || n, now()"
            " FROM generate_series(1, %(there)s) n",
            {"account": str(mary.person.id), "there": MAX_TOKENS - few},
        )

    def make(number: int) -> httpx.Response:
        response = mary.make(f"at once {number}")
        while response.status_code == 503:  # on a busy machine a turn may take longer than anybody waits: then again
            response = mary.make(f"at once {number}")
        return response

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(make, range(8)))
    assert sorted(response.status_code for response in responses) == [200] * few + [409] * (8 - few)
    refused = next(response for response in responses if response.status_code == 409)
    assert failure_of(refused) == "You have 50 tokens, and there is no room for more: revoke one first."
    assert shown_value(refused, "name").startswith("at once ")
    assert len(mary.stored_tokens()) == MAX_TOKENS
    send(mary.client, f"{TOKENS}/{mary.token_ids()[0]}/revoke")
    assert token_on(mary.make())


def test_of_one_form_sent_eight_times_at_once_one_makes_a_token(mary: Somebody) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: mary.make(), range(8)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 7
    assert len(mary.stored_tokens()) == 1


def test_a_revoked_token_works_no_more(mary: Somebody) -> None:
    token, other_token = token_on(mary.make("backup")), token_on(mary.make("cinema"))
    number = fetch(mary.url, "SELECT id FROM token WHERE account_id = %s AND name = 'backup'", mary.person.id)[0][0]
    response = send(mary.client, f"{TOKENS}/{number}/revoke")
    assert (response.status_code, response.headers["location"]) == (303, ACCOUNT)
    assert not mary.takes(token)
    assert mary.takes(other_token)
    page = mary.client.get(ACCOUNT)
    assert notice_of(page) == "The token “backup” is revoked: nothing takes it any more."
    assert notice_of(mary.client.get(ACCOUNT)) == ""
    assert '<th scope="row">backup</th>' not in page.text
    assert send(mary.client, f"{TOKENS}/{number}/revoke").status_code == 404


def test_nobody_revokes_or_sees_another_s_token(mary: Somebody, eve: Somebody) -> None:
    token = token_on(mary.make("mary's own"))
    (number,) = mary.token_ids()
    for name in (str(number), f"0{number}", "0", "-1", "1.5", "٣", "x", "9" * 18, "9" * 40):
        response = send(eve.client, f"{TOKENS}/{name}/revoke")
        assert response.status_code == 404, name
        assert failure_of(response) == "You have no such token, or no longer."
        assert "mary's own" not in html.unescape(response.text)
    assert "mary's own" not in html.unescape(eve.client.get(ACCOUNT).text)
    assert mary.takes(token)


def test_what_a_token_was_used_for_last_and_when_it_ends(mary: Somebody) -> None:
    now = datetime.now(UTC)
    for name, expires in (("over", now - timedelta(days=2)), ("good", now + timedelta(days=2))):
        token_of(mary.url, mary.person, name=name, expires=expires)
    moment = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    with psycopg.connect(mary.url) as conn:
        conn.execute("UPDATE token SET used = %s WHERE account_id = %s AND name = 'good'", [moment, mary.person.id])
    rows = {name: row for row in rows_of(mary.client.get(ACCOUNT)) for name in ("over", "good") if row[0] == name}
    assert rows["over"][2] == "Never"
    assert rows["over"][3].startswith("Expired ")
    assert rows["good"][2] == "Wednesday, 4 March 2026, 05:06 UTC"
    assert not rows["good"][3].startswith("Expired ")


@pytest.mark.parametrize("path", [TOKENS, TOKENS + "/{}/revoke", END])
def test_another_site_s_form_does_nothing(path: str, mary: Somebody) -> None:
    token = token_on(mary.make())
    there = mary.stored_tokens()
    path = path.format(*mary.token_ids())
    response = mary.client.post(path, data={"name": "evil", "expires": "never"}, headers=OTHER_SITE)
    assert response.status_code == 403
    assert mary.stored_tokens() == there
    assert mary.takes(token)
    assert is_signed_in(mary.client)


@pytest.mark.parametrize("path", [TOKENS, f"{TOKENS}/1/revoke", END])
def test_looking_changes_nothing(path: str, mary: Somebody) -> None:
    assert mary.client.get(path).headers["location"] == "/account"
    assert is_signed_in(mary.client)


def test_a_closed_account_has_no_page(mary: Somebody) -> None:
    fetch(mary.url, "UPDATE account SET disabled = true WHERE id = %s RETURNING id", mary.person.id)
    assert mary.make().headers["location"].startswith("/sign-in?next=")
    assert not is_signed_in(mary.client)
    assert mary.stored_tokens() == []
