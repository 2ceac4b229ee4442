"""A stranger becomes a customer without anybody's help, and leaves again (contract §10 to §12)."""

import io
import zipfile
from http.client import UNAUTHORIZED

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.browser.page_actions import BATMAN, Options, expect_notice, follow_mail, register, with_and_without_scripts
from tests.users import LOGIN, PASSWORD

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

NEW_PASSWORD = "another password of mine"
OWN_CARD = {
    "Card number": "5105105105105100",
    "First name on the card": "Mary",
    "Last name on the card": "Major",
    "Good through": "12/2031",
}


@with_and_without_scripts
def test_from_a_visitors_cart_to_a_deleted_account(options: Options, visit: Visit) -> None:
    page = visit(**options)
    page.goto(f"/films/{BATMAN}")
    page.get_by_role("button", name="Rent for").click()
    page.get_by_role("link", name="Check out").click()
    page.get_by_role("link", name="Open an account").click()
    email = register(page)
    page.get_by_role("link", name="Cart 1").click()
    page.get_by_role("link", name="Check out").click()
    for label, text in OWN_CARD.items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Pay").click()
    expect_notice(page, "Thank you! Your order is placed.")
    order = page.url.rpartition("/")[2]

    follow_mail(page, email, "Your order")
    expect(page.get_by_role("main")).to_contain_text(order)
    forget_password(page, email)
    page.goto("/account")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert order in archive.read("orders.csv").decode()
    leave(page, email)


def forget_password(page: Page, email: str) -> None:
    page.goto("/account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Ask for a link").click()
    follow_mail(page, email, "Choose a new password")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Use it from now on").click()
    expect_notice(page, "Your password is changed, and you are signed in here.")


def leave(page: Page, email: str) -> None:
    """Deletes the account, thinks better of it by way of the mail, and deletes it for good."""
    delete_account(page)
    follow_mail(page, email, "Keep my account")
    page.get_by_role("button", name="Keep my account").click()
    assert page.context.request.post(LOGIN, data={"email": email, "password": PASSWORD}).status == UNAUTHORIZED
    sign_in(page, email, NEW_PASSWORD)
    expect_notice(page, "Welcome back, Mary.")
    delete_account(page)
    page.goto("/account")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def delete_account(page: Page) -> None:
    page.goto("/account/delete")
    page.get_by_label("Your password").fill(NEW_PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Your account is deleted").wait_for()


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
