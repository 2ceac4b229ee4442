"""The office's page on which the prices of many films are changed at once: chosen, previewed, applied, undone."""

import re
from decimal import Decimal
from typing import Annotated, get_args
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from filmer.catalogue.bulk_price_queries import PriceLine, select_last_change
from filmer.catalogue.bulk_prices import BulkPrices, CatalogueChanged, Change, Choice, How, Own
from filmer.catalogue.filters import Filters, with_query
from filmer.catalogue.queries import select_genre_sizes
from filmer.errors import FieldError, FilmerError, InvalidOperation, InvalidRequest
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, read_integer, read_query
from filmer.plurals import counted
from filmer.store.postgres import Connection, Database
from filmer.storefront.forms import FilledForm, Form, receive_form, without_blanks
from filmer.storefront.office.lists import filled_query
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

FILMS_SHOWN = 50  # that can be ticked
MAX_PERCENT = Decimal(1000)
_FILTERS = {"query": "Text", "genreId": "Genre", "yearFrom": "From year", "yearTo": "To year", "own": "Price"}
_CHANGE = {"how": "Change", "amount": "Amount or percent", "to99": "Rounding"}
_WORDS = {
    "set": "{} each", "add": "{} more", "subtract": "{} less", "raise": "{} % more", "lower": "{} % less",
    "keep": "rounded",
}  # fmt: skip
_PERCENT = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,2})?) ?%?")
_Year = Annotated[int, Meta(ge=0, le=9999)]


class PriceQuery(Query):
    """Which films."""

    query: Annotated[str, Meta(max_length=200)] = ""
    genre_id: Annotated[int, Meta(ge=1, le=MAX_INTEGER)] | None = None
    year_from: _Year | None = None
    year_to: _Year | None = None
    own: Own | None = None

    def choice(self, films: tuple[str, ...] = ()) -> Choice:
        filters = Filters(genre_id=self.genre_id, year_from=self.year_from, year_to=self.year_to)
        return Choice(with_query(filters, self.query), self.own, films)


