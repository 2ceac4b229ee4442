"""A form sent without a session waits until its sender has signed in: then it is done, and reported, or shown again."""

import base64
import re
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.community.conftest import SHAWSHANK, tmdb_settings
from tests.conftest import SECRET_KEY, MakeDatabase, ServeHere
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.sandbox import Sandbox, shared_sandbox
from tests.shop.forms import form_of, put, send, text_of
from tests.users import CARD, PASSWORD, open_account, put_card, session_of, visitor

from filmer.accounts.schemas import User
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.store.valkey import SharedCache
from filmer.storefront.pending_forms import MAX_BYTES, SECONDS, PendingForm, PendingForms

__all__ = ["shared_sandbox"]

FILM, TITLE = "tt0111161", "The Shawshank Redemption"
PLACE = f"/films/{FILM}"
SIGN_IN = f"/sign-in?next={quote(PLACE, safe='')}"
RENT = ("/cart/items", {"movieId": FILM, "quantity": "2", "next": PLACE})
KEEP = ("/favorites", {"movie_id": str(SHAWSHANK), "next": PLACE})
WATCH = ("/watchlist", {"movie_id": str(SHAWSHANK), "next": PLACE})
SAW = ("/seen", {"movie_id": str(SHAWSHANK), "seen_on": "2024-01-31", "next": PLACE})
RATE = ("/ratings", {"movie_id": str(SHAWSHANK), "rating": "4.5", "next": PLACE})
OVER = "A" * 43  # a session that ran out: whoever never had one has a cart as well (test_guest_cart.py)
Form = tuple[str, dict[str, str]]
Place = tuple[str, httpx.Client]


@pytest.fixture(scope="module")
def place(make_database: MakeDatabase, serve_here: ServeHere, shared_sandbox: Sandbox) -> Place:
    url = make_database(films=True)
    put_card(url)
    return url, serve_here(url, **tmdb_settings(shared_sandbox)).client


@pytest.fixture
def browser(place: Place) -> Iterator[httpx.Client]:
    """Nobody's."""
    with closing(visitor(place[1])) as client:
        yield client


@pytest.fixture
def mary(place: Place) -> User:
    return open_account(place[0])


def press(client: httpx.Client, form: Form, page: str = PLACE, *, session: str = OVER) -> httpx.Response:
    """Sends a form of one of our pages, with nobody signed in: by default, their session ran out meanwhile."""
    own = str(client.base_url).rstrip("/")
    headers = {"referer": own + page, "origin": own}
    if session:
        client.cookies.set("JSESSIONID", session)
    response = client.post(form[0], data=form[1], headers=headers)
    if session:
        client.cookies.delete("JSESSIONID")
    assert (response.status_code, response.headers["cache-control"]) == (303, "no-store")
    assert response.headers["location"] == f"/sign-in?next={quote(page, safe='')}"
    return response


def sign_in(client: httpx.Client, person: User, address: str = SIGN_IN, **instead: str) -> httpx.Response:
    """Fills in the form of the page as it is shown."""
    form = form_of(client.get(address), "/sign-in")
    return send(client, "/sign-in", **{**form, "email": person.email, "password": PASSWORD, **instead})


def notice_at(client: httpx.Client, response: httpx.Response, place: str) -> str:
    assert (response.status_code, response.headers["location"]) == (303, place)
    match = re.search(r'<p class="notice">([^<]*)</p>', client.get(place).text)
    return unescape(match[1]) if match else ""


def end_session(place: Place, client: httpx.Client, person: User) -> None:
    """It is over while its form is open. The browser's next one takes the cookie's place."""
    fetch(place[0], "DELETE FROM session WHERE account_id = %s", person.id)
    client.cookies.delete("JSESSIONID")


def cart_of(url: str, person: User) -> list[Any]:
    return fetch(url, "SELECT film_id, quantity FROM cart_line WHERE account_id = %s", person.id)


def waiting_of(client: httpx.Client) -> str:
    return str(client.cookies.get("waiting", ""))


def read(waiting: str) -> str:
    """What a holder of the cookie can read in it."""
    body = waiting.partition(".")[0]
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()


