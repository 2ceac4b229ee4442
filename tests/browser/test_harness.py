"""What the browser suite stands on bites: each fault that a page may have makes its check fail."""

import gzip
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.cost import budget
from tests.browser.faulty_site import FAULTS, STYLE, site
from tests.browser.storefront import CUSTOMER, Storefront, signed_in
from tests.browser.watched_pages import watched
from tests.users import PASSWORD

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["site"]


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    with watched(browser, site) as page:
        yield page


@pytest.mark.parametrize("path", FAULTS)
def test_what_the_browser_complains_about_fails(path: str, browser: Browser, site: str) -> None:
    with pytest.raises(AssertionError, match=FAULTS[path][1]), watched(browser, site) as page:
        page.goto(path)


@pytest.mark.parametrize("path", ["/inline-style", "/broken-picture"])
def test_it_does_so_without_scripts(path: str, browser: Browser, site: str) -> None:
    with pytest.raises(AssertionError, match="the browser complains"), watched(browser, site, scripts=False) as page:
        page.goto(path)


def test_every_tab_is_watched(browser: Browser, site: str) -> None:
    with pytest.raises(AssertionError, match="no film"), watched(browser, site) as page:
        page.context.new_page().goto("/error")


@pytest.mark.parametrize("status", [404, 500])
def test_a_status_is_wrong_unless_it_was_expected(status: int, browser: Browser, site: str) -> None:
    with watched(browser, site, expected_statuses={status}) as page:
        response = page.goto(f"/{status}")
        assert response
        assert response.status == status
    with pytest.raises(AssertionError, match=str(status)), watched(browser, site) as page:
        page.goto(f"/{status}")
    with pytest.raises(AssertionError, match=str(status)), watched(browser, site, expected_statuses={418}) as page:
        page.goto(f"/{status}")


def test_a_sound_page_passes_it_all(page: Page) -> None:
    page.goto("/")
    axe(page)


@pytest.mark.parametrize(
    ("path", "rule", "element"),
    [
        ("/no-alt", "image-alt", 'id="poster"'),
        ("/pale", "color-contrast", '<p class="pale">'),
        ("/small", "target-size", "<button>a</button>"),
        ("/no-main", "landmark-one-main", "<html"),
    ],
)
def test_axe_fails_with_the_rule_and_the_element(path: str, rule: str, element: str, page: Page) -> None:
    page.goto(path)
    with pytest.raises(AssertionError) as failed:
        axe(page)
    assert rule in str(failed.value)
    assert element in str(failed.value)


def test_the_cost_is_what_goes_over_the_wire(page: Page) -> None:
    cost = budget(page, "/")
    assert cost.requests == 2
    assert set(cost.bytes_by_type) == {"Document", "Stylesheet"}
    style = len(gzip.compress(STYLE.encode()))
    assert style < cost.bytes_by_type["Stylesheet"] < len(STYLE) / 2, "compressed, with its headers"
    assert cost.bytes_without("Document") == cost.bytes_by_type["Stylesheet"]
    assert cost.layout_shift == 0
    assert cost.largest_paint > 0
    assert budget(page, "/").bytes_by_type == cost.bytes_by_type, "nothing is kept from the first visit"


def test_what_moves_is_seen(page: Page) -> None:
    assert budget(page, "/moving").layout_shift > 0.01


def test_text_is_drawn(page: Page) -> None:
    """Without a font there would be none, nobody complaining."""
    page.goto("/")
    heading = page.get_by_role("heading")
    drawn = heading.screenshot()
    page.evaluate("document.querySelector('h1').attributeStyleMap.set('color', 'transparent')")
    assert heading.screenshot() != drawn


def test_the_docs_are_without_complaint(visit: Visit) -> None:
    page = visit()
    page.goto("/docs")
    page.locator(".opblock").first.wait_for()


def test_a_page_is_what_was_asked_for(visit: Visit) -> None:
    script = """() => [innerWidth, navigator.language, ...["(prefers-color-scheme: dark)", "(pointer: coarse)",
        "(prefers-reduced-motion: reduce)"].map(query => matchMedia(query).matches)]"""
    wide, phone = visit(), visit(width="phone", color_scheme="dark", reduced_motion="reduce")
    for page in (wide, phone):
        page.goto("/docs")
    assert wide.evaluate(script) == [1280, "en-GB", False, False, False]
    assert phone.evaluate(script) == [390, "en-GB", True, True, True]


def test_a_browser_is_signed_in_alone(visit: Visit, storefront: Storefront) -> None:
    newcomer = storefront.newcomer()
    customers_page, newcomers_page, nobody = visit(), visit(), visit()
    signed_in(customers_page.context, CUSTOMER)
    signed_in(newcomers_page.context, newcomer.email, PASSWORD)
    responses = [page.context.request.get("/api/v1/auth/session") for page in (customers_page, newcomers_page, nobody)]
    assert [response.status for response in responses] == [200, 200, 401]
    assert [response.json()["data"]["email"] for response in responses[:2]] == [CUSTOMER, newcomer.email]
