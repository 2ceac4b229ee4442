"""All SQL of the shop's own pages."""

from collections.abc import Sequence

import msgspec
from psycopg.rows import class_row

from filmer.store.postgres import Connection


class OwnPage(msgspec.Struct, frozen=True):
    slug: str
    title: str
    body: str  # Markdown
    former_title: str | None
    former_body: str | None


async def select_page(conn: Connection, slug: str) -> OwnPage | None:
    async with conn.cursor(row_factory=class_row(OwnPage)) as cursor:
        await cursor.execute(
            "SELECT slug, title, body, former_title, former_body FROM own_page WHERE slug = %s", [slug]
        )
        return await cursor.fetchone()


async def select_pages(conn: Connection) -> list[OwnPage]:
    """In the order of the footer."""
    async with conn.cursor(row_factory=class_row(OwnPage)) as cursor:
        await cursor.execute(
            "SELECT slug, title, body, former_title, former_body FROM own_page ORDER BY position, slug"
        )
        return await cursor.fetchall()


async def count_pages(conn: Connection) -> int:
    cursor = await conn.execute("SELECT count(*) FROM own_page")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def insert_page(conn: Connection, slug: str, title: str, body: str) -> bool:
    """Whether there was none with this slug."""
    cursor = await conn.execute(
        """
        INSERT INTO own_page (slug, title, body, position)
        VALUES (%s, %s, %s, (SELECT coalesce(max(position), 0) + 1 FROM own_page))
        ON CONFLICT DO NOTHING
        """,
        [slug, title, body],
    )
    return cursor.rowcount == 1


async def update_page(conn: Connection, slug: str, title: str, body: str) -> None:
    """What it was becomes the former version."""
    await conn.execute(
        "UPDATE own_page SET former_title = title, former_body = body, title = %s, body = %s WHERE slug = %s",
        [title, body, slug],
    )


async def delete_page(conn: Connection, slug: str) -> None:
    await conn.execute("DELETE FROM own_page WHERE slug = %s", [slug])


async def update_positions(conn: Connection, slugs: Sequence[str]) -> None:
    await conn.execute(
        """
        UPDATE own_page SET position = place
        FROM unnest(%s::text[]) WITH ORDINALITY listed(slug, place) WHERE own_page.slug = listed.slug
        """,
        [list(slugs)],
    )
