"""Renders templates, and finds the static files they refer to."""

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2

from filmer import __version__
from filmer.clock import timestamp
from filmer.plurals import counted
from filmer.posters.rasterizing import font_file
from filmer.storefront import icons

FILES = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ttf": "font/ttf", ".png": "image/png",
    ".ico": "image/x-icon",
}  # fmt: skip
_FONT_REFERENCE = re.compile(rb"url\(([a-z-]+\.ttf)\)")  # in a style sheet


class Assets:
    """The static files of pages, each under an address that changes with its content.

    Those of ``storefront/static``, the font of headings, and icons, which are drawn at their first request.
    """

    def __init__(self) -> None:
        folder = resources.files("filmer.storefront") / "static"
        self._files = {
            file.name: file.read_bytes() for file in folder.iterdir() if file.name[file.name.rfind(".") :] in FILES
        }
        self._icon = self._files["icon.svg"]
        self._versions: dict[str, str] = {}
        self._files["abril-fatface.ttf"] = font_file().read_bytes()
        for name, content in self._files.items():
            if name.endswith(".css"):
                self._files[name] = _FONT_REFERENCE.sub(self._address_of, content)

    def _address_of(self, reference: re.Match[bytes]) -> bytes:
        return b"url(%s)" % self.address(reference[1].decode()).encode()

    def address(self, name: str) -> str:
        return f"/static/{name}?v={self.version(name)}"

    @property
    def names(self) -> list[str]:
        return sorted({*self._files, *icons.DRAWN})

    def version(self, name: str) -> str:
        if name not in self._versions:
            content = self._icon if name in icons.DRAWN else self._files[name]
            self._versions[name] = hashlib.blake2b(content, digest_size=6).hexdigest()
        return self._versions[name]

    def find(self, name: str) -> tuple[bytes, str] | None:
        """The file and its media type."""
        if name in icons.DRAWN and name not in self._files:
            self._files[name] = icons.DRAWN[name](self._icon.decode())
        content = self._files.get(name)
        return None if content is None else (content, FILES[name[name.rfind(".") :]])


class Templates:
    """The templates of the folder. All values are escaped; an unknown variable is an error."""

    def __init__(
        self,
        assets: Assets,
        *,
        public_url: str | None,
        currency: str,
        default_price: Decimal,
        has_tmdb_pictures: bool = False,
        has_inbox: bool = False,
    ) -> None:
        """``public_url``: this server's origin in browsers. ``currency``: the sign or code before a price."""
        self._settings = (public_url, currency, default_price, has_tmdb_pictures, has_inbox)
        self._sign = f"{currency.strip()}\N{NO-BREAK SPACE}" if currency.strip().isalpha() else currency
        loader = jinja2.PackageLoader("filmer.storefront")
        self._environment = jinja2.Environment(
            loader=loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        # All are read at the start: while a new version is being installed, the old one goes on with its own.
        self._sources = {name: loader.get_source(self._environment, name)[0] for name in loader.list_templates()}
        self._environment.loader = jinja2.DictLoader(self._sources)
        self._environment.globals.update(
            asset=assets.address, public_url=public_url or "", has_tmdb_pictures=has_tmdb_pictures, has_inbox=has_inbox
        )
        self._environment.filters.update(
            money=self.money,
            capitalize_first=lambda text: text[:1].upper() + text[1:],
            number="{:,}".format,
            about=_about,
            long_date=_long_date,
            moment=moment_text,
            weekday=_weekday,
            time_left=_time_left,
            timestamp=timestamp,
            urlencode=_encode_for_url,
        )
        self._assets = assets

    def money(self, amount: Decimal) -> str:
        """An amount as pages show it: ``$1,234.50``."""
        return f"{self._sign}{Decimal(amount):,.2f}"

    def render(self, template: str, /, **values: Any) -> bytes:
        return self._environment.get_template(template).render(values).encode()

    @cached_property
    def build(self) -> bytes:
        """A digest of everything that shapes pages, so that cached pages of another build are not used."""
        digest = hashlib.blake2b(f"{__version__} {self._settings}".encode(), digest_size=16)
        for name, source in sorted(self._sources.items()):
            digest.update(f"{name} {source}".encode())
        for name in self._assets.names:
            digest.update(f"{name} {self._assets.version(name)}".encode())
        return digest.digest()


def _encode_for_url(text: str) -> str:
    """Text as a segment of a path, or as a value in a query. Most are ids, of which a page of films has fifty."""
    return text if text.isascii() and text.isalnum() else quote(text)


def _about(number: int) -> str:
    """An estimate, to two digits: ``1,200``."""
    return f"{round(number, 2 - len(str(number))):,}"


def _long_date(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def moment_text(moment: datetime | None) -> str:
    """``Friday, 4 December 2026, 21:15 UTC``; "" for none. On pages moments.js shows it in the visitor's time zone."""
    utc = moment.astimezone(UTC) if moment else None
    return f"{utc:%A}, {_long_date(utc)}, {utc:%H:%M} UTC" if utc else ""


def _weekday(moment: datetime, now: datetime) -> str:
    """``Friday``; of a day that is a week away, or more, the date."""
    return f"{moment:%A}" if moment - now < timedelta(days=6) else f"{moment.day} {moment:%B}"


def _time_left(moment: datetime, now: datetime) -> str:
    """``3 days``, ``47 hours``, ``5 minutes``: never more than there is."""
    minutes = int((moment - now).total_seconds() // 60)
    if minutes < 2 * 60:
        return counted(max(minutes, 1), "minute")
    hours = minutes // 60
    return counted(hours, "hour") if hours < 3 * 24 else counted(hours // 24, "day")
