"""At the counter, in a browser: from the code on an order to the copy's return; two people and one copy; cancelling."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import Options, come_in, expect_notice, pay, with_and_without_scripts
from tests.browser.screenshots import put_in_cart
from tests.browser.storefront import Storefront, aside
from tests.connections import fetch

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

SCARCE = "tt0087843"  # Once Upon a Time in America


def buy(page: Page, film: str) -> str:
    """On the pages. Returns the code that the order shows."""
    put_in_cart(page.context.request, {film: 1})
    page.goto("/checkout")
    pay(page)
    page.wait_for_url("**/orders/*")
    return page.locator(".pickup-code").inner_text()


def scan(box: Locator, code: str) -> None:
    """As a scanner does: it types the code, and Enter."""
    box.press_sequentially(code)
    expect(box).to_have_value(code)
    box.press("Enter")


def in_both_themes(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        axe(page)


@with_and_without_scripts
def test_a_copy_goes_out_and_comes_back_with_the_keyboard_alone(
    options: Options, visit: Visit, storefront: Storefront
) -> None:
    """On a phone behind the counter; a scanner types the code, and Enter."""
    customer = visit(reduced_motion="reduce", **options)
    come_in(customer, storefront)
    code = buy(customer, "tt0068646")
    clerk = visit(width="phone", reduced_motion="reduce", **options)
    come_in(clerk, storefront, role="admin")
    clerk.goto("/admin")
    clerk.get_by_role("link", name="Counter").click()
    box = clerk.get_by_label("Code, order number, name, e-mail or title")
    expect(box).to_be_focused()
    scan(box, code.lower())
    clerk.get_by_role("heading", name="To be picked up").wait_for()
    if not options:
        in_both_themes(clerk)
    clerk.get_by_role("button", name="Hand out The Godfather, Mary Major").focus()
    clerk.keyboard.press("Enter")
    expect_notice(clerk, "The Godfather is handed out to Mary Major: it is due back by")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    customer.reload()
    expect(customer.get_by_text("Out: due back by")).to_be_visible()
    expect(customer.get_by_text("This order can't be cancelled any more: a rental of it has begun")).to_be_visible()
    scan(box, code)
    clerk.get_by_role("button", name="Take back The Godfather, Mary Major").press("Enter")
    expect_notice(clerk, "The Godfather is back from Mary Major.")
    customer.reload()
    expect(customer.get_by_text("Brought back on")).to_be_visible()


def test_two_people_and_one_copy(visit: Visit, storefront: Storefront) -> None:
    clerk = visit(expected_statuses={400})
    come_in(clerk, storefront, role="admin")
    clerk.goto("/admin/films?query=once+upon+america")
    clerk.locator(".film-terms summary").first.click()
    clerk.get_by_label("Copies of Once Upon a Time in America").fill("1")
    clerk.get_by_role("button", name="Set the terms of Once Upon a Time in America").click()
    expect_notice(clerk, "The terms of Once Upon a Time in America hold for what is rented from now on.")
    first, second = visit(), visit(expected_statuses={409})
    for page in (first, second):
        come_in(page, storefront)
    code = buy(first, SCARCE)
    second.goto(f"/films/{SCARCE}")
    refused = second.context.request.post("/api/v1/cart/items", data={"movieId": SCARCE})
    assert refused.status == 409
    other_clerk = clerk.context.new_page()
    for page in (clerk, other_clerk):
        page.goto(f"/admin/counter?query={code.replace(' ', '')}")
    clerk.get_by_role("button", name="Hand out").click()
    expect_notice(clerk, "is handed out")
    with other_clerk.expect_response(lambda response: response.status == 400):
        other_clerk.get_by_role("button", name="Hand out").click()
    expect(other_clerk.get_by_role("alert")).to_have_text(re.compile("does not wait to be picked up: nothing was"))
    other_clerk.get_by_role("button", name="Write off").click()
    dialog = other_clerk.get_by_role("dialog")
    expect(dialog).to_contain_text("This can't be undone.")
    in_both_themes(other_clerk)
    dialog.get_by_role("button", name="Cancel").click()
    other_clerk.get_by_role("button", name="Take back").click()
    expect_notice(other_clerk, "is back from Mary Major.")
    assert second.context.request.post("/api/v1/cart/items", data={"movieId": SCARCE}).status == 200
    aside(fetch, storefront.database_url, "DELETE FROM rental_terms WHERE film_id = %s", SCARCE)


@with_and_without_scripts
def test_an_order_is_cancelled(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(width="phone", reduced_motion="reduce", **options)
    come_in(page, storefront)
    buy(page, "tt0110912")
    if options:
        page.locator("summary").filter(has_text="Cancel this order").click()
    else:
        page.get_by_role("button", name="Cancel this order").click()
        page.get_by_role("dialog").get_by_role("button", name="No, keep it").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("button", name="Cancel this order").click()
        in_both_themes(page)
    page.get_by_role("textbox", name="Reason").fill("Ordered twice")
    page.get_by_role("button", name="Yes, cancel it all").click()
    expect_notice(page, "The order is cancelled.")
    for text in ("Ordered twice", "Completed on"):
        expect(page.get_by_text(text)).to_be_visible()
    expect(page.get_by_role("heading", name="Your code at the counter")).to_be_hidden()
    if not options:
        in_both_themes(page)
    page.get_by_role("link", name="All your orders").click()
    expect(page.get_by_role("row", name="cancelled, refunded")).to_be_visible()


def test_an_admin_refunds_an_order(visit: Visit, storefront: Storefront) -> None:
    customer = visit()
    person = come_in(customer, storefront)
    buy(customer, "tt0110912")
    clerk = visit(reduced_motion="reduce")
    come_in(clerk, storefront, role="admin")
    clerk.goto("/admin/orders")
    clerk.get_by_label("Number, code, name, e-mail").fill(person.email)
    clerk.get_by_role("button", name="Find").click()
    in_both_themes(clerk)
    clerk.get_by_role("row", name=person.email).get_by_role("link").click()
    in_both_themes(clerk)
    clerk.get_by_role("button", name="Cancel and refund").click()
    clerk.get_by_role("textbox", name="Reason").fill("The disc is broken")
    clerk.get_by_role("button", name="Yes, refund it").click()
    expect_notice(clerk, "The order is cancelled.")
    in_both_themes(clerk)
    customer.reload()
    expect(customer.get_by_text("The disc is broken")).to_be_visible()