@pytest.mark.parametrize(
    ("session", "form", "promise", "done", "where", "column"),
    [
        ("", WATCH, "the film is on your watchlist", f"{TITLE} is on your watchlist.", "watchlist_film", "true"),
        (
            "",
            SAW,
            "the film is among those you have seen",
            f"{TITLE} is among the films you have seen.",
            "seen_film",
            "seen_on = '2024-01-31'",
        ),
        (OVER, RENT, "the film goes into your cart", f"{TITLE} is in your cart, 2 of it.", "cart_line", "quantity = 2"),
        *(
            row
            for session in (OVER, "")
            for row in (
                (
                    session,
                    KEEP,
                    "the film is among your favourites",
                    f"{TITLE} is among your favourites.",
                    "favorite",
                    "true",
                ),
                (session, RATE, "your stars are given", f"You gave {TITLE} 4.5 of 5 stars.", "rating", "rating = 4.5"),
            )
        ),
    ],
)
def test_after_signing_in_it_is_done_and_said(
    place: Place, browser: httpx.Client, mary: User,
    session: str, form: Form, promise: str, done: str, where: str, column: str,
) -> None:  # fmt: skip
    response = press(browser, form, session=session)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("waiting=")
    assert {"HttpOnly", "SameSite=lax", f"Max-Age={SECONDS}", "Path=/"} <= set(cookie.split("; "))
    for _ in range(2):  # a script that followed the way to the page has used nothing up
        assert f"As soon as you are signed in, {promise}." in text_of(browser.get(SIGN_IN))
    assert notice_at(browser, sign_in(browser, mary), PLACE) == f"Welcome back, Mary. {done}"
    statement = f"SELECT {column} FROM {where} WHERE account_id = %s"
    assert fetch(place[0], statement, mary.id) == [(True,)]
    assert not waiting_of(browser)


def test_a_quantity_is_changed_by_whoever_signs_in_again(place: Place, browser: httpx.Client, mary: User) -> None:
    browser.cookies.update(session_of(place[0], mary))
    put(browser, FILM)
    end_session(place, browser, mary)
    press(browser, (f"/cart/items/{FILM}", {"quantity": "7"}), "/cart")
    response = sign_in(browser, mary, "/sign-in?next=%2Fcart")
    assert notice_at(browser, response, "/cart") == f"Welcome back, Mary. {TITLE}: 7 in your cart."
    assert cart_of(place[0], mary) == [(FILM, 7)]


def test_a_newcomer_gets_it_as_well(browser: httpx.Client) -> None:
    press(browser, RENT)
    page = browser.get(SIGN_IN)
    match = re.search(r'href="(/register[^"]*)"', page.text)
    assert match
    page = browser.get(unescape(match[1]))
    assert "the film goes into your cart" in text_of(page)
    newcomer = {"firstName": "Nina", "lastName": "New", "email": "nina@example.com"}
    wrong = send(browser, "/register", **{**form_of(page, "/register"), **newcomer, "password": "short"})
    assert wrong.status_code == 400
    assert "the film goes into your cart" in text_of(wrong)
    response = send(browser, "/register", **{**form_of(wrong, "/register"), "password": PASSWORD})
    welcome = "Welcome, Nina. Your account is open, and you are signed in."
    assert notice_at(browser, response, PLACE) == f"{welcome} {TITLE} is in your cart, 2 of it."


def test_a_wrong_password_loses_nothing(place: Place, browser: httpx.Client, mary: User) -> None:
    press(browser, RENT)
    wrong = sign_in(browser, mary, password="not the password")
    assert wrong.status_code == 401
    assert "the film goes into your cart" in text_of(wrong)
    assert cart_of(place[0], mary) == []
    send(browser, "/sign-in", **{**form_of(wrong, "/sign-in"), "password": PASSWORD})
    assert cart_of(place[0], mary) == [(FILM, 2)]


def test_the_same_form_twice_is_done_once(place: Place, browser: httpx.Client, mary: User) -> None:
    """A double click on "Sign in"."""
    press(browser, RENT)
    form = {**form_of(browser.get(SIGN_IN), "/sign-in"), "email": mary.email, "password": PASSWORD}
    for _ in range(2):
        response = send(browser, "/sign-in", **form)
        assert response.status_code == 303
    assert cart_of(place[0], mary) == [(FILM, 2)]
    assert notice_at(browser, response, PLACE) == "Welcome back, Mary. What you asked for is done."


def test_what_can_not_be_done_is_said(place: Place, browser: httpx.Client, mary: User) -> None:
    for form, where, message in (
        (("/cart/items", {"movieId": "tt9999999"}), "/cart", "This film is not in the catalogue, so it was not added."),
        (("/cart/items", {"movieId": FILM, "quantity": "99"}), "/cart",
         "Nothing was changed: the quantity must be at most 10."),
        (("/ratings", {"movie_id": "x", "rating": "9", "next": PLACE}), PLACE,
         "What you asked for before that did not work: please ask for it once more."),
    ):  # fmt: skip
        press(browser, form)
        assert notice_at(browser, sign_in(browser, mary), where) == f"Welcome back, Mary. {message}"
        browser.cookies.clear()
    assert cart_of(place[0], mary) == []


