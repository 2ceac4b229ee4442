"""The pages for signing in, opening an account and signing out follow the rules of the API (contract §4)."""

import itertools
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop, new_address, open_account
from tests.accounts.forms import error_beside, is_signed_in, notice_of, send, shown_value, signed_in_at
from tests.conftest import SECRET_KEY, MakeDatabase, Serve
from tests.users import LOGIN, PASSWORD, visitor

from filmer.accounts.throttle import REGISTER_ADDRESS
from filmer.http.envelopes import PAGE_HEADERS
from filmer.secret import SecretKey
from filmer.settings import Settings

SIGN_IN, REGISTER, SIGN_OUT, ACCOUNT = "/sign-in", "/register", "/sign-out", "/account"
WRONG = "Invalid email or password"
HOSTILE = "\"><script>alert('1')</script>"
_numbers = itertools.count(1)

# The page a visitor asks for after signing in, and where the sign-in leads.
PLACES = [
    ("/orders?page=2&size=10", "/orders?page=2&size=10"),
    ("/films/tt0372784#cast", "/films/tt0372784#cast"),
    ("", "/"),
    ("https://evil.example/", "/"),
    ("//evil.example/", "/"),
    ("/\\evil.example/", "/"),
    ("javascript:alert(1)", "/"),
    ("/api/v1/cart", "/"),
    ("/a\r\nset-cookie: a=b", "/"),
]


def newcomer(**fields: str) -> dict[str, str]:
    email = f"reader{next(_numbers)}@example.com"
    return {"firstName": "Mary", "lastName": "Major", "email": email, "password": PASSWORD, **fields}


@pytest.mark.parametrize("path", [SIGN_IN, REGISTER])
def test_a_door_is_a_page_that_nobody_keeps(path: str, browser: Browser) -> None:
    client = browser()
    response = client.get(path)
    assert response.status_code == 200
    assert {name: response.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert '<meta name="robots" content="noindex">' in response.text
    assert response.text.count("<h1>") == 1
    assert f'<form class="form" method="post" action="{path}">' in response.text
    assert "filmer-demo" not in response.text
    assert "set-cookie" not in response.headers
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == response.headers["content-length"]


def test_browsers_know_what_to_fill_in(browser: Browser) -> None:
    door, newcomers = browser().get(SIGN_IN).text, browser().get(REGISTER).text
    assert 'type="password" value="" required autocomplete="current-password"' in door
    assert 'type="email" value="" required autocomplete="email"' in door
    for hint in ("given-name", "family-name", "email", "new-password"):
        assert f'autocomplete="{hint}"' in newcomers


@pytest.mark.parametrize(("wanted", "place"), PLACES)
def test_signing_in_leads_on(wanted: str, place: str, accounts: Shop, browser: Browser) -> None:
    client, mary = browser(), open_account(accounts.database_url)
    response = send(client, SIGN_IN, email=f" {mary.email.upper()} ", password=PASSWORD, next=wanted)
    assert (response.status_code, response.headers["location"]) == (303, place)
    assert response.headers["cache-control"] == "no-store"
    assert "httponly; samesite=lax" in response.headers["set-cookie"].lower()
    assert is_signed_in(client)
    again = client.get(SIGN_IN, params={"next": wanted})
    assert (again.status_code, again.headers["location"]) == (303, place)
    assert client.get(REGISTER, params={"next": wanted}).headers["location"] == place


def test_a_welcome_is_said_once(accounts: Shop, browser: Browser) -> None:
    client = signed_in_at(browser(), open_account(accounts.database_url))
    assert notice_of(client.get(ACCOUNT)) == "Welcome back, Mary."
    assert notice_of(client.get(ACCOUNT)) == ""


def test_where_to_go_is_kept_from_door_to_door(browser: Browser) -> None:
    client, wanted = browser(), "/search?query=a&page=2"
    for path, other in ((SIGN_IN, REGISTER), (REGISTER, SIGN_IN)):
        page = client.get(path, params={"next": wanted}).text
        assert '<input type="hidden" name="next" value="/search?query=a&amp;page=2">' in page
        assert f'href="{other}?next=/search%3Fquery%3Da%26page%3D2"' in page
        assert 'name="next"' not in client.get(path, params={"next": "//evil.example"}).text
        hostile = client.get(path, params={"next": f"/{HOSTILE}"}).text
        assert "<script>alert" not in hostile
        assert quote("<script>") in hostile


def test_a_refusal_tells_nobody_whether_there_is_an_account(accounts: Shop, browser: Browser) -> None:
    """A wrong password, an e-mail nobody has, the right password of a closed account (contract §4.2)."""
    mary, closed = open_account(accounts.database_url), open_account(accounts.database_url)
    with psycopg.connect(accounts.database_url) as conn:
        conn.execute("UPDATE account SET disabled = true WHERE id = %s", [closed.id])
    tries = [(mary.email, "not the password"), ("nobody@example.com", PASSWORD), (closed.email, PASSWORD)]
    shown = set()
    for email, password in tries:
        response = send(browser(), SIGN_IN, email=email, password=password, next="/orders")
        assert response.status_code == 401
        assert f'role="alert">{WRONG}<' in response.text
        assert shown_value(response, "email") == email
        assert shown_value(response, "password") == ""
        assert password not in response.text
        assert 'name="next" value="/orders"' in response.text
        of_the_answer = {"x-request-id", "date", "content-length"}  # whose e-mails differ in length
        headers = [pair for pair in response.headers.multi_items() if pair[0] not in of_the_answer]
        shown.add((tuple(headers), response.text.replace(email, "")))
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "", "password": "secret word"}, {"email": "This must be an e-mail address."}),
        ({"email": "mary", "password": "secret word"}, {"email": "This must be an e-mail address."}),
        ({"email": HOSTILE, "password": "secret word"}, {"email": "This must be an e-mail address."}),
        ({"email": "mary@example.com", "password": ""}, {"password": "This must not be empty."}),
        ({}, {"email": "This is required.", "password": "This is required."}),
    ],
)
def test_what_is_wrong_stands_beside_its_field(fields: dict[str, str], wrong: dict[str, str], browser: Browser) -> None:
    response = send(browser(), SIGN_IN, **fields)
    assert response.status_code == 400
    assert {name: error for name in ("email", "password") if (error := error_beside(response, name))} == wrong
    assert shown_value(response, "email") == fields.get("email", "")
    assert "secret word" not in response.text
    assert "<script>alert" not in response.text


