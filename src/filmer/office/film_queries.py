"""The SQL with which the office lists and changes films."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from filmer.catalogue.edition import CHANNEL
from filmer.catalogue.folding import search_form
from filmer.importing.edit_queries import EDIT, FILM, LOCK_EDITS, edit_of, record_of, remove_film, store_film
from filmer.importing.film_edits import FilmEdit, FilmRecord
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

# Of films: those that were changed by hand, those that are hidden, and those of the shop's own.
KINDS = {"changed": "imported IS NOT NULL AND fields <> '{}'", "hidden": "hidden", "own": "imported IS NULL"}


class FilmRow(msgspec.Struct, frozen=True):
    id: str
    title: str
    year: int | None


class EditedFilm(msgspec.Struct, frozen=True):
    """A film in the office's list of those that were changed by hand."""

    id: str
    title: str
    year: int | None
    fields: list[str]
    hidden: bool
    is_own: bool


class Namesake(msgspec.Struct, frozen=True):
    """One of the people of a name. ``films``: their best known."""

    id: str
    name: str
    birth_year: int | None
    films: list[str]


async def lock_edits(conn: Connection) -> None:
    """Until the transaction ends, nobody else changes films, no import swaps, and the edition is the current one."""
    await conn.execute(f"LOCK TABLE {LOCK_EDITS}".encode())
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)


async def select_edit(conn: Connection, film_id: str) -> FilmEdit | None:
    cursor = await conn.execute(f"SELECT {EDIT} FROM film_edit WHERE film_id = %s".encode(), [film_id])
    row = await cursor.fetchone()
    return None if row is None else edit_of(row)


async def select_film(conn: Connection, film_id: str) -> FilmRecord | None:
    """As the edition has it."""
    row = await (await conn.execute(FILM.encode(), {"ids": [film_id]})).fetchone()
    return None if row is None else record_of(row)


async def upsert_edit(
    conn: Connection, edit: FilmEdit, fields: Mapping[str, Any], *, hidden: bool, now: datetime
) -> None:
    """Stores an edit, and makes it in the current edition, of which this makes a new version."""
    imported = msgspec.to_builtins(edit.imported)
    await conn.execute(
        """
        WITH n AS (UPDATE edition SET edits = edits + 1, version = version + 1 RETURNING edits)
        INSERT INTO film_edit (film_id, imported, fields, hidden, edit, changed)
        SELECT %(id)s, %(imported)s::jsonb, %(fields)s, %(hidden)s, n.edits, %(now)s FROM n
        ON CONFLICT (film_id) DO UPDATE
        SET fields = excluded.fields, hidden = excluded.hidden, edit = excluded.edit, changed = excluded.changed
        """,
        {
            "id": edit.film_id, "imported": imported and Jsonb(imported), "fields": Jsonb(dict(fields)),
            "hidden": hidden, "now": now,
        },
    )  # fmt: skip
    film = msgspec.structs.replace(edit, fields=fields).film
    for statement, values in remove_film(edit.film_id) if hidden else store_film(film):
        await conn.execute(statement.encode(), values)
    await conn.execute(f"NOTIFY {CHANNEL}".encode())


async def select_films(conn: Connection, *, first: int, size: int) -> tuple[int, list[FilmRow]]:
    """How many films there are, and some of them, the best known first."""
    cursor = await conn.execute(
        """
        SELECT n.total, f.id, f.title, f.year
        FROM (SELECT coalesce(max(size), 0) AS total FROM listing_size WHERE list = 'all') n
        LEFT JOIN film f ON f.votes_desc > %(first)s AND f.votes_desc <= %(first)s + %(size)s
        ORDER BY f.votes_desc
        """,
        {"first": first, "size": size},
    )
    rows = await cursor.fetchall()
    return int(rows[0][0]), [FilmRow(*row[1:]) for row in rows if row[1] is not None]


async def insert_added(conn: Connection, film_id: str, now: datetime) -> None:
    """The feed of new films names it."""
    await conn.execute(
        "INSERT INTO new_film (film_id, added) VALUES (%s, %s)"
        " ON CONFLICT (film_id) DO UPDATE SET added = excluded.added",
        [film_id, now],
    )


