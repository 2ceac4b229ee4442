"""The office's page of a film's videos, by the rules of ``filmer video``."""

from collections.abc import Sequence
from typing import Any

from litestar.params import FromPath

from filmer.clock import Clock
from filmer.errors import Conflict, FieldError, FilmerError, InvalidRequest, NotFound
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id
from filmer.office import film_edits
from filmer.rentals.media_files import MediaFiles, UnusableFile
from filmer.rentals.video_changes import add_video, objection, remove_video
from filmer.rentals.videos import LANGUAGE, film_videos, is_address
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form, receive_form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

LABELS = {"kind": "Kind", "location": "File or address", "subtitles": "Subtitles"}


class FilmVideoPages(Handlers):
    def __init__(self, pages: Pages, files: MediaFiles, origins: Sequence[str], clock: Clock) -> None:
        """``origins``: of the other hosts that films may be played from."""
        self._pages = pages
        self._files = files
        self._origins = origins
        self._clock = clock

    async def show_videos(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            return await self._page(conn, request, visitor, film_id, FilledForm(LABELS))

    async def add(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.owner(request) as (conn, visitor):
            try:
                kind, location, subtitles = self._read(form)
                async with conn.transaction():
                    await add_video(conn, film_id, kind, location, subtitles, visitor.actor, now=self._clock.now())
            except (InvalidRequest, Conflict) as error:
                return await self._page(
                    conn, request, visitor, film_id, FilledForm.of(LABELS, form, error), failed=error
                )
        return self._pages.redirect(f"/admin/films/{film_id}/videos", f"The film has a new {kind}.")

    def _read(self, form: Form) -> tuple[Any, str, dict[str, str]]:
        """Kind, location, and the files of subtitles by language. Raises InvalidRequest."""
        kind, places, errors = form.get("kind"), dict[str, str](), list[FieldError]()
        if kind not in {"feature", "trailer"}:
            errors.append(FieldError("kind", "must be feature or trailer"))
        entries = [("location", "", form.get("location").strip())]
        for line in form.get("subtitles").split():
            language, _, typed = line.partition("=")
            entries.append(("subtitles", language, typed))
        for field, language, typed in entries:
            is_text = LANGUAGE.fullmatch(language) and typed.endswith(".vtt") and not is_address(typed)
            if field == "subtitles" and not is_text:
                errors.append(FieldError(field, "must be a language and its WebVTT file: de=film.de.vtt"))
                continue
            try:
                places[language] = self._usable(typed)
            except UnusableFile as error:
                errors.append(FieldError(field, f"can't be used: {error}"))
        if errors:
            raise InvalidRequest(errors)
        return kind, places.pop(""), places

    def _usable(self, typed: str) -> str:
        """The location of a file or address. Raises UnusableFile."""
        location = typed if is_address(typed) else self._files.find(typed).place or typed
        if reason := objection(self._files, self._origins, location):
            raise UnusableFile(reason)
        return location

    async def remove(self, film_id: FromPath[str], video_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            edit, number = await film_edits.find(conn, film_id), path_id(video_id, MAX_INTEGER)
            videos = await film_videos(conn, edit.film_id)
            if number is None or number not in {video.id for video in (*videos.features, *videos.trailers)}:
                raise NotFound("This film has no such video")
            try:
                async with conn.transaction():
                    await remove_video(conn, number, visitor.actor, now=self._clock.now())
            except Conflict as error:
                form = FilledForm(LABELS, failure=error.message)
                return await self._page(conn, request, visitor, film_id, form, failed=error)
        return self._pages.redirect(f"/admin/films/{film_id}/videos", "The video is removed. Its file stays.")

    async def _page(
        self,
        conn: Connection,
        request: AnyRequest,
        visitor: Visitor,
        film_id: str,
        form: FilledForm,
        *,
        failed: FilmerError | None = None,
    ) -> HtmlResponse:
        edit, videos = await film_edits.find(conn, film_id), await film_videos(conn, film_id)
        return self._pages.personal(
            "office/film_videos.html", request, visitor, failed=failed, film=edit.film, is_hidden=edit.hidden,
            videos=videos, form=form, origins=self._origins,
        )  # fmt: skip
