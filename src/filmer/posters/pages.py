"""Posters, as pages show them: TMDB's where there is one to be had, else one of our own."""

from litestar import Response
from litestar.params import FromPath

from filmer.catalogue.nouns import is_identifier
from filmer.catalogue.reading import Catalogue
from filmer.errors import ExternalApiError, NotFound
from filmer.http.handlers import Handlers
from filmer.posters import queries
from filmer.posters.drawing import Subject, draw
from filmer.tmdb.images import Images

KEPT = "public, max-age=3600"


class PosterPages(Handlers):
    def __init__(self, catalogue: Catalogue, images: Images | None) -> None:
        self._catalogue = catalogue
        self._images = images

    async def show_poster(self, film_id: FromPath[str]) -> Response[bytes]:
        found = None
        if is_identifier(film_id):
            async with self._catalogue.reading() as (conn, _):
                found = await queries.select_subject(conn, film_id)
        if found is None:
            raise NotFound(f"Movie not found with id: {film_id}")
        subject, tmdb_id = found
        if self._images is None or tmdb_id is None:
            return _drawn(subject, KEPT)
        try:
            picture = await self._images.poster(tmdb_id)
        except ExternalApiError:
            return _drawn(subject, "no-store")  # a later visit may get TMDB's
        if picture is None:
            return _drawn(subject, KEPT)
        return Response(picture.body, media_type=picture.media_type, headers={"cache-control": KEPT})


def _drawn(subject: Subject, cache: str) -> Response[bytes]:
    return Response(draw(subject).encode(), media_type="image/svg+xml", headers={"cache-control": cache})
