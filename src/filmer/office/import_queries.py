"""All SQL of imports in the browser: their files and steps. ``import_program.py`` has a connection of its own.

While a step is worked on, its process holds an advisory lock by the job's number: so everybody sees whether it lives.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import IO, Any

import msgspec
import psycopg

from filmer.catalogue.folding import search_form
from filmer.importing.data_set import ImportedFilm
from filmer.importing.edit_queries import FILM, record_of
from filmer.importing.film_edits import FilmRecord
from filmer.importing.former_queries import FORMER
from filmer.office.import_jobs import Choices, Found, Job, Step, Undoable
from filmer.store.postgres import Connection

Sync = psycopg.Connection[Any]

JOB_LOCK = 0x6A6F6273  # "jobs", with the job's number
_COMPARED = (
    "title", "original_title", "year", "director", "genres", "rating", "votes", "release_date", "runtime_minutes",
    "popularity", "tmdb_id", "overview", "title_type", "certificate", "country", "language",
)  # fmt: skip
_START = timedelta(seconds=30)  # for a process to start, and to take its lock
_INTERRUPTED = "It was interrupted, and nothing was changed. Please try again."
_JOB = b"""
    SELECT id, name, created, step, state, choices, progress, found, outcome, (
        SELECT coalesce(sum(octet_length(content)), 0) FROM import_chunk WHERE job_id = id AND of = 'file'
    ) AS size FROM import_job
"""
_NOT_ALIVE = """
    state = 'working' AND (progress <> '[]' OR started < %(now)s::timestamptz - %(start)s::interval) AND NOT EXISTS (
        SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE locktype = 'advisory' AND classid = %(lock)s AND objid = import_job.id AND objsubid = 2
            AND datname = current_database())
"""


async def insert_job(conn: Connection, name: str, step: Step, choices: Choices, now: datetime) -> int:
    row = await (
        await conn.execute(
            "INSERT INTO import_job (name, created, step, state, choices) VALUES (%s, %s, %s, 'new', %s) RETURNING id",
            [name, now, step, _json(choices)],
        )
    ).fetchone()
    return int(row[0]) if row else 0


async def insert_chunk(conn: Connection, job_id: int, place: int, content: bytes) -> None:
    await conn.execute("INSERT INTO import_chunk VALUES (%s, 'file', %s, %s)", [job_id, place, content])


async def select_job(conn: Connection, job_id: int) -> Job | None:
    row = await (await conn.execute(_JOB + b"WHERE id = %s", [job_id])).fetchone()
    return _job(row) if row else None


async def select_jobs(conn: Connection) -> list[Job]:
    """The latest first."""
    rows = await (await conn.execute(_JOB + b"WHERE state <> 'new' ORDER BY id DESC LIMIT 10")).fetchall()
    return [_job(row) for row in rows]


async def start_job(conn: Connection, job_id: int, step: Step, choices: Choices, now: datetime) -> bool:
    """Whether its step may begin: not while another job's does, or its own."""
    row = await conn.execute(
        """
        UPDATE import_job SET step = %s, state = 'working', started = %s, choices = %s, progress = '[]', outcome = NULL
        WHERE id = %s AND NOT EXISTS (SELECT FROM import_job WHERE state = 'working')
        """,
        [step, now, _json(choices), job_id],
    )
    return row.rowcount == 1


async def fail_interrupted(conn: Connection, now: datetime) -> None:
    """Jobs whose process is gone."""
    await conn.execute(
        f"UPDATE import_job SET state = 'failed', outcome = %(why)s WHERE {_NOT_ALIVE}".encode(),
        {"why": _INTERRUPTED, "now": now, "start": _START, "lock": JOB_LOCK},
    )


async def select_chunk(conn: Connection, job_id: int, place: int) -> bytes | None:
    """A piece of the report, from 0."""
    statement = "SELECT content FROM import_chunk WHERE job_id = %s AND of = 'report' AND place = %s"
    row = await (await conn.execute(statement, [job_id, place])).fetchone()
    return row[0] if row else None


async def select_undoable(conn: Connection) -> Undoable | None:
    """The last import, if it can be undone. Casts are not compared, as people have other numbers in each edition."""
    there = await (await conn.execute(f"SELECT to_regclass('{FORMER}.film') IS NOT NULL".encode())).fetchone()
    if not there or not there[0]:
        return None
    fields = [f"{{}}.{name}" for name in _COMPARED]
    before, now = (", ".join(fields).format(*[table] * len(fields)) for table in ("o", "f"))
    row = await (
        await conn.execute(
            f"""
            SELECT r.origin, r.finished, count(o.id) FILTER (WHERE f.id IS NULL),
                count(f.id) FILTER (WHERE o.id IS NULL), count(*) FILTER (
                    WHERE o.id IS NOT NULL AND f.id IS NOT NULL AND (({before}) IS DISTINCT FROM ({now}) OR EXISTS (
                        SELECT FROM {FORMER}.terms s JOIN film_terms t USING (film_id)
                        WHERE film_id = o.id AND s.imported_price IS DISTINCT FROM t.imported_price
                    ))), count(o.id)
            FROM {FORMER}.film o FULL JOIN film f USING (id),
                LATERAL (SELECT origin, finished FROM import_run ORDER BY import_run.id DESC LIMIT 1) r
            GROUP BY r.origin, r.finished
            """.encode()
        )
    ).fetchone()
    return Undoable(*row[:5]) if row and row[5] else None


