"""Changes of single films in an edition that is there: what a film's own page and searches by its words need.

Ranks, lists, counts and the search index stay as they are until an edition is built anew.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from filmer.catalogue.folding import by_name, search_form
from filmer.catalogue.number_queries import INSERT_NUMBERS
from filmer.catalogue.words import name_words, other_words, title_words
from filmer.importing.film_edits import Credit, FilmRecord

BILLED = 3  # stars in a list item (contract §2.4)
Statement = tuple[str, dict[str, Any]]

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
