"""Sends the bytes of films: what is rented through a stream link, trailers to everybody (contract §9.2).

nginx sends files where it can (``X-Accel-Redirect``); else they go out piece by piece. None of it is read as a whole.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Send
from starlette.responses import FileResponse, RedirectResponse, Response

from filmer.clock import Clock
from filmer.errors import NoAccess, NotFound
from filmer.http.handlers import AnyRequest, Handlers, is_head
from filmer.rentals import queries
from filmer.rentals.media_files import MediaFile, MediaFiles, UnusableFile
from filmer.rentals.media_links import LinkProvider
from filmer.rentals.schemas import Video
from filmer.rentals.stream_links import StreamLinks
from filmer.rentals.videos import (
    PLAYLIST,
    SUBTITLES,
    UNKNOWN_TYPE,
    content_type,
    ending,
    file_name,
    film_videos,
    is_address,
    origin_of_address,
)
from filmer.store.postgres import Database

RENTED, OPEN = "private, no-store", "public, max-age=3600"
LINK_LIFETIME = timedelta(hours=4)  # of a link to another host, which nothing takes back: as long as films last
NO_VIDEO = "There is no such video"


class SendingApi(Handlers):
    """What is to be sent is found before a rental begins: asking for what is not there begins nothing."""

    def __init__(
        self,
        database: Database,
        links: StreamLinks,
        files: MediaFiles,
        provider: LinkProvider,
        clock: Clock,
        *,
        accel: str | None,
        origins: Iterable[str],
    ) -> None:
        """``accel``: nginx's internal location for the media directory. ``origins``: whereto callers may be sent."""
        self._database = database
        self._links = links
        self._files = files
        self._provider = provider
        self._clock = clock
        self._accel = accel
        self._origins = frozenset(origins)

    async def send_stream(self, token: FromPath[str], name: FromPath[Path], request: AnyRequest) -> ASGIApp:
        begins = not is_head(request)
        if "prefetch" in request.headers.get("sec-purpose", ""):
            raise NoAccess  # nobody watches yet
        async with self._database.connection() as conn:
            rental = await self._links.open(conn, token, begins=False)
            found = self._find((await film_videos(conn, rental.film_id)).features, str(name)[1:])
            if begins:
                rental = await self._links.open(conn, token, begins=True)
        if isinstance(found, MediaFile):
            return self._file(found, str(name), RENTED, request)
        if rental.ends_at is None:  # a link that was given away now could be used, and the rental would not begin
            return _plain(Response(media_type=content_type(str(name)), headers={"cache-control": RENTED}))
        until = min(rental.ends_at, self._clock.now() + LINK_LIFETIME)
        return _plain(RedirectResponse(self._provider(found, until), 302, headers={"cache-control": "no-store"}))

    async def send_trailer(self, video_id: FromPath[str], name: FromPath[Path], request: AnyRequest) -> ASGIApp:
        async with self._database.connection() as conn:
            trailer = await queries.select_trailer(conn, video_id)
        found = self._find([trailer] if trailer else [], str(name)[1:])
        if isinstance(found, MediaFile):
            return self._file(found, str(name), OPEN, request)
        link = self._provider(found, self._clock.now() + LINK_LIFETIME)
        return _plain(RedirectResponse(link, 302, headers={"cache-control": "no-store"}))

    def _find(self, videos: Iterable[Video], name: str) -> MediaFile | str:
        """The file of a video, of its subtitles or of a part of its playlist; or its address. Raises NotFound."""
        if content_type(name) == UNKNOWN_TYPE:
            raise NotFound(NO_VIDEO)
        language = name.removeprefix(f"{SUBTITLES}/").removesuffix(".vtt")
        for video in videos:
            is_itself = name == file_name(video.location)
            try:
                if name == f"{SUBTITLES}/{language}.vtt" and language in video.subtitles:
                    return self._files.find(video.subtitles[language])
                if is_itself and not is_address(video.location):
                    return self._files.find(video.location)
                if is_itself and origin_of_address(video.location) in self._origins:
                    return video.location
                if ending(video.location) == PLAYLIST and not is_address(video.location):
                    return self._files.find(video.location, name)
            except UnusableFile:
                continue
        raise NotFound(NO_VIDEO)

    def _file(self, file: MediaFile, name: str, caching: str, request: AnyRequest) -> ASGIApp:
        headers = {"cache-control": caching}
        if self._accel and file.place is not None:
            headers["x-accel-redirect"] = f"{self._accel}/{quote(file.place)}"
            return _plain(Response(media_type=content_type(name), headers=headers))
        response = FileResponse(file.path, headers=headers, media_type=content_type(name), stat_result=file.details)

        async def send(scope: Any, receive: Receive, send: Send) -> None:
            method = "HEAD" if is_head(request) else "GET"
            await response({**scope, "method": method}, receive, send)  # type: ignore[arg-type]

        return send


def _plain(response: Any) -> ASGIApp:
    """Starlette's type of an application is not the framework's."""
    app: ASGIApp = response
    return app
