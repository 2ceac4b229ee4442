"""All SQL of backups. The database is filmer's own: what it must not lose is in ``select_schemas``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from filmer.catalogue.edition import CHANNEL, SWAP_LOCK

Connection = psycopg.Connection[Any]

EXTENSION = "pg_trgm"
_LOCK_SECONDS = 10
_BOOKKEEPING = (
    "public.migration",
    "public.edition",
    "public.secret_key",
    "public.shop_settings",
)  # tables with rows even in a database without data


def connect(url: str, name: str) -> Connection:
    """A connection without timeouts. If this process is killed, PostgreSQL soon cancels what it does for it."""
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name=name,
        options="-c client_connection_check_interval=500ms -c statement_timeout=0"
        " -c idle_in_transaction_session_timeout=0 -c timezone=UTC",
    )


def is_replica(conn: Connection) -> bool:
    return bool(_one(conn, "SELECT pg_is_in_recovery()"))


@contextmanager
def snapshot(conn: Connection) -> Iterator[str]:
    """A snapshot for all queries on this connection, and for pg_dump, which takes the name that this yields.

    Imports wait with their swap meanwhile, as they would then drop the edition that is being read.
    """
    conn.execute("SELECT pg_advisory_lock_shared(%s)", [SWAP_LOCK])
    try:
        tables = sql.SQL(", ").join(_name(table) for table in select_tables(conn))
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Locked before the snapshot is taken, until the end: no table is altered between dump and digests.
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(tables))
            yield _one(conn, "SELECT pg_export_snapshot()")
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock_shared(%s)", [SWAP_LOCK])


def select_schemas(conn: Connection) -> list[str]:
    """``public``, and the current edition of the catalogue: ``catalogue`` in a database older than migration 7."""
    if _one(conn, "SELECT to_regclass('public.edition')") is None:
        return ["public"]
    return ["public", _one(conn, "SELECT coalesce(to_jsonb(e) ->> 'schema', 'catalogue') FROM public.edition e")]


def select_tables(conn: Connection) -> list[str]:
    """All tables whose rows are backed up, with their schemas. Unlogged tables are left out."""
    rows = conn.execute(
        """
        SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY(%s) AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        ORDER BY 1
        """,
        [select_schemas(conn)],
    )
    return [row[0] for row in rows]


def count_and_digest(conn: Connection, table: str) -> tuple[int, str]:
    """The number of rows and the sum of their digests, which is the same on every PostgreSQL and in any order."""
    with conn.transaction():
        conn.execute("SET LOCAL datestyle = 'ISO, YMD'")
        conn.execute("SET LOCAL intervalstyle = 'postgres'")
        conn.execute("SET LOCAL bytea_output = 'hex'")
        conn.execute("SET LOCAL extra_float_digits = 1")
        conn.execute("SET LOCAL timezone = 'UTC'")
        query = sql.SQL(
            """
            SELECT count(*), coalesce(sum(('x' || encode(substr(d.digest, 1, 8), 'hex'))::bit(64)::bigint), 0)::text
            FROM {} t CROSS JOIN LATERAL sha256(convert_to((t.*)::text, 'UTF8')) d(digest)
            """
        ).format(_name(table))
        row = conn.execute(query).fetchone()
    if row is None:
        raise RuntimeError("an aggregate without a row")
    return row[0], row[1]


def select_other_programs(conn: Connection) -> list[str]:
    """The application names of other connections of filmer to this database."""
    rows = conn.execute(
        """
        SELECT DISTINCT application_name FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'filmer%' ORDER BY 1
        """
    )
    return [row[0] for row in rows]


def select_nonempty_tables(conn: Connection) -> list[str]:
    """The tables that have rows, apart from those that always have some."""
    return [
        table
        for table in select_tables(conn)
        if table not in _BOOKKEEPING and _one(conn, sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table)))
    ]


def drop_everything(conn: Connection) -> None:
    """Drop everything but extensions, which not every user may create again."""
    conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'".encode())
    conn.execute("SET LOCAL client_min_messages = warning")
    for (schema,) in conn.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^(catalogue(_|$)|former_catalogue)'"
    ).fetchall():
        conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    rows = conn.execute(
        """
        SELECT format('DROP %s IF EXISTS %s CASCADE', o.type, o.identity)
        FROM (
            SELECT 'pg_class'::regclass::oid, oid FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
            UNION ALL
            SELECT 'pg_proc'::regclass::oid, oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        ) c(class, id) CROSS JOIN LATERAL pg_identify_object(c.class, c.id, 0) o
        WHERE NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = c.class AND d.objid = c.id AND d.deptype IN ('e', 'i', 'a'))
        """
    ).fetchall()
    for (statement,) in rows:
        conn.execute(statement)


def select_settings(conn: Connection) -> set[str]:
    """The names of the settings that this PostgreSQL has."""
    return {row[0] for row in conn.execute("SELECT name FROM pg_settings")}


def execute(conn: Connection, statements: bytes) -> None:
    conn.execute(statements)


@contextmanager
def copy_into(conn: Connection, statement: bytes) -> Iterator[psycopg.Copy]:
    """Run a COPY of the dump with ``FREEZE``: rows written in the transaction that makes their table need no VACUUM."""
    frozen = statement.replace(b" FROM stdin;", b" FROM stdin WITH (FREEZE)")
    with conn.cursor() as cursor, cursor.copy(frozen) as copy:
        yield copy


def reset_session(conn: Connection) -> None:
    """Undo the SETs of a dump's script."""
    conn.execute("RESET ALL")


def select_invalid_constraints(conn: Connection) -> list[str]:
    """Constraints and indexes that PostgreSQL marks as not validated."""
    rows = conn.execute(
        """
        SELECT conname::text FROM pg_constraint WHERE NOT convalidated AND connamespace::regnamespace::text = ANY(%(s)s)
        UNION ALL SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE NOT i.indisvalid AND c.relnamespace::regnamespace::text = ANY(%(s)s)
        """,
        {"s": select_schemas(conn)},
    )
    return [row[0] for row in rows]


def analyze(conn: Connection, tables: Sequence[str]) -> None:
    """Collect the planner's statistics."""
    for table in tables:
        conn.execute(sql.SQL("ANALYZE {}").format(_name(table)))


def renew_edition(conn: Connection) -> None:
    """Give the database another identity, so that caches don't find what they stored of the one before."""
    conn.execute("UPDATE edition SET database = gen_random_uuid()")
    conn.execute(f"NOTIFY {CHANNEL}".encode())


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split(".", 1))


def _one(conn: Connection, query: str | sql.Composed) -> Any:
    row = conn.execute(query.encode() if isinstance(query, str) else query).fetchone()
    return row[0] if row else None
