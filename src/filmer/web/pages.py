"""What every page stands on: who looks at it, its template, its headers, and where to go on from a form.

A page for nobody in particular is public, and kept like a public GET. Whoever is signed in gets the same page with
their name, cart and notices on it, made for them each time, and nobody keeps it (contract §1.6).
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response

from filmer.accounts.nouns import Person
from filmer.accounts.sessions import Sessions
from filmer.errors import FilmerError, Unauthorized
from filmer.http.cookies import session_tokens
from filmer.http.edge import PUBLIC
from filmer.http.envelopes import PAGE_HEADERS
from filmer.http.handlers import AnyRequest
from filmer.store.postgres import Connection
from filmer.web.notices import Notices
from filmer.web.rendering import Templates

OK, SEE_OTHER = 200, 303
MAX_PLACE = 2000  # characters of an address to go on to

CountCart = Callable[[Connection, int], Awaitable[int]]
HtmlResponse = Response[bytes]


class Visitor(msgspec.Struct, frozen=True):
    """Whoever is signed in, with how many films lie in their cart."""

    person: Person
    cart_count: int


class Pages:
    def __init__(
        self,
        sessions: Sessions,
        templates: Templates,
        notices: Notices,
        *,
        count_cart: CountCart,
        has_imdb: Callable[[], bool],
    ) -> None:
        """``has_imdb``: whether IMDb is to be named as a source."""
        self._sessions = sessions
        self._templates = templates
        self._notices = notices
        self._count_cart = count_cart
        self._has_imdb = has_imdb

    async def visitor(self, conn: Connection, request: AnyRequest) -> Visitor | None:
        """Who looks at the page; None for nobody we know."""
        try:
            return await self.require(conn, request)
        except Unauthorized:
            return None

    async def require(self, conn: Connection, request: AnyRequest) -> Visitor:
        """Who asks. Raises Unauthorized, which leads to the page where one signs in (``http/failures.py``)."""
        person = await self._sessions.require(conn, request)
        return Visitor(person, await self._count_cart(conn, person.id))

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

    def failure(self, path: str, error: FilmerError) -> bytes:
        """The page that says what went wrong and what to do."""
        return self._render("failure.html", visitor=None, notice=None, path=path, error=error)

    def _render(self, template: str, **values: Any) -> bytes:
        return self._templates.render(template, has_imdb=self._has_imdb(), **values)


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


def _has_session(request: AnyRequest) -> bool:
    return any(True for _ in session_tokens(request.scope["headers"]))
