"""All SQL of shelves and ratings. Every statement names the account whose rows it reads or writes.

A transaction that writes first changes the version of the account's shelf, and so locks that row until its end.
Several numbers may mean one film (``ALIKE``): a film that was kept under one of them is found under each.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import TupleRow

from filmer.catalogue.number_queries import ALIKE, FILMS_OF, NUMBERS_ALIKE
from filmer.catalogue.schemas import FIRST_OWN
from filmer.clock import timestamp
from filmer.community.schemas import (
    Favorite,
    FavoriteFilm,
    FilmRatings,
    RatedFilm,
    Rating,
    Seen,
    SeenFilm,
    UpdatedRating,
    stars,
)
from filmer.store.connecting import USE_CURRENT_EDITION_LOCALLY
from filmer.store.postgres import Connection

Table = Literal["favorite", "watchlist_film", "seen_film"]  # what an account keeps films in

_ORDERS: dict[str, LiteralString] = {
    "release_date": "release_date",
    "rating": "rating",
    "created_at": "k.created",
    "seen_on": "k.seen_on",
}

# What is told of the film that is kept as {0}.movie_id, which a.numbers mean: t as TMDB sent it, f from the catalogue;
# h if the owner has hidden it.
_FILM = f"""
    CROSS JOIN LATERAL {NUMBERS_ALIKE.format("{0}.movie_id")}
    CROSS JOIN LATERAL (SELECT ARRAY({FILMS_OF.format("a.numbers")}) AS films OFFSET 0) i
    LEFT JOIN LATERAL (
        SELECT * FROM tmdb_film WHERE movie_id = ANY (a.numbers) AND btrim(title) <> ''
        ORDER BY movie_id <> {{0}}.movie_id, movie_id LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (SELECT * FROM film WHERE id = ANY (i.films) ORDER BY id LIMIT 1) f ON true
    LEFT JOIN LATERAL (SELECT title FROM hidden_film WHERE f.id IS NULL AND id = ANY (i.films) LIMIT 1) h ON true
"""
_TITLE = "coalesce(t.title, f.title, h.title, '')"
# The account's rating of the film that a.numbers mean.
_RATING = """
    LEFT JOIN LATERAL (
        SELECT id, rating FROM rating WHERE account_id = %(account)s AND movie_id = ANY (a.numbers)
        ORDER BY updated DESC, id DESC LIMIT 1
    ) r ON true
"""


class ListedFilm(msgspec.Struct, frozen=True):
    """``fetched``: when TMDB sent the film's data; None if they are not stored. ``tmdb_id``: None if it has none."""

    film: FavoriteFilm
    fetched: datetime | None
    tmdb_id: int | None


class ShelfEntry(msgspec.Struct, frozen=True):
    """What an account keeps of a film: the ids of its records, or None. ``rating``: 0 to 5."""

    favorite_id: int | None
    watchlist_id: int | None
    seen_id: int | None
    seen_on: date | None
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


async def insert_film_in_use(conn: Connection, movie_id: int) -> bool:
    """From now on no import drops the catalogue's films of this number. Returns whether it has any.

    Until the transaction ends, no import or link changes what the number means.
    """
    await conn.execute("LOCK TABLE film_in_use IN ROW EXCLUSIVE MODE")  # no import replaces the catalogue meanwhile
    await conn.execute(USE_CURRENT_EDITION_LOCALLY)
    statement = f"""
        WITH known AS (
            SELECT id FROM film
            WHERE id = ANY (ARRAY({FILMS_OF.format(f"ARRAY({ALIKE.format('%(movie)s::integer')})")}))
        ), added AS (INSERT INTO film_in_use (film_id) SELECT id FROM known ON CONFLICT DO NOTHING)
        SELECT FROM known
    """
    return (await conn.execute(statement.encode(), {"movie": movie_id})).rowcount > 0


async def select_entry(conn: Connection, table: Table, account_id: int, movie_id: int) -> Favorite | None:
    """Of two that mean one film, the first."""
    statement = f"""
        SELECT id, movie_id, created{_seen_on(table)} FROM {table}
        WHERE account_id = %(account)s AND movie_id IN ({ALIKE.format("%(movie)s::integer")}) ORDER BY id LIMIT 1
    """
    row = await (await conn.execute(statement.encode(), {"account": account_id, "movie": movie_id})).fetchone()
    return None if row is None else _entry(row)


async def select_shelf_entry(conn: Connection, account_id: int, movie_id: int) -> ShelfEntry:
    kept = "(SELECT {} FROM {} WHERE account_id = %(account)s AND movie_id = ANY (a.numbers) ORDER BY id LIMIT 1)"
    statement = f"""
        SELECT {kept.format("id", "favorite")}, {kept.format("id", "watchlist_film")}, {kept.format("id", "seen_film")},
            {kept.format("seen_on", "seen_film")}, r.id, r.rating
        FROM {NUMBERS_ALIKE.format("%(movie)s::integer")} {_RATING}
    """
    row = await (await conn.execute(statement.encode(), {"account": account_id, "movie": movie_id})).fetchone()
    assert row is not None  # noqa: S101 - it selects from a single row
    favorite_id, watchlist_id, seen_id, seen_on, rating_id, rating = row
    told = None if rating is None else stars(rating)
    return ShelfEntry(favorite_id, watchlist_id, seen_id, seen_on, rating_id, told)


async def select_favorite_ids(conn: Connection, account_id: int, movie_ids: Sequence[int]) -> dict[int, int]:
    """The ids of the favourites among these films, by their numbers as given."""
    statement = f"""
        SELECT n.movie_id, v.id FROM unnest(%(movies)s::integer[]) n (movie_id)
        JOIN LATERAL (
            SELECT id FROM favorite WHERE account_id = %(account)s AND movie_id IN ({ALIKE.format("n.movie_id")})
            ORDER BY id LIMIT 1
        ) v ON true
    """
    cursor = await conn.execute(statement.encode(), {"account": account_id, "movies": list(movie_ids)})
    return dict(await cursor.fetchall())


async def insert_entry(
    conn: Connection, table: Table, account_id: int, movie_id: int, now: datetime, seen_on: date | None = None
) -> Favorite:
    """To be called when the film is not kept there yet."""
    has_day = table == "seen_film"
    statement = f"""
        INSERT INTO {table} (account_id, movie_id, created{_seen_on(table)})
        VALUES (%s, %s, %s{", %s" * has_day}) RETURNING id, movie_id, created{_seen_on(table)}
    """
    values = [account_id, movie_id, now, *([seen_on] if has_day else [])]
    row = await (await conn.execute(statement.encode(), values)).fetchone()
    assert row is not None  # noqa: S101 - it is inserted
    return _entry(row)


async def update_seen(conn: Connection, account_id: int, entry_id: int, seen_on: date) -> Seen | None:
    """None if the account has no such record."""
    cursor = await conn.execute(
        """
        UPDATE seen_film SET seen_on = %s WHERE id = %s AND account_id = %s RETURNING id, movie_id, created, seen_on
        """,
        [seen_on, entry_id, account_id],
    )
    row = await cursor.fetchone()
    return None if row is None else Seen(row[0], row[1], timestamp(row[2]), row[3])


async def delete_entry(conn: Connection, table: Table | Literal["rating"], account_id: int, entry_id: int) -> bool:
    """With all others of the account that mean the same film. False if the account has no such record."""
    statement = f"""
        DELETE FROM {table} WHERE account_id = %(account)s AND movie_id IN ({
        ALIKE.format(f"(SELECT movie_id FROM {table} WHERE id = %(id)s AND account_id = %(account)s)")
    })
    """
    return (await conn.execute(statement.encode(), {"id": entry_id, "account": account_id})).rowcount > 0


async def delete_favorites(conn: Connection, account_id: int) -> int:
    """How many there were."""
    return (await conn.execute("DELETE FROM favorite WHERE account_id = %s", [account_id])).rowcount


async def select_entries(
    conn: Connection,
    table: Table,
    account_id: int,
    *,
    sort: Literal["release_date", "rating", "created_at", "seen_on"],
    order: Literal["asc", "desc"],
) -> list[ListedFilm]:
    """Each film once. Missing values last in both orders, then the newest record first (contract §7.5).

    What TMDB's data lack, or all where they are not stored, is the catalogue's.
    """
    statement = f"""
        WITH every AS MATERIALIZED (
            SELECT v.*, {_TITLE} AS title, coalesce(t.release_date, f.release_date) AS release_date,
                coalesce(t.overview, f.overview) AS overview, coalesce(t.popularity, f.popularity) AS popularity,
                coalesce(t.vote_average, f.rating) AS vote_average, r.rating, t.fetched,
                (SELECT min(n) FROM unnest(a.numbers) n) AS first_number
            FROM {table} v {_FILM.format("v")} {_RATING} WHERE v.account_id = %(account)s
        )
        SELECT id, movie_id, title, release_date, overview, popularity, vote_average, rating, created, fetched,
            first_number{_seen_on(table)}
        FROM (SELECT DISTINCT ON (first_number) * FROM every ORDER BY first_number, id) k
        ORDER BY {_ORDERS[sort]} {order} NULLS LAST, created DESC, id DESC
    """
    cursor = await conn.execute(statement.encode(), {"account": account_id})
    return [_listed_film(row) for row in await cursor.fetchall()]


async def select_title(conn: Connection, movie_id: int) -> str:
    """As lists show it; empty if it is not known."""
    statement = f"SELECT {_TITLE} FROM (SELECT %s::integer AS movie_id) v {_FILM.format('v')}"
    row = await (await conn.execute(statement.encode(), [movie_id])).fetchone()
    return row[0] if row else ""


async def select_ratings(conn: Connection, account_id: int, *, limit: int) -> list[RatedFilm]:
    """The latest first, each film once."""
    statement = f"""
        SELECT * FROM (
            SELECT DISTINCT ON ((SELECT min(n) FROM unnest(a.numbers) n))
                v.id, v.movie_id, {_TITLE}, v.rating, v.updated
            FROM (SELECT * FROM rating WHERE account_id = %s ORDER BY updated DESC, id DESC LIMIT %s) v
            {_FILM.format("v")} ORDER BY (SELECT min(n) FROM unnest(a.numbers) n), v.updated DESC, v.id DESC
        ) latest ORDER BY updated DESC, id DESC
    """
    cursor = await conn.execute(statement.encode(), [account_id, limit])
    return [RatedFilm(row[0], row[1], row[2], stars(row[3]), row[4]) for row in await cursor.fetchall()]


async def select_film_ratings(conn: Connection, movie_id: int) -> FilmRatings:
    """What all users of the shop think of a film: sums alone, whose accounts nobody is told."""
    statement = f"""
        SELECT rating, count(*) FROM (
            SELECT DISTINCT ON (account_id) rating FROM rating WHERE movie_id IN ({ALIKE.format("%s::integer")})
            ORDER BY account_id, updated DESC, id DESC
        ) latest GROUP BY rating
    """
    cursor = await conn.execute(statement.encode(), [movie_id])
    return FilmRatings.of(movie_id, dict(await cursor.fetchall()))


async def upsert_rating(
    conn: Connection, account_id: int, movie_id: int, rating: Decimal, now: datetime
) -> tuple[Rating, bool]:
    """The rating, and whether it is a new one."""
    statement = f"""
        WITH changed AS (
            UPDATE rating SET rating = %(rating)s, updated = %(now)s
            WHERE account_id = %(account)s AND id = (
                SELECT id FROM rating
                WHERE account_id = %(account)s AND movie_id IN ({ALIKE.format("%(movie)s::integer")})
                ORDER BY updated DESC, id DESC LIMIT 1
            ) RETURNING *
        ), added AS (
            INSERT INTO rating (account_id, movie_id, rating, created, updated)
            SELECT %(account)s, %(movie)s, %(rating)s, %(now)s, %(now)s WHERE NOT EXISTS (SELECT FROM changed)
            RETURNING *
        )
        SELECT id, movie_id, rating, created, false FROM changed
        UNION ALL SELECT id, movie_id, rating, created, true FROM added
    """
    values = {"account": account_id, "movie": movie_id, "rating": rating, "now": now}
    row = await (await conn.execute(statement.encode(), values)).fetchone()
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


def _seen_on(table: Table) -> str:
    return ", seen_on" if table == "seen_film" else ""


def _entry(row: TupleRow) -> Favorite:
    entry_id, movie_id, created, *seen_on = row
    if seen_on:
        return Seen(entry_id, movie_id, timestamp(created), seen_on[0])
    return Favorite(entry_id, movie_id, timestamp(created))


def _listed_film(row: TupleRow) -> ListedFilm:
    entry_id, movie_id, title, release_date, overview, popularity, vote_average, rating, created, fetched = row[:10]
    first_number, *seen_on = row[10:]
    told = {
        "id": entry_id, "movie_id": movie_id, "title": title, "release_date": release_date, "overview": overview,
        "popularity": popularity, "vote_average": vote_average, "created_at": timestamp(created),
        "user_rating": None if rating is None else stars(rating),
    }  # fmt: skip
    film = SeenFilm(**told, seen_on=seen_on[0]) if seen_on else FavoriteFilm(**told)
    tmdb_id = min(movie_id, first_number) if movie_id >= FIRST_OWN else movie_id
    return ListedFilm(film, fetched, tmdb_id if tmdb_id < FIRST_OWN else None)
