"""What every page stands on: who looks at it, its template, its headers, and where to go on from a form.

A page for nobody in particular is public, and kept like a public GET. Whoever is signed in gets the same page with
their name, cart and notices on it, made for them each time, and nobody keeps it (contract §1.7).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import msgspec
from litestar import Response

from filmer.accounts.schemas import User
from filmer.accounts.sessions import Sessions, presented
from filmer.catalogue.edition import Edition
from filmer.catalogue.reading import Catalogue
from filmer.errors import FilmerError, RateLimited, ServiceUnavailable, Unauthorized
from filmer.http.cache_headers import PUBLIC
from filmer.http.cookies import session_tokens
from filmer.http.envelopes import PAGE_HEADERS, FailurePage
from filmer.http.handlers import AnyRequest
from filmer.plurals import counted
from filmer.shop.cart import Carts
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import Form
from filmer.storefront.notices import Notices
from filmer.storefront.rendering import Templates
from filmer.storefront.waiting import WaitingForm, WaitingForms

OK, SEE_OTHER = 200, 303
MAX_PLACE = 2000  # characters of an address to go on to
RECOGNISE_SECONDS = 2.0  # for a page that says what went wrong
_VISITOR, _WAITING = "filmer.visitor", "filmer.waiting"  # of a request's scope: what was found out on the way
_ONCE_MORE = "Please sign in first, and then press the button once more."

HtmlResponse = Response[bytes]


class Visitor(msgspec.Struct, frozen=True):
    """Whoever is signed in, with how many films lie in their cart."""

    user: User
    cart_count: int


class Pages:
    def __init__(
        self,
        sessions: Sessions,
        templates: Templates,
        notices: Notices,
        waiting: WaitingForms,
        database: Database,
        *,
        carts: Carts,
        edition: Edition,
    ) -> None:
        self._sessions = sessions
        self._templates = templates
        self._notices = notices
        self._database = database
        self.waiting = waiting
        self._carts = carts
        self._edition = edition

    @asynccontextmanager
    async def visited(
        self, catalogue: Catalogue, request: AnyRequest
    ) -> AsyncIterator[tuple[Connection, str, Visitor | None]]:
        """A connection to read the catalogue, its edition, and who looks. Whoever is known sees what is so now."""
        if presented(request) is None:
            async with catalogue.reading() as (conn, edition):
                yield conn, edition, None
        else:
            async with catalogue.reading_primary() as (conn, edition):
                yield conn, edition, await self.visitor(conn, request)

    async def visitor(self, conn: Connection, request: AnyRequest) -> Visitor | None:
        """Who looks at the page; None for nobody we know."""
        try:
            return await self.require(conn, request)
        except Unauthorized:
            return None

    @asynccontextmanager
    async def signed_in(
        self, request: AnyRequest, *, waits: tuple[str, Form] | None = None
    ) -> AsyncIterator[tuple[Connection, Visitor]]:
        """A connection and the visitor, who must be signed in. ``waits`` and errors as of ``require``."""
        async with self._database.connection() as conn:
            yield conn, await self.require(conn, request, waits=waits)

    async def require(self, conn: Connection, request: AnyRequest, *, waits: tuple[str, Form] | None = None) -> Visitor:
        """Who asks. Raises Unauthorized, which leads to the page where one signs in (``http/failures.py``).

        ``waits``: what is to be done then, or shown again: an action's name, and the fields of the form that may wait.
        """
        scope: Any = request.scope
        try:
            user = await self._sessions.require(conn, request)
        except Unauthorized:
            scope[_WAITING] = waits
            raise
        scope[_VISITOR] = Visitor(user, await self._carts.count(conn, user.id))
        return cast("Visitor", scope[_VISITOR])

    def to_sign_in(self, request: AnyRequest, place: str) -> HtmlResponse:
        """And from there back to the place: the page that was asked for, or the one whose form was sent."""
        waits = cast("dict[str, Any]", request.scope).get(_WAITING)
        cookie = self.waiting.cookie(WaitingForm(waits[0], place, list(waits[1].members))) if waits else None
        notice = "" if cookie or request.method == "GET" else _ONCE_MORE
        answer = self.go_on(f"/sign-in?next={quote(place, safe='')}", notice)
        if cookie:
            answer.cookies.append(cookie)
        return answer

    def kept(self, request: AnyRequest, visitor: Visitor, action: str) -> Form | None:
        """What the visitor had typed into a form when their session was over. The page they see then is its last."""
        waiting = self.waiting.read(request.scope["headers"])
        if waiting is None or (waiting.action, waiting.account) != (action, visitor.user.id):
            return None
        return waiting.form

    def public(
        self, template: str, request: AnyRequest, visitor: Visitor | None, *, is_kept: bool = True, **values: Any
    ) -> HtmlResponse:
        """A page that is the same for all who are not signed in. ``is_kept``: False where it lacks something."""
        answer = self.personal(template, request, visitor, **values)
        answer.headers["vary"] = "Cookie, Accept-Encoding"
        if is_kept and visitor is None and not answer.cookies and not _has_session(request):
            answer.headers["cache-control"] = PUBLIC
        return answer

    def personal(
        self, template: str, request: AnyRequest, visitor: Visitor | None, *, status: int = OK, **values: Any
    ) -> HtmlResponse:
        """A page for whoever asked: nobody keeps it. ``values``: what its template knows besides what all know."""
        notice = self._notices.read(request.scope["headers"])
        html = self._render(template, visitor=visitor, notice=notice, path=request.scope["path"], **values)
        answer = Response(html, status_code=status, headers=PAGE_HEADERS)
        if notice:
            answer.cookies.append(self._notices.taken_back)
        if visitor and self.waiting.read(request.scope["headers"]):
            answer.cookies.append(self.waiting.taken_back)
        return answer

    def go_on(self, place: str, notice: str = "", *, session: str | None = None) -> HtmlResponse:
        """After a form: on to a page that is only looked at, with word of what was done.

        ``session``: the Set-Cookie of a session that begins or ends.
        """
        headers = {"location": place, "cache-control": "no-store"}
        if session:
            headers["set-cookie"] = session
        return Response(
            b"",
            status_code=SEE_OTHER,
            headers=headers,
            cookies=[self._notices.cookie(notice)] if notice else [],
            media_type="text/html",
        )

    def money(self, amount: Decimal) -> str:
        """As pages show it."""
        return self._templates.money(amount)

    def failure(self, path: str, error: FilmerError, visitor: Visitor | None = None) -> bytes:
        """The page that says what went wrong and what to do."""
        return self._render("failure.html", visitor=visitor, notice=None, path=path, error=error)

    async def failure_for(self, request: AnyRequest, error: FilmerError) -> FailurePage:
        """The same with the name of whoever is signed in, if that is known or soon found out. Never fails."""
        visitor = cast("dict[str, Any]", request.scope).get(_VISITOR)
        if visitor is None and presented(request) and not isinstance(error, ServiceUnavailable):
            try:
                async with asyncio.timeout(RECOGNISE_SECONDS), self._database.connection() as conn:
                    visitor = await self.visitor(conn, request)
            except Exception:  # noqa: BLE001 - whatever it is: what went wrong before is what has to be told
                visitor = None
        return partial(self.failure, visitor=visitor)

    def _render(self, template: str, **values: Any) -> bytes:
        return self._templates.render(template, has_imdb=self._edition.has_imdb, **values)


def own_place(text: str, otherwise: str = "/") -> str:
    """An address to go on to that a form or a query named, if it is a page of ours."""
    is_own = (
        text.startswith("/")
        and not text.startswith(("//", "/\\", "/api"))
        and len(text) <= MAX_PLACE
        and text.isprintable()
        and "\\" not in text
    )
    return quote(text, safe="/?&=+%#:,;@!$'()*~") if is_own else otherwise


def please_wait(error: RateLimited) -> str:
    return f"please wait {counted(int(error.headers['Retry-After']), 'second')}"


def _has_session(request: AnyRequest) -> bool:
    return any(True for _ in session_tokens(request.scope["headers"]))
