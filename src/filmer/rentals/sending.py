"""Sends the bytes of films: what is rented through a stream link, trailers to everybody (contract §9.2).

nginx sends files where it can (``X-Accel-Redirect``); else they go out piece by piece. None of it is read as a whole.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from litestar.params import FromPath
from litestar.types import ASGIApp

from filmer.clock import Clock
from filmer.errors import NoAccess, NotFound
from filmer.http.handlers import AnyRequest, Handlers, is_head
from filmer.http.query import require_id
from filmer.rentals import queries, videos
from filmer.rentals.media_files import MediaFile, MediaFiles, UnusableFile
from filmer.rentals.media_links import link_provider
from filmer.rentals.schemas import Video
from filmer.rentals.stream_links import StreamLinks
from filmer.settings import Settings, parse_origins
from filmer.store.postgres import Database

RENTED, OPEN = "private, no-store", "public, max-age=3600"
LINK_LIFETIME = timedelta(hours=4)  # of a link to another host, which nothing takes back: as long as films last


class SendingApi(Handlers):
    """What is to be sent is found before a rental begins: asking for what is not there begins nothing."""

    def __init__(self, database: Database, links: StreamLinks, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._links = links
        self._clock = clock
        self._files = MediaFiles(settings.media_dir)
        self._provider = link_provider(settings.media_url_secret)
        self._origins = parse_origins(settings.media_origins)
        self._accel = settings.media_accel

    async def send_stream(self, token: FromPath[str], name: FromPath[Path], request: AnyRequest) -> ASGIApp:
        if any("prefetch" in request.headers.get(name, "") for name in ("sec-purpose", "purpose")):
            raise NoAccess  # nobody watches yet
        async with self._database.connection() as conn:
            rental = await self._links.open(conn, token, begins=False)
            found = self._find((await videos.film_videos(conn, rental.film_id)).features, str(name)[1:])
            if not is_head(request):
                rental = await self._links.open(conn, token, begins=True)
        if isinstance(found, str) and rental.ends_at is None:
            # A link that a HEAD gave away could be used, and the rental would not begin.
            from filmer.rentals import responses

            return responses.without_body(videos.content_type(str(name)), {"cache-control": RENTED})
        return self._response(found, str(name), RENTED, request, until=rental.ends_at)

    async def send_trailer(self, video_id: FromPath[str], name: FromPath[Path], request: AnyRequest) -> ASGIApp:
        number = require_id(video_id, NotFound("There is no such video"))
        async with self._database.connection() as conn:
            trailer = await queries.select_trailer(conn, number)
        found = self._find([trailer] if trailer else [], str(name)[1:])
        return self._response(found, str(name), OPEN, request)

    def _find(self, candidates: Iterable[Video], name: str) -> MediaFile | str:
        """The file of a video, of its subtitles or of a part of its playlist; or its address. Raises NotFound."""
        for video in candidates if videos.content_type(name) != videos.UNKNOWN_TYPE else ():
            is_itself, is_elsewhere = name == videos.file_name(video.location), videos.is_address(video.location)
            subtitles = {videos.subtitles_name(language): file for language, file in video.subtitles.items()}
            try:
                if name in subtitles:
                    return self._files.find(subtitles[name])
                if is_itself and is_elsewhere and videos.origin_of_address(video.location) in self._origins:
                    return video.location
                if is_itself and not is_elsewhere:
                    return self._files.find(video.location)
                if videos.ending(video.location) == videos.PLAYLIST and not is_elsewhere:
                    return self._files.find(video.location, name)
            except UnusableFile:
                continue
        raise NotFound("There is no such video")

    def _response(
        self, found: MediaFile | str, name: str, caching: str, request: AnyRequest, *, until: datetime | None = None
    ) -> ASGIApp:
        """``until``: when a link to another host ends at the latest."""
        from filmer.rentals import responses  # 13 ms and 1 MiB, which a shop without videos saves

        if isinstance(found, str):
            ends = self._clock.now() + LINK_LIFETIME
            link = self._provider(found, min(ends, until or ends))
            return responses.redirect(link)
        headers, media_type = {"cache-control": caching}, videos.content_type(name)
        if self._accel and found.place is not None:
            headers["x-accel-redirect"] = f"{self._accel}/{quote(found.place)}"
            return responses.without_body(media_type, headers)
        return responses.file_or_part(found.path, media_type, headers, found.details, is_head=is_head(request))
