"""A word about what was just done, shown once on the next page, such as "Batman Begins is in your cart".

It travels in a cookie, with a digest that only we can make: nobody else puts words on our pages.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable

from litestar.datastructures import Cookie

from filmer.clock import Clock
from filmer.http.cookies import cookie_values
from filmer.secret import SecretKey

COOKIE = "notice"
SECONDS = 60  # then it is old news
MAX_TEXT = 500  # characters


class Notices:
    def __init__(self, secret: SecretKey, clock: Clock, *, is_secure: bool) -> None:
        """``is_secure``: browsers reach us through TLS only."""
        self._secret = secret
        self._clock = clock
        self._is_secure = is_secure

    def cookie(self, text: str) -> Cookie:
        told = f"{self._now()} {text[:MAX_TEXT]}"
        return self._cookie(f"{_encoded(told.encode())}.{self._seal(told)}", SECONDS)

    @property
    def taken_back(self) -> Cookie:
        return self._cookie("", 0)

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """What there is to say; None for nothing, and for what is not ours."""
        for value in cookie_values(headers, COOKIE):
            body, _, seal = value.partition(".")
            try:
                told = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
            except (binascii.Error, ValueError):
                continue
            if hmac.compare_digest(seal.encode("latin-1", "replace"), self._seal(told).encode()):
                moment, _, text = told.partition(" ")
                return text if abs(self._now() - int(moment)) <= SECONDS else None
        return None

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _seal(self, told: str) -> str:
        return _encoded(self._secret.digest("notice", told)[:16])

    def _cookie(self, value: str, seconds: int) -> Cookie:
        return Cookie(COOKIE, value=value, max_age=seconds, httponly=True, samesite="lax", secure=self._is_secure)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")  # which a cookie would have to quote
