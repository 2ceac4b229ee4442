"""The pages of a user's account: sign in, register, tokens, sessions."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from litestar.params import FromPath

from filmer.accounts import token_queries
from filmer.accounts.addresses import MAX_EMAIL
from filmer.accounts.kept_sign_ins import KeptSignIns
from filmer.accounts.own_account import OwnAccount
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
from filmer.accounts.signing_in import Client, SigningIn
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
from filmer.http.cookies import set_cookies
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, path_id, read_query
from filmer.shop.schemas import MAX_ID
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import FilledForm, Form, receive_form
from filmer.storefront.guest_cookies import GuestCookies, merge_notice
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor, local_address, please_wait
from filmer.storefront.pending_forms import FIELD, PROMISE, Action, PendingForm

# The fields that are shown again as they were typed; passwords never are.
_SIGN_IN = {"email": "E-mail"}
_REGISTER = {"firstName": "First name", "lastName": "Last name", "email": "E-mail"}
_TOKEN = {"name": "What it is for", "expires": "How long it works"}

_EMPTY = FilledForm({})
_NEW_TOKEN = FilledForm(_TOKEN, {"expires": "90"})
# The bounds that browsers check beforehand. A password has no maximum: what is pasted would be cut off unseen.
BOUNDS = {"name": MAX_NAME, "email": MAX_EMAIL, "password": MIN_PASSWORD}
_NEW_TOKEN_ACTION = "new token"  # noqa: S105 - the name of an action
_LOOK_AGAIN = "Nothing was done yet: please look at what you filled in, and send it once more."
_TOO_LATE = "What you asked for before that was too long ago: please ask for it once more."
_ALREADY_DONE = "What you asked for is done."
_NOT_DONE = "What you asked for before that did not work: please ask for it once more."


class SignInQuery(Query):
    """``next``: the address of the page that asked the visitor to sign in first."""

    next: str = ""


class AccountPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        sessions: Sessions,
        kept: KeptSignIns,
        signing_in: SigningIn,
        own_account: OwnAccount,
        clock: Clock,
        guests: GuestCookies,
        *,
        actions: Mapping[str, Action],
        demo: Sequence[Credentials] = (),
    ) -> None:
        """``actions``: what pending forms may do after a sign-in (``storefront/pending_forms.py``).

        ``demo``: public credentials with which everybody may try the shop.
        """
        self._pages = pages
        self._database = database
        self._sessions = sessions
        self._kept = kept
        self._signing_in = signing_in
        self._own_account = own_account
        self._clock = clock
        self._guests = guests
        self._actions = actions
        self._demo = demo

    async def show_sign_in(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_sign_in_or_register("sign_in.html", request)

    async def sign_in(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            client = Client.of(request, keep=bool(form.get("keep")))
            user, cookies = await self._signing_in.sign_in(form.read(Credentials), client)
        except (InvalidRequest, InvalidCredentials, RateLimited) as error:
            filled = FilledForm.of(_SIGN_IN, form, with_wait(error))
            return await self._show_again("sign_in.html", request, form, filled, error)
        return await self.welcome(request, form, user, f"Welcome back, {user.first_name}.", cookies)

    async def show_register(self, request: AnyRequest) -> HtmlResponse:
        return await self._show_sign_in_or_register("register.html", request)

    async def register(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            registration, client = form.read(Registration), Client.of(request)
            if self._own_account.sends_mail:
                await self._own_account.ask_to_register(registration, client)
                return self._pages.personal("mail_sent.html", request, None, title="Almost done", sends_mail=True)
            user, cookies = await self._signing_in.register(registration, client)
        except (InvalidRequest, Conflict, RateLimited) as error:
            filled = FilledForm.of(_REGISTER, form, with_wait(error))
            if isinstance(error, Conflict):
                reason = "address has an account already; sign in instead, or use another"
                filled = msgspec.structs.replace(filled, errors={"email": reason}, failure="")
            return await self._show_again("register.html", request, form, filled, error)
        notice = f"Welcome, {user.first_name}. Your account is open, and you are signed in."
        return await self.welcome(request, form, user, notice, cookies)

    async def welcome(
        self, request: AnyRequest, form: Form, user: User, welcome: str, session: Sequence[str]
    ) -> HtmlResponse:
        """Merge the cart, carry out the pending form, and redirect to where the user came from, or to the checkout.

        ``session``: the Set-Cookie headers of the one that begins. A sign-in that this browser kept before is over.
        """
        async with self._database.connection() as conn:
            await self._kept.forget(conn, request)
        set_cookies(request, *session)
        lines, cookies = await self._guests.merge(request, user.id)
        address, field = local_address(form.get("next"), "/checkout" if lines else "/"), form.get(FIELD)
        pending = self._pages.pending.verify(field)
        shown_again, outcome = None, _TOO_LATE if field else ""
        if pending is not None and (action := self._actions.get(pending.action)):
            try:
                if await self._pages.pending.is_first(pending):
                    address, outcome = await action.carry_out(user.id, pending.form)
                else:
                    outcome = _ALREADY_DONE
            except FilmerError:
                outcome = _NOT_DONE
        elif pending is not None:
            shown_again, outcome = msgspec.structs.replace(pending, account=user.id), _LOOK_AGAIN
        texts = (welcome, merge_notice(lines), outcome)
        if shown_again is not None and shown_again.back:
            response = self._pages.send_back(request, user, shown_again)
        else:
            response = self._pages.redirect(address, " ".join(text for text in texts if text))
        response.cookies.extend(cookies)
        if field:
            cookie = self._pages.pending.cookie(shown_again) if shown_again else None
            response.cookies.append(cookie or self._pages.pending.removal)
        return response

    async def sign_out(self, request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            with suppress(Unauthorized):  # the session was over already
                await self._sessions.end(conn, request)
            await self._kept.forget(conn, request)
        set_cookies(request, self._sessions.removal)
        return self._pages.redirect("/sign-in", "You are signed out.")

    async def show_account(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            form = self._pages.pending_form(request, visitor, _NEW_TOKEN_ACTION)
            return await self._show_account(conn, request, visitor, FilledForm.of(_TOKEN, form) if form else _NEW_TOKEN)

    async def create_token(self, request: AnyRequest) -> HtmlResponse:
        """The only response that shows the token: no address leads to it, and it is never cached."""
        form = await receive_form(request)
        async with self._pages.signed_in(request, pending=(_NEW_TOKEN_ACTION, form.only(*_TOKEN))) as (conn, visitor):
            try:
                new, now = form.read(NewToken), self._clock.now()
                expires = now + new.expires if new.expires else None
                token = await issue_to_owner(conn, visitor.user.id, name=new.name, now=now, expires=expires)
            except (InvalidRequest, Conflict) as error:
                filled = FilledForm.of(_TOKEN, form, error)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.personal("new_token.html", request, visitor, token=token, name=new.name, expires=expires)

    async def revoke_token(self, token_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            number = path_id(token_id, MAX_INTEGER)
            name = await token_queries.delete_token_of(conn, visitor.user.id, number) if number else None
            if name is None:
                error = NotFound("You have no such token, or no longer.")
                filled = msgspec.structs.replace(_NEW_TOKEN, failure=error.message)
                return await self._show_account(conn, request, visitor, filled, status=error.status)
        return self._pages.redirect("/account", f"The token “{name}” is revoked: nothing takes it any more.")

    async def end_sessions(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            set_cookies(request, await self._sessions.end_all(conn, visitor.user), self._kept.removal)
        return self._pages.redirect("/sign-in", "You are signed out everywhere.")

    async def end_session(self, sign_in_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            number = path_id(sign_in_id, MAX_ID)
            is_ended = number is not None and await self._sessions.end_one(conn, visitor.user, number)
        notice = "That browser is signed out." if is_ended else "That browser was signed out already."
        return self._pages.redirect("/account", notice)

    async def _show_sign_in_or_register(self, template: str, request: AnyRequest) -> HtmlResponse:
        """A page for visitors who are not signed in; a user is redirected."""
        params = read_query(request.scope["query_string"], SignInQuery)
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        if visitor:
            return self._pages.redirect(local_address(params.next))
        pending = self._pages.pending.read(request.scope["headers"])
        if pending is not None and local_address(pending.address) != local_address(params.next):
            pending = None  # the visitor came from another page by now
        return self._pages.personal(template, request, None, **self._template_values(_EMPTY, params.next, pending))

    async def _show_again(
        self, template: str, request: AnyRequest, form: Form, filled: FilledForm, error: FilmerError
    ) -> HtmlResponse:
        async with self._database.connection() as conn:
            visitor = await self._pages.visitor(conn, request)
        values = self._template_values(filled, form.get("next"), self._pages.pending.verify(form.get(FIELD)))
        return self._pages.personal(template, request, visitor, failed=error, **values)

    def _template_values(self, form: FilledForm, address: str, pending: PendingForm | None) -> dict[str, Any]:
        action = self._actions.get(pending.action) if pending else None
        return {
            "form": form,
            "address": local_address(address, ""),
            "pending": self._pages.pending.sign(pending) if pending else "",
            "promise": action.promise if action else PROMISE,
            "demo": self._demo,
            "bounds": BOUNDS,
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
        sessions, session_count = await self._sessions.list_of(conn, visitor.user, request)
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
            bounds=BOUNDS,
            now=self._clock.now(),
        )


def with_wait(error: FilmerError) -> FilmerError:
    """The same error; one about too many tries says how long to wait."""
    if not isinstance(error, RateLimited):
        return error
    return RateLimited(f"Too many tries: {please_wait(error)} before the next.")
