"""What search engines are told: which pages there are."""

import re
from urllib.parse import quote

from litestar import Response
from litestar.params import FromPath

from filmer.catalogue import listing, queries
from filmer.catalogue.connections import Catalogue
from filmer.errors import InvalidRequest, NotFound
from filmer.http.cache_headers import PUBLIC
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.hosts import HOST
from filmer.store.postgres import Connection

SIZE = 10_000  # addresses a sitemap; the protocol allows 50,000, a reader waits for fewer
FIXED = ("/", "/films", "/genres", "/stars", "/popular")
NOT_FOR_ROBOTS = (
    "/cart", "/checkout", "/account", "/orders", "/favorites", "/ratings", "/admin", "/sign-in", "/register", "/search",
)  # fmt: skip
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NAME = re.compile(r"([1-9][0-9]{0,5})\.xml")


class Sitemaps(Handlers):
    def __init__(self, catalogue: Catalogue, public_url: str | None) -> None:
        """``public_url``: this server's origin, where it is configured."""
        self._catalogue = catalogue
        self._public_url = public_url

    async def show_robots(self, request: AnyRequest) -> Response[bytes]:
        lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS)]
        if origin := self._origin(request):
            lines += ["", f"Sitemap: {origin}/sitemap.xml"]
        return self._answer("\n".join([*lines, ""]), "text/plain")

    async def show_index(self, request: AnyRequest) -> Response[bytes]:
        """The first sitemap has the fixed pages and the genres, those after it the films, the rest the stars."""
        origin = self._required_origin(request)
        async with self._catalogue.reading() as (conn, _), queries.one_edition(conn):
            films, stars = await _sizes(conn)
        count = 1 + listing.pages(films, SIZE) + listing.pages(stars, SIZE)
        addresses = [f"{origin}/sitemaps/{number}.xml" for number in range(1, count + 1)]
        return self._answer(_document("sitemapindex", "sitemap", addresses), "application/xml")

    async def show_sitemap(self, number: FromPath[str], request: AnyRequest) -> Response[bytes]:
        origin = self._required_origin(request)
        named = _NAME.fullmatch(number)
        async with self._catalogue.reading() as (conn, _), queries.one_edition(conn):
            paths = await _paths(conn, int(named[1])) if named else []
        if not paths:
            raise NotFound(f"There is no sitemap {number}")
        return self._answer(_document("urlset", "url", [f"{origin}{path}" for path in paths]), "application/xml")

    def _origin(self, request: AnyRequest) -> str | None:
        """The one others see: as it was configured, else as it was asked for. None where HTTP/1.0 named no host."""
        if self._public_url:
            return self._public_url
        host = request.headers.get("host", "")
        return f"http://{host}" if HOST.fullmatch(host) else None

    def _required_origin(self, request: AnyRequest) -> str:
        origin = self._origin(request)
        if origin is None:
            raise InvalidRequest(message="The request has no Host header; a sitemap needs to know the server's name")
        return origin

    def _answer(self, text: str, media_type: str) -> Response[bytes]:
        """Kept by others only where it is the same whichever Host was asked."""
        kept = PUBLIC if self._public_url else "no-store"
        return Response(text.encode(), media_type=media_type, headers={"cache-control": kept})


async def _paths(conn: Connection, number: int) -> list[str]:
    """The pages of one sitemap; none for one there is not."""
    if number == 1:
        return [*FIXED, *(f"/genres/{genre.id}" for genre in await queries.select_genres(conn))]
    films, _ = await _sizes(conn)
    at, film_maps = number - 2, listing.pages(films, SIZE)
    if at < film_maps:
        ids = await queries.select_ids(conn, "film", first=at * SIZE, size=SIZE)
        return [f"/films/{quote(film_id, safe='')}" for film_id in ids]
    ids = await queries.select_ids(conn, "star", first=(at - film_maps) * SIZE, size=SIZE)
    return [f"/stars/{quote(star_id, safe='')}" for star_id in ids]


async def _sizes(conn: Connection) -> tuple[int, int]:
    return await queries.select_size(conn, listing.ALL), await queries.select_size(conn, listing.STARS)


def _document(root: str, entry: str, addresses: list[str]) -> str:
    """Addresses are percent-encoded, so that there is nothing in them to escape."""
    entries = "".join(f"<{entry}><loc>{address}</loc></{entry}>\n" for address in addresses)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">\n{entries}</{root}>\n'
