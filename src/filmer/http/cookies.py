"""The session's cookie as requests carry it, read in one way by all who ask for it."""

from collections.abc import Iterable, Iterator

SESSION_COOKIE = "JSESSIONID"


def session_tokens(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """The value of each cookie of that name, in all ``cookie`` headers; there should be one at most."""
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, token = pair.partition("=")
                if key.strip() == SESSION_COOKIE:
                    yield token.strip()
