"""All SQL of imports: the next catalogue is built in a schema beside the current one, and then replaces it."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from filmer.catalogue.edition import CHANNEL, SEEN_LOCK, SWAP_LOCK
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.migrate import IMPORT_LOCK

Connection = psycopg.Connection[Any]

CURRENT, NEXT, OLD = "catalogue", "catalogue_next", "catalogue_old"
_LOCK = 0x696D7074  # "impt": one import at a time per database
_LOCK_SECONDS = 3
_SWAP_SECONDS = 0.5  # that visitors wait for the swap, before they go first and it is tried again
_SWAP_TRIES = 100
_PROCESSES_SECONDS = 5

FILM_COLUMNS = (
    "no", "title_desc", "year_asc", "year_desc", "rating_asc", "rating_desc", "votes_desc", "year", "genre_ids",
    "title_folded", "director_folded", "words", "id", "title", "director", "rating", "votes", "genres", "star_nos",
    "billed_ids", "billed_names", "original_title", "release_date", "runtime_minutes", "popularity", "tmdb_id",
    "price", "overview",
)  # fmt: skip
STAR_COLUMNS = (
    "no", "name_desc", "birth_asc", "birth_desc", "known_desc", "birth_year", "film_count", "name_folded", "id", "name",
    "film_nos",
)  # fmt: skip


def connect(url: str, password: str | None = None) -> Connection:
    """A connection of an import. If the import is killed, PostgreSQL soon cancels what it does for this connection."""
    return psycopg.connect(
        url,
        password=password,
        autocommit=True,
        application_name="filmer import",
        options="-c client_connection_check_interval=500ms",
    )
    conn.execute(USE_CURRENT_EDITION)
    return conn


def take_lock(conn: Connection) -> bool:
    """Returns whether no other import is running. The lock ends with the connection.

    Waits for a moment, as PostgreSQL needs one to notice that an import was killed.
    """
    try:
        with conn.transaction():
            conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            conn.execute("SELECT pg_advisory_lock(%s)", [IMPORT_LOCK])
    except psycopg.errors.LockNotAvailable:
        return False
    conn.execute(USE_CURRENT_EDITION)
    return True


def drop_leftovers(conn: Connection) -> None:
    """Drop what an import left behind that was killed."""
    with conn.transaction():
        conn.execute("SET LOCAL client_min_messages = warning")
        for schema in (NEXT, OLD):
            conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def create_next(conn: Connection) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(NEXT)))


@contextmanager
def copy_into_new(
    conn: Connection, table: str, columns: Sequence[str], *, binary: bool = False
) -> Iterator[psycopg.Copy]:
    """Create a table of the next catalogue, like the current one but without indexes, and copy rows into it.

    Call it in a transaction: rows written in the transaction that creates their table need no write-ahead log and no
    vacuum.
    """
    new, like = sql.Identifier(NEXT, table), sql.Identifier(CURRENT, table)
    conn.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS INCLUDING DEFAULTS)").format(new, like))
    options = sql.SQL("FREEZE, FORMAT binary" if binary else "FREEZE")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN ({})").format(new, names, options)
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def index_statements(conn: Connection, table: str) -> list[str]:
    """Statements that create on a table of the next catalogue the indexes of the current one, the slow ones first."""
    rows = conn.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = %s"
        " ORDER BY indexdef LIKE %s DESC, indexname",
        [CURRENT, table, "%USING gin%"],
    )
    return [row[0].replace(f" ON {CURRENT}.", f" ON {NEXT}.") for row in rows]


def execute(conn: Connection, statement: str) -> None:
    conn.execute(statement.encode())


def analyze_next(conn: Connection, table: str) -> None:
    """Collect the planner's statistics, but not of ``nos``: no query searches these long arrays."""
    rows = conn.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND column_name <> 'nos'",
        [NEXT, table],
    )
    columns = sql.SQL(", ").join(sql.Identifier(row[0]) for row in rows)
    conn.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(NEXT, table), columns))


