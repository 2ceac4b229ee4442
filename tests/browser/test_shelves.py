"""Favourites and stars, given without leaving the page; and the office, which only admins enter."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.page_actions import (
    BATMAN,
    DARK_KNIGHT,
    Options,
    come_in,
    expect_notice,
    with_and_without_scripts,
)
from tests.browser.storefront import Storefront

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

PARIS = "tt0062873"  # The Young Girls of Rochefort, of 1967; nobody else here buys it
ADD, REMOVE = "Add to favourites", "Remove from favourites"


def stay(page: Page) -> None:
    """Marks the document: the mark is gone when the browser has left it."""
    page.evaluate("window.stayed = true")


def has_stayed(page: Page) -> Any:
    return page.evaluate("window.stayed === true")


def kept(page: Page) -> list[str]:
    """The titles on the page of favourites, as they stand there."""
    return page.locator("main").get_by_role("listitem").get_by_role("heading").all_inner_texts()


def give(page: Page, stars: str) -> None:
    page.get_by_role("radio", name=stars, exact=True).check()
    page.get_by_role("button", name="Rate").click()


def test_a_film_becomes_a_favourite_and_is_none_again(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    stay(page)
    page.get_by_role("button", name=ADD).click()
    expect_notice(page, "Batman Begins is among your favourites.")
    expect(page.get_by_role("button", name=REMOVE)).to_be_focused()
    page.keyboard.press("Enter")
    expect_notice(page, "Taken out of your favourites.")
    expect(page.get_by_role("button", name=ADD)).to_be_focused()
    assert has_stayed(page)
    page.goto("/favorites")
    expect(page.get_by_role("heading", name="No favourites yet")).to_be_visible()


@with_and_without_scripts
def test_a_film_is_put_on_the_watchlist_and_marked_as_seen(
    options: Options, visit: Visit, storefront: Storefront
) -> None:
    page = visit(**options)
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name="Add to watchlist").click()
    expect_notice(page, "Batman Begins is on your watchlist.")
    page.get_by_label("Seen it? On").fill("2024-01-31")
    page.get_by_role("button", name="I have seen it").click()
    expect_notice(page, "Batman Begins is among the films you have seen.")
    expect(page.get_by_label("You have seen it, on")).to_have_value("2024-01-31")
    page.get_by_role("button", name="Not seen").click()
    expect_notice(page, "No longer among the films you have seen.")
    expect(page.get_by_label("Seen it? On")).to_have_value("")
    page.goto("/watchlist")
    assert kept(page) == ["Batman Begins"]
    page.get_by_role("button", name="Remove Batman Begins from the watchlist").click()
    expect_notice(page, "Taken off your watchlist.")


@with_and_without_scripts
def test_a_double_click_keeps_a_film_once(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name=ADD).dblclick()
    expect_notice(page, "Batman Begins is among your favourites.")
    page.goto("/favorites")
    assert kept(page) == ["Batman Begins"]


def test_stars_are_given_and_changed(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    stay(page)
    give(page, "4.5 stars")
    expect_notice(page, "You gave Batman Begins 4.5 of 5 stars.")
    change = page.get_by_role("button", name="Change rating")
    expect(change).to_be_focused()
    expect(page.get_by_role("radio", name="4.5 stars")).to_be_checked()
    page.get_by_role("radio", name="3 stars").check()
    change.click()
    expect_notice(page, "You gave Batman Begins 3 of 5 stars.")
    assert has_stayed(page)
    page.goto("/ratings")
    assert kept(page) == ["Batman Begins"]
    expect(page.get_by_label("Your stars for Batman Begins")).to_have_value("3")


def test_a_film_lands_in_the_cart_while_one_reads_on(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    stay(page)
    rent = page.get_by_role("button", name="Rent for")
    for count in (1, 2):
        rent.click()
        expect(page.get_by_role("link", name=f"Cart {count} in it")).to_be_visible()
        expect(rent).to_be_focused()
    assert has_stayed(page)


@with_and_without_scripts
def test_who_is_nobody_signs_in_first_and_gets_it_then(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    person = storefront.newcomer()

    def sign_in(promise: str) -> None:
        expect(page.get_by_text(f"As soon as you are signed in, {promise}.")).to_be_visible()
        page.get_by_label("E-mail").fill(person.email)
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()

    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name=ADD).click()
    sign_in("the film is among your favourites")
    expect_notice(page, "Welcome back, Mary. Batman Begins is among your favourites.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Batman Begins")
    page.context.clear_cookies(name="JSESSIONID")  # it runs out while the page is open
    page.get_by_role("radio", name="4.5 stars", exact=True).check()
    page.get_by_role("button", name="Rate").click()
    sign_in("your stars are given")
    expect_notice(page, "Welcome back, Mary. You gave Batman Begins 4.5 of 5 stars.")
    page.context.clear_cookies(name="JSESSIONID")
    page.get_by_role("button", name=REMOVE).click()  # takes something away, so it waits for nobody
    expect_notice(page, "Please sign in first, and then press the button once more.")


@with_and_without_scripts
def test_a_rating_is_taken_back(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    come_in(page, storefront)
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("radio", name="2 stars", exact=True).check()
    page.get_by_role("button", name="Rate").click()
    expect_notice(page, "You gave Batman Begins 2 of 5 stars.")
    page.get_by_role("button", name="Take back your rating").click()
    expect_notice(page, "Your rating is taken back.")
    expect(page.get_by_role("radio", name="2 stars", exact=True)).not_to_be_checked()
    page.get_by_role("radio", name="5 stars", exact=True).check()
    page.get_by_role("button", name="Rate").click()
    expect_notice(page, "You gave Batman Begins 5 of 5 stars.")
    page.goto("/ratings")
    page.get_by_role("button", name="Take back your rating of Batman Begins").click()
    expect(page.get_by_role("heading", name="No ratings yet")).to_be_visible()


def test_favourites_are_sorted_rated_and_taken_out(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    for film, stars in ((PARIS, "5 stars"), (DARK_KNIGHT, "2 stars"), (BATMAN, "")):
        page.goto(f"/films/{film}")
        page.get_by_role("button", name=ADD).click()
        expect_notice(page, "is among your favourites.")
        if stars:
            give(page, stars)
            expect_notice(page, "You gave")
    page.get_by_role("link", name="Favourites").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your favourites")
    oldest = ["The Young Girls of Rochefort", "Batman Begins", "The Dark Knight"]
    assert kept(page) == oldest[::-1]
    for order, titles in (
        ("Oldest first", oldest),
        ("Your best first", [oldest[0], oldest[2], oldest[1]]),
        ("Your worst first", [oldest[2], oldest[0], oldest[1]]),
    ):
        page.get_by_role("navigation", name="Order").get_by_role("link", name=order).click()
        expect(page.get_by_role("link", name=order)).to_have_attribute("aria-current", "true")
        assert kept(page) == titles
    page.get_by_label("Your stars for Batman Begins").select_option("0.5")
    page.get_by_role("button", name="Rate Batman Begins").click()
    expect_notice(page, "You gave Batman Begins 0.5 of 5 stars.")
    assert kept(page) == [oldest[1], oldest[2], oldest[0]], "still the worst first"
    page.get_by_role("button", name="Remove The Dark Knight from favourites").click()
    expect_notice(page, "Taken out of your favourites.")
    assert kept(page) == [oldest[1], oldest[0]]


def test_a_popular_film_is_kept(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    page.goto("/popular")
    row = page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_role("heading")).nth(3)
    title = row.get_by_role("heading").inner_text()
    row.get_by_role("button", name=ADD).click()
    expect_notice(page, f"{title} is among your favourites.")
    expect(page.get_by_role("heading", level=1)).to_have_text("Popular films")
    page.goto("/favorites")
    assert kept(page) == [title]


def test_an_admin_clears_somebodys_favourites(visit: Visit, storefront: Storefront) -> None:
    customer, admin = visit(), visit()
    person = come_in(customer, storefront)
    customer.goto(f"/films/{BATMAN}")
    customer.get_by_role("button", name=ADD).click()
    expect_notice(customer, "is among your favourites.")
    come_in(admin, storefront, "admin")
    admin.goto("/")
    admin.get_by_role("link", name="Office").click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("The office")
    admin.get_by_role("navigation", name="Office").get_by_role("link", name="Customers").click()
    admin.get_by_label("Name, e-mail or id").fill(person.email)
    admin.get_by_role("button", name="Find").click()
    admin.get_by_role("link", name="Mary Major").click()
    admin.get_by_role("button", name="Clear favourites").click()
    admin.get_by_role("dialog", name="Take the one favourite of Mary Major away for good?").get_by_role(
        "button"
    ).first.click()
    expect_notice(admin, "There are no favourites any more.")
    expect(admin.get_by_role("button", name="Clear favourites")).to_have_count(0)
    customer.goto("/favorites")
    expect(customer.get_by_role("heading", name="No favourites yet")).to_be_visible()


def test_a_price_is_set_and_shows(visit: Visit, storefront: Storefront) -> None:
    admin, customer = visit(expected_statuses={400}), visit()
    come_in(admin, storefront, "admin")
    admin.goto("/admin/films")
    admin.get_by_label("Title, director or cast").fill("rochefort")
    admin.get_by_role("button", name="Find").click()
    price = admin.get_by_label("Price of The Young Girls of Rochefort")
    set_it = admin.get_by_role("button", name="Set the price of The Young Girls of Rochefort")
    price.fill("gratis")
    set_it.click()
    expect(price).to_have_attribute("aria-invalid", "true")
    expect(price).to_have_value("gratis")
    price.fill("12.34")
    set_it.click()
    expect_notice(admin, "The Young Girls of Rochefort costs")
    expect(price).to_have_value("12.34")
    customer.goto(f"/films/{PARIS}")
    expect(customer.get_by_role("button", name="Rent for")).to_contain_text("12.34")


def test_a_customer_does_not_enter_the_office(visit: Visit, storefront: Storefront) -> None:
    page = visit(expected_statuses={403})
    come_in(page, storefront)
    for path in ("/admin", "/admin/films", "/admin/customers"):
        response = page.goto(path)
        assert response
        assert response.status == 403
        expect(page.get_by_role("heading", level=1)).to_have_text("This is not open to you")
    expect(page.get_by_role("link", name="Office")).to_have_count(0)
