"""What a program can tell of accessibility and sound markup holds of every kind of page."""

import html
import re
from collections import defaultdict

import pytest
from playwright.sync_api import Page
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_kinds import KINDS, Kind, Shown, shown
from tests.browser.screenshots import MATRIX
from tests.browser.storefront import CUSTOMER

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["shown"]

# All that is wrong with the page's markup, in words.
_FLAWS = """() => {
  const all = (selector, what) => [...document.querySelectorAll(selector)].map(
    element => `${what}: ${element.outerHTML.slice(0, 120)}`);
  const count = (selector, wanted) => {
    const found = document.querySelectorAll(selector).length;
    return found === wanted ? [] : [`${found} of ${selector}, not ${wanted}`];
  };
  const fields = document.querySelectorAll("input:not([type=hidden]), select, textarea");
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
  return [
    ...count("h1", 1), ...count("header", document.querySelectorAll("main header").length + 1), ...count("main", 1),
    ...count("body > footer", 1), ...count("nav[aria-label=Main]", 1), ...count("form[role=search]", 1),
    ...[...fields].filter(field => !field.labels.length && !field.ariaLabel).map(
      field => `no label: ${field.outerHTML.slice(0, 120)}`),
    ...all("img:not([alt])", "no alt"),
    ...all("[style]", "inline style"),
    ...all("style", "style in the page"),
    ...all("script:not([src]):not([type='application/ld+json'])", "script in the page"),
    ...[...document.querySelectorAll("*")].flatMap(element => element.getAttributeNames().filter(
      name => name.startsWith("on")).map(name => `${name}: ${element.outerHTML.slice(0, 120)}`)),
    ...all("a:not([href])", "a link to nowhere"),
    ...ids.filter((id, place) => ids.indexOf(id) !== place).map(id => `two of #${id}`),
  ];
}"""
_PUBLIC = [kind for kind in KINDS if not kind.who and kind.status == 200 and not kind.steps]
# Nothing for a search engine.
_UNLISTED = {
    "/search", "/stars?name=robbins", "/sign-in", "/register", "/forgotten", "/inbox", "/account/undo-deletion/1.00",
}  # fmt: skip


def statuses(kind: Kind) -> set[int]:
    return {kind.status} if kind.status >= 400 else set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_is_accessible_by_day_and_by_night(kind: Kind, visit: Visit, shown: Shown) -> None:
    page = visit(expected_statuses=statuses(kind), reduced_motion="reduce")
    shown.go(page, kind)
    assert page.evaluate(_FLAWS) == []
    assert page.locator("html").get_attribute("lang") == "en"
    axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    axe(page, only="color-contrast")  # only colours are others


@pytest.mark.parametrize("name", ["suggestions", "film", "star", "cart", "customers"])
def test_it_is_accessible_on_a_phone(name: str, visit: Visit, shown: Shown) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    page = visit(width="phone", reduced_motion="reduce")
    shown.go(page, kind)
    axe(page)


def test_each_page_has_a_title_of_its_own(visit: Visit, shown: Shown) -> None:
    page = visit()
    addresses_by_title = defaultdict(set)
    for kind in KINDS:
        if kind.status == 200 and not kind.steps:
            address = kind.path.partition("?")[0] if kind.who else kind.path
            addresses_by_title[title(page, shown, kind)].add(address)
    assert all(
        name == "filmer · films to rent" or re.fullmatch("[^ ].* · filmer", name) for name in addresses_by_title
    ), list(addresses_by_title)
    assert {name: addresses for name, addresses in addresses_by_title.items() if len(addresses) > 1} == {}


def title(page: Page, shown: Shown, kind: Kind) -> str:
    page.context.clear_cookies()
    page.context.add_cookies(shown.cookies[kind.who])
    text = page.context.request.get(kind.path.format(order=shown.order)).text()
    match = re.search("<title>(.*?)</title>", text, re.DOTALL)
    assert match, kind.path
    return html.unescape(match[1]).strip()


@pytest.mark.parametrize("kind", _PUBLIC, ids=lambda kind: kind.name)
def test_a_public_page_says_where_it_is(kind: Kind, visit: Visit) -> None:
    text = visit().context.request.get(kind.path).text()
    canonical = re.findall(r'<link rel="canonical" href="([^"]+)"', text)
    if kind.path.partition("?")[0] in _UNLISTED or kind.path in _UNLISTED:
        assert canonical == []
        assert '<meta name="robots" content="noindex">' in text
    else:
        assert [html.unescape(address) for address in canonical] == [kind.path]
        assert re.search('<meta name="description" content="[^"]{20,}">', text)


def test_what_is_personal_is_for_no_search_engine(visit: Visit, shown: Shown) -> None:
    page = visit()
    page.context.add_cookies(shown.cookies[CUSTOMER])
    for path in (
        "/account",
        "/cart",
        "/checkout",
        "/library",
        f"/watch/{MATRIX}",
        "/orders",
        f"/orders/{shown.order}",
        "/favorites",
        "/watchlist",
        "/seen",
        "/ratings",
        "/shelves/import",
    ):
        text = page.context.request.get(path).text()
        assert '<meta name="robots" content="noindex">' in text, path
        assert 'rel="canonical"' not in text, path
