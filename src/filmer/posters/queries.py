"""All SQL of posters."""

from filmer.posters.drawing import PosterFilm
from filmer.store.postgres import Connection


async def select_poster_film(conn: Connection, film_id: str) -> tuple[PosterFilm, int | None] | None:
    """Return what a film's poster shows, and the film's TMDB id. Hidden films are still in people's libraries."""
    cursor = await conn.execute(
        """
        SELECT f.id, f.title, f.year, f.director, f.genres, coalesce(f.tmdb_id, l.tmdb_id)
        FROM film f LEFT JOIN tmdb_link l ON l.film_id = f.id WHERE f.id = %(id)s
        UNION ALL SELECT id, title, year, director, genres, NULL FROM hidden_film WHERE id = %(id)s
        """,
        {"id": film_id},
    )
    row = await cursor.fetchone()
    return None if row is None else (PosterFilm(*row[:5]), row[5])


async def select_own_poster(conn: Connection, film_id: str) -> tuple[bytes, str] | None:
    """The poster that the owner has given a film, and its media type."""
    cursor = await conn.execute("SELECT content, media_type FROM film_poster WHERE film_id = %s", [film_id])
    return await cursor.fetchone()
