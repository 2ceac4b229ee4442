"""From the shelf to the order, whatever is clicked twice, gone back to, or changed in another tab meanwhile."""

import re
from decimal import Decimal

from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.page_actions import (
    BATMAN,
    DARK_KNIGHT,
    SHAWSHANK,
    Options,
    bought,
    come_in,
    expect_notice,
    fill_card,
    in_cart,
    pay,
    register,
    warned,
    with_and_without_scripts,
)
from tests.browser.screenshots import put_in_cart
from tests.browser.storefront import Storefront
from tests.users import CARD, PASSWORD

from filmer.accounts.schemas import User

ORDER = "**/orders/*"
OWN_CARD = {
    "Card number": "5105105105105100",
    "First name on the card": "Mary",
    "Last name on the card": "Major",
    "Good through": "12/2031",
}


def session_ends(page: Page) -> None:
    """While the page stays open."""
    origin = "/".join(page.url.split("/")[:3])
    page.context.add_cookies([{"name": "JSESSIONID", "value": "A" * 43, "url": origin}])


def sign_in(page: Page, person: User) -> None:
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()


@with_and_without_scripts
def test_a_session_that_runs_out_over_the_cart_and_the_checkout(
    options: Options, visit: Visit, storefront: Storefront
) -> None:
    page = visit(**options)
    person = come_in(page, storefront)
    put_in_cart(page.context.request, {BATMAN: 1})
    page.goto("/cart")
    session_ends(page)
    page.get_by_label("Quantity of Batman Begins").select_option("3")
    page.get_by_role("button", name="Update the quantity of Batman Begins").click()
    expect(page.get_by_text("As soon as you are signed in, the quantity is changed.")).to_be_visible()
    sign_in(page, person)
    expect_notice(page, "Welcome back, Mary. Batman Begins: 3 in your cart.")
    assert in_cart(page) == {BATMAN: 3}
    session_ends(page)
    page.get_by_role("button", name="Remove Batman Begins").click()
    expect_notice(page, "Please sign in first, and then press the button once more.")
    sign_in(page, person)
    expect_notice(page, "Welcome back, Mary.")
    assert in_cart(page) == {BATMAN: 3}
    page.get_by_role("link", name="Check out").click()
    fill_card(page)
    session_ends(page)
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_text("Nothing was done yet, and what you filled in waits for you.")).to_be_visible()
    sign_in(page, person)
    expect_notice(page, "Welcome back, Mary. Nothing was done yet")
    expect(page.get_by_label("First name on the card")).to_have_value("Mary")
    expect(page.get_by_label("Card number")).to_have_value("")
    assert bought(page) == []
    pay(page)
    page.wait_for_url(ORDER)
    assert bought(page) == [Decimal("14.97")]


