"""All SQL of the table ``film_edit``, for imports. The office changes it by ``office/edit_queries.py``."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from filmer.importing.change_queries import remove_film, store_film
from filmer.importing.film_edits import Credit, Edits, FilmEdit, FilmRecord

Connection = psycopg.Connection[Any]

EDIT = "film_id, imported, fields, hidden, edit, changed"
LOCK_EDITS = "film_edit IN SHARE ROW EXCLUSIVE MODE"  # one change at a time, and none while an edition is swapped in
# A film of the edition that the connection reads, as ``record_of`` takes it.
FILM = """
    SELECT f.id, f.title, f.original_title, f.year, f.release_date, f.runtime_minutes, f.certificate, f.country,
        f.language, f.genres, f.director, (
            SELECT array_agg(ARRAY[d.id, d.name, d.birth_year::text] ORDER BY at)
            FROM unnest(f.director_nos) WITH ORDINALITY c(no, at) JOIN director d USING (no)
        ), (
            SELECT array_agg(ARRAY[s.id, s.name, s.birth_year::text] ORDER BY at)
            FROM unnest(f.star_nos) WITH ORDINALITY c(no, at) JOIN star s USING (no)
        ), f.overview, f.rating, f.votes, f.popularity, f.tmdb_id, f.title_type
    FROM film f WHERE f.id = ANY (%(ids)s::text[])
"""


def record_of(row: tuple[Any, ...]) -> FilmRecord:
    values = dict(zip(FilmRecord.__struct_fields__, row, strict=True))
    for name in ("directors", "cast"):
        values[name] = tuple(
            Credit(one, called, int(born) if born else None) for one, called, born in values[name] or ()
        )
    return FilmRecord(**(values | {"genres": tuple(values["genres"])}))


def edit_of(row: tuple[Any, ...]) -> FilmEdit:
    film_id, imported, *rest = row
    return FilmEdit(film_id, imported and msgspec.convert(imported, FilmRecord, strict=False), *rest)


def select_edits(conn: Connection, *, after: int = -1) -> tuple[int, Edits]:
    """How many edits there were, and those after that number; all at one moment."""
    rows = conn.execute(
        f"SELECT n.edits, {EDIT} FROM (SELECT edits FROM edition) n LEFT JOIN film_edit ON edit > %s".encode(), [after]
    ).fetchall()
    return rows[0][0], {row[1]: edit_of(row[1:]) for row in rows if row[1] is not None}


def is_rebuild_owed(conn: Connection) -> bool:
    row = conn.execute("SELECT edits > edits_built FROM edition").fetchone()
    return bool(row and row[0])


def update_imported(conn: Connection, said: Iterable[FilmRecord]) -> None:
    """Store what an import says of films that were edited."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE film_edit SET imported = %s WHERE film_id = %s",
            [(msgspec.json.encode(film).decode(), film.id) for film in said],
        )


def apply_newer(
    conn: Connection, schema: str, edits: Edits, said: Mapping[str, FilmRecord], *, keep_others: bool
) -> None:
    """Make in the next edition the changes that were made while it was built.

    ``said``: what the import says of films that had been edited before; of others that it has, its edition says it.
    """
    with _reading(conn, schema):
        ids = [film_id for film_id, edit in edits.items() if edit.imported and film_id not in said]
        there = {film.id: film for film in map(record_of, conn.execute(FILM.encode(), {"ids": ids}))}
        update_imported(conn, there.values())
        for film_id, edit in edits.items():
            base = said.get(film_id) or there.get(film_id)
            if edit.hidden:
                statements = remove_film(film_id)
            elif base or edit.imported is None or keep_others:
                statements = store_film(base.changed(edit.fields) if base else edit.film)
            else:  # the import does not have it: the edit waits
                continue
            for statement, values in statements:
                conn.execute(statement.encode(), values)


def forget_taken_back(conn: Connection, *, until: int) -> None:
    """Edits of which nothing is left were kept so that the next edition could leave them out."""
    conn.execute(
        "DELETE FROM film_edit WHERE fields = '{}' AND NOT hidden AND imported IS NOT NULL AND edit <= %s", [until]
    )


@contextmanager
def _reading(conn: Connection, schema: str) -> Iterator[None]:
    """Names without a schema are those of this one."""
    row = conn.execute("SELECT current_setting('search_path')").fetchone()
    conn.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(schema)))
    yield
    conn.execute("SELECT set_config('search_path', %s, true)", row)
