"""All SQL of customers and cards that are kept at Stripe."""

import msgspec

from filmer.store.postgres import Connection


class KeptCard(msgspec.Struct, frozen=True):
    """``reference``: Stripe's."""

    id: str
    account_id: int
    reference: str
    first_name: str
    last_name: str
    expiration: str


async def select_kept_card(conn: Connection, account_id: int, text: str) -> KeptCard | None:
    """The account's card with this id of ours; or anybody's with this reference of Stripe's."""
    cursor = await conn.execute(
        """
        SELECT id, account_id, reference, first_name, last_name, expiration FROM stripe_card
        WHERE (id = %(text)s AND account_id = %(account)s) OR reference = %(text)s
        """,
        {"text": text, "account": account_id},
    )
    row = await cursor.fetchone()
    return KeptCard(*row) if row else None


async def upsert_kept_card(
    conn: Connection,
    account_id: int,
    *,
    reference: str,
    fingerprint: str,
    last_four: str,
    first_name: str,
    last_name: str,
    expiration: str,
    most: int,
) -> None:
    """Nothing is kept where the account has that many others."""
    await conn.execute(
        """
        INSERT INTO stripe_card AS c
            (account_id, reference, fingerprint, last_four, first_name, last_name, expiration)
        SELECT %(account)s, %(reference)s, %(fingerprint)s, %(last_four)s, %(first)s, %(last)s, %(expiration)s
        WHERE (SELECT count(*) FROM stripe_card WHERE account_id = %(account)s AND fingerprint <> %(fingerprint)s)
            < %(most)s
        ON CONFLICT (account_id, fingerprint) DO UPDATE SET (reference, first_name, last_name, expiration)
            = ROW (excluded.reference, excluded.first_name, excluded.last_name, excluded.expiration)
        """,
        {
            "account": account_id,
            "reference": reference,
            "fingerprint": fingerprint,
            "last_four": last_four,
            "first": first_name,
            "last": last_name,
            "expiration": expiration,
            "most": most,
        },
    )


async def select_customer(conn: Connection, account_id: int) -> str | None:
    cursor = await conn.execute("SELECT reference FROM stripe_customer WHERE account_id = %s", [account_id])
    row = await cursor.fetchone()
    return row[0] if row else None


async def insert_customer(conn: Connection, account_id: int, reference: str) -> str:
    """The account's customer: this one, or that of another request that was faster."""
    cursor = await conn.execute(
        """
        INSERT INTO stripe_customer AS c (account_id, reference) VALUES (%s, %s)
        ON CONFLICT (account_id) DO UPDATE SET reference = c.reference RETURNING reference
        """,
        [account_id, reference],
    )
    row = await cursor.fetchone()
    return str(row[0]) if row else reference


async def select_removals(conn: Connection) -> list[str]:
    cursor = await conn.execute("SELECT reference FROM stripe_removal ORDER BY random() LIMIT 100")
    return [row[0] for row in await cursor.fetchall()]


async def delete_removal(conn: Connection, reference: str) -> None:
    await conn.execute("DELETE FROM stripe_removal WHERE reference = %s", [reference])