def test_emptying_the_cart_asks_first_in_a_dialog(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    put_in_cart(page.context.request, {BATMAN: 2})
    page.goto("/cart")
    opener = page.get_by_role("button", name="Empty the cart")
    dialog = page.get_by_role("dialog", name="Take all 2 copies out of the cart?")
    for leave in ("Escape", "Enter"):
        opener.focus()
        page.keyboard.press("Enter")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        for _ in range(2):  # it holds the focus
            page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('dialog *, body')")
        dialog.get_by_role("button", name="Cancel").focus()
        page.keyboard.press(leave)
        expect(dialog).to_be_hidden()
        expect(opener).to_be_focused()
    opener.click()
    page.mouse.click(5, 5)  # beside it
    expect(dialog).to_be_hidden()
    assert in_cart(page) == {BATMAN: 2}
    opener.click()
    dialog.get_by_role("button", name="Yes, empty it").click()
    expect_notice(page, "Your cart is empty now.")
    assert in_cart(page) == {}


def test_without_scripts_the_question_unfolds(visit: Visit, storefront: Storefront) -> None:
    page = visit(scripts=False, width="phone")
    come_in(page, storefront)
    put_in_cart(page.context.request, {BATMAN: 1})
    page.goto("/cart")
    yes = page.get_by_role("button", name="Yes, empty it")
    expect(yes).to_be_hidden()
    summary = page.locator("summary").filter(has_text="Empty the cart")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Take the film out of the cart?")).to_be_visible()
    yes.click()
    expect_notice(page, "Your cart is empty now.")
    assert in_cart(page) == {}


def at_checkout(page: Page, storefront: Storefront) -> None:
    """A newcomer with two films who is about to pay 14.97."""
    come_in(page, storefront)
    put_in_cart(page.context.request, {BATMAN: 1, DARK_KNIGHT: 2})
    page.goto("/checkout")


@with_and_without_scripts
def test_from_the_shelf_to_the_order(options: Options, visit: Visit) -> None:
    page = visit(**options)
    page.goto("/")
    page.get_by_role("link", name="Browse all films").click()
    page.get_by_role("navigation", name="First letter").get_by_role("link", name="B", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Batman Begins").click()
    page.get_by_role("button", name="Rent for").click()
    expect_notice(page, "Batman Begins is in your cart.")
    if options.get("scripts", True):
        expect(page.get_by_role("link", name="Cart 1")).to_be_visible()
    page.get_by_role("link", name="Check out").click()
    page.get_by_role("link", name="Open an account").click()
    register(page)
    expect_notice(page, "Welcome, Mary. Your account is open, and you are signed in. What you chose before is in your")
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name="Rent for").click()
    expect_notice(page, "Batman Begins is in your cart, 2 of it.")
    page.get_by_role("link", name="Cart 2").click()
    page.get_by_role("link", name="Check out").click()
    for label, text in OWN_CARD.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url(ORDER)
    expect_notice(page, "Thank you! Your order is placed.")
    expect(page.get_by_role("row", name="Total")).to_contain_text("9.98")
    expect(page.get_by_role("link", name="Cart", exact=True)).to_be_visible()  # with nothing in it
    order = page.url.rpartition("/")[2]
    page.get_by_role("link", name="All your orders").click()
    row = page.get_by_role("row", name=order)
    expect(row).to_contain_text("9.98")
    row.get_by_role("link").click()
    expect(page.get_by_role("row", name="Batman Begins (2005)")).to_contain_text("4.99")
    assert bought(page) == [Decimal("9.98")]


def test_quantities_are_changed_and_films_taken_out(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    come_in(page, storefront)
    put_in_cart(page.context.request, {BATMAN: 1, DARK_KNIGHT: 1, SHAWSHANK: 1})
    page.goto("/cart")
    total = page.get_by_role("complementary", name="Total")
    expect(total).to_contain_text("14.97")
    page.get_by_label("Quantity of Batman Begins").select_option("3")
    page.get_by_role("button", name="Update the quantity of Batman Begins").click()
    expect_notice(page, "Batman Begins: 3 in your cart.")
    expect(total).to_contain_text("24.95")
    page.get_by_role("button", name="Remove The Dark Knight").click()
    expect_notice(page, "Taken out of your cart.")
    expect(total).to_contain_text("19.96")
    assert in_cart(page) == {BATMAN: 3, SHAWSHANK: 1}
    page.get_by_role("button", name="Empty the cart").click()
    page.get_by_role("button", name="Yes, empty it").click()
    expect_notice(page, "Your cart is empty now.")
    expect(page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()
    assert in_cart(page) == {}


def test_what_is_wrong_is_said_beside_its_field(visit: Visit, storefront: Storefront) -> None:
    page = visit(expected_statuses={400})
    at_checkout(page, storefront)
    pay(page, expiration="01/2020")
    warned(page, "Good through")
    month = page.get_by_label("Good through")
    expect(month).to_have_attribute("aria-invalid", "true")
    expect(month).to_have_accessible_description(re.compile("This must not be in the past"))
    expect(page.get_by_label("First name on the card")).to_have_value("Mary")
    expect(page.get_by_label("Last name on the card")).to_have_value("Major")
    expect(page.get_by_label("Card number")).to_have_value("")
    assert "4242" not in page.content()
    page.get_by_role("alert").get_by_role("link", name="Good through").click()
    expect(month).to_be_focused()
    assert bought(page) == []
    pay(page)
    page.wait_for_url(ORDER)
    assert bought(page) == [Decimal("14.97")]


def test_what_the_form_lacks_the_browser_says(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    at_checkout(page, storefront)
    fill_card(page, number="")
    page.get_by_role("button", name="Pay").click()
    number = page.get_by_label("Card number")
    expect(number).to_be_focused()
    assert number.evaluate("field => field.validity.valueMissing")


def test_a_card_that_is_not_accepted(visit: Visit, storefront: Storefront) -> None:
    page = visit(expected_statuses={402})
    at_checkout(page, storefront)
    pay(page, number="4000 0566 5566 5556")
    warned(page, "This card was not accepted")
    expect(page.get_by_label("First name on the card")).to_have_value("Mary")
    expect(page.get_by_label("Card number")).to_have_value("")
    assert bought(page) == []
    assert in_cart(page) == {BATMAN: 1, DARK_KNIGHT: 2}


def arrives_at_the_order(page: Page) -> None:
    """As ``wait_for_url``, which gives up when the second submit breaks off the way to the answer of the first."""
    expect(page).to_have_url(re.compile(r"/orders/\d+$"), timeout=30_000)
    page.wait_for_load_state()


@with_and_without_scripts
def test_a_double_click_buys_once(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    at_checkout(page, storefront)
    fill_card(page)
    page.get_by_role("button", name="Pay").dblclick()
    arrives_at_the_order(page)
    assert bought(page) == [Decimal("14.97")]
    assert in_cart(page) == {}


@with_and_without_scripts
def test_enter_twice_buys_once(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    at_checkout(page, storefront)
    fill_card(page)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    arrives_at_the_order(page)
    assert bought(page) == [Decimal("14.97")]


def test_reloading_an_order_buys_nothing(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    at_checkout(page, storefront)
    pay(page)
    page.wait_for_url(ORDER)
    expect_notice(page, "Thank you!")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your order")
    expect(page.get_by_text("Thank you!")).to_have_count(0)  # said once
    assert bought(page) == [Decimal("14.97")]


def test_going_back_after_paying(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    at_checkout(page, storefront)
    pay(page)
    page.wait_for_url(ORDER)
    page.go_back()
    expect_notice(page, "Your cart is empty, so there is nothing to check out.")
    assert bought(page) == [Decimal("14.97")]


def test_the_same_form_sent_again_shows_its_order(visit: Visit, storefront: Storefront) -> None:
    page = visit(scripts=False)  # nothing but the server keeps a form from being sent twice
    at_checkout(page, storefront)
    orders = set()
    for number, word in (
        (CARD["creditCardId"], "Thank you!"),
        (CARD["creditCardId"], "Thank you!"),
        ("4000056655665556", "You have sent this form before: this is the order it became."),
    ):
        fill_card(page, number=number)
        with page.context.expect_page() as opened:
            page.get_by_role("button", name="Pay").click(modifiers=["Control"])  # the answer in a tab of its own
        expect_notice(opened.value, word)
        orders.add(opened.value.url)
    assert len(orders) == 1
    assert bought(page) == [Decimal("14.97")]


def test_a_checkout_left_open_finds_the_cart_empty(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    at_checkout(page, storefront)
    second_tab = page.context.new_page()
    second_tab.goto("/checkout")
    pay(page)
    page.wait_for_url(ORDER)
    pay(second_tab)
    expect_notice(second_tab, "Your cart is empty by now. What you have bought is among your orders.")
    assert bought(page) == [Decimal("14.97")]


@with_and_without_scripts
def test_two_tabs_race_for_a_cart(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options, expected_statuses={409})
    at_checkout(page, storefront)
    second_tab = page.context.new_page()
    second_tab.goto(f"/films/{SHAWSHANK}")
    second_tab.get_by_role("button", name="Rent for").click()
    expect_notice(second_tab, "The Shawshank Redemption is in your cart.")
    pay(page)
    warned(page, "Your cart has changed since you looked. Nothing was bought")
    expect(page.get_by_role("region", name="What has changed")).to_contain_text("The Shawshank Redemption is new")
    expect(page.get_by_label("Card number")).to_have_value("")
    assert bought(page) == []
    expect(page.get_by_role("button", name="Pay")).to_contain_text("19.96")
    pay(page)
    page.wait_for_url(ORDER)
    assert bought(page) == [Decimal("19.96")]
