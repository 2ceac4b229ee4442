"""The SQL of the office's first page: counts and sums over the whole shop."""

from datetime import datetime
from decimal import Decimal

import msgspec

from filmer.store.postgres import Connection


class ShopTotals(msgspec.Struct, frozen=True):
    """Figures of the whole shop. ``takings`` are less ``refunded``; ``owed``: refunds that were not given back yet.

    ``imported`` and ``origin``: when the last import was, and of which source.
    """

    films: int
    stars: int
    genres: int
    priced: int
    accounts: int
    orders: int
    takings: Decimal
    refunded: Decimal
    owed: int
    favorites: int
    ratings: int
    imported: datetime | None
    origin: str | None


async def select_totals(conn: Connection) -> ShopTotals:
    cursor = await conn.execute(
        """
        SELECT coalesce((SELECT size FROM listing_size WHERE list = 'all'), 0),
            coalesce((SELECT size FROM listing_size WHERE list = 'stars'), 0),
            (SELECT count(*) FROM listing_size WHERE list LIKE 'genre:%'),
            (SELECT count(*) FROM film_terms WHERE price IS NOT NULL),
            (SELECT count(*) FROM account WHERE erased IS NULL), t.orders, t.sold - t.refunded, t.refunded,
            (SELECT count(*) FROM cancellation WHERE refund IN ('initiated', 'failed')),
            (SELECT count(*) FROM favorite), (SELECT count(*) FROM rating), r.finished, r.origin
        FROM (
            SELECT coalesce(sum(orders), 0)::bigint AS orders, coalesce(sum(sold), 0) AS sold,
                coalesce(sum(refunded), 0) AS refunded FROM takings
        ) t
        LEFT JOIN LATERAL (SELECT finished, origin FROM import_run ORDER BY id DESC LIMIT 1) r ON true
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - sums are always there
    return ShopTotals(*row)
