"""All SQL of the owner's changes to videos."""

from collections.abc import Mapping
from datetime import datetime

from psycopg.types.json import Jsonb

from filmer.rentals.schemas import Video, VideoKind
from filmer.store.postgres import Connection

_VIDEO = "id, film_id, kind, location, subtitles"


async def insert_video(
    conn: Connection, film_id: str, kind: VideoKind, location: str, subtitles: Mapping[str, str], *, now: datetime
) -> int | None:
    """The video's id; None where the film has it already. From now on no import drops the film."""
    await conn.execute("LOCK TABLE film_in_use IN ROW EXCLUSIVE MODE")  # no import replaces the catalogue meanwhile
    await conn.execute("INSERT INTO film_in_use (film_id) VALUES (%s) ON CONFLICT DO NOTHING", [film_id])
    cursor = await conn.execute(
        """
        INSERT INTO video (film_id, kind, location, subtitles, added) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        [film_id, kind, location, Jsonb(dict(subtitles)), now],
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def lock_videos(conn: Connection) -> None:
    """Until the transaction ends, nobody else changes videos. Readers, and so sales, do not wait."""
    await conn.execute("LOCK TABLE video IN SHARE ROW EXCLUSIVE MODE")


async def select_all_videos(conn: Connection) -> list[Video]:
    """By film, the one added first is first."""
    cursor = await conn.execute(f"SELECT {_VIDEO} FROM video ORDER BY film_id, id".encode())
    return [Video(*row) for row in await cursor.fetchall()]


async def delete_video(conn: Connection, video_id: int) -> Video | None:
    """The video that was removed."""
    cursor = await conn.execute(f"DELETE FROM video WHERE id = %s RETURNING {_VIDEO}".encode(), [video_id])
    row = await cursor.fetchone()
    return None if row is None else Video(*row)


async def select_had_videos(conn: Connection) -> bool:
    """Whether there is or ever was a video."""
    row = await (await conn.execute("SELECT is_called FROM video_id_seq")).fetchone()
    return bool(row and row[0])
