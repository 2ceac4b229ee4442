"""The office's page of imports: files that come in, what they would change, the last import undone, and exports."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from litestar.params import FromPath
from litestar.response import Stream

from filmer.audit.log import record
from filmer.errors import FilmerError, InvalidRequest, NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id
from filmer.http.uploads import Uploads
from filmer.importing.owner_films import COLUMNS
from filmer.office import import_queries as queries
from filmer.office.exports import KINDS, export
from filmer.office.import_jobs import Choices, Found, Job
from filmer.office.imports import MAX_FILE, Imports
from filmer.store.postgres import Database
from filmer.storefront.forms import Form, receive_form
from filmer.storefront.pages import OK, HtmlResponse, Pages, Visitor

PAGE = "/admin/import"
MAX_JOB = 2**31 - 1
ENCODINGS = {
    "": "found out from the file", "utf-8": "UTF-8", "cp1252": "Western Europe (Windows-1252)",
    "cp1250": "Central Europe (Windows-1250)", "cp1251": "Cyrillic (Windows-1251)", "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)", "shift_jis": "Japanese (Shift JIS)", "gb18030": "Chinese (GB 18030)",
}  # fmt: skip
NAMES = {column: column.replace("_", " ") for column in COLUMNS} | {"id": "id", "tmdb_id": "TMDB id"}
SEPARATORS = {"|": "a bar: Drama | War", ",": "a comma: Drama, War", ";": "a semicolon: Drama; War"}


class ImportPages(Handlers):
    def __init__(self, pages: Pages, imports: Imports, uploads: Uploads, database: Database) -> None:
        self._pages = pages
        self._imports = imports
        self._uploads = uploads
        self._database = database

    async def show_imports(self, request: AnyRequest) -> HtmlResponse:
        return await self._show(request)

    async def receive(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (_, visitor):
            pass  # strangers send nothing that is kept
        try:
            async with self._uploads.receive(request, "file", max_bytes=MAX_FILE) as upload:
                encoding = Form(upload.members).get("encoding")
                if upload.file is None or not upload.file.size:
                    raise InvalidRequest(message="Please choose a file, and one that is not empty")
                if encoding not in ENCODINGS:
                    raise InvalidRequest(message="Please choose one of these encodings")
                async with self._pages.owner(request):
                    pass  # still
                choices = Choices(encoding=encoding or None)
                job_id = await self._imports.receive(upload.file.name, upload.file.content, choices)
            await self._imports.begin(job_id, "check", choices, visitor.actor)
        except FilmerError as error:
            return await self._show(request, error)
        return self._pages.redirect(f"{PAGE}/{job_id}")

    async def show_job(self, job_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (_, visitor):
            pass
        return self._job(request, visitor, await self._imports.show(path_id(job_id, MAX_JOB)))

    async def check(self, job_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """Once more, with columns that were matched by hand."""
        return await self._begin(job_id, request, is_import=False)

    async def carry_out(self, job_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._begin(job_id, request, is_import=True)

    async def _begin(self, job_id: str, request: AnyRequest, *, is_import: bool) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.owner(request) as (_, visitor):
            pass
        job = await self._imports.show(path_id(job_id, MAX_JOB))
        found = job.found
        if found is None:
            raise NotFound("This file was not read yet. Please send it again")
        fields = [form.get(f"column{place}") for place in range(len(found.header))]
        try:
            if is_import:
                choices = _agreed(job, found, form.get("others"))
            else:
                choices = _chosen(job, fields, form.get("namesBy"))
            await self._imports.begin(job.id, "import" if is_import else "check", choices, visitor.actor)
        except FilmerError as error:
            if not is_import:  # as it was filled in
                found.fields, found.names_by = fields, form.get("namesBy")
            return self._job(request, visitor, job, error)
        return self._pages.redirect(f"{PAGE}/{job.id}")

    def _job(self, request: AnyRequest, visitor: Visitor, job: Job, error: FilmerError | None = None) -> HtmlResponse:
        return self._pages.personal(
            "office/import_job.html", request, visitor, failed=error, job=job, names=NAMES, separators=SEPARATORS,
            failure=error.message if error else "",
        )  # fmt: skip

    async def undo(self, request: AnyRequest) -> HtmlResponse:
        await receive_form(request)
        async with self._pages.owner(request) as (_, visitor):
            pass
        try:
            job = await self._imports.undo(visitor.actor)
        except FilmerError as error:
            return await self._show(request, error)
        return self._pages.redirect(f"{PAGE}/{job.id}")

    async def download_report(self, job_id: FromPath[str], request: AnyRequest) -> Stream:
        async with self._pages.owner(request):
            pass
        job = await self._imports.show(path_id(job_id, MAX_JOB))
        return _csv(self._imports.report(job.id), "report")

    async def export(self, kind: FromPath[str], request: AnyRequest) -> Stream:
        await receive_form(request)
        async with self._pages.owner(request) as (conn, visitor):
            if kind not in KINDS:
                raise NotFound(f"There is no export of {kind}")
            await record(conn, visitor.actor, "catalogue.export", ("export", kind))
        return _csv(export(self._database.connection, kind), kind)

    async def _show(self, request: AnyRequest, error: FilmerError | None = None) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            jobs, undoable = await queries.select_jobs(conn), await queries.select_undoable(conn)
        return self._pages.personal(
            "office/imports.html", request, visitor, failed=error, jobs=jobs, undoable=undoable, encodings=ENCODINGS,
            failure=error.message if error else "", max_mib=MAX_FILE // 2**20,
        )  # fmt: skip


def _chosen(job: Job, fields: Sequence[str], names_by: str) -> Choices:
    """The columns as they were matched. Raises InvalidRequest."""
    for field in filter(None, fields):
        if field not in NAMES:
            raise InvalidRequest(message="Please choose what is offered for each column")
        if fields.count(field) > 1:
            raise InvalidRequest(message=f"Two columns are read as {NAMES[field]}: please choose one of them")
    if "title" not in fields:
        raise InvalidRequest(message="Please choose the column that has the titles")
    if names_by not in SEPARATORS:
        raise InvalidRequest(message="Please choose what separates names")
    return msgspec.structs.replace(job.choices, fields=tuple(fields), names_by=names_by)


def _agreed(job: Job, found: Found, others: str) -> Choices:
    """The file as it was checked. Raises InvalidRequest."""
    if found.refusal or others not in {"keep", "replace"}:
        raise InvalidRequest(message=found.refusal or "Please choose what becomes of the other films")
    return msgspec.structs.replace(
        job.choices, fields=tuple(found.fields), names_by=found.names_by, keep_others=others == "keep"
    )


def _csv(content: AsyncIterator[bytes], name: str) -> Stream:
    disposition = {"content-disposition": f'attachment; filename="filmer-{name}.csv"', "cache-control": "no-store"}
    return Stream(content, status_code=OK, media_type="text/csv; charset=utf-8", headers=disposition)
