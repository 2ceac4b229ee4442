"""Paying by Stripe in a browser: its fields in a frame, its script on our page, the bank that asks, and the refund."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.accessibility import axe
from tests.browser.page_actions import come_in, expect_notice, warned
from tests.browser.screenshots import put_in_cart
from tests.browser.storefront import Storefront, aside, signed_in
from tests.browser.watched_pages import watched
from tests.conftest import MakeDatabase, Serve
from tests.connections import fetch, in_database
from tests.shop.conftest import SHAWSHANK
from tests.stripe_server import BROKE, GOOD, SECURE, StripeServer, shared_stripe, stripe_server
from tests.users import PASSWORD

from filmer.shop.draft_queries import keep_currency

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["shared_stripe", "stripe_server"]

Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: Serve, shared_stripe: StripeServer) -> Storefront:
    url = make_database(films=True)
    aside(in_database, url, lambda conn: keep_currency(conn, "EUR"))
    payment = {"FILMER_PAYMENT": "stripe,counter", "FILMER_CURRENCY": "EUR"}
    return Storefront(serve_here(url, **payment, **shared_stripe.environment), url)


@pytest.fixture
def open_page(browser: Browser, shop: Storefront, stripe_server: StripeServer) -> Open:
    return partial(watched, browser, shop.origin, others=[stripe_server.address], expected_statuses={402})


def at_checkout(page: Page, shop: Storefront) -> None:
    signed_in(page.context, shop.newcomer().email, PASSWORD)
    put_in_cart(page.context.request, {SHAWSHANK: 2})
    page.goto("/checkout")


def pay(page: Page, number: str, *, keep: bool = False) -> None:
    page.frame_locator("iframe[title='Your card']").get_by_label("Card number").fill(number)
    page.get_by_label("First name on the card").fill("Mary")
    page.get_by_label("Last name on the card").fill("Major")
    page.get_by_label("Keep this card at Stripe").set_checked(keep)
    page.get_by_role("button", name="Order for €9.98").click()


def placed(page: Page) -> str:
    page.wait_for_url("**/orders/*")
    expect(page.get_by_role("status")).to_contain_text("Your order is placed")
    return page.url.rpartition("/")[2]


def state(stripe: StripeServer, order: str) -> dict[str, Any]:
    (intent,) = stripe.intents(order)
    return intent


def test_from_the_card_to_the_refund(open_page: Open, shop: Storefront, stripe_server: StripeServer) -> None:
    with open_page() as page:
        at_checkout(page, shop)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.post_data or "") if shop.origin in request.url else None)
        pay(page, BROKE)
        warned(page, "This card was not accepted. Nothing was bought")
        pay(page, GOOD, keep=True)
        order = placed(page)
        assert (state(stripe_server, order)["captured"], state(stripe_server, order)["refunded"]) == (998, 0)
        page.get_by_role("button", name="Cancel this order").click()
        page.get_by_role("button", name="Yes, cancel it all").click()
        page.get_by_text("cancelled").first.wait_for()
        assert state(stripe_server, order)["refunded"] == 998
        put_in_cart(page.context.request, {SHAWSHANK: 2})
        page.goto("/checkout")
        expect(page.get_by_label("Card ending in 4242, Mary Major")).to_be_checked()
        page.get_by_role("button", name="Order for €9.98").click()
        assert state(stripe_server, placed(page))["captured"] == 998
        assert not any("4242424242" in text or "4000000000" in text for text in sent)


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_bank_asks(open_page: Open, shop: Storefront, stripe_server: StripeServer, width: str) -> None:
    with open_page(width=width) as page:
        at_checkout(page, shop)
        pay(page, SECURE)
        page.frame_locator("iframe[title='Your bank']").get_by_role("button", name="Refuse").click()
        warned(page, "Your bank has not confirmed the payment. Nothing was bought")
        pay(page, SECURE)
        page.frame_locator("iframe[title='Your bank']").get_by_role("button", name="Confirm").click()
        assert state(stripe_server, placed(page))["captured"] == 998


def test_stripe_is_away_when_the_bank_has_confirmed(
    open_page: Open, shop: Storefront, stripe_server: StripeServer
) -> None:
    with open_page(expected_statuses={402, 503}) as page:
        at_checkout(page, shop)
        pay(page, SECURE)
        confirm = page.frame_locator("iframe[title='Your bank']").get_by_role("button", name="Confirm")
        confirm.wait_for()
        stripe_server.fail("500", "/payment_intents", times=20)
        confirm.click()
        warned(page, "Send it again: you pay only once.")
        stripe_server.heal()
        before = len(stripe_server.intents())
        page.get_by_role("button", name="Order for €9.98").click()
        assert state(stripe_server, placed(page))["captured"] == 998
        assert len(stripe_server.intents()) == before


def test_what_the_frame_finds_wrong_is_said_beside_it(open_page: Open, shop: Storefront) -> None:
    count = "SELECT count(*) FROM payment_draft"
    before = fetch(shop.database_url, count)
    with open_page(expected_statuses={400}) as page:
        at_checkout(page, shop)
        pay(page, "42")
        warned(page, "Your card number is incomplete.")
        page.get_by_label("First name on the card").fill(" ")
        page.get_by_role("button", name="Order for €9.98").click()
        warned(page, "Please fill in the names on the card.")
        assert fetch(shop.database_url, count) == before


def test_without_scripts_the_counter_still_works_up_to_the_refund(open_page: Open, shop: Storefront) -> None:
    with open_page(scripts=False, expected_statuses={400}) as page:
        at_checkout(page, shop)
        expect(page.get_by_text("To pay by card here needs scripts")).to_be_visible()
        page.get_by_role("button", name="Order for €9.98").click()
        expect(page.get_by_text("This way to pay needs scripts").first).to_be_visible()
        page.get_by_label("At the counter of the shop").check()
        page.get_by_role("button", name="Order for €9.98").click()
        page.wait_for_url("**/orders/*")
        expect(page.get_by_text("Reserved until it is paid")).to_be_visible()
        with open_page() as office:
            come_in(office, shop, role="admin")
            office.goto(f"/admin/orders/{page.url.rpartition('/')[2]}")
            office.get_by_role("button", name="Paid", exact=True).click()
            office.get_by_role("button", name="Yes, it is paid").click()
            expect_notice(office, "The order is paid.")
            page.reload()
            expect(page.get_by_text("To be picked up by")).to_be_visible()
            office.get_by_role("button", name="Cancel and refund").click()
            office.get_by_role("textbox", name="Reason").fill("The disc is broken")
            office.get_by_role("button", name="Yes, refund it").click()
            expect_notice(office, "The order is cancelled.")
            page.reload()
            expect(page.get_by_text("It is given back at the counter, where it was paid.")).to_be_visible()
            office.get_by_role("button", name="Given back").click()
            office.get_by_role("button", name="Yes, it is given back").click()
            expect_notice(office, "The money is given back.")
            page.reload()
            expect(page.get_by_text("Completed on")).to_be_visible()


def test_the_fields_are_accessible_in_both_themes(open_page: Open, shop: Storefront) -> None:
    with open_page(reduced_motion="reduce") as page:
        at_checkout(page, shop)
        page.evaluate("document.querySelector('iframe').remove()")  # which is another's, and axe would talk to it
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            axe(page)
