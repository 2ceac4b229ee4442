"""Texts that a browser carries for us: signed, so that only this server can write them, and dated, so that they expire.

A text is readable in the browser; only its signature needs the secret key.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable

from litestar.datastructures import Cookie

from filmer.clock import Clock
from filmer.http.cookies import cookie_values
from filmer.secret import SecretKey


class SignedCookie:
    """Signed texts of one purpose, in a cookie or in the field of a form."""

    def __init__(self, purpose: str, seconds: int, secret: SecretKey, clock: Clock, *, is_secure: bool) -> None:
        """``purpose``: also the cookie's name. ``is_secure``: browsers reach this server through TLS only."""
        self._purpose = purpose
        self._seconds = seconds
        self._secret = secret
        self._clock = clock
        self._is_secure = is_secure

    def sign(self, text: str) -> str:
        dated = f"{self._now()} {text}"
        return f"{_encoded(dated.encode())}.{self._digest(dated)}"

    def verify(self, signed: str) -> str | None:
        """The text; None for one that is too old, and for one that we did not sign."""
        body, _, digest = signed.partition(".")
        try:
            dated = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(digest.encode("latin-1", "replace"), self._digest(dated).encode()):
            return None
        moment, _, text = dated.partition(" ")
        return text if abs(self._now() - int(moment)) <= self._seconds else None

    def cookie(self, text: str) -> Cookie:
        return self._cookie(self.sign(text), self._seconds)

    @property
    def removal(self) -> Cookie:
        """The cookie that makes a browser drop it."""
        return self._cookie("", 0)

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The text of the request's cookie."""
        texts = (self.verify(value) for value in cookie_values(headers, self._purpose))
        return next((text for text in texts if text is not None), None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _digest(self, dated: str) -> str:
        return _encoded(self._secret.digest(self._purpose, dated)[:16])

    def _cookie(self, value: str, seconds: int) -> Cookie:
        return Cookie(
            self._purpose, value=value, max_age=seconds, httponly=True, samesite="lax", secure=self._is_secure
        )


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")  # cookies would have to quote it
