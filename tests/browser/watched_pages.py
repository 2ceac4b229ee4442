"""Watched pages: whatever the browser reports fails the test, though no assertion looks for it."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    ViewportSize,
    WebError,
)

Width = Literal["wide", "phone"]
Scheme = Literal["light", "dark"]
Motion = Literal["reduce", "no-preference"]

WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
MILLISECONDS = 30_000  # to wait for anything: far below what a hanging test gets

_OURSELVES = ("data:", "blob:", "about:")
_ABORTED = "net::ERR_ABORTED"  # the page was left, or cancelled the request, as suggestions do while a visitor types
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", event => console.error(
  `Content-Security-Policy: ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sample}`));
"""


def open_context(
    browser: Browser,
    origin: str,
    *,
    width: Width = "wide",
    color_scheme: Scheme = "light",
    reduced_motion: Motion = "no-preference",
    scripts: bool = True,
) -> BrowserContext:
    """A browser context with cookies of its own. Addresses are paths of ``origin``."""
    is_phone = width == "phone"
    context = browser.new_context(
        base_url=origin,
        viewport=PHONE if is_phone else WIDE,
        has_touch=is_phone,
        is_mobile=is_phone,
        color_scheme=color_scheme,
        reduced_motion=reduced_motion,
        java_script_enabled=scripts,
        locale="en-GB",
    )
    context.set_default_timeout(MILLISECONDS)
    context.add_init_script(_TELL_VIOLATIONS)
    return context


class Watch:
    """Collects what went wrong in all pages of a context."""

    def __init__(
        self, context: BrowserContext, origin: str, expected_statuses: Collection[int], others: Sequence[str] = ()
    ) -> None:
        self.findings: list[str] = []
        self._origins = tuple(f"{one}/" for one in (origin, *others))
        self._expected = expected_statuses
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)
        context.on("request", self._on_request)
        context.on("requestfailed", self._on_failure)
        context.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        refused = _REFUSED.match(message.text)
        if message.type in {"error", "warning"} and not (refused and int(refused[1]) in self._expected):
            place = message.location
            self.findings.append(f"console {message.type}: {message.text} ({place['url']}:{place['lineNumber']})")

    def _on_error(self, error: WebError) -> None:
        self.findings.append(f"uncaught: {error.error.stack or error.error.message}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((*self._origins, *_OURSELVES)):
            self.findings.append(f"another host: {request.method} {request.url}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != _ABORTED:
            self.findings.append(f"failed request: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500 and response.status not in self._expected:
            self.findings.append(f"server error: {response.status} for {response.request.method} {response.url}")


@contextmanager
def watched(
    browser: Browser,
    origin: str,
    *,
    expected_statuses: Collection[int] = (),
    others: Sequence[str] = (),
    width: Width = "wide",
    color_scheme: Scheme = "light",
    reduced_motion: Motion = "no-preference",
    scripts: bool = True,
) -> Iterator[Page]:
    """A page of a new browser context. Raises AssertionError at the end with all that went wrong in its pages.

    ``expected_statuses``: the 4xx and 5xx that are not wrong here. ``others``: origins that may be asked as well.
    """
    context = open_context(
        browser, origin, width=width, color_scheme=color_scheme, reduced_motion=reduced_motion, scripts=scripts
    )
    watch = Watch(context, origin, expected_statuses, others)
    try:
        yield context.new_page()
        for page in context.pages:
            with suppress(Error):  # a page that is just leaving
                page.evaluate("0")  # messages of the page arrive before the result of this
    finally:
        context.close()
    assert not watch.findings, "the browser complains:\n" + "\n".join(watch.findings)
