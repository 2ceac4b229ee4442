"""The script behind ``make screenshots``, on two of its pages."""

import struct
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.browser.screenshots import PAGES, furnish, main, take
from tests.browser.storefront import Storefront


def test_it_draws_what_the_furnished_demo_shows(browser: Browser, storefront: Storefront, tmp_path: Path) -> None:
    order = furnish(browser, storefront.origin)
    assert order.isdigit()
    by_name = {shot.name: shot for shot in PAGES}
    assert len(by_name) == len(PAGES)
    phone = take(browser, storefront.origin, by_name["order-printed"], order, "phone", "dark", tmp_path)
    wide = take(browser, storefront.origin, by_name["film"], order, "wide", "light", tmp_path)
    assert (phone.name, wide.name) == ("order-printed-dark-phone.png", "film-light-wide.png")
    assert [width_of(path) for path in (phone, wide)] == [390, 1280]


def width_of(path: Path) -> int:
    """In pixels, as a PNG's head has it."""
    return int(struct.unpack(">I", path.read_bytes()[16:20])[0])


def test_it_knows_its_pages() -> None:
    with pytest.raises(SystemExit, match=r"no page flim\. .* film,"):
        main(["flim"])
