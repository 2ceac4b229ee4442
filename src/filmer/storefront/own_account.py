"""The pages on which people change their name, address and password, or choose a new one after they forgot it.

A link that was mailed acts when its page's form is sent: scanners of mails open links, and must use nothing up.
"""

from typing import Any

from litestar.params import FromPath

from filmer.accounts.link_queries import update_name
from filmer.accounts.own_account import OwnAccount
from filmer.accounts.schemas import ChangedPassword, ChosenPassword, Forgotten, NewAddress, NewName
from filmer.accounts.signing_in import Client
from filmer.errors import Conflict, FilmerError, InvalidCredentials, InvalidRequest, NotFound, RateLimited
from filmer.http.cookies import KEPT_COOKIE, cookie_values, set_cookies
from filmer.http.handlers import AnyRequest, Handlers
from filmer.store.postgres import Database
from filmer.storefront.accounts import BOUNDS, AccountPages, with_wait
from filmer.storefront.forms import FilledForm, Form, receive_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

_NAME = {"firstName": "First name", "lastName": "Last name"}
_ADDRESS = {"email": "New e-mail"}
_EMAIL = {"email": "E-mail"}
_EMPTY = FilledForm({})
_OVER = NotFound("This link is not good any more")
_REFUSALS = (InvalidRequest, InvalidCredentials, RateLimited, Conflict)


class OwnAccountPages(Handlers):
    def __init__(self, pages: Pages, database: Database, own_account: OwnAccount, accounts: AccountPages) -> None:
        self._pages = pages
        self._database = database
        self._own_account = own_account
        self._accounts = accounts

    async def show_name(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (_, visitor):
            names = {"firstName": visitor.user.first_name, "lastName": visitor.user.last_name}
            return self._show("name", request, visitor, FilledForm(_NAME, names))

    async def change_name(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.signed_in(request) as (conn, visitor):
            try:
                new = form.read(NewName)
            except InvalidRequest as error:
                return self._show("name", request, visitor, FilledForm.of(_NAME, form, error), error)
            await update_name(conn, visitor.user.id, new.first_name, new.last_name)
        return self._pages.redirect("/account", f"Hello {new.first_name}: your name is changed.")

    async def show_address(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (_, visitor):
            return self._show("address", request, visitor, FilledForm(_ADDRESS))

    async def change_address(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.signed_in(request) as (_, visitor):
            pass  # no connection is held while the password is checked
        try:
            new = form.read(NewAddress)
            is_changed = await self._own_account.change_address(visitor.user, new, Client.of(request))
        except _REFUSALS as error:
            return self._show("address", request, visitor, _filled(_ADDRESS, form, error), error)
        if is_changed:
            return self._pages.redirect("/account", f"Your address is {new.email} now.")
        return self._mail_sent(request, visitor, "Please confirm your address")

    async def show_password(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (_, visitor):
            return self._show("password", request, visitor, _EMPTY)

    async def change_password(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.signed_in(request) as (_, visitor):
            pass  # no connection is held while the password is checked
        is_kept = any(True for _ in cookie_values(request.scope["headers"], KEPT_COOKIE))
        client = Client.of(request, keep=is_kept)
        try:
            new = form.read(ChangedPassword)
            _, cookies = await self._own_account.change_password(visitor.user, new.current, new.password, client)
        except _REFUSALS as error:
            return self._show("password", request, visitor, _filled({}, form, error), error)
        set_cookies(request, *cookies)
        return self._pages.redirect("/account", "Your password is changed. Everywhere else you are signed out.")

    async def show_forgotten(self, request: AnyRequest) -> HtmlResponse:
        return self._show("forgotten", request, None, FilledForm(_EMAIL))

    async def forget(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            await self._own_account.ask_for_password(form.read(Forgotten).email, Client.of(request))
        except _REFUSALS as error:
            return self._show("forgotten", request, None, _filled(_EMAIL, form, error), error)
        return self._mail_sent(request, None, "A new password")

    async def show_new_password(self, token: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            is_good = await self._own_account.is_good(conn, token)
        return self._show_link("new password", request, token, is_good=is_good)

    async def choose_password(self, token: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            new = form.read(ChosenPassword).password
            user, cookies = await self._own_account.choose_password(token, new, Client.of(request))
        except InvalidRequest as error:
            filled = FilledForm.of({}, form, error)
            return self._show_link("new password", request, token, is_good=True, form=filled, failed=error)
        except NotFound:
            return self._show_link("new password", request, token, is_good=False)
        welcome = "Your password is changed, and you are signed in here."
        return await self._accounts.welcome(request, form, user, welcome, cookies)

    async def show_confirmation(self, token: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._database.connection() as conn:
            email = await self._own_account.address_of(conn, token)
        return self._show_link("address", request, token, is_good=email is not None, email=email)

    async def confirm_address(self, token: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        try:
            opened = await self._own_account.confirm_address(token, Client.of(request))
        except Conflict as error:
            return self._pages.redirect("/sign-in", f"{error.message}. Sign in with it.")
        except NotFound:
            return self._show_link("address", request, token, is_good=False)
        if opened is None:
            return self._pages.redirect("/account", "Your address is changed.")
        welcome = f"Welcome, {opened[0].first_name}. Your account is open, and you are signed in."
        return await self._accounts.welcome(request, form, *opened[:1], welcome, opened[1])

    def _show(
        self,
        what: str,
        request: AnyRequest,
        visitor: Visitor | None,
        form: FilledForm,
        failed: FilmerError | None = None,
    ) -> HtmlResponse:
        return self._pages.personal(
            "own_account.html", request, visitor, failed=failed, what=what, form=form, bounds=BOUNDS,
            sends_mail=self._own_account.sends_mail,
        )  # fmt: skip

    def _show_link(
        self, what: str, request: AnyRequest, token: str, *, is_good: bool, failed: FilmerError | None = None,
        form: FilledForm = _EMPTY, **values: Any,
    ) -> HtmlResponse:  # fmt: skip
        return self._pages.personal(
            "mailed_link.html", request, None, failed=failed or (None if is_good else _OVER), what=what, token=token,
            is_good=is_good, form=form, bounds=BOUNDS, **values,
        )  # fmt: skip

    def _mail_sent(self, request: AnyRequest, visitor: Visitor | None, title: str) -> HtmlResponse:
        sends_mail = self._own_account.sends_mail
        return self._pages.personal("mail_sent.html", request, visitor, title=title, sends_mail=sends_mail)


def _filled(labels: dict[str, str], form: Form, error: FilmerError) -> FilledForm:
    """The form with what is wrong: a wrong password, or a taken address, beside its field."""
    if isinstance(error, InvalidCredentials):
        return FilledForm(labels, _values(labels, form), {"current": "is not your password"})
    if isinstance(error, Conflict):
        return FilledForm(labels, _values(labels, form), {"email": "address has an account already"})
    return FilledForm.of(labels, form, with_wait(error))


def _values(labels: dict[str, str], form: Form) -> dict[str, str]:
    return {name: form.get(name) for name in labels}
