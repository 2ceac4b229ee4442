"""All SQL of films changed by hand: the table ``film_edit``, and changes of single films in an edition that is there.

The latter are what a film's own page and searches by its words need. Ranks, lists, counts and the search index stay as
they are until an edition is built anew. What the office alone asks is in ``office/film_queries.py``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from filmer.catalogue.folding import by_name, search_form
from filmer.catalogue.number_queries import INSERT_NUMBERS
from filmer.catalogue.words import name_words, other_words, title_words
from filmer.importing.film_edits import Credit, Edits, FilmEdit, FilmRecord

Connection = psycopg.Connection[Any]
BILLED = 3  # stars in a list item (contract §2.4)
Statement = tuple[str, dict[str, Any]]

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

# The film is no longer one of those that its people are in.
_TAKE_OUT = """
    UPDATE {table} p SET film_nos = array_remove(p.film_nos, f.no) {count}
    FROM film f WHERE f.id = %(id)s AND p.no = ANY (f.{column}) AND p.id <> ALL (%({people})s::text[])
"""
_PUT_IN = """
    UPDATE {table} p SET film_nos = f.no || p.film_nos {count}
    FROM film f WHERE f.id = %(id)s AND p.no = ANY (f.{column}) AND f.no <> ALL (p.film_nos)
"""
# People that the edition does not have, as stars or as directors. Their numbers follow the last one.
_NEW_PEOPLE = """
    WITH last AS (SELECT greatest((SELECT max(no) FROM star), (SELECT max(no) FROM director), 0) AS no), person AS (
        SELECT c.*, o.no, row_number() OVER (PARTITION BY o.no IS NULL ORDER BY c.at) AS next
        FROM unnest(%({people})s::text[], %({people}_names)s::text[], %({people}_born)s::smallint[],
            %({people}_forms)s::text[]) WITH ORDINALITY c(id, name, birth_year, form, at)
            LEFT JOIN {other} o USING (id)
        WHERE c.id NOT IN (SELECT id FROM {table} WHERE id = ANY (%({people})s::text[]))
    )
"""
_NEW_STARS = f"""
    {_NEW_PEOPLE.format(people="cast", table="star", other="director")}
    INSERT INTO star (
        no, name_desc, birth_asc, birth_desc, known_desc, birth_year, film_count, name_folded, id, name, votes, film_nos
    )
    SELECT coalesce(p.no, last.no + next), last.no + at, last.no + at, last.no + at, last.no + at, birth_year, 0, form,
        id, name, 0, '{{}}' FROM person p, last
"""
_NEW_DIRECTORS = f"""
    {_NEW_PEOPLE.format(people="directed", table="director", other="star")}
    INSERT INTO director (no, is_star, birth_year, votes, name_folded, id, name, film_nos)
    SELECT coalesce(p.no, last.no + next), p.no IS NOT NULL, birth_year, 0, form, id, name, '{{}}' FROM person p, last
"""
_NEW_GENRES = """
    INSERT INTO genre (name) SELECT n FROM unnest(%(genres)s::text[]) n WHERE n NOT IN (SELECT name FROM genre)
    ON CONFLICT (name) DO NOTHING
"""
_PLAIN = (
    "id", "title", "original_title", "year", "release_date", "runtime_minutes", "certificate", "country", "language",
    "director", "overview", "rating", "votes", "popularity", "tmdb_id", "title_type",
)  # fmt: skip
_RANKS = (
    "no", "title_desc", "year_asc", "year_desc", "rating_asc", "rating_desc", "popularity_asc", "popularity_desc",
    "votes_desc",
)  # fmt: skip
_NUMBERS = """
    ARRAY(SELECT p.no FROM unnest(%({people})s::text[]) WITH ORDINALITY c(id, at) JOIN {table} p USING (id) ORDER BY at)
