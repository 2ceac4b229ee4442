"""Actions on the storefront's pages that several tests share."""

import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.storefront import Storefront, signed_in
from tests.browser.watched_pages import MILLISECONDS
from tests.users import CARD, PASSWORD

from filmer.accounts.schemas import Role, User

BATMAN, DARK_KNIGHT, SHAWSHANK = "tt0372784", "tt0468569", "tt0111161"  # 4.99 each
INCEPTION = "tt1375666"  # which has a trailer

Options = dict[str, bool]  # of ``visit``
with_and_without_scripts = pytest.mark.parametrize("options", [{}, {"scripts": False}], ids=["scripts", "no scripts"])

expect.set_options(timeout=MILLISECONDS)  # as whatever else waits


def come_in(page: Page, storefront: Storefront, role: Role = "customer") -> User:
    """A newcomer signs in, without the form."""
    person = storefront.newcomer(role)
    signed_in(page.context, person.email, PASSWORD)
    return person


def register(page: Page) -> str:
    """Fills the form in, and confirms the address by the mail in the demo's inbox. Returns the address."""
    email = f"mary.{uuid.uuid4().hex}@example.com"
    page.get_by_label("First name").fill("Mary")
    page.get_by_label("Last name").fill("Major")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    page.get_by_role("heading", name="Almost done").wait_for()
    follow_mail(page, email, "Confirm this address")
    page.get_by_role("button", name="Yes, use this address").click()
    return email


def follow_mail(page: Page, email: str, button: str) -> None:
    """Opens the page that the last mail to an address leads to."""
    page.goto("/inbox")
    mail = page.get_by_role("article").filter(has_text=f"To {email}").first
    mail.get_by_role("link", name=button).click()


def fill_card(page: Page, *, number: str = CARD["creditCardId"], expiration: str = "12/2030") -> None:
    """One that is not to be kept."""
    if (another := page.get_by_label("Another card")).count():
        another.check()
    page.get_by_label("Keep this card").uncheck()
    page.get_by_label("Card number").fill(number)
    page.get_by_label("First name on the card").fill(CARD["firstName"])
    page.get_by_label("Last name on the card").fill(CARD["lastName"])
    page.get_by_role("textbox", name="Good through").fill(expiration)


def pay(page: Page, **card: str) -> None:
    fill_card(page, **card)
    page.get_by_role("button", name="Pay").click()


def suggested(page: Page, text: str) -> Locator:
    """Types it, and waits until what is suggested is for all of it: on the way there are others."""
    page.get_by_role("combobox").press_sequentially(text)
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    last = re.compile(f"^{text.rsplit(maxsplit=1)[-1]}$", re.IGNORECASE)
    options.locator("mark").filter(has_text=last).first.wait_for()
    return options


def expect_notice(page: Page, text: str) -> None:
    """Waits for the notice of what was done."""
    page.get_by_role("status").filter(has_text=text).first.wait_for()


def warned(page: Page, text: str) -> None:
    page.get_by_role("alert").filter(has_text=text).first.wait_for()


def bought(page: Page) -> list[Decimal]:
    """The total of each order of the signed-in user, the newest first."""
    return [Decimal(str(order["totalPrice"])) for order in _data(page, "/api/v1/orders")["items"]]


def in_cart(page: Page) -> dict[str, int]:
    return {line["movieId"]: line["quantity"] for line in _data(page, "/api/v1/cart")["items"]}


def _data(page: Page, path: str) -> dict[str, Any]:
    response = page.context.request.get(path)
    assert response.ok, response.text()
    data: dict[str, Any] = response.json()["data"]
    return data
