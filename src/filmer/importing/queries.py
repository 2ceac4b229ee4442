"""All SQL of imports: the next edition is built in a schema of its own, and then becomes the current one.

Table names without a schema are those of the current edition, which the connections read.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from filmer.audit.log import Actor, record_at_once
from filmer.catalogue.edition import CHANNEL, SEEN_LOCK, SWAP_LOCK
from filmer.catalogue.number_queries import INSERT_NUMBERS
from filmer.importing import edit_queries, former_queries
from filmer.importing.film_edits import FilmRecord
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.migrate import IMPORT_LOCK

Connection = psycopg.Connection[Any]

NEXT = "catalogue_next"  # the schema of the next edition, until it becomes the current one
_LOCK_SECONDS = 3
_SWAP_SECONDS = 0.5  # that those who add to carts wait for the swap, before they go first and it is tried again
_SWAP_TRIES = 100
_PROCESSES_SECONDS = 5
_POLL_SECONDS = 0.02
_DROP_SECONDS, _DROP_TRIES = 0.3, 25
MAX_ADDED = 1000  # films of one import that the feed of new films may name

FILM_COLUMNS = (
    "no", "title_desc", "year_asc", "year_desc", "rating_asc", "rating_desc", "popularity_asc", "popularity_desc",
    "votes_desc", "year", "genre_ids", "title_folded", "title_key", "bare_key", "director_folded", "words", "id",
    "title", "director", "rating", "votes", "genres", "star_nos", "billed_ids", "billed_names", "original_title",
    "release_date", "runtime_minutes", "popularity", "tmdb_id", "overview", "title_type", "certificate", "country",
    "language", "director_nos",
)  # fmt: skip
STAR_COLUMNS = (
    "no", "name_desc", "birth_asc", "birth_desc", "known_desc", "birth_year", "film_count", "name_folded", "id", "name",
    "votes", "film_nos",
)  # fmt: skip
DIRECTOR_COLUMNS = ("no", "is_star", "birth_year", "name_folded", "id", "name", "votes", "film_nos")
_ONLY_SHOWN = ("nos", "genres", "billed_ids", "billed_names")  # arrays that no query searches or takes apart


def connect(url: str, password: str | None = None) -> Connection:
    """A connection of an import. If the import is killed, PostgreSQL soon cancels what it does for this connection."""
    conn = psycopg.connect(
        url,
        password=password,
        autocommit=True,
        application_name="filmer import",
        options="-c client_connection_check_interval=500ms",
    )
    conn.execute(USE_CURRENT_EDITION)
    return conn


def take_lock(conn: Connection) -> bool:
    """Returns whether no other import is running, so that the edition stays. The lock ends with the connection.

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


def drop_other_editions(conn: Connection) -> None:
    """Drop every schema of the catalogue but the current edition's: the former one, and what a killed import left.

    What is still read after several attempts stays until the next import. Each attempt is short, as whoever comes to a
    table meanwhile waits behind it.
    """
    rows = conn.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(catalogue(_[0-9]+|_next|_old)?|former_catalogue_next)$'"
        " AND nspname <> (SELECT schema FROM edition)"
    )
    for (schema,) in rows.fetchall():
        for _ in range(_DROP_TRIES):
            try:
                with conn.transaction():
                    conn.execute(f"SET LOCAL lock_timeout = '{round(_DROP_SECONDS * 1000)}ms'")
                    conn.execute("SET LOCAL client_min_messages = warning")
                    conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                time.sleep(_DROP_SECONDS)
            else:
                break


def create_next(conn: Connection) -> None:
    conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(NEXT)))


def insert_film_numbers(conn: Connection) -> None:
    """Number the next catalogue's films. They keep their numbers whatever becomes of the import."""
    conn.execute(INSERT_NUMBERS.format(f"{NEXT}.film", "true").encode())


@contextmanager
def copy_into_new(
    conn: Connection, table: str, columns: Sequence[str], *, binary: bool = False
) -> Iterator[psycopg.Copy]:
    """Create a table of the next catalogue, like the current one but without indexes, and copy rows into it.

    Call it in a transaction: rows written in the transaction that creates their table need no write-ahead log and no
    vacuum.
    """
    new, like = sql.Identifier(NEXT, table), sql.Identifier(table)
    conn.execute(
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE)").format(
            new, like
        )
    )
    options = sql.SQL("FREEZE, FORMAT binary" if binary else "FREEZE")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN ({})").format(new, names, options)
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        yield copy


def index_statements(conn: Connection, table: str) -> list[str]:
    """Statements that create on a table of the next catalogue the indexes of the current one, the slow ones first."""
    rows = conn.execute(
        "SELECT replace(indexdef, ' ON ' || schemaname || '.', ' ON ' || %s || '.') FROM pg_indexes"
        " WHERE schemaname = current_schema() AND tablename = %s ORDER BY indexdef LIKE %s DESC, indexname",
        [NEXT, table, "%USING gin%"],
    )
    return [row[0] for row in rows]