"""
_VALUES = {
    **{name: f"%({name})s" for name in _PLAIN},
    "title_folded": "%(title_form)s", "title_key": "%(key)s", "bare_key": "%(bare_key)s",
    "director_folded": "%(director_form)s", "words": "%(words)s::tsvector",
    "genres": "%(genres)s::text[]",
    "genre_ids": "ARRAY(SELECT g.id FROM unnest(%(genres)s::text[]) WITH ORDINALITY c(name, at)"
    " JOIN genre g USING (name) ORDER BY at)",
    "star_nos": _NUMBERS.format(people="cast", table="star"),
    "director_nos": _NUMBERS.format(people="directed", table="director"),
    "billed_ids": f"(%(cast)s::text[])[:{BILLED}]", "billed_names": f"(%(cast_names)s::text[])[:{BILLED}]",
}  # fmt: skip
_LAST = "(SELECT coalesce(max(no), 0) + 1 FROM film)"
# A new film comes last in every order.
_UPSERT = f"""
    INSERT INTO film ({", ".join((*_RANKS, *_VALUES))})
    VALUES ({", ".join((*[_LAST] * len(_RANKS), *_VALUES.values()))})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES if name != "id")}
"""


def credits_of(rows: Sequence[Sequence[Any]] | None) -> tuple[Credit, ...]:
    """``rows``: of id, name and year of birth as texts."""
    return tuple(Credit(one, called, int(born) if born else None) for one, called, born in rows or ())


def record_of(row: tuple[Any, ...]) -> FilmRecord:
    values = dict(zip(FilmRecord.__struct_fields__, row, strict=True))
    for name in ("directors", "cast"):
        values[name] = credits_of(values[name])
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


def store_film(film: FilmRecord) -> Iterator[Statement]:
    """Statements that make the film in the edition of the connection what the record says, whether it has it or not."""
    values = _parameters(film)
    yield _NEW_GENRES, values
    yield _NEW_STARS, values
    yield "UPDATE director SET is_star = true WHERE id = ANY (%(cast)s::text[]) AND NOT is_star", values
    yield _NEW_DIRECTORS, values
    yield from _people(_TAKE_OUT, "- 1", values)
    yield _UPSERT, values
    yield INSERT_NUMBERS.format("film", "f.id = %(id)s"), values
    yield from _people(_PUT_IN, "+ 1", values)


def remove_film(film_id: str) -> Iterator[Statement]:
    """Statements that take a film out of the edition of the connection."""
    values: dict[str, Any] = {"id": film_id, "cast": [], "directed": []}
    yield from _people(_TAKE_OUT, "- 1", values)
    yield "DELETE FROM film WHERE id = %(id)s", values


def _people(template: str, change: str, values: dict[str, Any]) -> Iterator[Statement]:
    count = f", film_count = p.film_count {change}"
    yield template.format(table="star", column="star_nos", people="cast", count=count), values
    yield template.format(table="director", column="director_nos", people="directed", count=""), values


def _parameters(film: FilmRecord) -> dict[str, Any]:
    form, director = search_form(film.title), search_form(film.director) if film.director else ""
    words, key, bare_key = title_words(form)
    words |= other_words(film.title, film.original_title, director, film.year)
    words |= {word for person in film.cast for word in name_words(search_form(person.name))}
    return {
        **msgspec.structs.asdict(film),
        "title_form": form,
        "key": key,
        "bare_key": bare_key,
        "director_form": director or None,
        "words": " ".join(words),
        "genres": sorted(film.genres, key=by_name),
        **_columns("cast", film.cast),
        **_columns("directed", film.directors),
    }


def _columns(name: str, people: Sequence[Credit]) -> dict[str, Any]:
    unique = list({person.id: person for person in people}.values())
    return {
        name: [person.id for person in unique],
        f"{name}_names": [person.name for person in unique],
        f"{name}_born": [person.birth_year for person in unique],
        f"{name}_forms": [search_form(person.name) for person in unique],
    }
