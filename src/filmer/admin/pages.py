"""The office's pages, for admins alone: what is there, what was earned, and what may be changed."""

from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.clock import Clock
from filmer.community.shelves import Shelves
from filmer.errors import NotFound
from filmer.store.postgres import Database
from filmer.store.valkey import SharedCache
from filmer.tmdb.client import Tmdb
from filmer.web.pages import HtmlResponse, Pages


class AdminPages:
    """The handlers, with what they stand on."""

    def __init__(
        self, pages: Pages, database: Database, shared: SharedCache, tmdb: Tmdb, shelves: Shelves, clock: Clock
    ) -> None:
        self._pages = pages
        self._database = database
        self._shared = shared
        self._tmdb = tmdb
        self._shelves = shelves
        self._clock = clock

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def show_dashboard(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_accounts(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def clear_favorites(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def set_price(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound
