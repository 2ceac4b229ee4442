"""The pages of a film and of a star."""

from decimal import Decimal
from typing import Self

from litestar.params import FromPath

from filmer.accounts.sessions import AnyRequest
from filmer.community.shelves import Shelves
from filmer.errors import NotFound
from filmer.store.postgres import Database
from filmer.web.pages import HtmlResponse, Pages


class FilmPages:
    """The handlers, with what they stand on."""

    def __init__(self, pages: Pages, database: Database, shelves: Shelves, default_price: Decimal) -> None:
        self._pages = pages
        self._database = database
        self._shelves = shelves
        self._default_price = default_price

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self

    async def show_film(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound

    async def show_star(self, star_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        raise NotFound
