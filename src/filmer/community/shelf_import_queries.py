"""All SQL of what people bring and take along: rows of their files, the films that these mean, and their shelves."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from filmer.catalogue.words import ORIGINAL_MARK
from filmer.community.shelf_files import Outcome, OwnFilm, ShelfFile, ShelfRow
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

_ROW = "file, line, title, year, film_id, movie_id, favorite, watchlist, seen, seen_on, rating, rated, outcome, detail"
OPEN = "outcome IN ('waiting', 'missing')"
STILL_OPEN = ("waiting", "missing")
OUTCOMES = get_args(Outcome)
_BREATH = 500  # rows that are stored in some milliseconds
_CLAIMED = timedelta(seconds=30)  # after which another process goes on


class Film(msgspec.Struct, frozen=True):
    """A film of the catalogue that a row may mean."""

    id: str
    title: str
    year: int | None
    tmdb_id: int | None


class PlacedRow(ShelfRow, frozen=True, kw_only=True):
    place: int
    candidates: list[str]


class ImportReport(msgspec.Struct, frozen=True):
    """``is_done``: all rows were looked for. ``counts``: of rows, by outcome."""

    id: int
    name: str
    left_out: list[str]
    created: datetime
    row_count: int
    is_done: bool
    counts: dict[str, int]


class Claim(msgspec.Struct, frozen=True):
    """``edition``: the schema that is current. ``is_first``: nobody has looked for its rows before."""

    id: int
    account_id: int
    row_count: int
    edition: str
    is_first: bool


async def insert_import(conn: Connection, account_id: int, name: str, file: ShelfFile, now: datetime) -> int:
    """To be in a transaction."""
    cursor = await conn.execute(
        """
        INSERT INTO shelf_import (account_id, name, left_out, created, row_count)
        VALUES (%s, %s, %s, %s, %s) RETURNING id
        """,
        [account_id, name, file.left_out, now, len(file.rows)],
    )
    row = await cursor.fetchone()
    import_id = int(row[0]) if row else 0
    async with cursor.copy(f"COPY shelf_import_row (import_id, account_id, place, {_ROW}) FROM STDIN".encode()) as copy:
        for place, one in enumerate(file.rows, start=1):
            await copy.write_row((import_id, account_id, place, *msgspec.structs.astuple(one)))
            if place % _BREATH == 0:
                await asyncio.sleep(0)  # the server takes them without a pause, and others want to be answered
    return import_id


async def select_kept(conn: Connection, account_id: int) -> int:
    """How many rows are kept of the account."""
    cursor = await conn.execute("SELECT count(*) FROM shelf_import_row WHERE account_id = %s", [account_id])
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def select_reports(conn: Connection, account_id: int, import_id: int | None = None) -> list[ImportReport]:
    """The latest first; or one alone."""
    cursor = await conn.execute(
        """
        SELECT i.id, i.name, i.left_out, i.created, i.row_count, i.edition IS NOT NULL, coalesce((
            SELECT jsonb_object_agg(outcome, number) FROM (
                SELECT outcome, count(*) AS number FROM shelf_import_row WHERE import_id = i.id GROUP BY outcome) c
        ), '{}')
        FROM shelf_import i
        WHERE i.account_id = %(account)s AND (%(import)s::integer IS NULL OR i.id = %(import)s) ORDER BY i.id DESC
        """,
        {"account": account_id, "import": import_id},
    )
    return [ImportReport(*row) for row in await cursor.fetchall()]


async def select_rows(
    conn: Connection, account_id: int, import_id: int, outcomes: Sequence[str] = OUTCOMES, *, after: int = 0, limit: int
) -> list[PlacedRow]:
    """Rows of an import with these outcomes, in their order."""
    statement = f"""
        SELECT {_ROW}, place, candidates FROM shelf_import_row
        WHERE account_id = %s AND import_id = %s AND place > %s AND outcome = ANY (%s) ORDER BY place LIMIT %s
    """
    cursor = await conn.execute(statement.encode(), [account_id, import_id, after, list(outcomes), limit])
    return [PlacedRow(*row[:-2], place=row[-2], candidates=row[-1]) for row in await cursor.fetchall()]


async def claim_import(conn: Connection, now: datetime, import_id: int | None = None) -> Claim | None:
    """An import whose rows were not looked for in this edition, and nobody else works on; or this one alone."""
    cursor = await conn.execute(
        f"""
        UPDATE shelf_import i SET claimed = %(now)s FROM edition e, (
            SELECT id, edition FROM shelf_import s
            WHERE edition IS DISTINCT FROM (SELECT schema FROM edition)
                AND (claimed IS NULL OR claimed < %(now)s::timestamptz - %(claimed)s::interval OR id = %(import)s)
                AND (%(import)s::integer IS NULL OR id = %(import)s)
                AND (edition IS NULL OR EXISTS (SELECT FROM shelf_import_row WHERE import_id = s.id AND {OPEN}))
            ORDER BY edition IS NULL DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED) due
        WHERE i.id = due.id RETURNING i.id, i.account_id, i.row_count, e.schema, due.edition IS NULL
        """.encode(),
        {"now": now, "claimed": _CLAIMED, "import": import_id},
    )
    row = await cursor.fetchone()
    return None if row is None else Claim(*row)


async def finish_import(conn: Connection, claim: Claim) -> None:
    """All of its rows were looked for. What is in this file again is not kept of former ones."""
    await conn.execute(
        """
        DELETE FROM shelf_import_row o USING shelf_import_row n
        WHERE o.account_id = %(account)s AND o.import_id < %(import)s AND o.outcome IN ('several', 'missing')
            AND n.account_id = %(account)s AND n.import_id = %(import)s AND n.title = o.title AND n.film_id = o.film_id
            AND (n.year, n.movie_id, n.rating, n.seen_on) IS NOT DISTINCT FROM (o.year, o.movie_id, o.rating, o.seen_on)
            AND (n.favorite IS NULL, n.watchlist IS NULL, n.seen IS NULL)
                = (o.favorite IS NULL, o.watchlist IS NULL, o.seen IS NULL)
        """,
        {"account": claim.account_id, "import": claim.id},
    )
    await conn.execute(
        "UPDATE shelf_import SET edition = %s, claimed = NULL WHERE id = %s AND account_id = %s",
        [claim.edition, claim.id, claim.account_id],
    )


async def delete_import(conn: Connection, account_id: int, import_id: int) -> bool:
    done = await conn.execute("DELETE FROM shelf_import WHERE id = %s AND account_id = %s", [import_id, account_id])
    return done.rowcount == 1


async def delete_old(conn: Connection, before: datetime) -> None:
    """What is settled of old imports; and those of which nothing is left."""
    await conn.execute(
        """
        DELETE FROM shelf_import_row r USING shelf_import i WHERE i.id = r.import_id AND i.created < %s
            AND i.edition IS NOT NULL AND r.outcome IN ('taken', 'there', 'bad')
        """,
        [before],
    )
    await conn.execute(
        """
        DELETE FROM shelf_import i WHERE created < %s AND edition IS NOT NULL
            AND NOT EXISTS (SELECT FROM shelf_import_row WHERE import_id = i.id)
        """,
        [before],
    )


async def select_films_by_ids(
    conn: Connection, film_ids: Sequence[str], movie_ids: Sequence[int]
) -> tuple[dict[str, Film], dict[int, Film], set[int]]:
    """Films by id; by TMDB id; and which of the TMDB ids are known of films that are not in the catalogue."""
    by_id = await conn.execute("SELECT id, title, year, tmdb_id FROM film WHERE id = ANY (%s)", [list(film_ids)])
    by_tmdb_id = await conn.execute(
        """
        SELECT u.n, f.id, f.title, f.year, f.tmdb_id FROM unnest(%(ids)s::integer[]) u(n)
        CROSS JOIN LATERAL (
            SELECT id FROM film WHERE tmdb_id = u.n UNION ALL SELECT film_id FROM tmdb_link WHERE tmdb_id = u.n
        ) i JOIN film f USING (id) ORDER BY f.id DESC
        """,
        {"ids": list(movie_ids)},
    )
    others = await conn.execute("SELECT movie_id FROM tmdb_film WHERE movie_id = ANY (%s)", [list(movie_ids)])
    return (
        {row[0]: Film(*row) for row in await by_id.fetchall()},
        {row[0]: Film(*row[1:]) for row in await by_tmdb_id.fetchall()},
        {row[0] for row in await others.fetchall()},
    )


async def select_films_by_keys(
    conn: Connection, keys: Sequence[str], years: Sequence[int | None], slack: int
) -> list[list[Film]]:
    """For each key (``catalogue/words.py``) the films with such a title, or original title, in about this year."""
    near = "(u.year IS NULL OR f.year BETWEEN u.year - %(slack)s AND u.year + %(slack)s)"
    statement = f"""
        SELECT DISTINCT u.place, f.id, f.title, f.year, f.tmdb_id
        FROM unnest(%(keys)s::text[], %(years)s::integer[]) WITH ORDINALITY u(key, year, place)
        CROSS JOIN LATERAL (
            SELECT no FROM film f WHERE f.title_key = u.key AND {near}
            UNION ALL SELECT no FROM film f WHERE f.bare_key = u.key AND {near}
            UNION ALL SELECT no FROM film f WHERE f.words @@ ('''{ORIGINAL_MARK}' || u.key || '''')::tsquery AND {near}
        ) n JOIN film f USING (no) ORDER BY u.place, f.id
    """
    found: list[list[Film]] = [[] for _ in keys]
    parameters = {"keys": list(keys), "years": list(years), "slack": slack}
    async for row in await conn.execute(statement.encode(), parameters):
        found[row[0] - 1].append(Film(*row[1:]))
    return found


async def select_films_by_nos(conn: Connection, nos: Sequence[int]) -> dict[int, Film]:
    statement = "SELECT no, id, title, year, tmdb_id FROM film WHERE no = ANY (%s)"
    return {row[0]: Film(*row[1:]) for row in await (await conn.execute(statement, [list(nos)])).fetchall()}


async def select_numbers(conn: Connection, film_ids: Sequence[str]) -> dict[str, list[int]]:
    """The numbers of films of the catalogue, their TMDB ids first. No import replaces it until the transaction ends.

    From now on no import drops them.
    """
    await conn.execute("LOCK TABLE film_in_use IN ROW EXCLUSIVE MODE")
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    cursor = await conn.execute(
        """
        WITH found AS MATERIALIZED (SELECT id, tmdb_id FROM film WHERE id = ANY (%s)),
            used AS (INSERT INTO film_in_use SELECT id FROM found ORDER BY id ON CONFLICT DO NOTHING)
        SELECT f.id, f.tmdb_id, l.tmdb_id, n.number
        FROM found f LEFT JOIN tmdb_link l ON l.film_id = f.id LEFT JOIN film_number n ON n.film_id = f.id
        """,
        [sorted(set(film_ids))],
    )
    return {row[0]: [number for number in row[1:] if number is not None] for row in await cursor.fetchall()}


class ShelfTable(msgspec.Struct, frozen=True):
    """``columns``: beside account and film. ``change``: of a film that is on the shelf; by default nothing."""

    name: str
    columns: str
    change: str = "NOTHING"


# A rating that is newer wins, and so does a later day. What a file does not date changes nothing.
TABLES = {
    "favorite": ShelfTable("favorite", "created"),
    "watchlist": ShelfTable("watchlist_film", "created"),
    "seen": ShelfTable(
        "seen_film", "created, seen_on",
        "UPDATE SET seen_on = excluded.seen_on WHERE t.seen_on < excluded.seen_on"
        " OR t.seen_on IS NULL AND excluded.seen_on IS NOT NULL",
    ),
    "rating": ShelfTable(
        "rating", "created, updated, rating",
        "UPDATE SET rating = excluded.rating, updated = excluded.updated"
        " WHERE t.rating <> excluded.rating AND t.updated < excluded.updated",
    ),
}  # fmt: skip
_TYPES = {"created": "timestamptz", "updated": "timestamptz", "seen_on": "date", "rating": "numeric"}


async def select_shelved(conn: Connection, shelf: str, account_id: int, numbers: Sequence[int]) -> set[int]:
    """Those of the numbers that are on the shelf."""
    statement = f"SELECT movie_id FROM {TABLES[shelf].name} WHERE account_id = %s AND movie_id = ANY (%s)"
    return {row[0] for row in await (await conn.execute(statement.encode(), [account_id, list(numbers)])).fetchall()}


async def upsert_shelved(conn: Connection, shelf: str, account_id: int, rows: Sequence[tuple[Any, ...]]) -> set[int]:
    """Numbers of films, each once, and the values of the table's columns. Returns the numbers that it changed."""
    table = TABLES[shelf]
    types = "".join(f", %s::{_TYPES[column.strip()]}[]" for column in table.columns.split(","))
    statement = f"""
        INSERT INTO {table.name} AS t (account_id, movie_id, {table.columns})
        SELECT %s, u.* FROM unnest(%s::integer[]{types}) u
        ON CONFLICT (account_id, movie_id) DO {table.change} RETURNING movie_id
    """
    cursor = await conn.execute(statement.encode(), [account_id, *map(list, zip(*rows, strict=True))])
    return {row[0] for row in await cursor.fetchall()}


async def update_outcomes(
    conn: Connection, account_id: int, import_id: int, outcomes: Sequence[tuple[int, Outcome, str, list[str]]]
) -> None:
    """Of rows by place: what became of them, why, and the films that they may be. Settled ones stay as they are."""
    content = msgspec.json.encode(
        [{"place": place, "outcome": what, "detail": why, "films": films} for place, what, why, films in outcomes]
    )
    await conn.execute(
        f"""
        UPDATE shelf_import_row r SET outcome = u.outcome, detail = u.detail, candidates = u.films
        FROM jsonb_to_recordset(%s::jsonb) u(place integer, outcome text, detail text, films text[])
        WHERE r.account_id = %s AND r.import_id = %s AND r.place = u.place AND (r.{OPEN} OR r.outcome = 'several')
        """.encode(),
        [content.decode(), account_id, import_id],
    )


async def select_own_films(conn: Connection, account_id: int) -> list[OwnFilm]:
    """All that is on the account's shelves, by film: the whole of our export. In pieces, as it may be thousands."""
    async with conn.transaction(), conn.cursor("own_films") as cursor:
        cursor.itersize = _BREATH
        await cursor.execute(_OWN_FILMS, {"account": account_id})
        return [OwnFilm(*row) async for row in cursor]


_OWN_FILMS = """
    WITH own AS (
        SELECT movie_id, max(favorite) AS favorite, max(watchlist) AS watchlist, max(seen) AS seen,
            max(seen_on) AS seen_on, max(rating) AS rating, max(rated) AS rated
        FROM (
            SELECT movie_id, created AS favorite, NULL::timestamptz AS watchlist, NULL::timestamptz AS seen,
                NULL::date AS seen_on, NULL::numeric AS rating, NULL::timestamptz AS rated
            FROM favorite WHERE account_id = %(account)s
            UNION ALL SELECT movie_id, NULL, created, NULL, NULL, NULL, NULL
            FROM watchlist_film WHERE account_id = %(account)s
            UNION ALL SELECT movie_id, NULL, NULL, created, seen_on, NULL, NULL
            FROM seen_film WHERE account_id = %(account)s
            UNION ALL SELECT movie_id, NULL, NULL, NULL, NULL, rating, updated
            FROM rating WHERE account_id = %(account)s) s
        GROUP BY movie_id)
    SELECT coalesce(f.title, t.title, ''), coalesce(f.year, extract(year FROM t.release_date))::integer,
        coalesce(f.id, i.id, ''), own.*
    FROM own
    LEFT JOIN LATERAL (
        SELECT id FROM film WHERE tmdb_id = own.movie_id
        UNION ALL SELECT film_id FROM tmdb_link WHERE tmdb_id = own.movie_id
        UNION ALL SELECT film_id FROM film_number WHERE number = own.movie_id
        ORDER BY id LIMIT 1) i ON true
    LEFT JOIN film f USING (id) LEFT JOIN tmdb_film t ON t.movie_id = own.movie_id AND btrim(t.title) <> ''
    ORDER BY own.movie_id
"""