class PricePages(Handlers):
    def __init__(self, pages: Pages, database: Database, prices: BulkPrices) -> None:
        self._pages = pages
        self._database = database
        self._prices = prices

    async def show_prices(self, request: AnyRequest) -> HtmlResponse:
        query_string = without_blanks(request.scope["query_string"])
        async with self._pages.owner(request) as (conn, visitor):
            return await self._show(conn, request, visitor, query_string, FilledForm(_CHANGE))

    async def preview(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.owner(request) as (conn, visitor):
            try:
                choice, change = self._read(form)
            except InvalidRequest as error:
                return await self._show_again(conn, request, visitor, form, error)
        return await self._preview(request, visitor, form, choice, change)

    async def apply(self, request: AnyRequest) -> HtmlResponse:
        """What the preview has shown, or else another preview, which says so."""
        form = await receive_form(request)
        async with self._pages.owner(request) as (conn, visitor):
            try:
                choice, change = self._read(form)
            except InvalidRequest as error:
                return await self._show_again(conn, request, visitor, form, error)
        words = self._words(change)
        try:
            version = read_integer(form.get("version"))
            async with self._database.patient() as conn:
                films = await self._prices.apply(
                    conn, choice, change, visitor.actor, version=version, words=words,
                    digits=self._pages.formats.digits,
                )  # fmt: skip
        except (ValueError, CatalogueChanged, InvalidOperation):
            return await self._preview(request, visitor, form, choice, change, has_changed=True)
        return self._pages.redirect("/admin/prices", f"{counted(films, 'film')}: {words}.")

    async def undo(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.owner(request) as (_, visitor):
            pass  # it may take longer than a connection of the pool is lent
        try:
            change_id = read_integer(form.get("change"))
            async with self._database.patient() as conn:
                last, restored, left = await self._prices.undo(conn, change_id, visitor.actor)
        except (ValueError, InvalidOperation) as error:
            reason = error.message if isinstance(error, InvalidOperation) else "There is no such change"
            return self._pages.redirect("/admin/prices", f"Nothing was undone. {reason}.")
        notice = f"{counted(restored, 'film')}: the former price is back."
        if others := last.films - restored:
            named = ", ".join(title[:60] for title in left[:5]) + (" and others" if others > len(left[:5]) else "")
            notice += f" {counted(others, 'film')} changed since then, and left as they are: {named}."
        return self._pages.redirect("/admin/prices", notice)

    def _read(self, form: Form) -> tuple[Choice, Change]:
        """Raises InvalidRequest."""
        params = read_query(without_blanks(_query_string(form)), PriceQuery)
        films = tuple(str(value) for name, value in form.members if name == "film")
        how, errors = form.get("how"), []
        if how not in get_args(How):
            errors.append(FieldError("how", "must be chosen"))
        amount = Decimal(0)
        try:
            if how in {"raise", "lower"}:
                amount = _percent(form.get("amount"), most=MAX_PERCENT if how == "raise" else Decimal(100))
            elif how != "keep":
                amount = form.read_amount("amount", self._pages.formats)
        except ValueError as error:
            errors.append(FieldError("amount", str(error)))
        except InvalidRequest as error:
            errors += error.field_errors
        to_99 = form.get("to99") == "yes"
        if how == "keep" and not to_99:
            errors.append(FieldError("how", "changes nothing without rounding"))
        if to_99 and self._pages.formats.digits == 0:
            errors.append(FieldError("to99", "is for currencies with cents"))
        if errors:
            raise InvalidRequest(errors)
        return params.choice(films), msgspec.convert({"how": how, "amount": amount, "to_99": to_99}, Change)

    async def _show_again(
        self, conn: Connection, request: AnyRequest, visitor: Visitor, form: Form, error: InvalidRequest
    ) -> HtmlResponse:
        filled = FilledForm.of(_CHANGE, form, error)
        return await self._show(conn, request, visitor, without_blanks(_query_string(form)), filled, form, error)

    async def _preview(
        self,
        request: AnyRequest,
        visitor: Visitor,
        form: Form,
        choice: Choice,
        change: Change,
        *,
        has_changed: bool = False,
    ) -> HtmlResponse:
        async with self._database.patient() as conn:  # it may look at every film
            preview = await self._prices.preview(conn, choice, change, digits=self._pages.formats.digits)
        fields = [(name, str(value)) for name, value in form.members if name in {*_FILTERS, *_CHANGE, "film"}]
        failed: FilmerError | None = InvalidOperation("Look at it once more") if has_changed or preview.wrong else None
        return self._pages.personal(
            "office/price_preview.html", request, visitor, failed=failed, preview=preview, has_changed=has_changed,
            words=self._words(change), fields=fields, address=_address(form),
        )  # fmt: skip

    async def _show(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        query_string: bytes,
        filled: FilledForm,
        form: Form | None = None,
        failed: InvalidRequest | None = None,
    ) -> HtmlResponse:
        """``form``: as it was sent, with what is wrong with it in ``filled`` and ``failed``."""
        total, films, wrong, last = 0, list[PriceLine](), None, await select_last_change(conn)
        try:
            choice = read_query(query_string, PriceQuery).choice()
            total, films = await self._prices.films(conn, choice, size=FILMS_SHOWN)
        except InvalidRequest as error:
            failed = wrong = error
        return self._pages.personal(
            "office/prices.html", request, visitor, failed=failed, total=total, films=films, form=filled, last=last,
            filters=filled_query(_FILTERS, query_string, wrong), genres=await select_genre_sizes(conn),
            ticked={str(value) for name, value in form.members if name == "film"} if form else set(),
        )  # fmt: skip

    def _words(self, change: Change) -> str:
        amount = f"{change.amount:f}" if change.how in {"raise", "lower"} else self._pages.money(change.amount)
        return _WORDS[change.how].format(amount) + (" to .99" if change.to_99 else "")


def _percent(text: str, *, most: Decimal) -> Decimal:
    match = _PERCENT.fullmatch(text.strip().replace(",", "."))
    if match is None:
        raise ValueError("must be a percentage such as 10 or 2.5")
    if not 0 < Decimal(match[1]) <= most:
        raise ValueError(f"must be over 0 and at most {most}")
    return Decimal(match[1])


def _query_string(form: Form) -> bytes:
    return urlencode([(name, str(value)) for name, value in form.members if name in _FILTERS]).encode()


def _address(form: Form) -> str:
    return f"/admin/prices?{without_blanks(_query_string(form)).decode()}"
