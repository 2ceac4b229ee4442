"""How an owner adds a film's videos and takes them away (contract §9.3)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from filmer.audit.log import Actor, record
from filmer.catalogue.prices import forget_responses
from filmer.catalogue.schemas import is_identifier
from filmer.errors import Conflict, NotFound
from filmer.rentals import counter_queries
from filmer.rentals import video_queries as changes
from filmer.rentals.media_files import MediaFiles, UnusableFile
from filmer.rentals.schemas import Video, VideoKind
from filmer.rentals.terms import is_feature_needed
from filmer.rentals.videos import (
    PLAYLIST,
    UNKNOWN_TYPE,
    content_type,
    ending,
    film_videos,
    is_address,
    origin_of_address,
)
from filmer.store.postgres import Connection


async def add_video(
    conn: Connection,
    film_id: str,
    kind: VideoKind,
    location: str,
    subtitles: Mapping[str, str],
    actor: Actor,
    *,
    now: datetime,
) -> Video:
    """``location``, ``subtitles``: as ``objection`` finds nothing against them.

    Raises NotFound, and Conflict for a video that the film has, or a playlist that has no folder of its own.
    """
    title = await counter_queries.select_title(conn, film_id) if is_identifier(film_id) else None
    if title is None:
        raise NotFound(f"There is no film {film_id}")
    await changes.lock_videos(conn)
    for other in await changes.select_all_videos(conn):
        if other.film_id != film_id and _shares_folder(location, other.location):
            raise Conflict(
                f"{other.location} of film {other.film_id} would be in one folder with {location}. Whoever rents a"
                " film gets all that is beside its playlist: give the playlist a folder of its own"
            )
    video_id = await changes.insert_video(conn, film_id, kind, location, subtitles, now=now)
    if video_id is None:
        raise Conflict(f"{title} has this {kind} already")
    await forget_responses(conn)
    video = Video(video_id, film_id, kind, location, dict(subtitles))
    await record(conn, actor, "film.add_video", ("film", film_id), title=title, after=_told(video))
    return video


async def remove_video(conn: Connection, video_id: int, actor: Actor, *, now: datetime) -> Video:
    """Raises NotFound, and Conflict for the last feature of a film that somebody has rented to watch."""
    removed = await changes.delete_video(conn, video_id)
    if removed is None:
        raise NotFound(f"There is no video {video_id}")
    if (
        removed.kind == "feature"
        and await is_feature_needed(conn, removed.film_id, now=now)
        and not (await film_videos(conn, removed.film_id)).features
    ):
        raise Conflict(f"Rentals of film {removed.film_id} need its last feature: remove it when they are over")
    await forget_responses(conn)
    title = await counter_queries.select_title(conn, removed.film_id) or ""
    await record(conn, actor, "film.remove_video", ("film", removed.film_id), title=title, before=_told(removed))
    return removed


def _told(video: Video) -> dict[str, object]:
    return {"video": video.id, "kind": video.kind, "location": video.location, "subtitles": list(video.subtitles)}


def objection(files: MediaFiles, origins: Iterable[str], location: str) -> str | None:
    """Why nobody could be sent a video or subtitles from here, and what to do; None: nothing is wrong."""
    if content_type(location) == UNKNOWN_TYPE:
        return "its name does not end as those of videos do, such as .webm, .mp4 or .m3u8"
    if is_address(location):
        origin = origin_of_address(location)
        if origin is None or urlsplit(location).fragment:
            return "it is not an address such as https://films.example/film.mp4"
        return None if origin in origins else f"{origin} is not in FILMER_MEDIA_ORIGINS: add it there"
    try:
        with files.find(location).path.open("rb"):
            return None
    except UnusableFile as error:
        return str(error)
    except OSError as error:
        return f"it can't be read: {error.strerror}"


def _shares_folder(one: str, other: str) -> bool:
    """Whether one of two files is in the folder of the other, which is a playlist, or below it."""
    return not (is_address(one) or is_address(other)) and any(
        ending(playlist) == PLAYLIST and file.startswith(playlist[: playlist.rfind("/") + 1])
        for playlist, file in ((one, other), (other, one))
    )
