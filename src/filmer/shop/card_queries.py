"""All SQL of cards on file."""

import msgspec

from filmer.store.postgres import Connection


class StoredCard(msgspec.Struct, frozen=True):
    """A card on file; its number is not in it. ``id``: ours, which a checkout takes in place of the number."""

    id: str
    last_four: str
    first_name: str
    last_name: str
    expiration: str
    account_id: int | None
    demo: bool


_CARD = "id, last_four, first_name, last_name, expiration, account_id, demo"


async def select_card(
    conn: Connection, digest: bytes, card_id: str, account_id: int, *, demo: bool
) -> list[StoredCard]:
    """The cards this account may pay with that have this number; or the one of its own with this id."""
    cursor = await conn.execute(
        f"""
        SELECT {_CARD} FROM card
        WHERE (digest = %s AND (account_id IS NULL OR account_id = %s) OR id = %s AND account_id = %s)
            AND (NOT demo OR %s)
        """.encode(),
        [digest, account_id, card_id, account_id, demo],
    )
    return [StoredCard(*row) for row in await cursor.fetchall()]


async def select_cards(conn: Connection) -> list[StoredCard]:
    cursor = await conn.execute(
        f"SELECT {_CARD} FROM card ORDER BY account_id NULLS FIRST, last_four, expiration".encode()
    )
    return [StoredCard(*row) for row in await cursor.fetchall()]


async def select_own_cards(conn: Connection, account_id: int, *, demo: bool) -> list[StoredCard]:
    """Those on file, and those that are kept at Stripe."""
    cursor = await conn.execute(
        f"""
        SELECT {_CARD} FROM card WHERE account_id = %(account)s AND (NOT demo OR %(demo)s)
        UNION ALL
        SELECT {_CARD.replace("demo", "false")} FROM stripe_card WHERE account_id = %(account)s
        ORDER BY expiration DESC, id
        """.encode(),
        {"account": account_id, "demo": demo},
    )
    return [StoredCard(*row) for row in await cursor.fetchall()]


async def count_other_cards(conn: Connection, account_id: int, digest: bytes) -> int:
    """How many cards of other numbers the account has on file."""
    row = await (
        await conn.execute("SELECT count(*) FROM card WHERE account_id = %s AND digest <> %s", [account_id, digest])
    ).fetchone()
    return int(row[0]) if row else 0


async def insert_card(
    conn: Connection,
    *,
    digest: bytes,
    last_four: str,
    first_name: str,
    last_name: str,
    expiration: str,
    account_id: int | None,
    demo: bool,
    is_renewed: bool,
) -> bool:
    """False when the card is on file already, for this account or, without one, for all.

    ``is_renewed``: then it gets these names and this month, unless it is one of the demo's.
    """
    renew = "UPDATE SET (first_name, last_name, expiration) = ROW (excluded.first_name, excluded.last_name, "
    conflict = f"{renew} excluded.expiration) WHERE NOT card.demo" if is_renewed else "NOTHING"
    done = await conn.execute(
        f"""
        INSERT INTO card (digest, last_four, first_name, last_name, expiration, account_id, demo)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest, account_id) DO {conflict}
        """.encode(),
        [digest, last_four, first_name, last_name, expiration, account_id, demo],
    )
    return done.rowcount == 1


async def delete_card(conn: Connection, digest: bytes) -> list[StoredCard]:
    """Every card of this number, whose ever it is."""
    cursor = await conn.execute(f"DELETE FROM card WHERE digest = %s RETURNING {_CARD}".encode(), [digest])
    return [StoredCard(*row) for row in await cursor.fetchall()]


async def delete_own_card(conn: Connection, account_id: int, card_id: str) -> str | None:
    """The last four digits of the card that is gone; None when the account has no such card. A demo's stays."""
    cursor = await conn.execute(
        """
        WITH kept AS (DELETE FROM stripe_card WHERE account_id = %(account)s AND id = %(id)s RETURNING last_four),
        on_file AS (DELETE FROM card WHERE account_id = %(account)s AND id = %(id)s AND NOT demo RETURNING last_four)
        TABLE kept UNION ALL TABLE on_file
        """,
        {"account": account_id, "id": card_id},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def delete_cards(conn: Connection) -> int:
    """Deletes all cards, and the fingerprint of their key: without cards, any key may be used next."""
    await conn.execute("DELETE FROM secret_key")
    return (await conn.execute("DELETE FROM card")).rowcount
