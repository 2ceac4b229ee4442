"""What a first visit may cost: the storefront's budget, held by the pages that visitors come to first."""

from statistics import median

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Visit
from tests.browser.cost import Cost, budget
from tests.browser.page_actions import BATMAN

pytestmark = pytest.mark.proof

MAX_BYTES = 60 * 1024  # over the wire, compressed, headers included, posters left out: two seconds of a slow phone line
MAX_REQUESTS = 9  # posters left out: the page, its style, its scripts, the icon, and few more to come
MAX_POSTERS = 40  # requested before anybody scrolls: the browser leaves those far below for later
MAX_SHIFT = 0.02  # of the layout, while it loads: nothing that is read jumps away (0.1 is what Web Vitals calls good)
MAX_PAINT = 2500  # ms until the largest part stands there, on a processor four times slower: Web Vitals' "good"
VISITS = 3  # of which the median counts, as the machine may be busy elsewhere

PAGES = {"home": "/", "films": "/films", "film": f"/films/{BATMAN}", "search": "/search?query=nolan"}


def visited(page: Page, path: str) -> tuple[Cost, int]:
    """With how many posters were asked for."""
    posters: set[str] = set()
    page.on("request", lambda request: posters.add(request.url) if "/posters/" in request.url else None)
    return budget(page, path), len(posters)


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_first_visit_stays_within_the_budget(path: str, visit: Visit) -> None:
    visits = [visited(visit(), path) for _ in range(VISITS)]
    for cost, posters in visits:
        assert cost.bytes_without("Image") <= MAX_BYTES, cost
        assert cost.requests - posters <= MAX_REQUESTS, cost
        assert posters <= MAX_POSTERS
        assert cost.layout_shift <= MAX_SHIFT, cost
    assert median(cost.largest_paint for cost, _ in visits) <= MAX_PAINT, [cost.largest_paint for cost, _ in visits]


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_nothing_moves_on_a_phone(path: str, visit: Visit) -> None:
    cost, _ = visited(visit(width="phone"), path)
    assert cost.layout_shift <= MAX_SHIFT, cost


def test_what_is_sent_is_compressed(visit: Visit) -> None:
    page = visit()
    plain = {}
    page.on("response", lambda response: plain.update({response.url: response.header_value("content-encoding")}))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    texts = {url: encoding for url, encoding in plain.items() if "/posters/" not in url and "icon" not in url}
    assert len(texts) >= 3
    assert set(texts.values()) == {"gzip"}, texts