async def delete_old(conn: Connection, before: datetime) -> None:
    await conn.execute("DELETE FROM import_job WHERE created < %s AND state <> 'working'", [before])


def take_lock(conn: Sync, job_id: int) -> bool:
    """Whether this is the only process that works on the job. The lock ends with the connection."""
    conn.execute("SET jit = off")  # compiling takes longer than each of many queries
    row = conn.execute("SELECT pg_try_advisory_lock(%s, %s)", [JOB_LOCK, job_id]).fetchone()
    return bool(row and row[0])


def read_job(conn: Sync, job_id: int) -> Job | None:
    row = conn.execute(_JOB + b"WHERE id = %s AND state = 'working'", [job_id]).fetchone()
    return _job(row) if row else None


def copy_file(conn: Sync, job_id: int, to: IO[bytes]) -> None:
    with conn.transaction(), conn.cursor("chunks") as cursor:
        cursor.itersize = 8
        cursor.execute(
            "SELECT content FROM import_chunk WHERE job_id = %s AND of = 'file' ORDER BY place", [job_id], binary=True
        )
        for (content,) in cursor:
            to.write(content)


def replace_report(conn: Sync, job_id: int, chunks: Iterable[bytes]) -> None:
    conn.execute("DELETE FROM import_chunk WHERE job_id = %s AND of = 'report'", [job_id])
    for place, content in enumerate(chunks):
        conn.execute("INSERT INTO import_chunk VALUES (%s, 'report', %s, %s)", [job_id, place, content])


def update_progress(conn: Sync, job_id: int, steps: list[dict[str, Any]]) -> None:
    conn.execute("UPDATE import_job SET progress = %s WHERE id = %s", [_json(steps), job_id])


def update_found(conn: Sync, job_id: int, found: Found) -> None:
    conn.execute("UPDATE import_job SET state = 'checked', found = %s WHERE id = %s", [_json(found), job_id])


def update_outcome(conn: Sync, job_id: int, state: str, outcome: str) -> None:
    conn.execute("UPDATE import_job SET state = %s, outcome = %s WHERE id = %s", [state, outcome, job_id])


def select_records(conn: Sync, ids: list[str]) -> dict[str, FilmRecord]:
    """Films of the current edition, as they are shown."""
    return {film.id: film for film in map(record_of, conn.execute(FILM.encode(), {"ids": ids}))}


def select_prices(conn: Sync, ids: list[str]) -> dict[str, tuple[Decimal | None, bool]]:
    """Films' own prices, and whether they were set by hand."""
    rows = conn.execute("SELECT film_id, price, is_price_by_hand FROM film_terms WHERE film_id = ANY (%s)", [ids])
    return {row[0]: (row[1], row[2]) for row in rows}


def select_twins(conn: Sync, films: Sequence[ImportedFilm]) -> dict[str, str]:
    """Films of the current edition that have title and year of these, but another id; by the ids of these."""
    rows = conn.execute(
        """
        SELECT n.id, min(f.id) FROM unnest(%s::text[], %s::text[], %s::smallint[]) n(id, form, year)
        JOIN film f ON f.title_folded = n.form AND f.year IS NOT DISTINCT FROM n.year AND f.id <> n.id GROUP BY n.id
        """,
        [[film.id for film in films], [search_form(film.title) for film in films], [film.year for film in films]],
    )
    return dict(rows.fetchall())


def count_others(conn: Sync, ids: list[str]) -> tuple[int, int]:
    """How many films are not among these, and how many of those are in use."""
    row = conn.execute(
        """
        SELECT count(*), count(*) FILTER (WHERE id IN (SELECT film_id FROM film_in_use))
        FROM film f WHERE NOT EXISTS (SELECT FROM unnest(%s::text[]) i(id) WHERE i.id = f.id)
        """,
        [ids],
    ).fetchone()
    return row or (0, 0)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode().replace("\\u0000", "")


def _job(row: tuple[Any, ...]) -> Job:
    return msgspec.convert(dict(zip(Job.__struct_fields__, row, strict=True)), Job)
