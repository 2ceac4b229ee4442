"""A forgotten password, from the sign-in page over the demo's inbox to a new one; and staying signed in."""

from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import come_in, expect_notice, follow_mail
from tests.browser.storefront import Storefront
from tests.users import PASSWORD


@pytest.mark.parametrize("options", [{}, {"width": "phone", "scripts": False}], ids=["wide", "phone, no scripts"])
def test_whoever_forgot_the_password_chooses_a_new_one(
    visit: Visit, storefront: Storefront, options: dict[str, Any]
) -> None:
    page = visit(reduced_motion="reduce", **options)
    email = storefront.newcomer().email
    page.goto("/sign-in")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Ask for a link").click()
    expect(page.get_by_role("heading", name="A new password")).to_be_visible()
    if not options:
        axe(page)
    expect(page.get_by_role("main").get_by_role("link", name="inbox")).to_be_visible()
    follow_mail(page, email, "Choose a new password")
    if not options:
        axe(page)
    width = page.viewport_size["width"] if page.viewport_size else 0
    box = page.get_by_role("button", name="Use it from now on").bounding_box()
    assert box
    assert box["x"] + box["width"] <= width
    page.get_by_label("New password").fill("a password of today")
    page.get_by_role("button", name="Use it from now on").click()
    expect_notice(page, "Your password is changed, and you are signed in here.")
    page.goto("/account")
    expect(page.get_by_role("main")).to_contain_text(email)
    expect(page.get_by_role("row", name="Now, here")).to_contain_text("Chrome")


def test_a_browser_that_was_closed_is_still_signed_in(visit: Visit, storefront: Storefront) -> None:
    page = visit()
    person = come_in(page, storefront)
    page.context.clear_cookies()
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Keep me signed in here for 30 days").check()
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect_notice(page, "Welcome back")
    page.context.clear_cookies(name="JSESSIONID")
    page.goto("/account")
    expect(page.get_by_role("row", name="Now, here")).to_contain_text("stays signed in")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.goto("/account")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
