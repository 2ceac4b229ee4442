"""The browser of the tests: Debian's chromium, or the one that ``FILMER_CHROMIUM`` names.

Best without windows: the same engine, but a page takes a third of the processor, as nobody draws tabs and buttons.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

CHOSEN = "FILMER_CHROMIUM"
WITHOUT_WINDOWS = "chromium-headless-shell"
NAMES = (WITHOUT_WINDOWS, "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # it has none as root, nor in most containers; it sees our own pages only
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # whatever a page names, nothing leaves this machine
)


def find_chromium() -> str | None:
    chosen = os.environ.get(CHOSEN)
    paths = map(shutil.which, [chosen] if chosen else NAMES)
    return next(filter(None, paths), None)


def is_required() -> bool:
    """CI must have a browser."""
    return os.environ.get("CI") == "true"


def require_chromium() -> str:
    """Where the browser is. Without one a test is skipped, and fails in CI."""
    path = find_chromium()
    if path:
        return path
    missing = f"NO BROWSER: no {' or '.join(NAMES)} on PATH, and {CHOSEN} names none. `make chromium` says what to do."
    if is_required():
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@contextmanager
def running_chromium(executable: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
