"""POST /api/v1/auth/register (contract §4.4)."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop, open_account
from tests.accounts.test_login import log_in, session_of, token_of
from tests.conftest import ServeHere
from tests.responses import error_of, offences_of
from tests.users import PASSWORD, visitor

REGISTER = "/api/v1/auth/register"
_numbers = itertools.count(1)


def newcomer(**fields: Any) -> dict[str, Any]:
    email = f"newcomer{next(_numbers)}@example.com"
    return {"firstName": "Mary", "lastName": "Major", "email": email, "password": PASSWORD, **fields}


def test_the_newcomer_is_signed_in(accounts: Shop, browser: Browser) -> None:
    body, client = newcomer(), browser()
    response = client.post(REGISTER, json=body)
    assert response.status_code == 201, response.text
    assert list(response.json()) == ["success", "data"]
    data = response.json()["data"]
    assert list(data) == ["customerId", "email", "firstName", "lastName"]
    assert data == {"customerId": data["customerId"], **{k: body[k] for k in ("email", "firstName", "lastName")}}
    assert response.headers["cache-control"] == "no-store"
    assert session_of(client, token_of(response)).json()["data"] == {"authenticated": True, **data}
    assert log_in(client, body["email"]).json()["data"] == data
    with psycopg.connect(accounts.database_url) as conn:
        row = conn.execute("SELECT role, demo, disabled FROM account WHERE id = %s", [data["customerId"]]).fetchone()
    assert row == ("customer", False, False)


def test_nobody_makes_themselves_an_admin(accounts: Shop, browser: Browser) -> None:
    response = browser().post(REGISTER, json=newcomer(role="admin", id=1, customerId=1, disabled=True, demo=True))
    with psycopg.connect(accounts.database_url) as conn:
        row = conn.execute(
            "SELECT role, demo, disabled FROM account WHERE id = %s", [response.json()["data"]["customerId"]]
        ).fetchone()
    assert row == ("customer", False, False)


@pytest.mark.parametrize("write", [str, str.upper, lambda email: f" {email}\n"])
def test_an_address_that_is_known_is_a_conflict(write: Any, accounts: Shop, browser: Browser) -> None:
    mary = open_account(accounts.database_url)
    response = browser().post(REGISTER, json=newcomer(email=write(mary.email), password="another one", firstName="Eve"))
    assert error_of(response, 409, "CONFLICT")["details"] == {}
    assert "set-cookie" not in response.headers
    assert log_in(browser(), mary.email).json()["data"]["firstName"] == "Mary"


@pytest.mark.parametrize("password", ["x" * 8, " " * 8, "x" * 128, "ÄÖÜäöü€𝄞", "12345678"])
def test_passwords_of_8_to_128_characters(password: str, browser: Browser) -> None:
    body, client = newcomer(password=password), browser()
    assert client.post(REGISTER, json=body).status_code == 201
    assert log_in(client, body["email"], password).status_code == 200
    assert log_in(client, body["email"], password[:-1]).status_code == 401


@pytest.mark.parametrize("password", ["", "x" * 7, "x" * 129, "x" * 7 + "\0", None, 12345678])
def test_no_other_passwords(password: Any, browser: Browser) -> None:
    assert list(offences_of(browser().post(REGISTER, json=newcomer(password=password)))) == ["password"]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Ann-Marie ", "Ann-Marie"), ("x" * 100, "x" * 100), ("Zoe\u0308", "Zoë"), ("李", "李"), ("<b>", "<b>"),
        ("می\u200cرود", "می\u200cرود"), ("Robert'); DROP TABLE account;--", "Robert'); DROP TABLE account;--"),
        ("x\u0301" * 100, "x\u0301" * 50),
    ],
)  # fmt: skip
def test_names(typed: str, stored: str, browser: Browser) -> None:
    if len(typed) > 100:
        typed = typed[:100]
    response = browser().post(REGISTER, json=newcomer(firstName=typed, lastName=typed))
    assert response.status_code == 201, response.text
    assert response.json()["data"]["firstName"] == response.json()["data"]["lastName"] == stored


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 101, "x" * 100 + " ", "a\nb", "a\x1b[2Jb", "a\u202eb", "\u2028", "a\0b", None, 1]
)
def test_what_is_no_name(name: Any, browser: Browser) -> None:
    response = browser().post(REGISTER, json=newcomer(firstName=name, lastName=name))
    assert list(offences_of(response)) == ["firstName", "lastName"]


def test_every_offence_is_told_and_nothing_kept(accounts: Shop, browser: Browser) -> None:
    client = browser()
    fields = ["firstName", "lastName", "email", "password"]
    assert list(offences_of(client.post(REGISTER, json={}))) == fields
    assert list(offences_of(client.post(REGISTER, json=dict.fromkeys(fields, "")))) == fields
    assert not client.cookies
    with psycopg.connect(accounts.database_url) as conn:
        assert conn.execute("SELECT FROM account WHERE email = '' OR first_name = ''").rowcount == 0


def test_of_twenty_at_once_for_one_address_one_gets_it(accounts: Shop, browser: Browser) -> None:
    email = newcomer()["email"]
    clients = [browser() for _ in range(20)]
    spelled = [email if number % 2 else email.upper() for number in range(20)]

    def register(number: int) -> httpx.Response:
        return clients[number].post(REGISTER, json=newcomer(email=spelled[number], firstName=f"No {number}"))

    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(register, range(20)))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 19
    assert [bool(response.cookies) for response in responses] == [response.status_code == 201 for response in responses]
    with psycopg.connect(accounts.database_url) as conn:
        assert conn.execute("SELECT FROM account WHERE email_key = %s", [email]).rowcount == 1


def test_registering_ends_the_session_that_came_along(accounts: Shop, browser: Browser) -> None:
    mary, client = open_account(accounts.database_url), browser()
    before = token_of(log_in(client, mary.email))
    response = client.post(REGISTER, json=newcomer(), headers={"cookie": f"JSESSIONID={before}"})
    assert response.status_code == 201
    error_of(session_of(client, before), 401, "UNAUTHORIZED")


def test_trying_addresses_out_is_slowed(accounts: Shop, browser: Browser) -> None:
    """A conflict reveals that an account exists: 30 are allowed, then one each half minute."""
    mary, client = open_account(accounts.database_url), browser()
    statuses = [client.post(REGISTER, json=newcomer(email=mary.email)).status_code for _ in range(31)]
    assert statuses == [409] * 30 + [429]
    refused = client.post(REGISTER, json=newcomer())
    error_of(refused, 429, "RATE_LIMITED")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert browser().post(REGISTER, json=newcomer()).status_code == 201


def test_without_the_demo_its_addresses_are_free(database_url: str, serve_here: ServeHere) -> None:
    """Contract §8: what the demo's people are, an ordinary shop knows nothing of."""
    server = serve_here(database_url)
    with visitor(server.client) as client:
        response = client.post(REGISTER, json=newcomer(email="admin@example.com"))
        assert (response.status_code, response.json()["data"]["customerId"]) == (201, 1)
        assert log_in(client, "admin@example.com", "filmer-demo").status_code == 401
    server.stop()
