"""For everybody: with the keyboard alone, on a phone, in the dark, without movement, on paper."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import Options, bought, expect_notice, suggested, with_and_without_scripts
from tests.browser.page_kinds import KINDS, Kind, Shown, shown
from tests.browser.storefront import Storefront
from tests.browser.watched_pages import PHONE, watched
from tests.users import CARD, PASSWORD

pytestmark = [
    pytest.mark.proof,
    pytest.mark.parallel,
    pytest.mark.timeout(400),
]  # it looks at every kind of page at several widths

__all__ = ["shown"]

TOUCH = 24  # CSS pixels, WCAG 2.2 AA
STILL = 0.01  # seconds: nobody sees a movement as short
FAR = 120  # steps of Tab
NARROWEST = 320  # CSS pixels: WCAG 2.2 AA wants no scrolling sideways from there on
_FOCUS = """() => {
  const focused = document.activeElement;
  const seen = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  };
  const box = focused.getBoundingClientRect();
  const isThere = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
  // A radio of the stars lies unseen over its picture, which shows the focus.
  const shows = focused.matches("[type=radio]") ? focused.parentElement : focused;
  return [focused.outerHTML.slice(0, 150), isThere && seen(shows)];
}"""
_SMALL = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")].filter(
  element => {
    const box = element.getBoundingClientRect();
    const isInText = getComputedStyle(element).display === "inline" && element.closest("p, li, dd, td, th");
    const isSkip = element.matches(".skip");
    return box.width && !isInText && !isSkip && (box.width < %d || box.height < %d);
  }).map(element => element.outerHTML.slice(0, 120))"""
