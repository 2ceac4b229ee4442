"""All SQL of posters."""

from filmer.posters.drawing import Subject
from filmer.store.postgres import Connection


async def select_subject(conn: Connection, film_id: str) -> tuple[Subject, int | None] | None:
    """What a film's poster tells, and the film's TMDB id."""
    cursor = await conn.execute(
        """
        SELECT f.id, f.title, f.year, f.director, f.genres, coalesce(f.tmdb_id, l.tmdb_id)
        FROM catalogue.film f LEFT JOIN tmdb_link l ON l.film_id = f.id WHERE f.id = %s
        """,
        [film_id],
    )
    row = await cursor.fetchone()
    return None if row is None else (Subject(*row[:5]), row[5])
