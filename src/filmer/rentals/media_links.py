"""Links to videos on other hosts. Another provider of links is another function here, chosen in ``link_provider``."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit, urlunsplit

LinkProvider = Callable[[str, datetime], str]  # the link to an address, and the moment until which it should work


def link_provider(secret: str | None) -> LinkProvider:
    """With a secret, links as nginx's ``secure_link`` checks them (docs/films-to-watch.md).

    They have an expiry, and a digest of expiry, path and secret: MD5, as nginx has no other. The secret comes last, so
    that no longer text can be signed with it.
    """

    def signed(address: str, until: datetime) -> str:
        url, expires = urlsplit(address), int(until.timestamp())
        path = unquote(url.path)
        text = f"{expires}{path} {secret}".encode()
        digest = base64.urlsafe_b64encode(hashlib.md5(text, usedforsecurity=False).digest()).rstrip(b"=").decode()
        query = f"{url.query}&" if url.query else ""
        return urlunsplit((url.scheme, url.netloc, quote(path), f"{query}md5={digest}&expires={expires}", ""))

    return signed if secret else lambda address, _: address