# --- nobody else makes anybody do anything ------------------------------------------------------------------


@pytest.mark.parametrize("site", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_no_other_site_makes_a_form_wait_or_carries_it_out(
    place: Place, browser: httpx.Client, mary: User, site: dict[str, str]
) -> None:
    refused = browser.post(RENT[0], data=RENT[1], headers=site)
    assert (refused.status_code, refused.headers.get("set-cookie")) == (403, None)
    press(browser, RENT)
    form = {**form_of(browser.get(SIGN_IN), "/sign-in"), "email": mary.email, "password": PASSWORD}
    for path in ("/sign-in", "/register"):
        assert browser.post(path, data=form, headers=site).status_code == 403
    assert cart_of(place[0], mary) == []


def test_no_link_does_anything(place: Place, browser: httpx.Client, mary: User) -> None:
    """Neither with a waiting form in the address, nor when a visitor signs in on the way to another page."""
    press(browser, RENT)
    token = waiting_of(browser)
    with closing(visitor(place[1])) as other:
        address = f"{SIGN_IN}&waiting={token}"
        assert token not in other.get(address).text
        sign_in(other, mary, address)
        assert cart_of(place[0], mary) == []
        assert other.get(address).status_code == 303, "signed in already"
        assert cart_of(place[0], mary) == []
    for address in ("/sign-in", "/sign-in?next=%2F", "/sign-in?next=%2Ffilms%2Ftt0372784"):
        assert "waiting" not in form_of(browser.get(address), "/sign-in")
    sign_in(browser, mary, "/sign-in")
    assert cart_of(place[0], mary) == []


def forms(clock: MovedClock, key: str = SECRET_KEY) -> PendingForms:
    return PendingForms(SecretKey(Settings(secret_key=key)), clock, SharedCache(None), is_secure=True)


@pytest.mark.parametrize("kind", ["forged", "of another shop", "too old", "garbage", "no form", "huge"])
def test_what_is_not_ours_or_too_old_does_nothing(place: Place, browser: httpx.Client, mary: User, kind: str) -> None:
    clock = MovedClock()
    waiting = PendingForm("add to cart", PLACE, list(RENT[1].items()))
    if kind == "too old":
        clock.move(seconds=-SECONDS - 5)
    field = forms(clock, "s" * 32 if kind == "of another shop" else SECRET_KEY).sign(waiting)
    if kind == "forged":
        body = base64.urlsafe_b64encode(read(field).replace('"2"', '"9"').encode()).decode().rstrip("=")
        field = f"{body}.{field.partition('.')[2]}"
    field = {"garbage": "\xff.%%", "no form": "x", "huge": "x" * 20_000}.get(kind, field)
    browser.cookies.set("waiting", field if field.isascii() else "")
    assert "waiting" not in form_of(browser.get(SIGN_IN), "/sign-in")
    response = sign_in(browser, mary, waiting=field)
    message = "What you asked for before that was too long ago: please ask for it once more."
    assert notice_at(browser, response, PLACE) == f"Welcome back, Mary. {message}"
    assert cart_of(place[0], mary) == []


def test_its_cookie_is_bounded_and_out_of_reach() -> None:
    made = forms(MovedClock())
    cookie = made.cookie(PendingForm("rate", "/", [("a", "é")]))
    assert cookie
    assert (cookie.httponly, cookie.samesite, cookie.secure, cookie.max_age) == (True, "lax", True, SECONDS)
    assert made.cookie(PendingForm("rate", "/", [("a", "é" * MAX_BYTES)])) is None
    largest = made.cookie(PendingForm("rate", "/", [("a", "é" * (MAX_BYTES // 2 - 30))]))
    assert largest
    assert len(largest.to_header(header="")) < 4096


def test_what_is_too_large_to_wait_is_asked_for_once_more(browser: httpx.Client) -> None:
    response = press(browser, ("/cart/items", {"movieId": FILM, "next": "/films?x=" + "a" * 1900}))
    assert response.headers["set-cookie"].startswith("notice=")
    assert "and then press the button once more" in text_of(browser.get(SIGN_IN))


# --- what pays or takes away, and what is typed --------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/cart/clear", f"/cart/items/{FILM}/remove", "/favorites/1/remove", "/watchlist/1/remove", "/seen/1/remove",
     "/ratings/1/remove", "/account/sessions/end", "/account/tokens/1/revoke", "/admin/customers/1/favorites/clear"],
)  # fmt: skip
def test_what_takes_something_away_is_never_done_later(
    place: Place, browser: httpx.Client, mary: User, path: str
) -> None:
    browser.cookies.update(session_of(place[0], mary))
    put(browser, FILM)
    browser.cookies.clear()
    response = press(browser, (path, {"next": "/cart"}), "/cart")
    assert response.headers["set-cookie"].startswith("notice=")
    page = browser.get(response.headers["location"])
    assert "Please sign in first, and then press the button once more." in text_of(page)
    assert "waiting" not in form_of(page, "/sign-in")
    assert notice_at(browser, sign_in(browser, mary, response.headers["location"]), "/cart") == "Welcome back, Mary."
    assert cart_of(place[0], mary) == [(FILM, 1)]


def checkout_left_open(place: Place, client: httpx.Client, person: User) -> dict[str, str]:
    """The form as filled in, when the session ends."""
    client.cookies.update(session_of(place[0], person))
    put(client, FILM)
    form = {**form_of(client.get("/checkout"), "/checkout"), **CARD}
    end_session(place, client, person)
    return form


def test_a_checkout_is_never_done_later_and_what_was_typed_is_kept_but_for_the_number(
    place: Place, browser: httpx.Client, mary: User
) -> None:
    form = checkout_left_open(place, browser, mary)
    response = press(browser, ("/checkout", form), "/checkout")
    assert CARD["creditCardId"] not in read(waiting_of(browser))
    door = browser.get(response.headers["location"])
    assert "Nothing was done yet, and what you filled in waits for you." in text_of(door)
    message = "Welcome back, Mary. Nothing was done yet: please look at what you filled in, and send it once more."
    response = sign_in(browser, mary, response.headers["location"])
    assert (response.status_code, response.headers["location"]) == (303, "/checkout")
    assert fetch(place[0], "SELECT FROM shop_order WHERE account_id = %s", mary.id) == []
    page = browser.get("/checkout")
    assert message in text_of(page)
    shown = form_of(page, "/checkout")
    assert (shown["firstName"], shown["lastName"], shown["expiration"]) == ("Mary", "Major", "2030-12")
    assert shown["creditCardId"] == ""
    assert form_of(browser.get("/checkout"), "/checkout")["firstName"] == "", "once"
    bought = send(browser, "/checkout", **{**form_of(browser.get("/checkout"), "/checkout"), **CARD})
    assert bought.headers["location"].startswith("/orders/")


def test_what_was_typed_is_shown_to_whoever_signed_in_there_alone(
    place: Place, browser: httpx.Client, mary: User
) -> None:
    press(browser, ("/checkout", checkout_left_open(place, browser, mary)), "/checkout")
    sign_in(browser, mary, "/sign-in?next=%2Fcheckout")
    other_user = open_account(place[0])
    browser.cookies.delete("JSESSIONID")
    browser.cookies.update(session_of(place[0], other_user))
    put(browser, FILM)
    assert form_of(browser.get("/checkout"), "/checkout")["firstName"] == ""


def test_a_new_token_a_price_and_terms_are_shown_again_as_they_were_typed(place: Place, browser: httpx.Client) -> None:
    admin = open_account(place[0], role="admin")
    page = "/admin/films?query=shawshank"
    for form, where, shown in (
        (("/account/tokens", {"name": "my backup", "expires": "365"}), "/account", 'value="my backup"'),
        ((f"/admin/films/{FILM}/price", {"price": "7.77", "query": "shawshank"}), page, 'value="7.77"'),
        ((f"/admin/films/{FILM}/terms", {"hours": "77", "copies": "", "query": "shawshank"}), page, 'value="77"'),
    ):
        response = press(browser, form, where)
        signed_in = sign_in(browser, admin, response.headers["location"])
        assert signed_in.headers["location"] == where
        text = browser.get(where).text
        assert shown in text
        assert "please look at what you filled in, and send it once more" in text
        assert shown not in browser.get(where).text
        browser.cookies.clear()
    assert fetch(place[0], "SELECT FROM token WHERE account_id = %s", admin.id) == []
    assert fetch(place[0], "SELECT FROM film_terms WHERE price = 7.77") == []
    assert fetch(place[0], "SELECT FROM rental_terms") == []
