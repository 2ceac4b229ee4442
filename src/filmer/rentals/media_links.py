"""Links to videos on other hosts. Another provider of links is another function here, chosen in ``link_provider``."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit, urlunsplit

LinkProvider = Callable[[str, datetime], str]  # the link to an address, and the moment until which it should work


def link_provider(secret: str | None) -> LinkProvider:
    return _SecureLink(secret) if secret else _as_it_is


def _as_it_is(address: str, until: datetime) -> str:
    del until
    return address


class _SecureLink:
    """What nginx's ``secure_link`` checks: an expiry, and a digest of expiry, path and secret (docs/films-to-watch.md).

    The digest is MD5, as nginx has no other. The secret comes last, so that no longer text can be signed with it.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, address: str, until: datetime) -> str:
        url = urlsplit(address)
        path, expires = unquote(url.path), int(until.timestamp())
        signed = f"{expires}{path} {self._secret}".encode()
        digest = base64.urlsafe_b64encode(hashlib.md5(signed, usedforsecurity=False).digest()).rstrip(b"=").decode()
        query = f"{url.query}&" if url.query else ""
        return urlunsplit((url.scheme, url.netloc, quote(path), f"{query}md5={digest}&expires={expires}", ""))
