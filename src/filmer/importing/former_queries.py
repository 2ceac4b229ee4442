"""All SQL of the catalogue as it was before the last import, which can be undone until the next (decision 0033).

It is a plain copy of films and people in the schema ``former_catalogue``, a quarter of an edition's size, and what the
import changed of ``film_terms``. Backups leave it out.
"""

from typing import Any

import psycopg

from filmer.importing.edit_queries import edit_of
from filmer.importing.film_edits import FilmRecord

Connection = psycopg.Connection[Any]

FORMER, FORMER_NEXT = "former_catalogue", "former_catalogue_next"
FILM = """
    id, title, year, director, genres, star_nos, director_nos, rating, votes, original_title, release_date,
    runtime_minutes, popularity, tmdb_id, overview, title_type, certificate, country, language
"""
# What an import said of terms goes back. Prices by hand stay, and the terms of films that stay as they are in use.
_RESTORED = f"""
    SELECT f.film_id, f.was_there, f.imported_price,
        CASE WHEN t.is_price_by_hand THEN t.price ELSE f.imported_price END AS price, f.tmdb_id, f.overview,
        coalesce(t.is_price_by_hand, false) AS is_price_by_hand
    FROM {FORMER}.terms f LEFT JOIN film_terms t USING (film_id)
    WHERE EXISTS (SELECT FROM {FORMER}.film o WHERE o.id = f.film_id)
        OR NOT EXISTS (SELECT FROM film_in_use u WHERE u.film_id = f.film_id)
"""


def write_former(conn: Connection) -> None:
    """Copy the current catalogue, to be kept if the import succeeds. Changes by hand are of the same moment."""
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        conn.execute("SET LOCAL client_min_messages = warning")
        conn.execute(f"DROP SCHEMA IF EXISTS {FORMER_NEXT} CASCADE".encode())
        conn.execute(f"CREATE SCHEMA {FORMER_NEXT}".encode())
        conn.execute(f"CREATE TABLE {FORMER_NEXT}.film AS SELECT {FILM} FROM film".encode())
        conn.execute(
            f"CREATE TABLE {FORMER_NEXT}.person AS SELECT no, id, name, birth_year FROM star"
            " UNION ALL SELECT no, id, name, birth_year FROM director WHERE NOT is_star".encode()
        )
        conn.execute(f"CREATE TABLE {FORMER_NEXT}.edit AS SELECT * FROM film_edit".encode())


def keep_former(conn: Connection) -> None:
    """In the transaction of the swap, before the terms of the table ``new_terms`` are stored."""
    conn.execute("SET LOCAL client_min_messages = warning")
    conn.execute(
        f"""
        CREATE TABLE {FORMER_NEXT}.terms AS
        SELECT film_id, t.film_id IS NOT NULL AS was_there, t.imported_price, t.tmdb_id, t.overview
        FROM new_terms n LEFT JOIN film_terms t USING (film_id)
        """.encode()
    )
    drop_former(conn)
    conn.execute(f"ALTER SCHEMA {FORMER_NEXT} RENAME TO {FORMER}".encode())


def drop_former(conn: Connection) -> None:
    conn.execute(f"DROP SCHEMA IF EXISTS {FORMER} CASCADE".encode())


def has_former(conn: Connection) -> bool:
    """Whether there is an import to undo; not if it was the first."""
    if conn.execute(f"SELECT to_regclass('{FORMER}.film')".encode()).fetchone() == (None,):
        return False
    return conn.execute(f"SELECT FROM {FORMER}.film LIMIT 1".encode()).rowcount == 1


def select_former(
    conn: Connection,
) -> tuple[list[tuple[Any, ...]], dict[int, tuple[str, str, int | None]], dict[str, FilmRecord | None]]:
    """The films, the people by number, and the films that had been edited by hand, as imports had them."""
    films = conn.execute(f"SELECT {FILM} FROM {FORMER}.film".encode()).fetchall()
    people = conn.execute(f"SELECT no, id, name, birth_year FROM {FORMER}.person".encode())
    edits = conn.execute(
        f"SELECT film_id, imported, fields, hidden, edit, changed FROM {FORMER}.edit".encode()
    ).fetchall()
    return (
        films,
        {row[0]: (row[1], row[2], row[3]) for row in people},
        {edit.film_id: edit.imported for edit in map(edit_of, edits)},
    )


def select_restored(conn: Connection) -> dict[str, tuple[Any, ...]]:
    """The terms that an undo gives back, by film."""
    rows = conn.execute(f"SELECT film_id, tmdb_id, overview FROM ({_RESTORED}) r".encode())
    return {row[0]: row[1:] for row in rows}


def restore_terms(conn: Connection) -> None:
    """In the transaction of the swap."""
    conn.execute(f"CREATE TEMPORARY TABLE restored ON COMMIT DROP AS {_RESTORED}".encode())
    conn.execute(
        """
        UPDATE film_terms t
        SET price = r.price, imported_price = r.imported_price, tmdb_id = r.tmdb_id, overview = r.overview
        FROM restored r WHERE r.film_id = t.film_id
        """
    )
    conn.execute(
        "DELETE FROM film_terms t USING restored r"
        " WHERE r.film_id = t.film_id AND NOT r.was_there AND NOT r.is_price_by_hand"
    )
    conn.execute("SET LOCAL client_min_messages = warning")
    drop_former(conn)
