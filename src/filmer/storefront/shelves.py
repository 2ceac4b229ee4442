"""The pages on which people bring films for their shelves from elsewhere, and take theirs along (contract §14)."""

import asyncio
from typing import cast

from litestar import Response
from litestar.params import FromPath
from litestar.response import Stream

from filmer.community.shelf_export import EXPORTS, export
from filmer.community.shelf_files import MAX_FILE, MAX_ROWS, SHELVES, Shelf
from filmer.community.shelf_import_queries import select_own_films
from filmer.community.shelf_imports import WORDS, ShelfImports
from filmer.errors import FilmerError, InvalidRequest, NotFound
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id
from filmer.http.uploads import Uploads
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor

PAGE = "/shelves/import"
LISTED = 100  # rows of each outcome on the page; the report has all
_NO_STORE = {"cache-control": "no-store"}


class ShelfPages(Handlers):
    def __init__(self, pages: Pages, imports: ShelfImports, uploads: Uploads) -> None:
        self._pages = pages
        self._imports = imports
        self._uploads = uploads

    async def show_imports(self, request: AnyRequest) -> HtmlResponse:
        return await self._show(request)

    async def receive(self, request: AnyRequest) -> HtmlResponse:
        await self._visitor(request)  # strangers send nothing that is kept
        try:
            async with self._uploads.receive(request, "file", max_bytes=MAX_FILE) as upload:
                shelf: str = Form(upload.members).get("shelf")
                chosen = cast("Shelf | None", shelf or None)
                if upload.file is None or not upload.file.size:
                    raise InvalidRequest(message="Please choose a file, and one that is not empty")
                if shelf not in {"", *SHELVES}:
                    raise InvalidRequest(message="Please choose one of these shelves")
                visitor = await self._visitor(request)  # still
                import_id = await self._imports.receive(visitor.user.id, upload.file.name, upload.file.content, chosen)
        except FilmerError as error:
            return await self._show(request, error)
        self._imports.soon()
        return self._pages.redirect(f"{PAGE}/{import_id}")

    async def show_import(self, import_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        visitor = await self._visitor(request)
        report = await self._imports.show(visitor.user.id, _number(import_id))
        listed = {
            outcome: await self._imports.list_rows(visitor.user.id, report.id, outcome, LISTED)
            for outcome in ("several", "bad", "missing", "taken")
            if report.is_done and report.counts.get(outcome)
        }
        films = await self._imports.candidates(listed.get("several", []))
        return self._pages.personal(
            "shelf_import.html", request, visitor, report=report, listed=listed, films=films, words=WORDS, most=LISTED
        )

    async def choose(self, import_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        visitor = await self._visitor(request)
        report = await self._imports.show(visitor.user.id, _number(import_id))
        place = path_id(form.get("place"), MAX_INTEGER)
        try:
            await self._imports.choose(visitor.user.id, report.id, -1 if place is None else place, form.get("film"))
        except NotFound as error:  # in another tab, most likely
            return self._pages.redirect(f"{PAGE}/{report.id}", f"{error.message}.")
        return self._pages.redirect(f"{PAGE}/{report.id}#several", "It is on your shelf." if form.get("film") else "")

    async def remove(self, import_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        await receive_form(request)
        visitor = await self._visitor(request)
        await self._imports.remove(visitor.user.id, _number(import_id))
        return self._pages.redirect(PAGE, "The report is removed. What is on your shelves stays.")

    async def download_report(self, import_id: FromPath[str], request: AnyRequest) -> Stream:
        visitor = await self._visitor(request)
        report = await self._imports.show(visitor.user.id, _number(import_id))
        return Stream(
            self._imports.report(visitor.user.id, report.id), status_code=OK, media_type="text/csv; charset=utf-8",
            headers=_NO_STORE | {"content-disposition": 'attachment; filename="report.csv"'},
        )  # fmt: skip

    async def export(self, kind: FromPath[str], request: AnyRequest) -> Response[bytes]:
        async with self._pages.signed_in(request) as (conn, visitor):
            if kind not in EXPORTS:
                raise NotFound(f"There is no export of the name {kind}")
            films = await select_own_films(conn, visitor.user.id)
        media_type = "application/json" if kind.endswith(".json") else "text/csv; charset=utf-8"
        headers = _NO_STORE | {"content-disposition": f'attachment; filename="{kind}"'}
        return Response(await asyncio.to_thread(export, kind, films), media_type=media_type, headers=headers)

    async def _show(self, request: AnyRequest, error: FilmerError | None = None) -> HtmlResponse:
        visitor = await self._visitor(request)
        return self._pages.personal(
            "shelf_imports.html", request, visitor, failed=error, shelves=SHELVES,
            reports=await self._imports.list_reports(visitor.user.id),
            failure=error.message if error else "", max_mib=MAX_FILE // 2**20, max_rows=MAX_ROWS,
        )  # fmt: skip

    async def _visitor(self, request: AnyRequest) -> Visitor:
        async with self._pages.signed_in(request) as (_, visitor):
            return visitor


def _number(text: str) -> int | None:
    return path_id(text, MAX_INTEGER)
