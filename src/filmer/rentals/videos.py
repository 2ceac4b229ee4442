"""The videos of films, and the addresses under which their bytes are sent (contract §9.2, §9.3)."""

import re
from urllib.parse import quote, unquote, urlsplit

import msgspec

from filmer.rentals import queries
from filmer.rentals.schemas import Video
from filmer.settings import origin_of
from filmer.store.postgres import Connection

STREAM_PATH = "/stream"  # what is rented: /stream/<token>/<name of the file>
TRAILER_PATH = "/trailers"  # what is open to all: /trailers/<id of the video>/<name of the file>
UNKNOWN_TYPE = "application/octet-stream"
PLAYLIST = "m3u8"
LANGUAGE = re.compile("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # of subtitles, as HTML names languages
# All that is ever sent, by the end of a file's name.
_CONTENT_TYPES = {
    PLAYLIST: "application/vnd.apple.mpegurl", "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm",
    "mkv": "video/x-matroska", "mov": "video/quicktime", "ogv": "video/ogg", "ts": "video/mp2t",
    "m4s": "video/iso.segment", "m4a": "audio/mp4", "aac": "audio/aac", "mp3": "audio/mpeg",
    "vtt": "text/vtt; charset=utf-8",
}  # fmt: skip


class FilmVideos(msgspec.Struct, frozen=True):
    """Of one film, the one added first is first. The first feature is the one that is played.

    ``copies``: how many there are of the film; None where it has no limit.
    """

    features: list[Video]
    trailers: list[Video]
    copies: int | None

    @property
    def is_limited(self) -> bool:
        """Whether the film is picked up and its copies are limited, so that there may be none left."""
        return self.copies is not None and not self.features


async def film_videos(conn: Connection, film_id: str) -> FilmVideos:
    """All videos of a film; both lists are empty where it has none, or there is no such film."""
    copies, found = await queries.select_videos(conn, film_id)
    by_kind = {kind: [video for video in found if video.kind == kind] for kind in ("feature", "trailer")}
    return FilmVideos(by_kind["feature"], by_kind["trailer"], copies)


def is_address(location: str) -> bool:
    """Whether a location is an http(s) address, not a file's place below the media directory."""
    return location.startswith(("http://", "https://"))


def origin_of_address(address: str) -> str | None:
    """The origin as ``FILMER_MEDIA_ORIGINS`` has it; None for an address that has none, or a password."""
    url = urlsplit(address)
    return origin_of(f"{url.scheme}://{url.netloc}")


def file_name(location: str) -> str:
    """The name of a video's file, which ends the addresses of its bytes."""
    if is_address(location):
        return unquote(location.partition("?")[0].rpartition("/")[2])
    return location.rpartition("/")[2]


def ending(location: str) -> str:
    """What follows the last dot of a file's name, in lower case."""
    return file_name(location).rpartition(".")[2].lower()


def content_type(name: str) -> str:
    """The media type of a file by its name; ``UNKNOWN_TYPE`` for what is never sent."""
    return _CONTENT_TYPES.get(ending(name), UNKNOWN_TYPE)


def stream_path(token: str, name: str) -> str:
    """``name``: of the feature's file (``file_name``), or the path of a file beside it. See ``StreamLinks.mint``."""
    return f"{STREAM_PATH}/{token}/{quote(name)}"


def trailer_path(video_id: int, name: str) -> str:
    return f"{TRAILER_PATH}/{video_id}/{quote(name)}"


def subtitles_name(language: str) -> str:
    """Below the path of the video."""
    return f"subtitles/{language}.vtt"
