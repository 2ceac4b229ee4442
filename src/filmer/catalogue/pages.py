"""The catalogue's lists as pages: home, browsing, search, stars, genres."""

from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.catalogue.edition import Edition
from filmer.catalogue.search import Search
from filmer.errors import NotFound
from filmer.store.postgres import Database
from filmer.tmdb.copies import Copies
from filmer.web.pages import HtmlResponse, Pages


class CataloguePages:
    """The handlers, with what they stand on."""

    def __init__(self, pages: Pages, database: Database, search: Search, edition: Edition, copies: Copies) -> None:
        self._pages = pages
        self._database = database
        self._search = search
        self._edition = edition
        self._copies = copies

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def show_home(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_films(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def search_films(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_stars(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_genres(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_genre(self, genre_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound
