"""The pages of one's account: sign in, register, tokens, sessions."""

from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest, Sessions
from filmer.accounts.signing_in import SigningIn
from filmer.clock import Clock
from filmer.errors import NotFound
from filmer.store.postgres import Database
from filmer.web.pages import HtmlResponse, Pages


class AccountPages:
    """The handlers, with what they stand on."""

    def __init__(
        self, pages: Pages, database: Database, sessions: Sessions, signing_in: SigningIn, clock: Clock
    ) -> None:
        self._pages = pages
        self._database = database
        self._sessions = sessions
        self._signing_in = signing_in
        self._clock = clock

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def show_sign_in(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def sign_in(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_register(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def register(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def sign_out(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_account(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def create_token(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def revoke_token(self, token_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def end_sessions(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound
