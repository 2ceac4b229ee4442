"""Cookies of requests. The framework's dictionary keeps one of a name; whether there are several matters here."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from filmer.http.handlers import AnyRequest

SESSION_COOKIE = "JSESSIONID"
KEPT_COOKIE = "kept_sign_in"
SET_COOKIES = "filmer.set_cookies"  # in a request's scope: the headers that ``set_cookies`` adds


def cookie_values(headers: Iterable[tuple[bytes, bytes]], cookie: str) -> Iterator[str]:
    """The value of each cookie of that name, in all ``cookie`` headers. There should be one at most."""
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.partition("=")
                if key.strip() == cookie:
                    yield text.strip()


def set_cookies(request: "AnyRequest", *cookies: str) -> None:
    """Adds headers to the response to this request, whatever it will be: a page, a redirect, an error."""
    headers = cast("dict[str, Any]", request.scope)[SET_COOKIES]
    headers.extend((b"set-cookie", cookie.encode()) for cookie in cookies)


def session_tokens(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The values of all session cookies."""
    return cookie_values(headers, SESSION_COOKIE)
