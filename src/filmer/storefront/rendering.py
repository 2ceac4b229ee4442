"""Renders templates, and finds the static files they refer to."""

import hashlib
import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property, partial
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from filmer import __version__
from filmer.clock import timestamp
from filmer.images import reencode
from filmer.office.identity import ShopIdentity
from filmer.plurals import counted
from filmer.posters.rasterizing import font_file
from filmer.storefront import icons

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ttf": "font/ttf", ".png": "image/png",
    ".ico": "image/x-icon", ".webp": "image/webp",
}  # fmt: skip
SHOP_STYLE, MARK = "shop.css", "mark.webp"
_FONT_REFERENCE = re.compile(rb"url\(([a-z-]+\.ttf)\)")  # in a style sheet


class Assets:
    """The static files of pages, each under an address that changes with its content.

    Those of ``storefront/static``, the font of headings, and what is made of the shop's own identity at its first
    request: icons, a style sheet of its colours, its mark as headers show it.
    """

    def __init__(self, shop: ShopIdentity) -> None:
        folder = resources.files("filmer.storefront") / "static"
        self._files = {
            file.name: file.read_bytes() for file in folder.iterdir() if file.name[file.name.rfind(".") :] in FILES
        }
        self._shop = shop
        self._versions: dict[str, str] = {}
        self._files["abril-fatface.ttf"] = font_file().read_bytes()
        for name, content in self._files.items():
            if name.endswith(".css"):
                self._files[name] = _FONT_REFERENCE.sub(self._address_of, content)
        self.take_identity()

    def take_identity(self) -> None:
        """Forgets what was made of the one before."""
        icon = icons.source_of(self._shop, self._files["icon.svg"].decode())
        drawn = {name: partial(draw, icon) for name, draw in icons.DRAWN.items()}
        self._makers: dict[str, Callable[[], bytes]] = {SHOP_STYLE: self._shop.accent.css.encode, **drawn}
        if mark := self._shop.mark:
            self._makers[MARK] = partial(reencode, mark, max_width=480, max_height=96)
        version = hashlib.blake2b(f"{self._shop.accent.css}{icon}".encode(), digest_size=6).hexdigest()
        self._versions = {name: of for name, of in self._versions.items() if name in self._files}
        self._versions.update(dict.fromkeys(self._makers, version))
        self._made: dict[str, bytes] = {}

    def _address_of(self, reference: re.Match[bytes]) -> bytes:
        return b"url(%s)" % self.address(reference[1].decode()).encode()

    def address(self, name: str) -> str:
        return f"/static/{name}?v={self.version(name)}"

    @property
    def names(self) -> list[str]:
        return sorted({*self._files, *self._makers})

    def version(self, name: str) -> str:
        if name not in self._versions:
            self._versions[name] = hashlib.blake2b(self._files[name], digest_size=6).hexdigest()
        return self._versions[name]

    def find(self, name: str) -> tuple[bytes, str] | None:
        """The file and its media type."""
        content = self._files.get(name) or self._made.get(name)
        if content is None and name in self._makers:
            content = self._made[name] = self._makers[name]()
        return None if content is None else (content, FILES[name[name.rfind(".") :]])


@cache
def _sources() -> dict[str, str]:
    """All are read at the start: while a new version is being installed, the old one goes on with its own."""
    loader, environment = jinja2.PackageLoader("filmer.storefront"), jinja2.Environment(autoescape=True)
    return {name: loader.get_source(environment, name)[0] for name in loader.list_templates()}


class Templates:
    """The templates of the folder. All values are escaped; an unknown variable is an error."""

    def __init__(
        self,
        assets: Assets,
        *,
        shop: ShopIdentity,
        public_url: str | None,
        default_price: Decimal,
        has_tmdb_pictures: bool = False,
        has_inbox: bool = False,
    ) -> None:
        """``public_url``: this server's origin in browsers."""
        # What the environment says of the shop; what its owner says changes the edition, and so every cached page.
        looks = (shop.name, shop.formats.tag, shop.formats.money(default_price))
        self._settings = (public_url, has_tmdb_pictures, has_inbox, *looks)
        self.shop = shop
        self._environment = jinja2.Environment(
            loader=jinja2.DictLoader(_sources()),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            asset=assets.address,
            shop=shop,
            public_url=public_url or "",
            has_tmdb_pictures=has_tmdb_pictures,
            has_inbox=has_inbox,
        )
        self._environment.filters.update(
            money=self.money,
            capitalize_first=lambda text: text[:1].upper() + text[1:],
            long_date=self._long_date,
            day_or_month=lambda day, unit: f"{day:%B %Y}" if unit == "month" else self._long_date(day),
            **{
                name: self._as_shop_writes(name)
                for name in ("number", "decimal", "amount", "about", "short_day", "moment")
            },
            weekday=lambda moment, now: self._foreign(shop.formats.weekday(moment, now)),
            time_left=_time_left,
            timestamp=timestamp,
            urlencode=_encode_for_url,
            if_day=_if_day,
        )
        self._assets = assets

    def money(self, amount: Decimal) -> str:
        """An amount as pages show it: ``$1,234.50``."""
        return self.shop.formats.money(amount)

    def _as_shop_writes(self, name: str) -> "Callable[..., str]":
        """A filter of ``Formats``, as they are whenever it is used."""
        return lambda value: str(getattr(self.shop.formats, name)(value))

    def _long_date(self, day: date) -> str:
        return self._foreign(self.shop.formats.day(day))

    def _foreign(self, text: str) -> str:
        """Words of the shop's locale, marked where it is not English, as the rest of a page is."""
        lang = self.shop.formats.lang
        return Markup('<span lang="{}">{}</span>').format(lang, text) if lang else text

    def render(self, template: str, /, **values: Any) -> bytes:
        return self._environment.get_template(template).render(values).encode()

    @cached_property
    def build(self) -> bytes:
        """A digest of everything that shapes pages, so that cached pages of another build are not used."""
        digest = hashlib.blake2b(f"{__version__} {self._settings}".encode(), digest_size=16)
        for name, source in sorted(_sources().items()):
            digest.update(f"{name} {source}".encode())
        for name in self._assets.names:
            digest.update(f"{name} {self._assets.version(name)}".encode())
        return digest.digest()


def _encode_for_url(text: str) -> str:
    """Text as a segment of a path, or as a value in a query. Most are ids, of which a page of films has fifty."""
    return text if text.isascii() and text.isalnum() else quote(text)


def _time_left(moment: datetime, now: datetime) -> str:
    """``3 days``, ``47 hours``, ``5 minutes``: never more than there is."""
    minutes = int((moment - now).total_seconds() // 60)
    if minutes < 2 * 60:
        return counted(max(minutes, 1), "minute")
    hours = minutes // 60
    return counted(hours, "hour") if hours < 3 * 24 else counted(hours // 24, "day")


def _if_day(text: str) -> str:
    """A day as a field for days can show it; "" for what is none, of which browsers complain there."""
    try:
        return text if date.fromisoformat(text).isoformat() == text else ""
    except ValueError:
        return ""
