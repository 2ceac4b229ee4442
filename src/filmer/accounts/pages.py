"""The pages of one's account: sign in, register, tokens, sessions."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.accounts import token_queries
from filmer.accounts.nouns import (
    LIFETIMES,
    MAX_EMAIL,
    MAX_NAME,
    MIN_PASSWORD,
    Credentials,
    NewToken,
    Registration,
)
from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import Caller, SigningIn
from filmer.accounts.tokens import issue_to_owner
from filmer.clock import Clock
from filmer.errors import (
    Conflict,
    FilmerError,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
)
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, read_query
from filmer.store.postgres import Connection, Database
from filmer.web.filled import FilledForm
from filmer.web.forms import Form, receive_form
from filmer.web.pages import OK, HtmlResponse, Pages, Visitor, own_place

# What comes back as it was typed; passwords never do.
_SIGN_IN = {"email": "E-mail"}
_REGISTER = {"firstName": "First name", "lastName": "Last name", "email": "E-mail"}
_TOKEN = {"name": "What it is for", "expires": "How long it works"}

_EMPTY = FilledForm({})
_NEW_TOKEN = FilledForm(_TOKEN, {"expires": "90"})
# What a browser may hold people to beforehand. A password has no most: what is pasted would be cut off unseen.
_BOUNDS = {"name": MAX_NAME, "email": MAX_EMAIL, "password": MIN_PASSWORD}
_ID = re.compile(r"[0-9]{1,18}")


class Onward(Query):
    """Where somebody was going who has to sign in first."""

    next: str = ""


class AccountPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        sessions: Sessions,
        signing_in: SigningIn,
        clock: Clock,
        *,
        demo: Sequence[Credentials] = (),
    ) -> None:
        """``demo``: what everybody may sign in with, to try the shop."""
        self._pages = pages
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in
        self._clock = clock
        self._demo = demo

    async def show_sign_in(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_door("sign_in.html", request)

    async def sign_in(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            person, cookie = await self._signing_in.sign_in(form.read(Credentials), Caller.of(request))
        except (InvalidRequest, InvalidCredentials, RateLimited) as error:
            filled = FilledForm.of(_SIGN_IN, form, _told(error))
            return await self._show_again("sign_in.html", request, form, filled, error)
        return self._pages.go_on(own_place(form.get("next")), f"Welcome back, {person.first_name}.", session=cookie)

    async def show_register(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_door("register.html", request)

    async def register(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            person, cookie = await self._signing_in.register(form.read(Registration), Caller.of(request))
        except (InvalidRequest, Conflict, RateLimited) as error:
            filled = FilledForm.of(_REGISTER, form, _told(error))
            if isinstance(error, Conflict):
                reason = "address has an account already; sign in instead, or use another"
                filled = msgspec.structs.replace(filled, errors={"email": reason}, failure="")
            return await self._show_again("register.html", request, form, filled, error)
        notice = f"Welcome, {person.first_name}. Your account is open, and you are signed in."
        return self._pages.go_on(own_place(form.get("next")), notice, session=cookie)

    async def sign_out(self, request: AnyRequest) -> HtmlResponse:
        try:
            async with self._database.connection() as conn:
                cookie = await self._sessions.end(conn, request)
        except Unauthorized:  # it was over already, which is what was asked for
            cookie = self._sessions.taken_back
        return self._pages.go_on("/sign-in", "You are signed out.", session=cookie)

    async def show_account(self, request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.require(conn, request)
            return await self._show_account(conn, request, visitor)

    async def create_token(self, request: AnyRequest) -> HtmlResponse:
        """The one answer that shows the token: no address leads to it, and nobody keeps it."""
        form = await receive_form(request)
        async with self._database.connection() as conn:
            visitor = await self._pages.require(conn, request)
            try:
                asked, now = form.read(NewToken), self._clock.now()
                expires = now + asked.expires if asked.expires else None
                token = await issue_to_owner(conn, visitor.person.id, name=asked.name, now=now, expires=expires)
            except (InvalidRequest, Conflict) as error:
                filled = FilledForm.of(_TOKEN, form, error)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.personal("new_token.html", request, visitor, token=token, name=asked.name, expires=expires)

    async def revoke_token(self, token_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.require(conn, request)
            number = int(token_id) if _ID.fullmatch(token_id) else 0
            name = await token_queries.delete_token_of(conn, visitor.person.id, number)
            if name is None:
                error = NotFound("You have no such token, or no longer.")
                filled = msgspec.structs.replace(_NEW_TOKEN, failure=error.message)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.go_on("/account", f"The token “{name}” is revoked: nothing takes it any more.")

    async def end_sessions(self, request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.require(conn, request)
            cookie = await self._sessions.end_all(conn, visitor.person)
        return self._pages.go_on("/sign-in", "You are signed out everywhere.", session=cookie)

    async def _show_door(self, template: str, request: AnyRequest) -> HtmlResponse:
        """A page for who is not signed in; whoever is goes on."""
        asked = read_query(request.scope["query_string"], Onward)
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        if visitor:
            return self._pages.go_on(own_place(asked.next))
        return self._pages.personal(template, request, None, **self._door(_EMPTY, asked.next))

    async def _show_again(
        self, template: str, request: AnyRequest, form: Form, filled: FilledForm, error: FilmerError
    ) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        values = self._door(filled, form.get("next"))
        answer = self._pages.personal(template, request, visitor, status=error.status, **values)
        answer.headers.update(error.headers)
        return answer

    def _door(self, form: FilledForm, place: str) -> dict[str, Any]:
        return {"form": form, "place": own_place(place, ""), "demo": self._demo, "bounds": _BOUNDS}

    async def _show_account(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        form: FilledForm = _NEW_TOKEN,
        *,
        status: int = OK,
    ) -> HtmlResponse:
        sessions, session_count = await self._sessions.held_by(conn, visitor.person, request)
        return self._pages.personal(
            "account.html",
            request,
            visitor,
            status=status,
            form=form,
            tokens=await token_queries.select_tokens(conn, visitor.person.id),
            sessions=sessions,
            session_count=session_count,
            lifetimes=LIFETIMES,
            bounds=_BOUNDS,
            now=self._clock.now(),
        )


def _told(error: FilmerError) -> FilmerError:
    """With how long to wait, where that is what to do."""
    if not isinstance(error, RateLimited):
        return error
    wait = int(error.headers["Retry-After"])
    return RateLimited(f"Too many tries: please wait {wait} second{'' if wait == 1 else 's'} before the next.")