def insert_genres(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """Returns the ids of genres by name. A name always keeps its id."""
    wanted = sorted(set(names))
    conn.execute(
        "INSERT INTO genre (name) SELECT n FROM unnest(%s::text[]) n WHERE n NOT IN (SELECT name FROM genre)"
        ' ORDER BY n COLLATE "C" ON CONFLICT (name) DO NOTHING',
        [wanted],
    )
    return dict(conn.execute("SELECT name, id FROM genre WHERE name = ANY (%s)", [wanted]).fetchall())


Terms = dict[str, tuple[Decimal | None, int | None, str | None]]  # price, TMDB id, overview
FilmTerms = tuple[str, Decimal | None, int | None, str | None]  # the film's id, and the same


def select_terms(conn: Connection) -> Terms:
    """Prices, TMDB ids and overviews from imports and price changes, by film id."""
    rows = conn.execute("SELECT film_id, price, tmdb_id, overview FROM film_terms")
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def copy_new_terms(conn: Connection, terms: Iterable[FilmTerms]) -> None:
    """Copy an import's terms into a temporary table for ``upsert_terms``, a row per film."""
    conn.execute("CREATE TEMPORARY TABLE new_terms (LIKE film_terms) ON COMMIT DROP")
    with conn.cursor() as cursor, cursor.copy("COPY new_terms (film_id, price, tmdb_id, overview) FROM STDIN") as copy:
        for row in terms:
            copy.write_row(row)


def upsert_terms(conn: Connection) -> None:
    """Store an import's terms. Where it has none, those stored before stay."""
    conn.execute(
        """
        INSERT INTO film_terms (film_id, price, tmdb_id, overview)
        SELECT film_id, price, tmdb_id, overview FROM new_terms
        ON CONFLICT (film_id) DO UPDATE SET
            price = coalesce(EXCLUDED.price, film_terms.price),
            tmdb_id = coalesce(EXCLUDED.tmdb_id, film_terms.tmdb_id),
            overview = coalesce(EXCLUDED.overview, film_terms.overview)
        """
    )


def select_films(conn: Connection, *, only_in_use: bool) -> list[tuple[Any, ...]]:
    """Films of the current catalogue: all of them, or those in use, which must not be lost."""
    condition = "WHERE id IN (SELECT film_id FROM film_in_use)" if only_in_use else ""
    statement = f"""
        SELECT id, title, year, director, genres, star_nos, rating, votes, original_title, release_date,
               runtime_minutes, popularity, tmdb_id, price, overview
        FROM {CURRENT}.film {condition}
    """
    return conn.execute(statement.encode()).fetchall()


def select_stars(conn: Connection, nos: Sequence[int]) -> dict[int, tuple[str, str, int | None]]:
    """Stars of the current catalogue by number: id, name, year of birth."""
    rows = conn.execute(f"SELECT no, id, name, birth_year FROM {CURRENT}.star WHERE no = ANY (%s)".encode(), [nos])
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def swap(
    conn: Connection,
    new_terms: Iterable[FilmTerms],
    *,
    source: str,
    origin: str,
    films: int,
    stars: int,
    report: dict[str, Any],
    now: datetime,
) -> list[str]:
    """Make the next catalogue the current one, in one transaction, and notify all processes.

    Returns the films that came into use meanwhile and are not in it. If there are any, nothing is changed.
    """
    with conn.transaction() as transaction:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [SWAP_LOCK])  # waits for a backup to end
        copy_new_terms(conn, new_terms)
        # What takes longer the more films there are comes before the lock that visitors wait for. Only new prices wait
        # for this one.
        _lock_tables(conn, "film_terms IN SHARE ROW EXCLUSIVE MODE")
        upsert_terms(conn)
        _apply_new_terms(conn)
        # From here to the commit no request can read the catalogue (``catalogue.queries.one_edition``).
        _lock_tables(conn, "film_in_use IN SHARE MODE", "edition IN ACCESS EXCLUSIVE MODE")
        missing = conn.execute(
            f"""
            SELECT u.film_id FROM film_in_use u JOIN {CURRENT}.film f ON f.id = u.film_id
            WHERE NOT EXISTS (SELECT FROM {NEXT}.film n WHERE n.id = u.film_id)
            """.encode()
        ).fetchall()
        if missing:
            raise psycopg.Rollback(transaction)
        conn.execute(f"ALTER SCHEMA {CURRENT} RENAME TO {OLD}".encode())
        conn.execute(f"ALTER SCHEMA {NEXT} RENAME TO {CURRENT}".encode())
        row = conn.execute("UPDATE edition SET version = version + 1 RETURNING version").fetchone()
        conn.execute(
            "INSERT INTO import_run (source, origin, finished, version, films, stars, report)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [source, origin, now, version, films, stars, json.dumps(report)],
        )
        conn.execute(f"NOTIFY {CHANNEL}".encode())
    return [film_id for (film_id,) in missing]