def test_guessing_is_slowed_as_at_the_api(accounts: Shop, browser: Browser) -> None:
    """One allowance for both, and the page says how long to wait."""
    client, mary = browser(), open_account(accounts.database_url)
    for _ in range(5):
        assert send(client, SIGN_IN, email=mary.email, password="a guess").status_code == 401
        assert client.post(LOGIN, json={"email": mary.email, "password": "a guess"}).status_code == 401
    response = send(client, SIGN_IN, email=mary.email, password=PASSWORD)
    assert response.status_code == 429
    wait = int(response.headers["retry-after"])
    assert 1 <= wait <= 60
    assert f"Too many tries: please wait {wait} second{'s' * (wait > 1)} before the next." in response.text
    assert shown_value(response, "email") == mary.email
    assert not client.cookies


def test_a_wrong_password_ends_no_session(accounts: Shop, browser: Browser) -> None:
    client = signed_in_at(browser(), open_account(accounts.database_url))
    assert send(client, SIGN_IN, email="nobody@example.com", password="a guess").status_code == 401
    assert is_signed_in(client)


@pytest.mark.parametrize(("path", "fields"), [(SIGN_IN, {}), (REGISTER, newcomer())])
def test_nobody_is_signed_in_by_another_site(
    path: str, fields: dict[str, str], accounts: Shop, browser: Browser
) -> None:
    """Otherwise a visitor could be made to shop in another user's account (contract §4.3)."""
    client = browser()
    fields = fields or {"email": open_account(accounts.database_url).email, "password": PASSWORD}
    response = client.post(
        path, data=fields, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert not client.cookies
    with psycopg.connect(accounts.database_url) as conn:
        statement = "SELECT FROM session s JOIN account a ON a.id = s.account_id WHERE a.email = %s"
        assert conn.execute(statement, [fields["email"]]).rowcount == 0


def test_a_form_and_nothing_else_is_read(browser: Browser) -> None:
    for path in (SIGN_IN, REGISTER):
        assert browser().post(path, json=newcomer()).status_code == 415


@pytest.mark.parametrize(("wanted", "place"), PLACES)
def test_a_newcomer_is_signed_in_and_led_on(wanted: str, place: str, browser: Browser) -> None:
    client = browser()
    response = send(client, REGISTER, **newcomer(firstName=f" {HOSTILE} ", next=wanted))
    assert (response.status_code, response.headers["location"]) == (303, place)
    page = client.get(ACCOUNT)
    assert notice_of(page) == f"Welcome, {HOSTILE}. Your account is open, and you are signed in."
    assert "<script>alert" not in page.text


def test_a_newcomer_hears_of_every_wrong_field(browser: Browser) -> None:
    client = browser()
    fields = {"firstName": HOSTILE * 10, "lastName": "  ", "email": f"mary{HOSTILE}", "password": "7 chars"}
    response = send(client, REGISTER, **fields, next="/cart")
    assert response.status_code == 400
    assert error_beside(response, "firstName") == "This must have at most 100 characters."
    assert error_beside(response, "lastName") == "This must not be empty."
    assert error_beside(response, "email") == "This must be an e-mail address."
    assert error_beside(response, "password") == "This must have 8 to 128 characters."
    assert {name: shown_value(response, name) for name in fields} == fields | {"password": ""}
    assert "7 chars" not in response.text
    assert "<script>alert" not in response.text
    assert 'name="next" value="/cart"' in response.text
    assert not client.cookies


def test_an_address_that_is_known_leads_to_the_other_door(accounts: Shop, browser: Browser) -> None:
    client, mary = browser(), open_account(accounts.database_url)
    response = send(client, REGISTER, **newcomer(email=mary.email.upper(), password="another word"), next="/cart")
    assert response.status_code == 409
    message = "This address has an account already; sign in instead, or use another."
    assert error_beside(response, "email") == message
    assert 'href="/sign-in?next=/cart"' in response.text
    assert shown_value(response, "email") == mary.email.upper()
    assert "another word" not in response.text
    assert not client.cookies
    assert send(client, SIGN_IN, email=mary.email, password=PASSWORD).status_code == 303


def test_registering_is_slowed(accounts: Shop, browser: Browser) -> None:
    client, address = browser(), new_address()
    client.headers["x-forwarded-for"] = address
    subject = SecretKey(Settings(secret_key=SECRET_KEY)).digest(REGISTER_ADDRESS.purpose, address)
    with psycopg.connect(accounts.database_url) as conn:
        used_up = datetime.now(UTC) + REGISTER_ADDRESS.most
        conn.execute("INSERT INTO guess (subject, free_at) VALUES (%s, %s)", [subject, used_up])
    fields = newcomer()
    response = send(client, REGISTER, **fields)
    assert response.status_code == 429
    assert f"please wait {response.headers['retry-after']} second" in response.text
    assert shown_value(response, "email") == fields["email"]
    assert not client.cookies


def test_signing_out_ends_the_session_and_says_so_once(accounts: Shop, browser: Browser) -> None:
    client = signed_in_at(browser(), open_account(accounts.database_url))
    cookie = client.cookies["JSESSIONID"]
    for _ in range(2):  # signed out already: the same
        response = client.post(SIGN_OUT)
        assert (response.status_code, response.headers["location"]) == (303, SIGN_IN)
        assert "JSESSIONID" not in client.cookies
        assert notice_of(client.get(SIGN_IN)) == "You are signed out."
        assert notice_of(client.get(SIGN_IN)) == ""
    client.headers["cookie"] = f"JSESSIONID={cookie}"
    assert not is_signed_in(client)


def test_nothing_but_one_s_own_form_signs_out(accounts: Shop, browser: Browser) -> None:
    client = signed_in_at(browser(), open_account(accounts.database_url))
    assert client.get(SIGN_OUT).headers["location"] == "/"
    assert client.post(SIGN_OUT, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert is_signed_in(client)


def test_no_password_is_logged(accounts: Shop, browser: Browser) -> None:
    secret = "a word for nobody's log"
    send(browser(), SIGN_IN, email="mary@example.com", password=secret)
    send(browser(), REGISTER, **newcomer(password=secret, email="mary"))
    log = accounts.server.output()
    assert "is ready at" in log
    assert secret not in log
    assert secret.replace(" ", "+") not in log


@pytest.fixture(scope="module")
def demo(make_database: MakeDatabase, serve: Serve) -> httpx.Client:
    return serve(make_database(films=True), "--demo").client


@pytest.mark.parametrize("email", ["admin@example.com", "user@example.com", "jane@example.com"])
def test_the_demo_shows_whom_to_sign_in_as(email: str, demo: httpx.Client) -> None:
    with visitor(demo) as client:
        page = client.get(SIGN_IN, params={"next": "/cart"}).text
        assert "<code>filmer-demo</code>" in page
        assert f">Sign in as {email}</button>" in page
        assert f'<input type="hidden" name="email" value="{email}">' in page
        assert page.count('<input type="hidden" name="next" value="/cart">') == 4
        response = send(client, SIGN_IN, email=email, password="filmer-demo", next="/cart")
        assert response.headers["location"] == "/cart"
        assert email in client.get(ACCOUNT).text


def test_the_demo_s_public_tokens_are_marked(demo: httpx.Client) -> None:
    with visitor(demo) as client:
        assert send(client, SIGN_IN, email="user@example.com", password="filmer-demo").status_code == 303
        assert "public: everybody knows the demo" in client.get(ACCOUNT).text
        assert "1234567890" not in client.get(ACCOUNT).text
