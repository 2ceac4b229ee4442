"""The SQL of films' numbers: TMDB's ids below ``schemas.FIRST_OWN``, and the shop's own from there on (contract §14.2).

A film has a number of the shop's own if it had no TMDB id when it came. Where it got one later, both mean the film.
"""

from typing import Any

import msgspec

from filmer.catalogue.schemas import FIRST_OWN
from filmer.store.postgres import Connection

# The films of the number {0}, by their ids. A film may have two TMDB ids: of its source, and what TMDB answered.
_FILMS = """
    SELECT id FROM film WHERE tmdb_id = {0}
    UNION ALL SELECT film_id FROM tmdb_link WHERE tmdb_id = {0}
    UNION ALL SELECT film_id FROM film_number WHERE number = {0}
"""
FILMS_OF = _FILMS.format("ANY ({0})")  # those of all numbers of the array {0}

# All numbers that mean the same film as the number {0}, which is one of them.
ALIKE = f"""
    WITH RECURSIVE alike (number) AS (
        SELECT {{0}}
        UNION
        SELECT o.number FROM alike a
        CROSS JOIN LATERAL ({_FILMS.format("a.number")}) f (film_id)
        CROSS JOIN LATERAL (
            SELECT tmdb_id FROM film WHERE id = f.film_id AND tmdb_id IS NOT NULL
            UNION ALL SELECT tmdb_id FROM tmdb_link WHERE film_id = f.film_id AND tmdb_id IS NOT NULL
            UNION ALL SELECT number FROM film_number WHERE film_id = f.film_id
        ) o (number)
    )
    SELECT number FROM alike
"""
# A table a of one row, whose numbers are those. OFFSET 0: else PostgreSQL finds them anew wherever a.numbers is used.
NUMBERS_ALIKE = f"(SELECT ARRAY({ALIKE}) AS numbers OFFSET 0) a"

# Gives each film of the table {0} that has no TMDB id a number. Only those without one take a value of the sequence.
INSERT_NUMBERS = """
    INSERT INTO film_number (film_id)
    SELECT f.id FROM {0} f
    WHERE f.tmdb_id IS NULL AND {1}
        AND NOT EXISTS (SELECT FROM film_number n WHERE n.film_id = f.id)
        AND NOT EXISTS (SELECT FROM tmdb_link l WHERE l.film_id = f.id AND l.tmdb_id IS NOT NULL)
    ORDER BY f.no ON CONFLICT DO NOTHING
"""


class NumberedFilm(msgspec.Struct, frozen=True):
    """What is known of a number. ``tmdb_id``: by which TMDB may be asked for it; None: it has none."""

    is_in_catalogue: bool
    tmdb_id: int | None


async def select_numbered_film(conn: Connection, number: int) -> NumberedFilm:
    statement = f"""
        SELECT EXISTS (SELECT FROM film f WHERE f.id = ANY (ARRAY({FILMS_OF.format("a.numbers")}))),
            coalesce((SELECT n FROM unnest(a.numbers) n WHERE n = %(number)s AND n < {FIRST_OWN}),
                     (SELECT min(n) FROM unnest(a.numbers) n WHERE n < {FIRST_OWN}))
        FROM {NUMBERS_ALIKE.format("%(number)s::integer")}
    """
    row: Any = await (await conn.execute(statement.encode(), {"number": number})).fetchone()
    return NumberedFilm(*row)
