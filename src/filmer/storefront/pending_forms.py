"""Forms that were sent without a session, and are carried out once their sender has signed in.

A signed cookie carries the form to the page where one signs in. From there it is a field of that page's form, which no
other site may send (``edge/cross_site.py``): so a link alone does nothing, and nothing is done that the page did not
announce. What may be done is listed in the ``actions`` of the pages: each can be repeated and does no harm. A form that
pays, or takes something away, is never carried out later; of some, what was typed is shown again.

The texts of a form with a file are often too large for a cookie. They stay in hidden fields all the way: of the page
where one signs in, which is the response itself, and then of a page with one button, which sends them back.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import msgspec
from litestar.datastructures import Cookie

from filmer.clock import Clock
from filmer.http.json_text import Members
from filmer.secret import SecretKey
from filmer.store.valkey import SharedCache
from filmer.storefront.forms import Form
from filmer.storefront.signed_cookies import SignedCookie

SECONDS = 15 * 60
MAX_BYTES = 1500  # of a pending form with its page's address; browsers store cookies of up to 4,096
MAX_FIELD = 60_000  # bytes of a pending form in a hidden field: the form that signs in may have 64 KiB
FIELD = "waiting"  # its name
PROMISE = "Please sign in first. Nothing was done yet, and what you filled in waits for you."


class Action(NamedTuple):
    """An action that may be carried out for a user who has just signed in."""

    promise: str  # the text of the sign-in page that announces it
    carry_out: Callable[[int, Form], Awaitable[tuple[str, str]]]  # of a user's id; the next address, and the notice


class PendingForm(msgspec.Struct, frozen=True, array_like=True):
    """``action``: its name in ``actions``. ``account``: the user's id, once it is known.

    ``back``: of a form with a file, the address that it is sent to.
    """

    action: str
    address: str  # of the page that had the form
    fields: list[tuple[str, str]]
    account: int = 0
    id: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(12))  # a new one each time the form is sent
    back: str = ""

    @property
    def form(self) -> Form:
        return Form(Members(self.fields))


class PendingForms:
    def __init__(self, secret: SecretKey, clock: Clock, shared: SharedCache, *, is_secure: bool) -> None:
        self._signed = SignedCookie("waiting", SECONDS, secret, clock, is_secure=is_secure)
        self._shared = shared

    @property
    def removal(self) -> Cookie:
        return self._signed.removal

    def cookie(self, pending: PendingForm) -> Cookie | None:
        """None for a form that is too large for a cookie."""
        text = msgspec.json.encode(pending).decode()
        return self._signed.cookie(text) if len(text.encode()) <= MAX_BYTES and not pending.back else None

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> PendingForm | None:
        return _decoded(self._signed.read(headers))

    def sign(self, pending: PendingForm) -> str:
        """For a hidden field of another form."""
        return self._signed.sign(msgspec.json.encode(pending).decode())

    def verify(self, field: str) -> PendingForm | None:
        """None for a field that is too old, or that we did not sign."""
        return _decoded(self._signed.verify(field))

    async def is_first(self, pending: PendingForm) -> bool:
        """Whether it was not carried out yet: a double click signs in twice, but must add one film."""
        return await self._shared.claim(f"filmer:waiting:{pending.id}", milliseconds=SECONDS * 1000)


def _decoded(text: str | None) -> PendingForm | None:
    try:
        return msgspec.json.decode(text, type=PendingForm) if text else None
    except msgspec.MsgspecError:  # of another version of filmer
        return None
