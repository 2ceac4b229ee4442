"""The community's pages: popular films, favourites, ratings."""

from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.community.shelves import Shelves
from filmer.errors import NotFound
from filmer.store.postgres import Database
from filmer.tmdb.copies import Copies
from filmer.web.pages import HtmlResponse, Pages


class CommunityPages:
    """The handlers, with what they stand on."""

    def __init__(self, pages: Pages, database: Database, copies: Copies, shelves: Shelves) -> None:
        self._pages = pages
        self._database = database
        self._copies = copies
        self._shelves = shelves

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def list_popular(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_favorites(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def add_favorite(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def remove_favorite(self, favorite_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def rate(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def list_ratings(self, request: AnyRequest) -> HtmlResponse:
        raise NotFound
