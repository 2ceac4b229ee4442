"""The rentals' endpoints (client-api.md, contract §9). Without a session, 401 comes before all other checks."""

from functools import partial
from urllib.parse import quote

from litestar.params import FromPath

from filmer.accounts.access import signed_in
from filmer.accounts.sessions import Sessions, session_digest
from filmer.catalogue.schemas import is_identifier
from filmer.clock import timestamp
from filmer.errors import NoAccess, NotFound
from filmer.http.envelopes import PLAYER_PATH
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import read_query
from filmer.rentals import queries
from filmer.rentals.queries import LibraryRow
from filmer.rentals.schemas import Episode, FilmAccess, Library, LibraryItem, NewProgress, Progress, Stream
from filmer.rentals.stream_links import StreamLinks
from filmer.rentals.videos import content_type, file_name, film_videos, stream_path
from filmer.rentals.watching import Watching, is_series
from filmer.store.postgres import Database

PROVIDER = "filmer"


class RentalsApi(Handlers):
    def __init__(
        self, database: Database, sessions: Sessions, watching: Watching, links: StreamLinks, public_url: str | None
    ) -> None:
        """``public_url``: this server's origin, where it is configured."""
        self._sessions = sessions
        self._signed_in = partial(signed_in, database, sessions)
        self._watching = watching
        self._links = links
        self._public_url = public_url

    async def show_library(self, request: AnyRequest) -> Library:
        async with self._signed_in(request) as (conn, user, _):
            rows = await self._watching.library(conn, user.id)
        return Library([_library_item(row) for row in rows])

    async def show_access(self, movie_id: FromPath[str], request: AnyRequest) -> FilmAccess:
        async with self._signed_in(request) as (conn, user, _):
            _require_movie_id(movie_id)
            title_type = await queries.select_title_type(conn, movie_id)
            rentals = await self._watching.access(conn, user.id, movie_id)
        return FilmAccess(movie_id, bool(rentals), title_type, is_series(title_type))

    async def show_stream(self, movie_id: FromPath[str], request: AnyRequest) -> Stream:
        async with self._signed_in(request) as (conn, user, _):
            _require_movie_id(movie_id)
            episode = read_query(request.scope["query_string"], Episode)
            rentals = await self._watching.access(conn, user.id, movie_id)
            if not rentals:
                raise NoAccess
            watched = next((rental for rental in rentals if rental.way == "watch"), None)
            features = (await film_videos(conn, movie_id)).features if watched else []
            title_type = await queries.select_title_type(conn, movie_id)
            session_ends = await self._sessions.last_moment(conn, request)
        if watched is None or not features:
            raise NotFound(f"There is no video for this rental of the movie with id: {movie_id}")
        token, expires = self._links.mint(watched, session_digest(request) or b"", session_ends=session_ends)
        name = file_name(features[0].location)
        origin = self._public_url or str(request.base_url).rstrip("/")
        return Stream(
            movie_id=movie_id,
            title_type=title_type,
            season=episode.season,
            episode=episode.episode,
            provider=PROVIDER,
            stream_url=f"{origin}{stream_path(token, name)}",
            content_type=content_type(name),
            embed_url=f"{origin}{PLAYER_PATH}{quote(movie_id, safe='')}",
            fallback_url=None,
            expires_at=timestamp(expires),
        )

    async def save_progress(self, request: AnyRequest) -> None:
        async with self._signed_in(request) as (conn, user, body):
            await self._watching.save_progress(conn, user.id, body.read(NewProgress))

    async def list_progress(self, request: AnyRequest) -> list[Progress]:
        async with self._signed_in(request) as (conn, user, _):
            return await self._watching.progress(conn, user.id)


def _library_item(row: LibraryRow) -> LibraryItem:
    rental = row.rental
    if rental.start_by is None or rental.state not in {"running", "waiting", "over"}:
        raise ValueError("a library has what was paid for and not cancelled")
    return LibraryItem(
        movie_id=row.film_id,
        title=row.title,
        year=row.year,
        title_type=row.title_type,
        last_purchased_at=timestamp(row.last_paid),
        state=rental.state,
        start_by=timestamp(rental.start_by),
        ends_at=timestamp(rental.ends_at) if rental.ends_at else None,
    )


def _require_movie_id(movie_id: str) -> None:
    """Raises NotFound for a text that can't be a film's id (contract §2.5). One that could be has no access."""
    if not is_identifier(movie_id):
        raise NotFound(f"Movie not found with id: {movie_id}")
