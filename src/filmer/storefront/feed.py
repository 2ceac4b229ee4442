"""The Atom feed of the films that are new in the shop (RFC 4287)."""

import re
from urllib.parse import quote
from xml.etree import ElementTree as ET

from litestar import Response

from filmer.catalogue.connections import Catalogue
from filmer.catalogue.queries import select_new_films
from filmer.catalogue.schemas import NewFilm
from filmer.clock import Clock, timestamp
from filmer.http.cache_headers import PUBLIC
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.hosts import require_origin
from filmer.office.identity import ShopIdentity

PATH = "/new-films.atom"
SIZE, BEST_KNOWN = 50, 1000
_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Feed(Handlers):
    def __init__(self, catalogue: Catalogue, shop: ShopIdentity, clock: Clock, public_url: str | None) -> None:
        """``public_url``: this server's origin, where it is configured."""
        self._catalogue = catalogue
        self._shop = shop
        self._clock = clock
        self._public_url = public_url

    async def show_feed(self, request: AnyRequest) -> Response[bytes]:
        """The latest films, at most ``SIZE``. Its ids are the films' addresses, which stay."""
        origin = require_origin(request, self._public_url)
        async with self._catalogue.reading() as conn:
            films = await select_new_films(conn, among=BEST_KNOWN, size=SIZE)
        updated = max((film.added for film in films), default=self._clock.now())
        feed = ET.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": "en"})
        _add(feed, "id", f"{origin}{PATH}")
        _add(feed, "title", f"New at {self._shop.name}")
        _add(feed, "updated", timestamp(updated))
        _add(_add(feed, "author"), "name", self._shop.name)
        _add(feed, "link", rel="self", type="application/atom+xml", href=f"{origin}{PATH}")
        _add(feed, "link", rel="alternate", type="text/html", href=f"{origin}/")
        for film in films:
            _add_entry(feed, film, f"{origin}/films/{quote(film.id, safe='')}")
        body: bytes = ET.tostring(feed, "utf-8", xml_declaration=True)
        headers = {"cache-control": PUBLIC if self._public_url else "no-store"}
        return Response(body, media_type="application/atom+xml", headers=headers)


def _add_entry(feed: ET.Element, film: NewFilm, address: str) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", address)
    _add(entry, "title", f"{film.title} ({film.year})" if film.year is not None else film.title)
    _add(entry, "updated", timestamp(film.added))
    _add(entry, "link", rel="alternate", type="text/html", href=address)
    directed = f"Directed by {film.director}." if film.director else ""
    _add(entry, "summary", " ".join(text for text in (directed, film.overview) if text) or film.title)


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, name, attributes)
    element.text = None if text is None else _NOT_IN_XML.sub("\ufffd", text)
    return element
