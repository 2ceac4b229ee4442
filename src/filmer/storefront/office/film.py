"""The office's page of one film: everything about it, changed by hand, taken back, hidden, and its videos."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
from litestar.params import FromPath
from msgspec import UNSET

from filmer.catalogue.price_queries import select_price
from filmer.clock import Clock
from filmer.errors import Conflict, FieldError, FilmerError, InvalidRequest
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.uploads import Upload, Uploads
from filmer.images import reencode
from filmer.importing.data_set import require_identifier
from filmer.importing.film_edits import FilmEdit, FilmRecord
from filmer.importing.owner_films import MAX_LENGTHS
from filmer.office import film_edits, film_queries
from filmer.office.people import WhoIsMeant, new_among
from filmer.office.rebuilding import Rebuilding
from filmer.rentals.counter_queries import Terms, select_stock, select_terms
from filmer.rentals.terms import NewTerms, set_terms
from filmer.rentals.videos import film_videos
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form
from filmer.storefront.office import film_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

MAX_POSTER = 10 * 2**20  # bytes of the file that is uploaded
WIDEST, HIGHEST = 800, 1200  # pixels of the one that is kept
MAX_GENRES = 40  # that can be ticked; others are typed
MAX_TEXT = 8 * MAX_LENGTHS["overview"]  # bytes of all fields
_NEW = FilmRecord(id="", title="")


class FilmEditPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        uploads: Uploads,
        rebuilding: Rebuilding,
        clock: Clock,
        defaults: tuple[Decimal, Terms],
    ) -> None:
        self._pages = pages
        self._uploads = uploads
        self._rebuilding = rebuilding
        self._clock = clock
        self._default_price, self._default_terms = defaults

    async def show_film(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            return await self._page(conn, request, visitor, await film_edits.find(conn, film_id))

    async def show_new(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            return await self._page(conn, request, visitor, None)

    async def save_film(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._receive(request, film_id)

    async def add_film(self, request: AnyRequest) -> HtmlResponse:
        return await self._receive(request, None)

    async def _receive(self, request: AnyRequest, film_id: str | None) -> HtmlResponse:
        action = f"film {film_id or ''}"
        await self._pages.owner_who_sends(request, action, self._uploads, "poster")
        async with self._uploads.receive(request, "poster", max_bytes=MAX_POSTER, max_text=MAX_TEXT) as upload:
            form, poster = Form(upload.members), await _poster(upload)
        async with self._pages.owner(request, pending=(action, form, True)) as (conn, visitor):
            if again := self._pages.sent_back(form, visitor, action, "poster"):
                return await self._page(
                    conn, request, visitor, await film_edits.find(conn, film_id) if film_id else None, *again
                )
            try:
                async with conn.transaction():
                    film, people = await self._save(conn, visitor, film_id, form, poster)
            except (InvalidRequest, Conflict, WhoIsMeant) as error:
                edit = await film_edits.find(conn, film_id) if film_id else None
                return await self._page(conn, request, visitor, edit, form, error)
        self._rebuilding.soon()
        new = f" New among its people: {', '.join(people)}." if people else ""
        return self._pages.redirect(f"/admin/films/{film.id}", f"{film.title} is saved.{new}")

    async def _save(
        self, conn: Connection, visitor: Visitor, film_id: str | None, form: Form, poster: bytes | InvalidRequest | None
    ) -> tuple[FilmRecord, list[str]]:
        """The film as it is from now on, and the names of those of its people who were not in the catalogue."""
        actor, back, formats = visitor.actor, set[str](), self._pages.formats
        poster, flaw = (None, poster) if isinstance(poster, InvalidRequest) else (poster, None)
        edit = await film_edits.find(conn, film_id, lock=True) if film_id else None
        texts = film_form.changed_texts(form, await self._texts(conn, edit)) if edit else film_form.sent_texts(form)
        fields, price, terms = await film_form.read_values(
            conn, edit.film if edit else None, texts, form, formats, flaw
        )
        new = await new_among(conn, fields)
        if edit:
            film, back = edit.film, {name.removeprefix("back-") for name, _ in form.members if name.startswith("back-")}
        else:
            film = await film_edits.add(conn, _identifier(form), fields, actor)
        # The price before the edition, in the order in which all who set prices lock the two.
        if "price" in back:
            await film_edits.set_price(conn, film, None, actor, taken_back=True)
        elif price is not UNSET and (edit or price is not None):
            await film_edits.set_price(conn, film, price, actor)
        if terms != NewTerms() and (edit or texts["startDays"] or texts["hours"] or texts["copies"]):
            try:
                await set_terms(conn, film.id, terms, actor, now=self._clock.now())
            except Conflict as error:
                raise InvalidRequest([FieldError("copies", f"can't be: {error.message}")]) from None
        if poster is not None or "poster" in back:
            await film_edits.set_poster(conn, film, poster, actor)
        if edit:
            film = await film_edits.change(conn, edit, fields, actor, taken_back=back)
        return film, new

    async def hide(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._change(request, film_id, "{} is hidden: nobody finds, opens or rents it.", hidden=True)

    async def show_again(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._change(request, film_id, "{} is in the shop again.", hidden=False)

    async def take_back(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """Everything but the poster."""
        return await self._change(request, film_id, "{} is what the import says.", taken_back=tuple(film_form.FIELDS))

    async def _change(self, request: AnyRequest, film_id: str, notice: str, **change: Any) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor), conn.transaction():
            edit = await film_edits.find(conn, film_id, lock=True)
            film = await film_edits.change(conn, edit, {}, visitor.actor, **change)
            if "taken_back" in change and (await select_price(conn, film_id))[2]:
                await film_edits.set_price(conn, film, None, visitor.actor, taken_back=True)
        self._rebuilding.soon()
        return self._pages.redirect(f"/admin/films/{film_id}", notice.format(film.title))

    async def _texts(self, conn: Connection, edit: FilmEdit) -> dict[str, str]:
        price, _, _ = await select_price(conn, edit.film_id)
        terms = (await select_terms(conn, [edit.film_id])).get(edit.film_id, Terms())
        return film_form.texts_of(edit.film) | film_form.term_texts(price, terms, self._pages.formats)

    async def _page(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        edit: FilmEdit | None,
        form: Form | None = None,
        error: FilmerError | WhoIsMeant | None = None,
    ) -> HtmlResponse:
        """``edit``: None for a new film. ``form``: as it was sent, if it was not carried out."""
        film, film_id = (edit.film, edit.film_id) if edit else (_NEW, "")
        texts = await self._texts(conn, edit) if edit else dict.fromkeys([*film_form.FIELDS, *film_form.TERMS], "")
        failed = error if isinstance(error, FilmerError) else InvalidRequest() if error else None
        filled = FilledForm(film_form.LABELS, texts)
        if form is not None:
            of_form = FilledForm.of(film_form.LABELS, form, failed if isinstance(error, FilmerError) else None)
            filled = msgspec.structs.replace(of_form, values={**of_form.values, **film_form.sent_texts(form)})
        _, price_said, is_price_by_hand = await select_price(conn, film_id)
        said = film_form.texts_of(edit.imported) if edit and edit.imported else {}
        taken = {name: said[name] for name in edit.fields if name in said} if edit else {}
        if is_price_by_hand:
            taken["price"] = "" if price_said is None else self._pages.formats.amount(price_said)
        return self._pages.personal(
            "office/film.html", request, visitor, failed=failed, edit=edit, film=film, form=filled, said=taken,
            is_own=edit is not None and edit.imported is None, shown=film_form.digests(texts),
            now=error.now if isinstance(error, film_form.ChangedMeanwhile) else {},
            questions=error.questions if isinstance(error, WhoIsMeant) else {},
            genres=await film_queries.select_genres(conn, MAX_GENRES), labels=film_form.LABELS, max_lengths=MAX_LENGTHS,
            has_poster=await film_queries.select_has_poster(conn, film_id), videos=await film_videos(conn, film_id),
            stock=(await select_stock(conn, [film_id], now=self._clock.now()))[film_id],
            default_price=self._default_price, default_terms=self._default_terms,
        )  # fmt: skip


def _identifier(form: Form) -> str | None:
    identifier = form.get("id").strip()
    if not identifier:
        return None
    try:
        require_identifier(identifier)
    except ValueError as error:
        raise InvalidRequest([FieldError("id", f"is {error}")]) from None
    return identifier


async def _poster(upload: Upload) -> bytes | InvalidRequest | None:
    """The poster as it is kept, or what is wrong with the file."""
    if upload.file is None:
        return None
    try:
        return await asyncio.to_thread(_reencoded, upload.file.content.read())
    except ValueError as error:
        return InvalidRequest([FieldError("poster", f"can't be used: {error}")])


def _reencoded(data: bytes) -> bytes:
    return reencode(data, max_width=WIDEST, max_height=HIGHEST)
