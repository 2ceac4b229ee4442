"""The prices of films, as the owner sets them. They outlive imports, and a new price shows everywhere at once."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from filmer.catalogue import price_queries as queries
from filmer.store.postgres import Connection


class Priced(Protocol):
    @property
    def id(self) -> str: ...


class Prices:
    """The prices of the films on a page."""

    def __init__(self, default_price: Decimal) -> None:
        """``default_price``: the price of films without their own."""
        self._default = round(default_price, 2)

    async def of(self, conn: Connection, *lists: Iterable[Priced]) -> dict[str, Decimal]:
        """Prices by film id."""
        films = [film for films in lists for film in films]
        return {film.id: self._default for film in films} | await own_prices(conn, films)


async def own_prices(conn: Connection, films: Iterable[Priced]) -> dict[str, Decimal]:
    """The prices of those films that have their own, by film id."""
    film_ids = [film.id for film in films]
    return await queries.select_prices(conn, film_ids) if film_ids else {}


async def forget_responses(conn: Connection) -> None:
    """Make a new edition, after a change of what pages say of films: no cached response is used any more."""
    await queries.change_edition(conn)
