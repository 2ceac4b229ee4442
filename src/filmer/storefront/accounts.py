"""The pages of one's account: sign in, register, tokens, sessions."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.accounts import token_queries
from filmer.accounts.addresses import MAX_EMAIL
from filmer.accounts.schemas import (
    LIFETIMES,
    MAX_NAME,
    MIN_PASSWORD,
    Credentials,
    NewToken,
    Registration,
    User,
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
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, path_id, read_query
from filmer.store.postgres import Connection, Database
from filmer.storefront.filled import FilledForm
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor, own_place, please_wait
from filmer.storefront.waiting import Action, WaitingForm

# What comes back as it was typed; passwords never do.
_SIGN_IN = {"email": "E-mail"}
_REGISTER = {"firstName": "First name", "lastName": "Last name", "email": "E-mail"}
_TOKEN = {"name": "What it is for", "expires": "How long it works"}

_EMPTY = FilledForm({})
_NEW_TOKEN = FilledForm(_TOKEN, {"expires": "90"})
# What a browser may hold people to beforehand. A password has no most: what is pasted would be cut off unseen.
_BOUNDS = {"name": MAX_NAME, "email": MAX_EMAIL, "password": MIN_PASSWORD}
_NEW_TOKEN_WAITS = "new token"  # noqa: S105 - the name of a form
_KEPT = "Please sign in first. Nothing was done yet, and what you filled in waits for you."
_LOOK_AGAIN = "Nothing was done yet: please look at what you filled in, and send it once more."
_TOO_LATE = "What you asked for before that was too long ago: please ask for it once more."
_DONE_BEFORE = "What you asked for is done."
_NOT_DONE = "What you asked for before that did not work: please ask for it once more."


class SignInQuery(Query):
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
        actions: Mapping[str, Action],
        demo: Sequence[Credentials] = (),
    ) -> None:
        """``actions``: what is done for whoever asked for it and then signs in (``storefront/waiting.py``).

        ``demo``: what everybody may sign in with, to try the shop.
        """
        self._pages = pages
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in
        self._clock = clock
        self._actions = actions
        self._demo = demo

    async def show_sign_in(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_door("sign_in.html", request)

    async def sign_in(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            user, cookie = await self._signing_in.sign_in(form.read(Credentials), Caller.of(request))
        except (InvalidRequest, InvalidCredentials, RateLimited) as error:
            filled = FilledForm.of(_SIGN_IN, form, _told(error))
            return await self._show_again("sign_in.html", request, form, filled, error)
        return await self._go_on(form, user, f"Welcome back, {user.first_name}.", cookie)

    async def show_register(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_door("register.html", request)

    async def register(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            user, cookie = await self._signing_in.register(form.read(Registration), Caller.of(request))
        except (InvalidRequest, Conflict, RateLimited) as error:
            filled = FilledForm.of(_REGISTER, form, _told(error))
            if isinstance(error, Conflict):
                reason = "address has an account already; sign in instead, or use another"
                filled = msgspec.structs.replace(filled, errors={"email": reason}, failure="")
            return await self._show_again("register.html", request, form, filled, error)
        notice = f"Welcome, {user.first_name}. Your account is open, and you are signed in."
        return await self._go_on(form, user, notice, cookie)

    async def _go_on(self, form: Form, user: User, welcome: str, session: str) -> HtmlResponse:
        """To where they were going; what they asked for before they signed in is done first."""
        place, field = own_place(form.get("next")), form.get("waiting")
        waiting = self._pages.waiting.open(field)
        kept, outcome = None, _TOO_LATE if field else ""
        if waiting is not None and (action := self._actions.get(waiting.action)):
            try:
                if await self._pages.waiting.is_first(waiting):
                    place, outcome = await action.carry_out(user.id, waiting.form)
                else:
                    outcome = _DONE_BEFORE
            except FilmerError:
                outcome = _NOT_DONE
        elif waiting is not None:
            kept, outcome = msgspec.structs.replace(waiting, account=user.id), _LOOK_AGAIN
        answer = self._pages.go_on(place, f"{welcome} {outcome}".strip(), session=session)
        if field:
            cookie = self._pages.waiting.cookie(kept) if kept else None
            answer.cookies.append(cookie or self._pages.waiting.taken_back)
        return answer

    async def sign_out(self, request: AnyRequest) -> HtmlResponse:
        try:
            async with self._database.connection() as conn:
                cookie = await self._sessions.end(conn, request)
        except Unauthorized:  # it was over already, which is what was asked for
            cookie = self._sessions.taken_back
        return self._pages.go_on("/sign-in", "You are signed out.", session=cookie)

    async def show_account(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            kept = self._pages.kept(request, visitor, _NEW_TOKEN_WAITS)
            return await self._show_account(conn, request, visitor, FilledForm.of(_TOKEN, kept) if kept else _NEW_TOKEN)

    async def create_token(self, request: AnyRequest) -> HtmlResponse:
        """The one answer that shows the token: no address leads to it, and nobody keeps it."""
        form = await receive_form(request)
        async with self._pages.signed_in(request, waits=(_NEW_TOKEN_WAITS, form.only(*_TOKEN))) as (conn, visitor):
            try:
                asked, now = form.read(NewToken), self._clock.now()
                expires = now + asked.expires if asked.expires else None
                token = await issue_to_owner(conn, visitor.user.id, name=asked.name, now=now, expires=expires)
            except (InvalidRequest, Conflict) as error:
                filled = FilledForm.of(_TOKEN, form, error)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.personal("new_token.html", request, visitor, token=token, name=asked.name, expires=expires)

    async def revoke_token(self, token_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            number = path_id(token_id, MAX_INTEGER)
            name = await token_queries.delete_token_of(conn, visitor.user.id, number) if number else None
            if name is None:
                error = NotFound("You have no such token, or no longer.")
                filled = msgspec.structs.replace(_NEW_TOKEN, failure=error.message)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.go_on("/account", f"The token “{name}” is revoked: nothing takes it any more.")

    async def end_sessions(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            cookie = await self._sessions.end_all(conn, visitor.user)
        return self._pages.go_on("/sign-in", "You are signed out everywhere.", session=cookie)

    async def _show_door(self, template: str, request: AnyRequest) -> HtmlResponse:
        """A page for who is not signed in; whoever is goes on."""
        asked = read_query(request.scope["query_string"], SignInQuery)
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        if visitor:
            return self._pages.go_on(own_place(asked.next))
        waiting = self._pages.waiting.read(request.scope["headers"])
        if waiting is not None and own_place(waiting.place) != own_place(asked.next):
            waiting = None  # who goes somewhere else by now does not wait for it
        return self._pages.personal(template, request, None, **self._door(_EMPTY, asked.next, waiting))

    async def _show_again(
        self, template: str, request: AnyRequest, form: Form, filled: FilledForm, error: FilmerError
    ) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        values = self._door(filled, form.get("next"), self._pages.waiting.open(form.get("waiting")))
        answer = self._pages.personal(template, request, visitor, status=error.status, **values)
        answer.headers.update(error.headers)
        return answer

    def _door(self, form: FilledForm, place: str, waiting: WaitingForm | None) -> dict[str, Any]:
        action = self._actions.get(waiting.action) if waiting else None
        return {
            "form": form,
            "place": own_place(place, ""),
            "waiting": self._pages.waiting.seal(waiting) if waiting else "",
            "promise": action.promise if action else _KEPT,
            "demo": self._demo,
            "bounds": _BOUNDS,
        }

    async def _show_account(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        form: FilledForm = _NEW_TOKEN,
        *,
        status: int = OK,
    ) -> HtmlResponse:
        sessions, session_count = await self._sessions.held_by(conn, visitor.user, request)
        return self._pages.personal(
            "account.html",
            request,
            visitor,
            status=status,
            form=form,
            tokens=await token_queries.select_tokens(conn, visitor.user.id),
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
    return RateLimited(f"Too many tries: {please_wait(error)} before the next.")
