"""All SQL of the shop's settings."""

import msgspec

from filmer.store.postgres import Connection


class StoredIdentity(msgspec.Struct, frozen=True):
    """``currency``: the one that orders were made in. ``pages``: slugs and titles, in the order of the footer."""

    revision: int
    settings: bytes
    mark: bytes | None
    currency: str | None
    pages: bytes


async def select_identity(conn: Connection, *, other_than: int) -> StoredIdentity | None:
    """None where the revision is this one still."""
    cursor = await conn.execute(
        """
        SELECT revision, settings::text, mark,
            (SELECT code FROM shop_currency WHERE EXISTS (SELECT FROM shop_order)),
            (SELECT coalesce(json_agg(json_build_array(slug, title) ORDER BY position, slug), '[]')::text FROM own_page)
        FROM shop_settings WHERE revision <> %s
        """,
        [other_than],
    )
    row = await cursor.fetchone()
    return StoredIdentity(row[0], row[1].encode(), row[2], row[3], row[4].encode()) if row else None


async def select_currency(conn: Connection) -> str:
    """As the owner set it; "" where they did not."""
    cursor = await conn.execute("SELECT coalesce(settings->>'currency', '') FROM shop_settings")
    row = await cursor.fetchone()
    return str(row[0]) if row else ""


async def lock_settings(conn: Connection) -> bytes:
    """What is stored, until the end of the transaction."""
    cursor = await conn.execute("SELECT settings::text FROM shop_settings FOR UPDATE")
    row = await cursor.fetchone()
    return row[0].encode() if row else b"{}"


async def update_settings(conn: Connection, settings: bytes) -> None:
    await conn.execute("UPDATE shop_settings SET settings = %s::jsonb", [settings.decode()])


async def update_mark(conn: Connection, mark: bytes | None) -> bool:
    """Whether there was one before."""
    cursor = await conn.execute(
        "UPDATE shop_settings s SET mark = %s FROM (SELECT mark FROM shop_settings FOR UPDATE) former"
        " RETURNING former.mark IS NOT NULL",
        [mark],
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def raise_revision(conn: Connection) -> None:
    """So that every process reads the settings anew, once it is notified."""
    await conn.execute("UPDATE shop_settings SET revision = revision + 1")


async def select_currency_state(conn: Connection) -> tuple[bool, str | None]:
    """Whether there are orders, and in which currency they were made."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM shop_order), (SELECT code FROM shop_currency WHERE EXISTS (SELECT FROM shop_order))"
    )
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (False, None)
