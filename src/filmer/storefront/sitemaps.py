"""robots.txt and the sitemaps, which tell search engines the pages of the shop."""

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
from filmer.office.identity import ShopIdentity
from filmer.store.postgres import Connection

SIZE = 10_000  # addresses a sitemap; the protocol allows 50,000, fewer are faster
FIXED = ("/", "/films", "/genres", "/stars", "/popular")
NOT_FOR_ROBOTS = (
    "/cart", "/checkout", "/account", "/orders", "/favorites", "/watchlist", "/seen", "/ratings", "/shelves", "/admin",
    "/sign-in", "/register", "/search",
)  # fmt: skip
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NAME = re.compile(r"([1-9][0-9]{0,5})\.xml")


class Sitemaps(Handlers):
    def __init__(self, catalogue: Catalogue, shop: ShopIdentity, public_url: str | None) -> None:
        """``public_url``: this server's origin, where it is configured."""
        self._shop = shop
        self._catalogue = catalogue
        self._public_url = public_url

    async def show_robots(self, request: AnyRequest) -> Response[bytes]:
        lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS)]
        if origin := self._origin(request):
            lines += ["", f"Sitemap: {origin}/sitemap.xml"]
        return self._response("\n".join([*lines, ""]), "text/plain")

    async def show_index(self, request: AnyRequest) -> Response[bytes]:
        """The first sitemap has the fixed pages and the genres, those after it the films, the rest the people."""
        origin = self._required_origin(request)
        async with self._catalogue.reading() as conn:
            films, people = await _sizes(conn)
        count = 1 + listing.pages(films, SIZE) + listing.pages(people, SIZE)
        addresses = [f"{origin}/sitemaps/{number}.xml" for number in range(1, count + 1)]
        return self._response(_document("sitemapindex", "sitemap", addresses), "application/xml")

    async def show_sitemap(self, number: FromPath[str], request: AnyRequest) -> Response[bytes]:
        origin = self._required_origin(request)
        match = _NAME.fullmatch(number)
        async with self._catalogue.reading() as conn:
            paths = await _paths(conn, int(match[1]), self._own_paths) if match else []
        if not paths:
            raise NotFound(f"There is no sitemap {number}")
        return self._response(_document("urlset", "url", [f"{origin}{path}" for path in paths]), "application/xml")

    @property
    def _own_paths(self) -> list[str]:
        """Of the pages that the owner writes."""
        return [*(["/about"] if self._shop.has_contact else []), *(f"/pages/{slug}" for slug, _ in self._shop.pages)]

    def _origin(self, request: AnyRequest) -> str | None:
        """The public origin: as configured, else by the request's Host. None for HTTP/1.0 without a host."""
        if self._public_url:
            return self._public_url
        host = request.headers.get("host", "")
        return f"http://{host}" if HOST.fullmatch(host) else None

    def _required_origin(self, request: AnyRequest) -> str:
        origin = self._origin(request)
        if origin is None:
            raise InvalidRequest(message="The request has no Host header; a sitemap needs to know the server's name")
        return origin

    def _response(self, text: str, media_type: str) -> Response[bytes]:
        """Cacheable only where it does not depend on the Host."""
        cache_control = PUBLIC if self._public_url else "no-store"
        return Response(text.encode(), media_type=media_type, headers={"cache-control": cache_control})


async def _paths(conn: Connection, number: int, own: list[str]) -> list[str]:
    """The paths of one sitemap; none where it does not exist."""
    if number == 1:
        return [*FIXED, *own, *(f"/genres/{genre.id}" for genre in await queries.select_genre_sizes(conn))]
    films, _ = await _sizes(conn)
    at, film_maps = number - 2, listing.pages(films, SIZE)
    if at < film_maps:
        ids = await queries.select_ids(conn, "film", first=at * SIZE, size=SIZE)
        return [f"/films/{quote(film_id, safe='')}" for film_id in ids]
    first = (at - film_maps) * SIZE
    ids = await queries.select_ids(conn, "star", first=first, size=SIZE)
    ids += await queries.select_ids(conn, "director", first=first, size=SIZE)
    return [f"/stars/{quote(person_id, safe='')}" for person_id in dict.fromkeys(ids)]


async def _sizes(conn: Connection) -> tuple[int, int]:
    return await queries.select_size(conn, listing.ALL), await queries.select_people_size(conn)


def _document(root: str, entry: str, addresses: list[str]) -> str:
    """Addresses are percent-encoded, so that there is nothing in them to escape."""
    entries = "".join(f"<{entry}><loc>{address}</loc></{entry}>\n" for address in addresses)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">\n{entries}</{root}>\n'
