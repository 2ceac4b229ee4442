"""All SQL of favourites and ratings. Every statement names the account whose rows it reads or writes.

A transaction that writes first changes the version of the account's shelf, and so locks that row until its end.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from filmer.clock import timestamp
from filmer.community.schemas import Favorite, FavoriteFilm, RatedFilm, Rating, UpdatedRating, stars
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

_ORDERS = {
    ("release_date", "asc"): "release_date ASC",
    ("release_date", "desc"): "release_date DESC",
    ("rating", "asc"): "r.rating ASC",
    ("rating", "desc"): "r.rating DESC",
}


# The film of a favourite or rating {0}: t as TMDB sent it, or else f from the catalogue.
_FILM = """
    LEFT JOIN tmdb_film t ON t.movie_id = {0}.movie_id AND btrim(t.title) <> ''
    LEFT JOIN LATERAL (SELECT title, release_date FROM film c
                       WHERE t.movie_id IS NULL AND c.id = ANY(ARRAY(
                           SELECT n.id FROM film n WHERE n.tmdb_id = {0}.movie_id
                           UNION ALL SELECT l.film_id FROM tmdb_link l WHERE l.tmdb_id = {0}.movie_id))
                       ORDER BY c.id LIMIT 1) f ON true
"""


class ListedFavorite(msgspec.Struct, frozen=True):
    """``fetched``: when TMDB sent the film's data; None if they are no longer stored."""

    film: FavoriteFilm
    fetched: datetime | None


class ShelfEntry(msgspec.Struct, frozen=True):
    """An account's favourite and rating of a film, or None. ``rating``: 0 to 5."""

    favorite_id: int | None
    rating_id: int | None
    rating: float | None


async def select_is_user(conn: Connection, account_id: int) -> bool:
    return (await conn.execute("SELECT FROM account WHERE id = %s", [account_id])).rowcount == 1


async def select_version(conn: Connection, account_id: int) -> UUID | None:
    """The version under which the account's shelf is cached; None if it never had a favourite or rating."""
    row = await (await conn.execute("SELECT version FROM shelf WHERE account_id = %s", [account_id])).fetchone()
    return None if row is None else row[0]


async def change_version(conn: Connection, account_id: int) -> None:
    """Comes first in each transaction that writes, so that others of the same account wait."""
    await conn.execute(
        """
        INSERT INTO shelf (account_id, version) VALUES (%s, gen_random_uuid())
        ON CONFLICT (account_id) DO UPDATE SET version = excluded.version
        """,
        [account_id],
    )


async def insert_film_in_use(conn: Connection, movie_id: int) -> None:
    """From now on no import drops the catalogue's film with this TMDB id."""
    await conn.execute("LOCK TABLE film_in_use IN ROW EXCLUSIVE MODE")  # no import replaces the catalogue meanwhile
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    await conn.execute(
        """
        INSERT INTO film_in_use (film_id)
        SELECT id FROM film WHERE tmdb_id = %(movie)s
        UNION SELECT f.id FROM tmdb_link l JOIN film f ON f.id = l.film_id WHERE l.tmdb_id = %(movie)s
        ON CONFLICT DO NOTHING
        """,
        {"movie": movie_id},
    )


async def select_favorite(conn: Connection, account_id: int, movie_id: int) -> Favorite | None:
    statement = "SELECT id, movie_id, created FROM favorite WHERE account_id = %s AND movie_id = %s"
    row = await (await conn.execute(statement, [account_id, movie_id])).fetchone()
    return None if row is None else Favorite.of(*row)