def _lock_tables(conn: Connection, *locks: str) -> None:
    """Lock tables until the commit: all of them, or none for a while, so that other transactions go first."""
    for _ in range(_SWAP_TRIES):
        try:
            with conn.transaction():
                conn.execute(f"SET LOCAL lock_timeout = '{round(_SWAP_SECONDS * 1000)}ms'")
                conn.execute(f"LOCK TABLE {lock}".encode())
        except psycopg.errors.LockNotAvailable:
            time.sleep(_SWAP_SECONDS)
        else:
            return
    raise psycopg.errors.LockNotAvailable("another transaction reads or changes the catalogue without end")


def wait_for_processes(conn: Connection) -> None:
    """Wait until no serving process uses an edition before the current one, but for 5 seconds at most."""
    row = conn.execute("SELECT version FROM edition").fetchone()
    before = row[0] - 1 if row else 0
    try:
        with conn.transaction():
            conn.execute(f"SET LOCAL lock_timeout = '{_PROCESSES_SECONDS}s'")
            conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [SEEN_LOCK, before])
    except psycopg.errors.LockNotAvailable:
        return


def _apply_new_terms(conn: Connection) -> None:
    """Give the next catalogue's films the terms that the owner changed during the import."""
    conn.execute(
        f"""
        UPDATE {NEXT}.film f SET price = coalesce(t.price, f.price), tmdb_id = coalesce(t.tmdb_id, f.tmdb_id),
            overview = coalesce(t.overview, f.overview)
        FROM film_terms t WHERE t.film_id = f.id AND
            (coalesce(t.price, f.price), coalesce(t.tmdb_id, f.tmdb_id), coalesce(t.overview, f.overview))
            IS DISTINCT FROM (f.price, f.tmdb_id, f.overview)
        """.encode()
    )


def drop_old(conn: Connection) -> None:
    """Drop the replaced catalogue. If it is still read after 15 seconds, the next import drops it."""
    try:
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '15s'")
            conn.execute("SET LOCAL client_min_messages = warning")
            conn.execute(f"DROP SCHEMA IF EXISTS {OLD} CASCADE".encode())
    except psycopg.errors.LockNotAvailable:
        return


def select_state(conn: Connection) -> dict[str, Any]:
    """The catalogue's counts and version, and the last import."""
    row = conn.execute(
        f"""
        SELECT e.version, (SELECT size FROM {CURRENT}.listing_size WHERE list = 'all'),
               (SELECT size FROM {CURRENT}.listing_size WHERE list = 'stars'),
               (SELECT count(*) FROM {CURRENT}.listing_size WHERE list LIKE 'genre:%'),
               (SELECT count(*) FROM film_terms WHERE price IS NOT NULL), (SELECT count(*) FROM film_in_use),
               r.source, r.origin, r.finished
        FROM edition e LEFT JOIN LATERAL (SELECT * FROM import_run ORDER BY id DESC LIMIT 1) r ON true
        """
    ).fetchone()
    if row is None:
        return {}
    names = ("version", "films", "stars", "genres", "priced", "in_use", "source", "origin", "finished")
    return dict(zip(names, row, strict=True))


def count_known_to_tmdb(conn: Connection) -> int:
    """The number of films whose TMDB id is known from the import or from ``filmer link tmdb``."""
    row = conn.execute(
        f"""
        SELECT count(*) FROM {CURRENT}.film f
        WHERE f.tmdb_id IS NOT NULL
           OR EXISTS (SELECT FROM tmdb_link l WHERE l.film_id = f.id AND l.tmdb_id IS NOT NULL)
        """
    ).fetchone()
    return row[0] if row else 0
