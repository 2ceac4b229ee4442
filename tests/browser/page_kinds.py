"""Every kind of page and each of its states, for the checks that all of them have to pass."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, FilePayload, Page
from tests.browser.page_actions import BATMAN, DARK_KNIGHT, INCEPTION, pay, suggested, warned
from tests.browser.screenshots import (
    MATRIX,
    METROPOLIS,
    ask_to_cancel,
    change_by_hand,
    check_films,
    furnish,
    see_cancelled,
)
from tests.browser.storefront import ADMIN, CUSTOMER, Storefront, signed_in
from tests.browser.watched_pages import open_context
from tests.users import PASSWORD

NOBODY, NEWCOMER = "", "newcomer"  # besides the demo's customer, who has orders, favourites, a full cart; and its admin


class Kind(NamedTuple):
    name: str
    path: str  # {order}: the customer's
    who: str = NOBODY
    status: int = 200  # of what is shown in the end
    steps: Callable[[Page], None] | None = None  # once there


class Shown(NamedTuple):
    """What there is to show."""

    order: str
    cookies: dict[str, Any]  # by who

    def go(self, page: Page, kind: Kind) -> None:
        page.context.clear_cookies()
        page.context.add_cookies(self.cookies[kind.who])
        response = page.goto(kind.path.format(order=self.order))
        assert response
        assert response.status == (200 if kind.steps else kind.status)
        if kind.steps:
            kind.steps(page)


@pytest.fixture(scope="module")
def shown(browser: Browser, storefront: Storefront) -> Shown:
    order = furnish(browser, storefront.origin)
    cookies: dict[str, Any] = {NOBODY: []}
    newcomer = storefront.newcomer().email
    for who, email, *password in ((CUSTOMER, CUSTOMER), (ADMIN, ADMIN), (NEWCOMER, newcomer, PASSWORD)):
        context = open_context(browser, storefront.origin)
        signed_in(context, email, *password)
        cookies[who] = context.cookies()
        context.close()
    return Shown(order, cookies)


def type_batm(page: Page) -> None:
    suggested(page, "batm")
    page.keyboard.press("ArrowDown")


def sign_in_wrongly(page: Page) -> None:
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("alert").wait_for()


def register_again(page: Page) -> None:
    for label, text in (("First name", "Jane"), ("Last name", "Smith"), ("E-mail", "jane@example.com")):
        page.get_by_label(label).fill(text)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    page.get_by_role("heading", name="Almost done").wait_for()


def forget_no_address(page: Page) -> None:
    page.get_by_label("E-mail").fill(f"{'a' * 65}@example.com")
    page.get_by_role("button", name="Ask for a link").click()
    page.get_by_role("alert").wait_for()


def repeat_the_address(page: Page) -> None:
    page.get_by_label("New e-mail").fill(CUSTOMER)
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Change it").click()
    page.get_by_role("alert").wait_for()


def pay_with_an_old_card(page: Page) -> None:
    pay(page, expiration="01/2020")
    warned(page, "Good through")


def pay_with_a_wrong_card(page: Page) -> None:
    pay(page, number="4000056655665556")
    warned(page, "not accepted")


def make_a_token(page: Page) -> None:
    page.get_by_label("What it is for").fill(uuid.uuid4().hex)  # each has a name of its own
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("heading", name="Your new token").wait_for()


def name_a_token_blank(page: Page) -> None:
    page.get_by_label("What it is for").fill(" ")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("alert").wait_for()


def delete_wrongly(page: Page) -> None:
    page.get_by_label("Your password").fill("not the password")
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_text("This is not your password").wait_for()


def set_no_price(page: Page) -> None:
    page.get_by_label("Price of Batman Begins").fill("gratis")
    page.get_by_role("button", name="Set the price of Batman Begins").click()
    page.get_by_text("This is not understood: write an amount such as 4.99").wait_for()


def set_no_terms(page: Page) -> None:
    page.locator(".film-terms summary").filter(has_text="Batman Begins").click()
    page.get_by_label("Copies of Batman Begins").fill("some")
    page.get_by_role("button", name="Set the terms of Batman Begins").click()
    page.get_by_text("This must be a whole number.").wait_for()


def set_no_colour(page: Page) -> None:
    page.get_by_label("Accent colour").fill("#ffff99")
    page.get_by_label("Monday").fill("whenever")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("#6a6a00 would do").wait_for()


def try_a_page(page: Page) -> None:
    page.get_by_label("Text").fill("# Who\n\n- [one](https://films.example)\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("As it would be").wait_for()


def about_to_cancel(page: Page) -> None:
    ask_to_cancel(page)
    page.get_by_role("dialog").wait_for()


def about_to_replace(page: Page) -> None:
    check_films(page)
    page.get_by_role("button", name="Replace the catalogue").click()
    page.get_by_role("dialog").wait_for()


def bring_films(page: Page) -> None:
    """With a row of each outcome."""
    rows = "Inception,2010,4", "Nowhere to be found,1999,3", "Inception,2010,9", "Batman,,5"
    content = "Date,Name,Year,Letterboxd URI,Rating\n" + "".join(
        f"2023-05-06,{row.rpartition(',')[0]},https://boxd.it/x,{row.rpartition(',')[2]}\n" for row in rows
    )
    page.get_by_label("A file of yours").set_input_files(
        FilePayload(name="ratings.csv", mimeType="text/csv", buffer=content.encode())
    )
    page.get_by_role("button", name="Bring them").click()
    page.get_by_role("heading", name="Not in this shop: kept").wait_for()


def bring_nothing(page: Page) -> None:
    page.get_by_label("A file of yours").set_input_files(FilePayload(name="a.csv", mimeType="text/csv", buffer=b""))
    page.get_by_role("button", name="Bring them").click()
    page.get_by_text("one that is not empty").wait_for()


def send_nothing(page: Page) -> None:
    page.get_by_label("A file of films").set_input_files(FilePayload(name="a.csv", mimeType="text/csv", buffer=b""))
    page.get_by_role("button", name="Send and check").click()
    page.get_by_text("one that is not empty").wait_for()


def about_to_write_off(page: Page) -> None:
    page.get_by_role("button", name="Write off Pulp Fiction").first.click()
    page.get_by_role("dialog").wait_for()


def about_to_close(page: Page) -> None:
    page.get_by_role("button", name="Close the account").click()
    page.get_by_role("dialog").wait_for()


def make_a_link(page: Page) -> None:
    page.get_by_role("button", name="New password").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes, make a link").click()
    page.get_by_role("heading", name="Copy it now").wait_for()


def invite_again(page: Page) -> None:
    for label, text in (("First name", "John"), ("Last name", "Doe"), ("E-mail", CUSTOMER)):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Invite", exact=True).click()
    warned(page, "has an account already")


def put_in_a_cart(page: Page) -> None:
    page.get_by_role("button", name="Rent for").click()
    page.get_by_text("Your cart comes along").wait_for()


def keep_no_card(page: Page) -> None:
    page.get_by_label("Card number").fill("4242 4242 4242 4241")
    for label, text in (("First name", "Nina"), ("Last name", "New"), ("Good through", "12/2031")):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Keep this card").click()
    page.get_by_role("alert").wait_for()


def empty_the_cart(page: Page) -> None:
    page.get_by_role("button", name="Empty the cart").click()
    page.get_by_role("dialog").wait_for()


KINDS = (
    Kind("home", "/"),
    Kind("suggestions", "/", steps=type_batm),
    Kind("films", "/films"),
    Kind("letter", "/films?startsWith=B"),
    Kind("films of years", "/films?sortBy=rating&order=desc&genreId=7&yearFrom=1990"),
    Kind("films of no years", "/films?yearFrom=2001&yearTo=1999", status=400),
    Kind("film", f"/films/{BATMAN}"),
    Kind("film with a trailer", f"/films/{INCEPTION}"),
    Kind("no film", "/films/tt9999999", status=404),
    Kind("genres", "/genres"),
    Kind("genre", "/genres/7"),
    Kind("people", "/stars"),
    Kind("people of a name", "/stars?name=robbins"),
    Kind("star", "/stars/nm0000288"),
    Kind("search", "/search"),
    Kind("found", "/search?query=nolan"),
    Kind("found nothing", "/search?query=qqqq"),
    Kind("search of no year", "/search?query=nolan&year=soon", status=400),
    Kind("popular", "/popular"),
    Kind("sign in", "/sign-in"),
    Kind("sign in wrongly", "/sign-in", status=401, steps=sign_in_wrongly),
    Kind("register", "/register"),
    Kind("register again", "/register", steps=register_again),
    Kind("forgotten password", "/forgotten"),
    Kind("forgotten password of no address", "/forgotten", status=400, steps=forget_no_address),
    Kind("link for a new password that is over", "/new-password/1.00", status=404),
    Kind("link for an address that is over", "/confirm-address/1.00", status=404),
    Kind("another name", "/account/name", NEWCOMER),
    Kind("another address", "/account/address", CUSTOMER),
    Kind("another address that is none", "/account/address", CUSTOMER, 400, repeat_the_address),
    Kind("another password", "/account/password", NEWCOMER),
    Kind("not found", "/nothing-here", status=404),
    Kind("page past the end", "/films?page=999"),
    Kind("no such sort", "/films?sortBy=colour", status=400),
    Kind("empty cart", "/cart", NEWCOMER),
    Kind("nothing rented", "/library", NEWCOMER),
    Kind("no orders", "/orders", NEWCOMER),
    Kind("no favourites", "/favorites", NEWCOMER),
    Kind("no films seen", "/seen", NEWCOMER),
    Kind("no ratings", "/ratings", NEWCOMER),
    Kind("bringing films", "/shelves/import", NEWCOMER),
    Kind("films that were brought", "/shelves/import", NEWCOMER, steps=bring_films),
    Kind("bringing nothing", "/shelves/import", NEWCOMER, 400, bring_nothing),
    Kind("somebody else's order", "/orders/{order}", NEWCOMER, 403),
    Kind("customer's film", "/films/tt0111161", CUSTOMER),
    Kind("account", "/account", CUSTOMER),
    Kind("token without a name", "/account", CUSTOMER, 400, name_a_token_blank),
    Kind("new token", "/account", CUSTOMER, steps=make_a_token),
    Kind("deletion", "/account/delete", NEWCOMER),
    Kind("deletion with a wrong password", "/account/delete", NEWCOMER, 401, delete_wrongly),
    Kind("undoing a deletion", "/account/undo-deletion/1.00"),
    Kind("no cards", "/account/cards", NEWCOMER),
    Kind("cards", "/account/cards", CUSTOMER),
    Kind("card that is none", "/account/cards", NEWCOMER, 400, keep_no_card),
    Kind("visitor's cart", f"/films/{BATMAN}", steps=put_in_a_cart),
    Kind("cart", "/cart", CUSTOMER),
    Kind("cart about to be emptied", "/cart", CUSTOMER, steps=empty_the_cart),
    Kind("checkout", "/checkout", CUSTOMER),
    Kind("checkout with an old card", "/checkout", CUSTOMER, 400, pay_with_an_old_card),
    Kind("checkout with a wrong card", "/checkout", CUSTOMER, 402, pay_with_a_wrong_card),
    Kind("library", "/library", CUSTOMER),
    Kind("about to watch", f"/watch/{MATRIX}", CUSTOMER),
    Kind("player", f"/watch/{METROPOLIS}", CUSTOMER),
    Kind("nothing to watch", f"/watch/{DARK_KNIGHT}", CUSTOMER, 403),
    Kind("order", "/orders/{order}", CUSTOMER),
    Kind("orders", "/orders", CUSTOMER),
    Kind("favourites", "/favorites", CUSTOMER),
    Kind("watchlist", "/watchlist", CUSTOMER),
    Kind("films seen", "/seen", CUSTOMER),
    Kind("ratings", "/ratings", CUSTOMER),
    Kind("no entry", "/admin", CUSTOMER, 403),
    Kind("not found by a customer", "/nothing-here", CUSTOMER, 404),
    Kind("order about to be cancelled", "/orders/{order}", CUSTOMER, steps=about_to_cancel),
    Kind("office", "/admin", ADMIN),
    Kind("counter", "/admin/counter", ADMIN),
    Kind("found at the counter", "/admin/counter?query=doe", ADMIN),
    Kind("found nothing at the counter", "/admin/counter?query=qqqq", ADMIN),
    Kind("copy about to be written off", "/admin/counter?query=pulp", ADMIN, steps=about_to_write_off),
    Kind("all orders", "/admin/orders", ADMIN),
    Kind("any order", "/admin/orders/{order}", ADMIN),
    Kind("orders found", "/admin/orders?query=doe&state=paid", ADMIN),
    Kind("orders asked for wrongly", "/admin/orders?since=x", ADMIN, 400),
    Kind("takings", "/admin/takings", ADMIN),
    Kind("takings by month", "/admin/takings?by=month", ADMIN),
    Kind("takings by film", "/admin/takings?by=film", ADMIN),
    Kind("takings asked for wrongly", "/admin/takings?until=x", ADMIN, 400),
    Kind("prices of many films", "/admin/prices?query=batman", ADMIN),
    Kind("prices of no films", "/admin/prices?query=qqqq", ADMIN),
    Kind("cancelled order", "/admin/orders", ADMIN, steps=see_cancelled),
    Kind("terms that are none", "/admin/films?query=batman", ADMIN, 400, set_no_terms),
    Kind("all prices", "/admin/films", ADMIN),
    Kind("prices", "/admin/films?query=batman", ADMIN),
    Kind("price that is none", "/admin/films?query=batman", ADMIN, 400, set_no_price),
    Kind("film in the office", f"/admin/films/{MATRIX}", ADMIN),
    Kind("film changed by hand", f"/admin/films/{MATRIX}", ADMIN, 400, change_by_hand),
    Kind("new film", "/admin/new-film", ADMIN),
    Kind("videos of a film", f"/admin/films/{MATRIX}/videos", ADMIN),
    Kind("films changed by hand", "/admin/films?only=changed", ADMIN),
    Kind("no hidden films", "/admin/films?only=hidden", ADMIN),
    Kind("customers", "/admin/customers", ADMIN),
    Kind("customer", "/admin/customers/2", ADMIN),
    Kind("customer about to be closed", "/admin/customers/2", ADMIN, steps=about_to_close),
    Kind("link to hand over", "/admin/customers/3", ADMIN, steps=make_a_link),
    Kind("invitation", "/admin/customers/invite", ADMIN),
    Kind("invitation of one who is there", "/admin/customers/invite", ADMIN, 409, invite_again),
    Kind("nobody's account", "/admin/customers/999999", ADMIN, 404),
    Kind("mail that is not sent", "/admin/mail", ADMIN),
    Kind("log", "/admin/log", ADMIN),
    Kind("log without such an entry", "/admin/log?query=qqqq", ADMIN),
    Kind("log of days that are none", "/admin/log?since=yesterday", ADMIN, 400),
    Kind("import", "/admin/import", ADMIN),
    Kind("checked import", "/admin/import", ADMIN, steps=check_films),
    Kind("import about to replace", "/admin/import", ADMIN, steps=about_to_replace),
    Kind("import of nothing", "/admin/import", ADMIN, 400, send_nothing),
    Kind("inbox of the demo", "/inbox"),
    Kind("customers of no name", "/admin/customers?query=qqqq", ADMIN),
)
