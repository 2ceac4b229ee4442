"""The prices of films, as the owner sets them. They outlive imports, and a new price shows everywhere at once."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from filmer.audit.log import Actor, record
from filmer.catalogue import price_queries as queries
from filmer.catalogue.schemas import is_identifier
from filmer.errors import NotFound
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


async def set_price(conn: Connection, film_id: str, price: Decimal, actor: Actor) -> str:
    """Set a film's own price, and return the film's title. Raises NotFound.

    It makes a new edition, so that no cached response has the old price. Carts show the new price before anybody pays
    it (decision 0011).
    """
    not_found = NotFound(f"There is no film {film_id}")
    if not is_identifier(film_id):
        raise not_found
    async with conn.transaction():
        # `film_terms` comes first: an import that is about to swap waits for this transaction.
        before, _, _ = await queries.select_price(conn, film_id)
        await queries.upsert_price(conn, film_id, price)
        title = await queries.select_title(conn, film_id)
        if title is None:
            raise not_found
        await queries.change_edition(conn)
        await record(
            conn, actor, "film.price", ("film", film_id), title=title, before={"price": before}, after={"price": price}
        )
    return title


async def forget_responses(conn: Connection) -> None:
    """Make a new edition, after a change of what pages say of films: no cached response is used any more."""
    await queries.change_edition(conn)