async def select_edited(conn: Connection, kind: str, *, first: int, size: int) -> tuple[int, list[EditedFilm]]:
    """The films of one of the KINDS, the latest change first."""
    cursor = await conn.execute(
        f"""
        SELECT n.total, e.film_id, f ->> 'title', (f ->> 'year')::smallint,
            ARRAY(SELECT jsonb_object_keys(e.fields)), e.hidden, e.imported IS NULL
        FROM (SELECT count(*) AS total FROM film_edit WHERE {KINDS[kind]}) n LEFT JOIN LATERAL (
            SELECT *, coalesce(imported, '{{}}') || fields AS f FROM film_edit WHERE {KINDS[kind]}
            ORDER BY changed DESC, film_id LIMIT %s OFFSET %s
        ) e ON true
        """.encode(),
        [size, first],
    )
    rows = await cursor.fetchall()
    return rows[0][0], [EditedFilm(*row[1:]) for row in rows if row[1] is not None]


async def select_namesakes(conn: Connection, name: str) -> list[Namesake]:
    """The stars and directors of exactly this name, but for case and accents; who has most films first."""
    cursor = await conn.execute(
        """
        WITH word AS (
            SELECT string_agg(quote_literal(w), ' & ')::tsquery AS all
            FROM unnest(tsvector_to_array(words_of(%(form)s))) w
        ), person AS (
            SELECT no, id, name, birth_year, film_nos FROM star
            WHERE words_of(name_folded) @@ (SELECT word.all FROM word) AND name_folded = %(form)s
            UNION ALL SELECT no, id, name, birth_year, film_nos FROM director
            WHERE words_of(name_folded) @@ (SELECT word.all FROM word) AND name_folded = %(form)s AND NOT is_star
        )
        SELECT id, name, birth_year, ARRAY(
            SELECT f.title FROM film f WHERE f.no = ANY (p.film_nos) ORDER BY f.votes_desc LIMIT 3)
        FROM person p ORDER BY cardinality(film_nos) DESC, id LIMIT 20
        """,
        {"form": search_form(name)},
    )
    return [Namesake(*row) for row in await cursor.fetchall()]


async def select_people(conn: Connection, ids: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """Name and year of birth by id."""
    cursor = await conn.execute(
        "SELECT id, name, birth_year FROM star WHERE id = ANY (%(ids)s::text[])"
        " UNION SELECT id, name, birth_year FROM director WHERE id = ANY (%(ids)s::text[])",
        {"ids": list(ids)},
    )
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def select_genres(conn: Connection, size: int) -> list[str]:
    """The genres with the most films, by name."""
    cursor = await conn.execute(
        """
        SELECT name FROM (
            SELECT g.name FROM genre g JOIN listing_size s ON s.list = 'genre:' || g.id ORDER BY s.size DESC LIMIT %s
        ) g ORDER BY name
        """,
        [size],
    )
    return [row[0] for row in await cursor.fetchall()]


async def select_rebuild(conn: Connection) -> int | None:
    """How many films the edition has, if some were edited since it was built; else None."""
    cursor = await conn.execute(
        """
        SELECT coalesce((SELECT size FROM listing_size WHERE list = 'all'), 0) FROM edition WHERE edits > edits_built
        """
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def upsert_poster(conn: Connection, film_id: str, content: bytes, media_type: str) -> None:
    await conn.execute(
        """
        INSERT INTO film_poster (film_id, content, media_type) VALUES (%s, %s, %s)
        ON CONFLICT (film_id) DO UPDATE SET content = excluded.content, media_type = excluded.media_type
        """,
        [film_id, content, media_type],
    )


async def delete_poster(conn: Connection, film_id: str) -> None:
    await conn.execute("DELETE FROM film_poster WHERE film_id = %s", [film_id])


async def select_has_poster(conn: Connection, film_id: str) -> bool:
    return (await conn.execute("SELECT FROM film_poster WHERE film_id = %s", [film_id])).rowcount == 1
