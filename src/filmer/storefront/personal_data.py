"""The pages on which people take their data along, or leave (contract §12.3)."""

from litestar import Response
from litestar.params import FromPath

from filmer.accounts.sessions import Sessions
from filmer.accounts.signing_in import Client, SigningIn
from filmer.clock import Clock
from filmer.errors import Conflict, FilmerError, InvalidCredentials, NotFound, RateLimited
from filmer.http.cookies import set_cookies
from filmer.http.handlers import AnyRequest, Handlers
from filmer.personal_data.export import FILE, export
from filmer.personal_data.leaving import Leaving
from filmer.store.postgres import Database
from filmer.storefront.forms import receive_form
from filmer.storefront.pages import HtmlResponse, Pages, please_wait


class PersonalDataPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        database: Database,
        sessions: Sessions,
        signing_in: SigningIn,
        leaving: Leaving,
        clock: Clock,
    ) -> None:
        self._pages = pages
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in
        self._leaving = leaving
        self._clock = clock

    async def download(self, request: AnyRequest) -> Response[bytes]:
        async with self._pages.signed_in(request) as (conn, visitor), conn.transaction():
            content = await export(conn, visitor.user.id, now=self._clock.now())
        headers = {"content-disposition": f'attachment; filename="{FILE}"', "cache-control": "no-store"}
        return Response(content or b"", media_type="application/zip", headers=headers)

    async def show_deletion(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (_, visitor):
            return self._pages.personal("delete_account.html", request, visitor, error="")

    async def delete(self, request: AnyRequest) -> HtmlResponse:
        """The response shows the address with which it can be undone, once."""
        form = await receive_form(request)
        async with self._pages.signed_in(request) as (_, visitor):
            pass  # no connection is held while the password is checked
        try:
            await self._signing_in.require_password(visitor.user, form.get("password"), Client.of(request))
            async with self._database.connection() as conn:
                token, until = await self._leaving.leave(conn, visitor.user.id)
        except (InvalidCredentials, RateLimited, Conflict) as error:
            return self._pages.personal("delete_account.html", request, visitor, failed=error, error=_sentence(error))
        set_cookies(request, self._sessions.removal)
        return self._pages.personal("account_deleted.html", request, None, token=token, until=until)

    async def show_undo(self, token: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return self._pages.personal("undo_deletion.html", request, None, token=token)

    async def undo(self, token: FromPath[str]) -> HtmlResponse:
        async with self._database.connection() as conn:
            try:
                await self._leaving.undo(conn, token)
            except NotFound as error:
                return self._pages.redirect("/sign-in", f"{error.message}.")
        return self._pages.redirect("/sign-in", "Your account is open again, with all that was in it. Please sign in.")


def _sentence(error: FilmerError) -> str:
    if isinstance(error, InvalidCredentials):
        return "This is not your password. Nothing was done."
    if isinstance(error, RateLimited):
        return f"Too many tries: {please_wait(error)} before the next."
    return f"{error.message}."
