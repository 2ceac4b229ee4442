"""The office's page of settings: what the shop is called, how it looks, where it is and when it is open."""

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from filmer.accounts.addresses import read_email
from filmer.errors import FilmerError, InvalidRequest
from filmer.formats import Formats, currencies, locales, parse_locale
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.uploads import Uploads
from filmer.images import reencode
from filmer.office.colours import Accent, read_accent
from filmer.office.identity import Identity, ShopIdentity, change_identity, change_mark, currency_state
from filmer.office.opening_hours import DAYS, read_hours
from filmer.settings import MAX_SHOP_NAME, require_name
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, receive_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

MAX_MARK = 10 * 2**20  # bytes of the file
MARK_SIDE = 512  # pixels that are kept
MAX_ADDRESS = 500  # characters
_ACTION = "shop settings"  # shown again after a sign-in, never carried out
_PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{2,30}")
_LABELS = {
    "name": "Name", "accent": "Accent colour", "currency": "Currency", "sure": "Currency of the orders so far",
    "locale": "Money and dates", "address": "Address", "email": "E-mail", "phone": "Phone",
    **{day.lower(): day for day in DAYS},
}  # fmt: skip


def _optional(read: Callable[[str], object]) -> Meta:
    """Of a field that may be left empty."""

    def read_text(text: str) -> str:
        stripped = text.strip()
        return str(read(stripped)) if stripped else ""

    return Meta(extra={"read": read_text})


def _read_accent(text: str) -> str:
    colour = read_accent(text)
    return "" if colour == Accent().colour else colour


def _read_locale(text: str) -> str:
    return str(parse_locale(text)).replace("_", "-")


def _read_currency(text: str) -> str:
    if text not in dict(currencies()):
        raise ValueError("must be one of the list")
    return text


def _read_address(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(text) > MAX_ADDRESS or not all(line.isprintable() for line in lines):
        raise ValueError(f"must have at most {MAX_ADDRESS} characters")
    return "\n".join(lines)


def _read_phone(text: str) -> str:
    if not _PHONE.fullmatch(text):
        raise ValueError("must be a number such as +49 30 1234567")
    return text


_Hours = Annotated[str, Meta(extra={"read": read_hours})] | None


class NewSettings(Body):
    """None for what the form does not have: it stays."""

    name: Annotated[str, _optional(require_name)] | None = None
    accent: Annotated[str, _optional(_read_accent)] | None = None
    currency: Annotated[str, _optional(_read_currency)] | None = None
    locale: Annotated[str, _optional(_read_locale)] | None = None
    address: Annotated[str, _optional(_read_address)] | None = None
    email: Annotated[str, _optional(read_email)] | None = None
    phone: Annotated[str, _optional(_read_phone)] | None = None
    sure: str = ""
    monday: _Hours = None
    tuesday: _Hours = None
    wednesday: _Hours = None
    thursday: _Hours = None
    friday: _Hours = None
    saturday: _Hours = None
    sunday: _Hours = None


class SettingsPages(Handlers):
    def __init__(self, pages: Pages, shop: ShopIdentity, uploads: Uploads) -> None:
        self._pages = pages
        self._shop = shop
        self._uploads = uploads

    async def show_settings(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            pending = self._pages.pending_form(request, visitor, _ACTION)
            return await self._show(conn, request, visitor, FilledForm.of(_LABELS, pending) if pending else None)

    async def save(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.owner(request, pending=(_ACTION, form.only(*_LABELS))) as (conn, visitor):
            try:
                new = form.read(NewSettings)
                await change_identity(conn, visitor.actor, self._changes(new), is_sure=new.sure == "yes")
            except InvalidRequest as error:
                return await self._show(conn, request, visitor, FilledForm.of(_LABELS, form, error), error)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/settings", "Saved: the shop shows it everywhere.")

    def _changes(self, new: NewSettings) -> dict[str, str]:
        """By the names of the identity's fields, and of days; without what the environment sets."""
        sent = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not None}
        named = {name.capitalize() if name.capitalize() in DAYS else name: value for name, value in sent.items()}
        return {name: value for name, value in named.items() if name != "sure" and name not in self._shop.fixed}

    async def save_mark(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request):
            pass
        async with self._uploads.receive(request, "mark", max_bytes=MAX_MARK) as upload:
            data = upload.file.content.read() if upload.file else b""
        refusal, mark = "" if data else "Choose a picture first", None
        try:
            if data:
                mark = await asyncio.to_thread(reencode, data, max_width=MARK_SIDE, max_height=MARK_SIDE, output="PNG")
        except ValueError as error:
            refusal = str(error)
        async with self._pages.owner(request) as (conn, visitor):
            if refusal:
                failed = InvalidRequest(message=refusal)
                return await self._show(conn, request, visitor, None, failed, mark_error=refusal)
            await change_mark(conn, visitor.actor, mark)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/settings", "The shop has a new mark.")

    async def remove_mark(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            await change_mark(conn, visitor.actor, None)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/settings", "The mark is gone: the first letter of the name stands for it.")

    @cached_property
    def _choices(self) -> dict[str, Any]:
        """Names by codes. Made when they are first needed."""
        return {"locales": locales(), "currencies": currencies()}

    async def _show(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        form: FilledForm | None,
        error: FilmerError | None = None,
        *,
        mark_error: str = "",
    ) -> HtmlResponse:
        await self._shop.follow(conn)
        stored, formats = self._shop.stored, self._shop.formats
        return self._pages.personal(
            "office/settings.html", request, visitor, failed=error, form=form or _filled(stored), **self._choices,
            default_accent=Accent().colour, days=DAYS, default_formats=Formats(), example=formats, amount=Decimal(1234),
            currency_state=await currency_state(conn), max_name=MAX_SHOP_NAME, now=visitor.actor.at,
            mark_error=mark_error,
        )  # fmt: skip


def _filled(stored: Identity) -> FilledForm:
    values = {name: str(getattr(stored, name)) for name in _LABELS if hasattr(stored, name)}
    hours = {day.lower(): stored.hours.get(day, "") for day in DAYS}
    return FilledForm(_LABELS, {**values, "accent": stored.accent or Accent().colour, **hours})