_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
_CUT = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  return [...document.querySelectorAll(".table-scroll:not(.from-the-end)")].filter(
    element => element.scrollWidth > element.clientWidth).map(element => element.ariaLabel);
}"""
_ASIDE = """() => [...document.querySelectorAll("main :is(a[href], button, input:not([type=hidden]), select)")].filter(
  element => {
    const box = element.getBoundingClientRect();
    return box.width && (box.left < 0 || box.right > document.documentElement.clientWidth + 1);
  }).map(element => element.outerHTML.slice(0, 120))"""
_GROUND = "() => getComputedStyle(document.body).backgroundColor"
_MOVING = """() => [...document.querySelectorAll("*")].flatMap(element => ["", "::before", "::after"].flatMap(part => {
  const style = getComputedStyle(element, part || null);
  const longest = `${style.transitionDuration},${style.animationDuration}`.split(",").map(parseFloat);
  return Math.max(...longest) > %f ? [`${element.tagName}.${element.className}${part}`] : [];
}))"""


def steps(page: Page, key: str) -> Iterator[None]:
    """Goes on with the keyboard; where it is can be seen at each step."""
    for _ in range(FAR):
        page.keyboard.press(key)
        element, is_seen = page.evaluate(_FOCUS)
        assert is_seen, f"the focus is not seen: {element}"
        yield


def reach(page: Page, wanted: Locator, *, key: str = "Tab") -> None:
    wanted.wait_for()
    handle = wanted.element_handle()
    for _ in steps(page, key):
        if page.evaluate("wanted => wanted === document.activeElement", handle):
            return
    raise AssertionError(f"{FAR} steps of {key} do not reach {wanted}")


def press(page: Page, wanted: Locator, *, key: str = "Tab") -> None:
    reach(page, wanted, key=key)
    page.keyboard.press("Enter")


def test_the_first_step_skips_to_the_content(visit: Visit) -> None:
    page = visit(reduced_motion="reduce")
    page.goto("/films")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/films#main")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_film_is_bought_with_the_keyboard(visit: Visit, storefront: Storefront) -> None:
    page = visit(reduced_motion="reduce")
    email = storefront.newcomer().email
    page.goto("/")
    press(page, page.get_by_role("link", name="Sign in"))
    for label, text in (("E-mail", email), ("Password", PASSWORD)):
        reach(page, page.get_by_label(label))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect_notice(page, "Welcome back")
    reach(page, page.get_by_role("combobox"))
    suggested(page, "batman beg")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Batman Begins", level=1).wait_for()
    press(page, page.get_by_role("button", name="Rent for"))
    expect_notice(page, "Batman Begins is in your cart.")
    press(page, page.get_by_role("link", name="Cart 1"), key="Shift+Tab")
    press(page, page.get_by_role("link", name="Check out"))
    for label, text in (
        ("Card number", CARD["creditCardId"]),
        ("First name on the card", CARD["firstName"]),
        ("Last name on the card", CARD["lastName"]),
        ("Good through", "12/2030"),
    ):
        reach(page, page.get_by_label(label))
        page.keyboard.type(text)
    press(page, page.get_by_role("button", name="Pay"))
    expect_notice(page, "Thank you!")
    assert len(bought(page)) == 1


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["film", "search", "account", "prices"])
def test_the_focus_is_seen_wherever_it_goes(name: str, color_scheme: str, visit: Visit, shown: Shown) -> None:
    page = visit(color_scheme=color_scheme, reduced_motion="reduce")
    shown.go(page, next(kind for kind in KINDS if kind.name == name))
    for _ in steps(page, "Tab"):
        if page.evaluate("document.activeElement.closest('footer') !== null"):
            return
    raise AssertionError("the footer is out of reach")


class PageMeasurements(NamedTuple):
    """What a phone that wants no movement shows of a page."""

    too_wide: dict[int, int]  # pixels to be scrolled sideways, by the width of the phone
    cut: list[str]  # tables that would have to be scrolled sideways, on the narrowest
    aside: list[str]  # what can't be touched before that
    too_small: list[str]  # what can't be touched safely
    moving: list[str]
    by_day: float  # brightness of the ground, 0 to 255
    by_night: float


@pytest.fixture(scope="module")
def measurements(browser: Browser, storefront: Storefront, shown: Shown) -> dict[str, PageMeasurements]:
    """All kinds of pages."""
    expected = {kind.status for kind in KINDS} - {200}
    with watched(
        browser, storefront.origin, width="phone", reduced_motion="reduce", expected_statuses=expected
    ) as page:
        return {kind.name: measure_page(page, kind, shown) for kind in KINDS}


def measure_page(page: Page, kind: Kind, shown: Shown) -> PageMeasurements:
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    shown.go(page, kind)
    by_day = brightness(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    narrow = {}
    for width in (NARROWEST, PHONE["width"]):
        page.set_viewport_size({**PHONE, "width": width})
        narrow[width] = [page.evaluate(script) for script in (_WIDE, _CUT, _ASIDE)]
    return PageMeasurements(
        too_wide={width: found[0] for width, found in narrow.items() if found[0]},
        cut=narrow[NARROWEST][1],
        aside=narrow[NARROWEST][2],
        too_small=page.evaluate(_SMALL % (TOUCH, TOUCH)),
        moving=page.evaluate(_MOVING % STILL),
        by_day=by_day,
        by_night=brightness(page),
    )


def brightness(page: Page) -> float:
    red, green, blue = map(int, re.findall(r"\d+", page.evaluate(_GROUND))[:3])
    return (red + green + blue) / 3


def test_every_page_fits_a_phone(measurements: dict[str, PageMeasurements]) -> None:
    assert {name: page.too_wide for name, page in measurements.items() if page.too_wide} == {}


def test_no_table_is_cut_off_and_no_button_out_of_sight(measurements: dict[str, PageMeasurements]) -> None:
    """Tables that have no room become cards; only the drawing of takings scrolls, and says so."""
    assert {name: page.cut for name, page in measurements.items() if page.cut} == {}
    assert {name: page.aside for name, page in measurements.items() if page.aside} == {}


@with_and_without_scripts
def test_on_a_phone_the_takings_of_today_are_in_sight(options: Options, visit: Visit, shown: Shown) -> None:
    page = visit(width="phone", reduced_motion="reduce", **options)
    shown.go(page, next(kind for kind in KINDS if kind.name == "office"))
    page.evaluate("scrollTo(0, 200)")
    today = page.locator(".chart-bar").last  # the demo was sold something today
    expect(today).to_be_in_viewport(ratio=1)
    expect(page.locator(".chart").get_by_text("Today")).to_be_in_viewport(ratio=1)
    expect(page.get_by_text("Scroll the drawing for earlier days.")).to_be_visible()
    first = page.locator(".chart-label").filter(has_not_text=re.compile("[.]|Today")).first
    expect(first).not_to_be_in_viewport()
    drawing = page.get_by_role("region", name="scrolls to earlier days")
    drawing.focus()
    for _ in range(FAR):
        page.keyboard.press("ArrowLeft")
    expect(first).to_be_in_viewport(ratio=1)


def test_where_the_drawing_has_room_nothing_is_said_of_scrolling(visit: Visit, shown: Shown) -> None:
    page = visit()
    shown.go(page, next(kind for kind in KINDS if kind.name == "office"))
    expect(page.get_by_text("Scroll the drawing for earlier days.")).to_be_hidden()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_docs_follow_the_light_and_lead_back(color_scheme: str, visit: Visit) -> None:
    page = visit(color_scheme=color_scheme, reduced_motion="reduce")
    page.goto("/docs")
    for operation in ("/api/v1/movies", "/api/v1/checkout"):
        page.locator(f".opblock:has([data-path='{operation}']) .opblock-summary-control").first.click()
    page.locator(".opblock-body .microlight").nth(1).wait_for()
    page.locator("section.models button").first.click()
    assert (brightness(page) > 215) == (color_scheme == "light")
    axe(page, only="color-contrast")
    page.locator(".btn.authorize").first.click()
    page.locator(".modal-ux").wait_for()
    axe(page, only="color-contrast")
    page.locator(".btn-done").first.click()
    for width in (NARROWEST, PHONE["width"]):
        page.set_viewport_size({**PHONE, "width": width})
        assert page.evaluate(_WIDE) == 0
    page.get_by_role("link", name="Back to the shop").click()
    page.get_by_role("heading", name="Find a film for tonight").wait_for()


def test_every_target_can_be_touched(measurements: dict[str, PageMeasurements]) -> None:
    assert {name: page.too_small for name, page in measurements.items() if page.too_small} == {}


def test_every_page_is_dark_where_the_visitor_is_in_the_dark(measurements: dict[str, PageMeasurements]) -> None:
    assert {name: page.by_night for name, page in measurements.items() if page.by_night > 40} == {}
    assert {name: page.by_day for name, page in measurements.items() if page.by_day < 215} == {}


def test_nothing_moves_for_whoever_wants_it_still(measurements: dict[str, PageMeasurements]) -> None:
    assert {name: page.moving for name, page in measurements.items() if page.moving} == {}


def test_an_order_is_printed_as_a_document(visit: Visit, shown: Shown) -> None:
    page = visit(color_scheme="dark")
    shown.go(page, next(kind for kind in KINDS if kind.name == "order"))
    page.emulate_media(media="print")
    for part in (
        page.get_by_role("navigation", name="Main", include_hidden=True),
        page.get_by_role("navigation", name="You", include_hidden=True),
        page.get_by_role("search", include_hidden=True),
        page.locator("footer"),
        page.get_by_role("link", name="All your orders", include_hidden=True),
    ):
        expect(part).to_be_hidden()
    expect(page.get_by_role("row", name="The Godfather (1972)")).to_be_visible()
    expect(page.get_by_role("row", name="Total")).to_be_visible()
    expect(page.get_by_role("heading", name="Your code at the counter")).to_be_visible()
    code = page.locator(".pickup-code")
    assert re.fullmatch(r"\w{4} \w{4}", code.inner_text())
    assert code.evaluate("code => parseFloat(getComputedStyle(code).fontSize)") >= 48
    expect(page.get_by_text("Cancel this order")).to_be_hidden()
    expect(page.get_by_text(shown.order, exact=True)).to_be_visible()
    assert page.evaluate(_GROUND) in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}, "ink is dear"
