"""What all pages share: the visitor, the template, the headers, and the redirect after a form.

A page for visitors who are not signed in is public, and cached like a public GET. A user gets the same page with their
name, cart and notices, made anew each time and never cached (contract §1.7).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import msgspec
from litestar import Response

from filmer.accounts.addresses import MAX_EMAIL
from filmer.accounts.kept_sign_ins import KeptSignIns
from filmer.accounts.schemas import User
from filmer.accounts.sessions import Sessions
from filmer.audit.actors import actor_of
from filmer.audit.log import Actor
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.edition import Edition
from filmer.errors import (
    FieldError,
    FilmerError,
    Forbidden,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    Unauthorized,
)
from filmer.formats import Formats
from filmer.http.cache_headers import PUBLIC
from filmer.http.cookies import KEPT_COOKIE, SESSION_COOKIE, cookie_values
from filmer.http.envelopes import PAGE_HEADERS, POLICY, FailurePage, widened
from filmer.http.handlers import AnyRequest
from filmer.http.uploads import Uploads
from filmer.plurals import counted
from filmer.shop.cart import Carts
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import FilledForm, Form
from filmer.storefront.notices import Notices
from filmer.storefront.pending_forms import FIELD, MAX_FIELD, PROMISE, PendingForm, PendingForms
from filmer.storefront.rendering import Templates

OK, SEE_OTHER = 200, 303
MAX_ADDRESS = 2000  # characters of an address to redirect to
RECOGNISE_SECONDS = 2.0  # for finding the visitor of an error page
_VISITOR, _PENDING = "filmer.visitor", "filmer.waiting"  # in a request's scope
_PRESS_AGAIN = "Please sign in first, and then press the button once more."

HtmlResponse = Response[bytes]
# An action's name, and the fields of the form that are carried over a sign-in; True, if the form has a file.
Pending = tuple[str, Form] | tuple[str, Form, bool]


class Visitor(msgspec.Struct, frozen=True):
    """A user who looks at a page, and the number of units in their cart. ``actor``: they, in the audit log."""

    user: User
    cart_count: int
    actor: Actor


class Pages:
    def __init__(
        self,
        sessions: Sessions,
        kept: KeptSignIns,
        templates: Templates,
        notices: Notices,
        pending: PendingForms,
        database: Database,
        *,
        carts: Carts,
        edition: Edition,
        media_origins: Sequence[str] = (),
    ) -> None:
        """``media_origins``: the other hosts that pages may play films from."""
        self._sessions = sessions
        self._kept = kept
        self._templates = templates
        self._notices = notices
        self._database = database
        self.pending = pending
        self._carts = carts
        self._edition = edition
        self._headers = {**PAGE_HEADERS, POLICY: widened(PAGE_HEADERS[POLICY], "media-src", media_origins)}

    @asynccontextmanager
    async def reading(
        self, catalogue: Catalogue, request: AnyRequest
    ) -> AsyncIterator[tuple[Connection, Visitor | None]]:
        """A connection to read the catalogue, and the visitor. Users never read from a standby."""
        if not has_session(request):
            async with catalogue.reading() as conn:
                yield conn, None
        else:
            async with self._database.connection() as conn:
                yield conn, await self.visitor(conn, request)

    async def visitor(self, conn: Connection, request: AnyRequest) -> Visitor | None:
        """The user who looks at the page; None for a visitor who is not signed in."""
        try:
            return await self.require(conn, request)
        except Unauthorized:
            return None

    @asynccontextmanager
    async def signed_in(
        self, request: AnyRequest, *, pending: Pending | None = None
    ) -> AsyncIterator[tuple[Connection, Visitor]]:
        """A connection and the visitor, who must be signed in. ``pending`` and errors as of ``require``."""
        async with self._database.connection() as conn:
            yield conn, await self.require(conn, request, pending=pending)

    @asynccontextmanager
    async def owner(
        self, request: AnyRequest, *, pending: Pending | None = None
    ) -> AsyncIterator[tuple[Connection, Visitor]]:
        """As ``clerk``, for owners of the shop alone (contract §13.1)."""
        async with self.clerk(request, pending=pending) as (conn, visitor):
            if visitor.user.role != "admin":
                raise Forbidden("This is for the owners of the shop. You are signed in as a clerk")
            yield conn, visitor

    @asynccontextmanager
    async def clerk(
        self, request: AnyRequest, *, pending: Pending | None = None
    ) -> AsyncIterator[tuple[Connection, Visitor]]:
        """As ``signed_in``, for owners and clerks. Raises Forbidden for everybody else who is signed in."""
        async with self.signed_in(request, pending=pending) as (conn, visitor):
            if visitor.user.role == "customer":
                raise Forbidden("The office is for the people who run this shop. You are signed in as a customer")
            yield conn, visitor

    async def owner_who_sends(self, request: AnyRequest, action: str, uploads: Uploads, field: str = "") -> None:
        """Makes sure of the owner before a form with a file is received (``field``: the file's).

        Raises as ``owner``. What stands in the form before the file is shown again after the sign-in.
        """
        try:
            async with self.owner(request):
                pass
        except Unauthorized:  # and no connection is held meanwhile
            cast("dict[str, Any]", request.scope)[_PENDING] = action, Form(await uploads.texts(request, field)), True
            raise

    async def require(self, conn: Connection, request: AnyRequest, *, pending: Pending | None = None) -> Visitor:
        """The visitor. Raises Unauthorized, which redirects to the page where one signs in (``http/failures.py``).

        ``pending``: what is carried out, or shown again, after the sign-in.
        """
        scope: Any = request.scope
        try:
            try:
                user = await self._sessions.require(conn, request)
            except Unauthorized:
                user = await self._kept.resume(conn, request)
        except Unauthorized:
            scope[_PENDING] = pending
            raise
        scope[_VISITOR] = Visitor(user, await self._carts.count(conn, user.id), actor_of(request, user.id))
        return cast("Visitor", scope[_VISITOR])

    def to_sign_in(self, request: AnyRequest, address: str) -> HtmlResponse:
        """Redirect to the sign-in page, and from there to the address: of this page, or the one whose form was sent."""
        pending = cast("dict[str, Any]", request.scope).get(_PENDING)
        cookie = None
        if pending and pending[1].members:
            action, form, *has_file = pending
            waiting = PendingForm(action, address, list(form.members), back=request.scope["path"] if has_file else "")
            cookie, field = self.pending.cookie(waiting), self.pending.sign(waiting)
            if has_file and len(field) <= MAX_FIELD:
                return self.personal(
                    "sign_in.html", request, None, failed=Unauthorized(), form=FilledForm({}), address=address,
                    pending=field, promise=PROMISE, demo=(), bounds={"email": MAX_EMAIL},
                )  # fmt: skip
        notice = "" if cookie or request.method == "GET" else _PRESS_AGAIN
        response = self.redirect(f"/sign-in?next={quote(address, safe='')}", notice)
        if cookie:
            response.cookies.append(cookie)
        return response

    def send_back(self, request: AnyRequest, user: User, pending: PendingForm) -> HtmlResponse:
        """After a sign-in: a page whose button sends the texts of a form with a file back to where they belong."""
        visitor = Visitor(user, 0, actor_of(request, user.id))
        return self.personal(
            "send_back.html", request, visitor, address=pending.back, name=FIELD, field=self.pending.sign(pending)
        )

    def sent_back(
        self, form: Form, visitor: Visitor, action: str, file: str = ""
    ) -> tuple[Form, InvalidRequest] | None:
        """The form as it was before the sign-in, and what is left to do; None for a form that is sent as usual."""
        pending = self.pending.verify(form.get(FIELD))
        if pending is None or (pending.action, pending.account) != (action, visitor.user.id):
            return None
        name = pending.form.get(file) if file else ""
        again = [FieldError(file, f"file has to be chosen again: {name}")] if name else []
        return pending.form, InvalidRequest(again, "Nothing was saved yet: please look at it, and send it once more")

    def pending_form(self, request: AnyRequest, visitor: Visitor, action: str) -> Form | None:
        """The form the visitor had filled in when their session was over, to be shown again once."""
        pending = self.pending.read(request.scope["headers"])
        if pending is None or (pending.action, pending.account) != (action, visitor.user.id):
            return None
        return pending.form

    def public(
        self, template: str, request: AnyRequest, visitor: Visitor | None, *, is_cacheable: bool = True, **values: Any
    ) -> HtmlResponse:
        """A page that is the same for all who are not signed in. ``is_cacheable``: False where it is incomplete."""
        response = self.personal(template, request, visitor, **values)
        response.headers["vary"] = "Cookie, Accept-Encoding"
        if is_cacheable and visitor is None and not response.cookies and not has_session(request):
            response.headers["cache-control"] = PUBLIC
        return response

    def personal(
        self,
        template: str,
        request: AnyRequest,
        visitor: Visitor | None,
        *,
        status: int = OK,
        failed: FilmerError | None = None,
        **values: Any,
    ) -> HtmlResponse:
        """A page for this visitor alone, never cached. ``values``: the template's own variables.

        ``failed``: why what was asked for was not done; the response has its status and headers.
        """
        notice = self._notices.read(request.scope["headers"])
        html = self._render(template, visitor=visitor, notice=notice, path=request.scope["path"], **values)
        response = Response(html, status_code=failed.status if failed else status, headers=self._headers)
        response.headers.update(failed.headers if failed else {})
        if notice:
            response.cookies.append(self._notices.removal)
        if visitor and self.pending.read(request.scope["headers"]):
            response.cookies.append(self.pending.removal)
        return response

    def redirect(self, address: str, notice: str = "") -> HtmlResponse:
        """After a form: to the next page, which shows the notice."""
        return Response(
            b"",
            status_code=SEE_OTHER,
            headers={"location": address, "cache-control": "no-store"},
            cookies=[self._notices.cookie(notice)] if notice else [],
            media_type="text/html",
        )

    @property
    def formats(self) -> Formats:
        """How the shop writes money and dates."""
        return self._templates.shop.formats

    def money(self, amount: Decimal) -> str:
        """As pages show it."""
        return self._templates.money(amount)

    def failure(self, path: str, error: FilmerError, visitor: Visitor | None = None) -> bytes:
        """The page of an error: what went wrong and what to do."""
        return self._render("failure.html", visitor=visitor, notice=None, path=path, error=error)

    async def failure_for(self, request: AnyRequest, error: FilmerError) -> FailurePage:
        """``failure`` with the visitor's name on it, if it is known or found in time. Never fails."""
        visitor = cast("dict[str, Any]", request.scope).get(_VISITOR)
        if visitor is None and has_session(request) and not isinstance(error, ServiceUnavailable):
            try:
                async with asyncio.timeout(RECOGNISE_SECONDS), self._database.connection() as conn:
                    visitor = await self.visitor(conn, request)
            except Exception:  # noqa: BLE001 - the page reports the first error, whatever else fails
                visitor = None
        return partial(self.failure, visitor=visitor)

    def _render(self, template: str, **values: Any) -> bytes:
        return self._templates.render(template, has_imdb=self._edition.has_imdb, **values)


def local_address(text: str, default: str = "/") -> str:
    """An address from a form or a query, if it is one of our pages; so that no redirect leaves this server."""
    is_own = (
        text.startswith("/")
        and not text.startswith(("//", "/\\", "/api"))
        and len(text) <= MAX_ADDRESS
        and text.isprintable()
        and "\\" not in text
    )
    return quote(text, safe="/?&=+%#:,;@!$'()*~") if is_own else default


def please_wait(error: RateLimited) -> str:
    return f"please wait {counted(int(error.headers['Retry-After']), 'second')}"


def has_session(request: AnyRequest) -> bool:
    """Whether it comes from a browser that is, or was, signed in."""
    headers = request.scope["headers"]
    return any(True for cookie in (SESSION_COOKIE, KEPT_COOKIE) for _ in cookie_values(headers, cookie))
