"""What a film costs, as the shop's owner says. It outlives imports, and shows everywhere at once."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from filmer.catalogue import price_queries as queries
from filmer.catalogue.schemas import is_identifier
from filmer.errors import NotFound
from filmer.store.postgres import Connection


class Priced(Protocol):
    @property
    def id(self) -> str: ...


class Prices:
    """What films cost on pages that show many."""

    def __init__(self, default_price: Decimal) -> None:
        """``default_price``: of a film that has none of its own."""
        self._default = round(default_price, 2)

    async def of(self, conn: Connection, *lists: Iterable[Priced]) -> dict[str, Decimal]:
        """By the films' ids."""
        films = [film for films in lists for film in films]
        return {film.id: self._default for film in films} | await own_prices(conn, films)


async def own_prices(conn: Connection, films: Iterable[Priced]) -> dict[str, Decimal]:
    """Of those films that have one, by their ids."""
    film_ids = [film.id for film in films]
    return await queries.select_prices(conn, film_ids) if film_ids else {}


async def set_price(conn: Connection, film_id: str, price: Decimal) -> str:
    """The film's title. Raises NotFound.

    The catalogue's edition grows, so that no cached answer has the old price. Carts show the new one before anybody
    pays it (decision 0011).
    """
    unknown = NotFound(f"There is no film {film_id}")
    if not is_identifier(film_id):
        raise unknown
    async with conn.transaction():
        # The owner's word first: an import that is about to take the catalogue's place waits for it, and takes it over.
        await queries.upsert_price(conn, film_id, price)
        title = await queries.update_price(conn, film_id, price)
        if title is None:
            raise unknown
        await queries.change_edition(conn)
    return title
