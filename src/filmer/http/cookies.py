"""Cookies as requests carry them, read in one way by all who ask for one."""

from collections.abc import Iterable, Iterator

SESSION_COOKIE = "JSESSIONID"


def cookie_values(headers: Iterable[tuple[bytes, bytes]], wanted: str) -> Iterator[str]:
    """The value of each cookie of that name, in all ``cookie`` headers; there should be one at most."""
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.partition("=")
                if key.strip() == wanted:
                    yield text.strip()


def session_tokens(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """What may be the session's token."""
    return cookie_values(headers, SESSION_COOKIE)
