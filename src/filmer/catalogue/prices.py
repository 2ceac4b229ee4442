"""What a film costs, as the shop's owner says. It outlives imports, and shows everywhere at once."""

from decimal import Decimal

from filmer.catalogue import price_queries as queries
from filmer.catalogue.nouns import is_identifier
from filmer.errors import NotFound
from filmer.store.postgres import Connection


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