async def select_shelf_entry(conn: Connection, account_id: int, movie_id: int) -> ShelfEntry:
    cursor = await conn.execute(
        """
        SELECT v.id, r.id, r.rating
        FROM (SELECT) single_row
        LEFT JOIN favorite v ON v.account_id = %(account)s AND v.movie_id = %(movie)s
        LEFT JOIN rating r ON r.account_id = %(account)s AND r.movie_id = %(movie)s
        """,
        {"account": account_id, "movie": movie_id},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it selects from a single row
    favorite_id, rating_id, rating = row
    return ShelfEntry(favorite_id, rating_id, None if rating is None else stars(rating))


async def select_favorite_ids(conn: Connection, account_id: int, movie_ids: Sequence[int]) -> dict[int, int]:
    """The ids of the favourites among these films, by TMDB id."""
    cursor = await conn.execute(
        "SELECT movie_id, id FROM favorite WHERE account_id = %s AND movie_id = ANY(%s::integer[])",
        [account_id, list(movie_ids)],
    )
    return dict(await cursor.fetchall())


async def insert_favorite(conn: Connection, account_id: int, movie_id: int, now: datetime) -> Favorite | None:
    """None if the film is a favourite already."""
    cursor = await conn.execute(
        """
        INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, %s, %s)
        ON CONFLICT (account_id, movie_id) DO NOTHING RETURNING id, movie_id, created
        """,
        [account_id, movie_id, now],
    )
    row = await cursor.fetchone()
    return None if row is None else Favorite.of(*row)


async def delete_favorite(conn: Connection, account_id: int, favorite_id: int) -> bool:
    cursor = await conn.execute("DELETE FROM favorite WHERE id = %s AND account_id = %s", [favorite_id, account_id])
    return cursor.rowcount == 1


async def delete_favorites(conn: Connection, account_id: int) -> int:
    """How many there were."""
    return (await conn.execute("DELETE FROM favorite WHERE account_id = %s", [account_id])).rowcount


async def select_favorites(
    conn: Connection, account_id: int, *, sort: Literal["release_date", "rating"], order: Literal["asc", "desc"]
) -> list[ListedFavorite]:
    """Missing values last in both orders, then newest favourite first (contract §7.5).

    A film whose TMDB data are not stored has the catalogue's title and date.
    """
    statement = f"""
        SELECT v.id, v.movie_id, coalesce(t.title, f.title, ''), coalesce(t.release_date, f.release_date)
            AS release_date, t.overview, t.popularity, t.vote_average, r.rating, v.created, t.fetched
        FROM favorite v
        LEFT JOIN rating r ON r.account_id = v.account_id AND r.movie_id = v.movie_id {_FILM.format("v")}
        WHERE v.account_id = %s
        ORDER BY {_ORDERS[sort, order]} NULLS LAST, v.created DESC, v.id DESC
    """
    cursor = await conn.execute(statement.encode(), [account_id])
    return [ListedFavorite(_favorite_film(row), fetched=row[9]) for row in await cursor.fetchall()]


def _favorite_film(row: TupleRow) -> FavoriteFilm:
    favorite_id, movie_id, title, release_date, overview, popularity, vote_average, rating, created, _ = row
    return FavoriteFilm(
        id=favorite_id,
        movie_id=movie_id,
        title=title,
        release_date=release_date,
        overview=overview,
        popularity=popularity,
        vote_average=vote_average,
        user_rating=None if rating is None else stars(rating),
        created_at=timestamp(created),
    )


async def select_ratings(conn: Connection, account_id: int, *, limit: int) -> list[RatedFilm]:
    """The latest first."""
    statement = f"""
        SELECT r.id, r.movie_id, coalesce(t.title, f.title, ''), r.rating, r.updated
        FROM rating r {_FILM.format("r")}
        WHERE r.account_id = %s ORDER BY r.updated DESC, r.id DESC LIMIT %s
    """
    cursor = await conn.execute(statement.encode(), [account_id, limit])
    return [RatedFilm(row[0], row[1], row[2], stars(row[3]), row[4]) for row in await cursor.fetchall()]


async def upsert_rating(
    conn: Connection, account_id: int, movie_id: int, rating: Decimal, now: datetime
) -> tuple[Rating, bool]:
    """The rating, and whether it is a new one."""
    cursor = await conn.execute(
        """
        WITH before AS (SELECT FROM rating WHERE account_id = %(account)s AND movie_id = %(movie)s)
        INSERT INTO rating (account_id, movie_id, rating, created, updated)
        VALUES (%(account)s, %(movie)s, %(rating)s, %(now)s, %(now)s)
        ON CONFLICT (account_id, movie_id) DO UPDATE SET rating = excluded.rating, updated = excluded.updated
        RETURNING id, movie_id, rating, created, NOT EXISTS (SELECT FROM before)
        """,
        {"account": account_id, "movie": movie_id, "rating": rating, "now": now},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it is inserted or updated
    return Rating(row[0], row[1], stars(row[2]), timestamp(row[3])), row[4]


async def update_rating(
    conn: Connection, account_id: int, rating_id: int, rating: Decimal, now: datetime
) -> UpdatedRating | None:
    """None if the account has no such rating."""
    cursor = await conn.execute(
        """
        UPDATE rating SET rating = %s, updated = %s WHERE id = %s AND account_id = %s
        RETURNING id, movie_id, rating, updated
        """,
        [rating, now, rating_id, account_id],
    )
    row = await cursor.fetchone()
    return None if row is None else UpdatedRating(row[0], row[1], stars(row[2]), timestamp(row[3]))


async def delete_rating(conn: Connection, account_id: int, rating_id: int) -> bool:
    cursor = await conn.execute("DELETE FROM rating WHERE id = %s AND account_id = %s", [rating_id, account_id])
    return cursor.rowcount == 1
