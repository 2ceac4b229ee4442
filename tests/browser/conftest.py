"""A real browser, a real storefront, and pages in it that fail the test when the browser complains."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.chromium import require_chromium, running_chromium
from tests.browser.storefront import Storefront, aside
from tests.browser.watched_pages import watched
from tests.conftest import MakeDatabase, Serve
from tests.users import put_card

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A file's, not the session's: while Playwright is started asyncio.run is refused, which other tests need."""
    with running_chromium(require_chromium()) as running:
        yield running


@pytest.fixture(scope="session")
def storefront(make_database: MakeDatabase, serve: Serve) -> Storefront:
    """The demo, shared by all tests: what they change belongs to newcomers."""
    require_chromium()  # without a browser no server need start
    url = make_database()
    aside(put_card, url)  # anybody's
    return Storefront(serve(url, "--demo", TMDB_REQUESTS_PER_SECOND="1000"), url)


@pytest.fixture
def visit(browser: Browser, storefront: Storefront) -> Iterator[Visit]:
    """Opens a page in a new browser context: ``visit(width="phone", color_scheme="dark", scripts=False)``.

    The options are those of ``watched``. A second tab of the same person is ``page.context.new_page()``.
    """
    with ExitStack() as pages:

        def open_page(**options: Any) -> Page:
            return pages.enter_context(watched(browser, storefront.origin, **options))

        yield open_page