def create_index(conn: Connection, statement: str) -> None:
    """Run a statement that creates an index.

    GIN collects words in a tree before it writes them, and finds them faster in one that fits the processor's cache
    (decision 0007). With so little PostgreSQL also starts no parallel workers, which would take the writer's core.
    """
    is_gin = "USING gin" in statement
    conn.execute("SET maintenance_work_mem = '32MB'" if is_gin else "RESET maintenance_work_mem")
    conn.execute(statement.encode())


def analyze_next(conn: Connection, table: str) -> None:
    """Collect the planner's statistics, but not of what is only shown: arrays take longest."""
    rows = conn.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND column_name <> ALL (%s)",
        [NEXT, table, list(_ONLY_SHOWN)],
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


Terms = dict[str, tuple[int | None, str | None]]  # TMDB id, overview
FilmTerms = tuple[str, Decimal | None, int | None, str | None]  # the film's id, its price, and the same


def select_terms(conn: Connection) -> Terms:
    """TMDB ids and overviews from imports, by film id."""
    rows = conn.execute("SELECT film_id, tmdb_id, overview FROM film_terms")
    return {row[0]: (row[1], row[2]) for row in rows}


def copy_new_terms(conn: Connection, terms: Iterable[FilmTerms]) -> None:
    """Copy an import's terms into a temporary table for ``upsert_terms``, a row per film."""
    conn.execute("CREATE TEMPORARY TABLE new_terms (LIKE film_terms INCLUDING DEFAULTS) ON COMMIT DROP")
    with conn.cursor() as cursor, cursor.copy("COPY new_terms (film_id, price, tmdb_id, overview) FROM STDIN") as copy:
        for row in terms:
            copy.write_row(row)


def upsert_terms(conn: Connection) -> None:
    """Store an import's terms. Where it has none, those stored before stay; and prices that were set by hand."""
    conn.execute(
        """
        INSERT INTO film_terms (film_id, price, imported_price, tmdb_id, overview)
        SELECT film_id, price, price, tmdb_id, overview FROM new_terms
        ON CONFLICT (film_id) DO UPDATE SET
            price = CASE WHEN film_terms.is_price_by_hand THEN film_terms.price
                ELSE coalesce(EXCLUDED.price, film_terms.price) END,
            imported_price = coalesce(EXCLUDED.price, film_terms.imported_price),
            tmdb_id = coalesce(EXCLUDED.tmdb_id, film_terms.tmdb_id),
            overview = coalesce(EXCLUDED.overview, film_terms.overview)
        """
    )


def select_films(conn: Connection, *, only_in_use: bool) -> list[tuple[Any, ...]]:
    """Films of the current catalogue: all of them, or those in use, which must not be lost."""
    condition = "WHERE id IN (SELECT film_id FROM film_in_use)" if only_in_use else ""
    return conn.execute(f"SELECT {former_queries.FILM} FROM film {condition}".encode()).fetchall()


def select_people(conn: Connection, nos: Sequence[int]) -> dict[int, tuple[str, str, int | None]]:
    """Stars and directors of the current catalogue by number: id, name, year of birth."""
    rows = conn.execute(
        "SELECT no, id, name, birth_year FROM star WHERE no = ANY (%(nos)s)"
        " UNION SELECT no, id, name, birth_year FROM director WHERE no = ANY (%(nos)s)",
        {"nos": nos},
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


class ImportRun(NamedTuple):
    """A row of ``import_run``. ``said``: what the import says of films that were edited by hand."""

    source: str
    origin: str
    films: int
    stars: int
    report: dict[str, Any]
    actor: Actor
    also: Callable[[Connection], object] = lambda _: None  # what else is to be done in the transaction


def swap(
    conn: Connection,
    new_terms: Iterable[FilmTerms],
    said: Mapping[str, FilmRecord],
    *,
    edits: int,
    keep_others: bool,
    run: ImportRun | None,
    is_undo: bool = False,
) -> int | None:
    """Make the next catalogue the current one, in one transaction, and notify all processes. Returns its version.

    ``said``: what the import says of films that were edited by hand. ``edits``: how many of those edits are in it.
    None: films came into use meanwhile that are not in it, and nothing was changed.
    """
    version: int | None = None
    with conn.transaction() as transaction:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [SWAP_LOCK])  # waits for a backup to end
        sizes = conn.execute("SELECT list, size FROM listing_size WHERE list IN ('all', 'stars')").fetchall()
        before = {"films" if name == "all" else "stars": size for name, size in sizes}
        copy_new_terms(conn, new_terms)
        if run and not is_undo:
            _insert_added(conn, run.actor.at)
        _lock_table(conn, edit_queries.LOCK_EDITS)  # first, as whoever saves a film changes its price after this lock
        _lock_table(conn, "film_terms IN SHARE ROW EXCLUSIVE MODE")
        if is_undo:
            former_queries.restore_terms(conn)
        elif run:
            former_queries.keep_former(conn)
        upsert_terms(conn)
        edit_queries.update_imported(conn, said.values())
        edit_queries.forget_taken_back(conn, until=edits)
        _, newer = edit_queries.select_edits(conn, after=edits)
        edit_queries.apply_newer(conn, NEXT, newer, said, keep_others=keep_others)
        _lock_table(conn, "film_in_use IN SHARE MODE")  # until the commit no other film comes into use
        missing = conn.execute(
            f"""
            SELECT u.film_id FROM film_in_use u JOIN film f ON f.id = u.film_id
            WHERE NOT EXISTS (SELECT FROM {NEXT}.film n WHERE n.id = u.film_id)
            """.encode()
        ).fetchall()
        if missing:
            raise psycopg.Rollback(transaction)
        row = conn.execute(
            "UPDATE edition SET version = version + 1, schema = 'catalogue_' || version + 1, edits_built = %s"
            " RETURNING version, schema",
            [edits],
        ).fetchone()
        if row is None:
            raise RuntimeError("the table edition has lost its row")
        version, schema = row
        conn.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(sql.Identifier(NEXT), sql.Identifier(schema)))
        if run:
            _insert_run(conn, run, version, before)
            run.also(conn)
        conn.execute(f"NOTIFY {CHANNEL}".encode())
    return version


