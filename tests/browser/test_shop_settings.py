"""A shop with a colour and pages of its own: set by keyboard, on a phone, without scripts; seen by day and by night."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page
from tests.browser.accessibility import axe
from tests.browser.storefront import aside
from tests.browser.watched_pages import Scheme, watched
from tests.conftest import MakeDatabase, ServeHere
from tests.users import open_account, session_of

pytestmark = [pytest.mark.proof, pytest.mark.parallel]
PATHS = ("/", "/films/tt0111161", "/about", "/pages/imprint", "/admin/settings", "/admin/pages")


@pytest.fixture(scope="module")
def site(make_database: MakeDatabase, serve_here: ServeHere) -> tuple[str, list[Any]]:
    """Its address, and its owner's cookies."""
    url = make_database(films=True)
    client = serve_here(url).client
    owner = aside(open_account, url, role="admin")
    session: dict[str, str] = aside(session_of, url, owner)
    with httpx.Client(base_url=client.base_url, cookies=session, trust_env=False) as browser:
        saved = browser.post(
            "/admin/settings",
            data={"name": "A cinema with a name that is a bit too long", "accent": "#006400", "locale": "de-DE",
                "currency": "EUR", "monday": "10-12", "address": "Street 1\nTown", "phone": "+1 234 567"},
        )  # fmt: skip
        assert saved.status_code == 303
        parts = {
            "title": (None, "Imprint"),
            "body": (None, "# Who\n\n[link](https://films.example)\n\n| a |\n|---|\n| 1 |"),
        }
        assert browser.post("/admin/pages/new", files=parts).status_code == 303
    origin = str(client.base_url).rstrip("/")
    return origin, [{"name": name, "value": value, "url": origin} for name, value in session.items()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_a_colour_of_its_own_can_be_read(
    browser: Browser, site: tuple[str, list[Any]], path: str, scheme: Scheme
) -> None:
    with watched(browser, site[0], color_scheme=scheme, width="phone", reduced_motion="reduce") as page:
        page.context.add_cookies(site[1])
        page.goto(path)
        assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent')") == (
            "#006400" if scheme == "light" else "#00c000"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing stands out on a phone"
        axe(page)


@pytest.mark.parametrize("scripts", [True, False])
def test_settings_are_saved_by_keyboard_on_a_phone(
    browser: Browser, site: tuple[str, list[Any]], *, scripts: bool
) -> None:
    with watched(browser, site[0], width="phone", scripts=scripts, expected_statuses={400}) as page:
        page.context.add_cookies(site[1])
        page.goto("/admin/settings")
        type_into(page, "Tuesday", "whenever")
        page.keyboard.press("Enter")
        page.get_by_text("Please look at Tuesday").wait_for()
        assert page.get_by_label("Tuesday").input_value() == "whenever"
        type_into(page, "Tuesday", "9 to 12.30")
        page.keyboard.press("Enter")
        page.get_by_text("Saved: the shop shows it everywhere.").wait_for()
        assert page.get_by_label("Tuesday").input_value() == "09:00\N{EN DASH}12:30"


def type_into(page: Page, label: str, text: str) -> None:
    page.get_by_label(label).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def test_a_page_is_tried_and_published_without_scripts(browser: Browser, site: tuple[str, list[Any]]) -> None:
    with watched(browser, site[0], scripts=False) as page:
        page.context.add_cookies(site[1])
        page.goto("/admin/pages")
        page.get_by_role("link", name="Privacy").click()
        page.get_by_label("Text").fill("We keep **nothing**.")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("region", name="Privacy").get_by_text("nothing", exact=True).wait_for()
        page.get_by_role("button", name="Publish").click()
        page.get_by_role("link", name="/pages/privacy").click()
        page.get_by_role("heading", level=1, name="Privacy").wait_for()
        page.goto("/admin/pages")
        row = page.get_by_role("row", name="Privacy")
        row.get_by_text("Remove").first.click()
        row.get_by_role("button", name="Yes, remove it").click()
        page.get_by_text("Privacy is gone.").wait_for()
