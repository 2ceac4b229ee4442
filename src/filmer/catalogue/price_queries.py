"""The SQL of prices."""

from collections.abc import Sequence
from decimal import Decimal

from filmer.catalogue.edition import CHANNEL
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection


async def select_prices(conn: Connection, film_ids: Sequence[str]) -> dict[str, Decimal]:
    """The prices of those films that have their own."""
    cursor = await conn.execute(
        "SELECT film_id, price FROM film_terms WHERE film_id = ANY(%s::text[]) AND price IS NOT NULL", [list(film_ids)]
    )
    return dict(await cursor.fetchall())


async def upsert_price(conn: Connection, film_id: str, price: Decimal | None) -> None:
    """Set a price by hand, which no import changes. None: the default price."""
    await conn.execute(
        """
        INSERT INTO film_terms (film_id, price, is_price_by_hand) VALUES (%s, %s, true)
        ON CONFLICT (film_id) DO UPDATE SET price = excluded.price, is_price_by_hand = true
        """,
        [film_id, price],
    )


async def take_price_back(conn: Connection, film_id: str) -> None:
    """The price is what imports say, if anything."""
    await conn.execute(
        "UPDATE film_terms SET price = imported_price, is_price_by_hand = false WHERE film_id = %s", [film_id]
    )


async def select_price(conn: Connection, film_id: str) -> tuple[Decimal | None, Decimal | None, bool]:
    """The film's own price, what imports say it is, and whether it was set by hand."""
    cursor = await conn.execute(
        "SELECT price, imported_price, is_price_by_hand FROM film_terms WHERE film_id = %s", [film_id]
    )
    price, imported, is_by_hand = await cursor.fetchone() or (None, None, None)
    return price, imported, bool(is_by_hand)


async def select_title(conn: Connection, film_id: str) -> str | None:
    """None when there is no such film, or it is hidden."""
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)  # an import may have replaced it while the price waited for it
    cursor = await conn.execute("SELECT title FROM film WHERE id = %s", [film_id])
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def change_edition(conn: Connection) -> None:
    """Make a new edition. Processes are notified at the commit, and from then on use nothing cached of the old one."""
    await conn.execute("UPDATE edition SET version = version + 1")
    await conn.execute(f"NOTIFY {CHANNEL}".encode())
