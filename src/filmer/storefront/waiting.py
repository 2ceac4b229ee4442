"""A form that was sent without a session, and waits for its sender to sign in.

It travels in a sealed cookie to the page where one signs in, and from there in a field of that page's form, which no
other site's page may send (``edge/cross_site.py``): so no link does anything, and nothing is done that its page did
not say. What is done then is on the list of actions that the domains' pages give: each can be repeated and does no
harm. A form that pays, or takes something away, never waits; of some, what was typed is kept and shown again.
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
from filmer.storefront.sealed import Sealed

SECONDS = 15 * 60
MAX_BYTES = 1500  # of a form that waits, with the page it came from; a browser keeps cookies of 4,096


class Action(NamedTuple):
    """Something that may be done for somebody who has just signed in."""

    promise: str  # what the page says where they sign in
    carry_out: Callable[[int, Form], Awaitable[tuple[str, str]]]  # for an account; where to go on, and what was done


class WaitingForm(msgspec.Struct, frozen=True, array_like=True):
    """``action``: by which its page knows it. ``account``: whose it is, once that is known."""

    action: str
    place: str  # the page to come back to
    fields: list[tuple[str, str]]
    account: int = 0
    id: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(12))  # each time a button is pressed, another

    @property
    def form(self) -> Form:
        return Form(Members(self.fields))


class WaitingForms:
    def __init__(self, secret: SecretKey, clock: Clock, shared: SharedCache, *, is_secure: bool) -> None:
        self._sealed = Sealed("waiting", SECONDS, secret, clock, is_secure=is_secure)
        self._shared = shared

    @property
    def taken_back(self) -> Cookie:
        return self._sealed.taken_back

    def cookie(self, waiting: WaitingForm) -> Cookie | None:
        """None for one that is too large to wait."""
        text = msgspec.json.encode(waiting).decode()
        return self._sealed.cookie(text) if len(text.encode()) <= MAX_BYTES else None

    def read(self, headers: Iterable[tuple[bytes, bytes]]) -> WaitingForm | None:
        return _decoded(self._sealed.read(headers))

    def seal(self, waiting: WaitingForm) -> str:
        """As the field of another form holds it."""
        return self._sealed.seal(msgspec.json.encode(waiting).decode())

    def open(self, field: str) -> WaitingForm | None:
        """None for what is too old, or not ours."""
        return _decoded(self._sealed.open(field))

    async def is_first(self, waiting: WaitingForm) -> bool:
        """Whether nobody has asked before: a double click signs in twice, and is to add one film."""
        return await self._shared.claim(f"filmer:waiting:{waiting.id}", milliseconds=SECONDS * 1000)


def _decoded(text: str | None) -> WaitingForm | None:
    try:
        return msgspec.json.decode(text, type=WaitingForm) if text else None
    except msgspec.MsgspecError:  # of another version of filmer
        return None
