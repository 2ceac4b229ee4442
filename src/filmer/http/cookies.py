"""Cookies of requests. The framework's dictionary keeps one of a name; whether there are several matters here."""

from collections.abc import Iterable, Iterator

SESSION_COOKIE = "JSESSIONID"


def cookie_values(headers: Iterable[tuple[bytes, bytes]], cookie: str) -> Iterator[str]:
    """The value of each cookie of that name, in all ``cookie`` headers. There should be one at most."""
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.partition("=")
                if key.strip() == cookie:
                    yield text.strip()


def session_tokens(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The values of all session cookies."""
    return cookie_values(headers, SESSION_COOKIE)
