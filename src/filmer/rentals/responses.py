"""Responses of Starlette, which sends parts of files (Range, If-Range) as the framework does not."""

from os import stat_result
from pathlib import Path
from typing import Any

from litestar.types import ASGIApp, Receive, Send
from starlette.responses import FileResponse, MalformedRangeHeader, RedirectResponse, Response


def without_body(media_type: str, headers: dict[str, str]) -> ASGIApp:
    return _plain(Response(media_type=media_type, headers=headers))


def redirect(address: str) -> ASGIApp:
    return _plain(RedirectResponse(address, 302, headers={"cache-control": "no-store"}))


def file_or_part(
    path: Path, media_type: str, headers: dict[str, str], details: stat_result, *, is_head: bool
) -> ASGIApp:
    response = _FileResponse(path, headers=headers, media_type=media_type, stat_result=details)

    async def send_file(scope: Any, receive: Receive, send: Send) -> None:
        await response({**scope, "method": "HEAD" if is_head else "GET"}, receive, send)  # type: ignore[arg-type]

    return send_file


class _FileResponse(FileResponse):
    """Starlette answers 400 to what is no range; RFC 9110 (14.2) has it ignored."""

    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        try:
            return super()._parse_range_header(http_range, file_size)
        except MalformedRangeHeader:
            return []


def _plain(response: Any) -> ASGIApp:
    """Starlette's type of an application is not the framework's."""
    app: ASGIApp = response
    return app
