"""The posters of films: the owner's, else TMDB's where it is available, else a drawn one."""

import asyncio

from litestar import Response
from litestar.params import FromPath

from filmer.catalogue.connections import Catalogue
from filmer.catalogue.schemas import is_identifier
from filmer.errors import ExternalApiError, NotFound
from filmer.http.handlers import Handlers
from filmer.posters import queries
from filmer.posters.drawing import PosterFilm, draw, draw_preview
from filmer.tmdb.images import Images

CACHEABLE = "public, max-age=60"  # by browsers: a new poster of the owner's shows soon


class PosterPages(Handlers):
    def __init__(self, catalogue: Catalogue, images: Images | None) -> None:
        self._catalogue = catalogue
        self._images = images

    async def show_poster(self, film_id: FromPath[str]) -> Response[bytes]:
        subject, picture, cache = await self._look_up(film_id)
        return picture or _response(draw(subject).encode(), "image/svg+xml", cache)

    async def show_preview(self, film_id: FromPath[str]) -> Response[bytes]:
        """As PNG, for programs that read no SVG, such as those that preview links in messages."""
        subject, picture, cache = await self._look_up(film_id)
        return picture or _response(await asyncio.to_thread(draw_preview, subject), "image/png", cache)

    async def _look_up(self, film_id: str) -> tuple[PosterFilm, Response[bytes] | None, str]:
        """The subject to draw; the response with another poster, if there is one; the drawn one's ``Cache-Control``."""
        row = own = None
        if is_identifier(film_id):
            async with self._catalogue.reading() as conn:
                row = await queries.select_poster_film(conn, film_id)
                own = await queries.select_own_poster(conn, film_id)
        if row is None:
            raise NotFound(f"Movie not found with id: {film_id}")
        subject, tmdb_id = row
        if own:
            return subject, _response(*own, CACHEABLE), CACHEABLE
        if self._images is None or tmdb_id is None:
            return subject, None, CACHEABLE
        try:
            picture = await self._images.poster(tmdb_id)
        except ExternalApiError:
            return subject, None, "no-store"  # a later visit may get TMDB's
        return subject, _response(picture.body, picture.media_type, CACHEABLE) if picture else None, CACHEABLE


def _response(body: bytes, media_type: str, cache: str) -> Response[bytes]:
    return Response(body, media_type=media_type, headers={"cache-control": cache})
