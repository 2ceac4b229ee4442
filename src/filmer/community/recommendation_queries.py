"""All SQL of recommendations: what an account has on its shelves, and what others like who like the same."""

from collections.abc import Sequence

import msgspec

from filmer.catalogue.number_queries import FILMS_OF
from filmer.store.postgres import Connection

LIKED = 3.5  # stars from which a film counts as liked; a favourite without stars does, too
FAVORITE = 4.5  # stars that a favourite without any counts as
MIN_PEOPLE = 5  # who like both of two films; with fewer, what is recommended would tell of single people
LIKING = 200  # people who like a film, for each way of liking: more say hardly anything else
PEOPLE = 200  # of them, those who like most of the films
EACH = 300  # films that one of them likes, for each way of liking
FILMS = 100  # liked by most of them: those whose popularity is looked up
MOST = 500  # people up to whom it is counted how popular a film is
COMMON = 0.35  # how much less a film says that many like: the power of how many

# The catalogue's film of the number {0}.
_FILM_OF = f"""
    SELECT n.no FROM film n WHERE n.id = ANY (ARRAY({FILMS_OF.format("ARRAY[{0}]")})) LIMIT 1
"""


class ShelvedFilm(msgspec.Struct, frozen=True):
    """A film on somebody's shelves. ``no``: in the edition; ``stars``: 0 to 5, None if it is only seen or wanted."""

    no: int
    movie_id: int
    stars: float | None


class CommonLike(msgspec.Struct, frozen=True):
    """A film that people like who like the same as somebody, and the one of theirs that most of these people like."""

    no: int
    liked: int  # TMDB's number of it, or the shop's
    score: float


async def select_shelved(conn: Connection, account_id: int) -> list[ShelvedFilm]:
    """All films of the account's shelves that the catalogue has, the latest first."""
    statement = f"""
        SELECT f.no, s.movie_id, s.stars::float
        FROM (
            SELECT movie_id, coalesce(max(rating), max(favorite)) AS stars, max(at) AS at
            FROM (
                SELECT movie_id, rating, NULL AS favorite, updated AS at FROM rating WHERE account_id = %(account)s
                UNION ALL SELECT movie_id, NULL, {FAVORITE}, created FROM favorite WHERE account_id = %(account)s
                UNION ALL SELECT movie_id, NULL, NULL, created FROM seen_film WHERE account_id = %(account)s
                UNION ALL SELECT movie_id, NULL, NULL, created FROM watchlist_film WHERE account_id = %(account)s
            ) entry GROUP BY movie_id
        ) s CROSS JOIN LATERAL ({_FILM_OF.format("s.movie_id")}) f
        ORDER BY s.at DESC, s.movie_id
    """
    rows = await (await conn.execute(statement.encode(), {"account": account_id})).fetchall()
    return [ShelvedFilm(*row) for row in rows]


async def select_common_likes(conn: Connection, account_id: int, movie_ids: Sequence[int]) -> list[CommonLike]:
    """What others like who like most of these films, at most ``FILMS`` films, the best first.

    ``MIN_PEOPLE`` of them like the film, and as many like both it and the one that is named with it; the account itself
    does not count. All samples are bounded, so that it takes as long for films that everybody likes.
    """
    likes = f"""
        (SELECT v.{{0}} FROM favorite v WHERE v.{{1}} LIMIT {{2}})
        UNION (SELECT r.{{0}} FROM rating r WHERE r.{{1}} AND r.rating >= {LIKED} LIMIT {{2}})
    """
    statement = f"""
        WITH person AS MATERIALIZED (
            SELECT l.account_id, count(*) AS shared
            FROM unnest(%(movies)s::integer[]) m(movie_id)
                CROSS JOIN LATERAL ({likes.format("account_id", "movie_id = m.movie_id", LIKING)}) l
            WHERE l.account_id <> %(account)s
            GROUP BY l.account_id ORDER BY shared DESC, l.account_id LIMIT {PEOPLE}
        ), taste AS MATERIALIZED (
            SELECT p.account_id, l.movie_id, l.movie_id = ANY (%(movies)s::integer[]) AS is_shared,
                p.shared / sqrt(count(*) OVER (PARTITION BY p.account_id)) AS weight
            FROM person p CROSS JOIN LATERAL ({likes.format("movie_id", "account_id = p.account_id", EACH)}) l
        ), candidate AS MATERIALIZED (
            SELECT movie_id, sum(weight) AS weight FROM taste WHERE NOT is_shared
            GROUP BY movie_id HAVING count(*) >= {MIN_PEOPLE} ORDER BY weight DESC, movie_id LIMIT {FILMS}
        ), liking AS MATERIALIZED (
            SELECT movie_id, count(*) AS people FROM taste WHERE is_shared GROUP BY movie_id
        ), reason AS MATERIALIZED (
            SELECT DISTINCT ON (pair.movie_id) pair.movie_id, pair.liked
            FROM (
                SELECT t.movie_id, s.movie_id AS liked, count(*) AS people
                FROM candidate c JOIN taste t USING (movie_id) JOIN taste s USING (account_id)
                WHERE s.is_shared GROUP BY t.movie_id, s.movie_id HAVING count(*) >= {MIN_PEOPLE}
            ) pair JOIN liking l ON l.movie_id = pair.liked
            ORDER BY pair.movie_id, pair.people / sqrt(l.people) DESC, liked
        )
        SELECT f.no, r.liked, c.weight / power((
            SELECT count(*) FROM ({likes.format("account_id", "movie_id = c.movie_id", MOST)}) everybody
        ), {COMMON})::float AS score
        FROM candidate c JOIN reason r USING (movie_id) CROSS JOIN LATERAL ({_FILM_OF.format("c.movie_id")}) f
        ORDER BY score DESC, f.no
    """
    values = {"account": account_id, "movies": list(movie_ids)}
    return [CommonLike(*row) for row in await (await conn.execute(statement.encode(), values)).fetchall()]
