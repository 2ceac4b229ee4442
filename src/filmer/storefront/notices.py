"""Notices: what was just done, shown once on the next page, such as "Batman Begins is in your cart"."""

from litestar.datastructures import Cookie

from filmer.clock import Clock
from filmer.secret import SecretKey
from filmer.storefront.signed_cookies import SignedCookie

SECONDS = 60  # then it is outdated
MAX_TEXT = 500  # characters


class Notices(SignedCookie):
    def __init__(self, secret: SecretKey, clock: Clock, *, is_secure: bool) -> None:
        super().__init__("notice", SECONDS, secret, clock, is_secure=is_secure)

    def cookie(self, text: str) -> Cookie:
        return super().cookie(text[:MAX_TEXT])