def _insert_added(conn: Connection, now: datetime) -> None:
    """Note the best known films that the next catalogue has and the current one, if there is one, has not."""
    conn.execute(
        f"""
        INSERT INTO new_film (film_id, added)
        SELECT n.id, %s FROM {NEXT}.film n
        WHERE EXISTS (SELECT FROM film) AND NOT EXISTS (SELECT FROM film f WHERE f.id = n.id)
            AND NOT EXISTS (SELECT FROM film_edit e WHERE e.film_id = n.id)
        ORDER BY n.votes_desc LIMIT {MAX_ADDED}
        ON CONFLICT (film_id) DO UPDATE SET added = excluded.added
        """.encode(),
        [now],
    )


def _insert_run(conn: Connection, run: ImportRun, version: int, before: dict[str, Any]) -> None:
    """``before``: the sizes of the catalogue until now."""
    conn.execute(
        "INSERT INTO import_run (source, origin, finished, version, films, stars, report)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [run.source, run.origin, run.actor.at, version, run.films, run.stars, json.dumps(run.report)],
    )
    after = {"source": run.source, "from": run.origin, "films": run.films, "stars": run.stars}
    action = "catalogue.undo" if run.source == "undo" else "catalogue.import"
    record_at_once(conn, run.actor, action, ("catalogue", version), before=before, after=after)


def _lock_table(conn: Connection, lock: str) -> None:
    """Lock a table until the commit. If that takes long, other transactions go first, and it is tried again."""
    for _ in range(_SWAP_TRIES):
        try:
            with conn.transaction():
                conn.execute(f"SET LOCAL lock_timeout = '{round(_SWAP_SECONDS * 1000)}ms'")
                conn.execute(f"LOCK TABLE {lock}".encode())
        except psycopg.errors.LockNotAvailable:
            time.sleep(_SWAP_SECONDS)
        else:
            return
    raise psycopg.errors.LockNotAvailable("other transactions change prices or films in use without end")


def wait_for_processes(conn: Connection, version: int) -> None:
    """Wait until no serving process uses an edition before this one, but for 5 seconds at most."""
    deadline = time.monotonic() + _PROCESSES_SECONDS
    statement = """
        SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND datname = current_database()
            AND objid::bigint < %s
    """
    while conn.execute(statement, [SEEN_LOCK, version]).rowcount and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def select_state(conn: Connection) -> dict[str, Any]:
    """The catalogue's counts and version, and the last import."""
    conn.execute(USE_CURRENT_EDITION)
    row = conn.execute(
        """
        SELECT e.version, (SELECT size FROM listing_size WHERE list = 'all'),
               (SELECT size FROM listing_size WHERE list = 'stars'),
               (SELECT count(*) FROM listing_size WHERE list LIKE 'genre:%'),
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
    conn.execute(USE_CURRENT_EDITION)
    row = conn.execute(
        """
        SELECT count(*) FROM film f
        WHERE f.tmdb_id IS NOT NULL
           OR EXISTS (SELECT FROM tmdb_link l WHERE l.film_id = f.id AND l.tmdb_id IS NOT NULL)
        """
    ).fetchone()
    return row[0] if row else 0
