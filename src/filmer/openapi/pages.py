"""``/openapi.json`` and ``/docs``: the API description, and Swagger UI to try requests on, served without internet."""

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

from litestar import MediaType, Response
from litestar.params import FromPath

from filmer.errors import NotFound
from filmer.http.handlers import Handlers

_SWAGGER_FILES = {  # of the package swagger_ui; media types by name
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
_ONE_HOUR = {"cache-control": "public, max-age=3600"}
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; object-src 'none'; frame-ancestors 'none'"


class ApiDocPages(Handlers):
    def __init__(self, describe: Callable[[], bytes]) -> None:
        """``describe`` makes the OpenAPI document. It is called once, when the document is first requested."""
        self._document = cache(describe)

    async def show_openapi(self) -> Response[bytes]:
        return Response(self._document(), media_type="application/json", headers=_ONE_HOUR)

    async def show_page(self) -> Response[bytes]:
        return Response(
            (resources.files("filmer.openapi") / "docs.html").read_bytes(),
            media_type=MediaType.HTML,
            headers={"content-security-policy": _POLICY, "cache-control": "no-cache"},
        )

    async def show_asset(self, name: FromPath[str]) -> Response[bytes]:
        if name not in _SWAGGER_FILES:
            raise NotFound(f"No such file: {name}")
        return Response(_swagger_file(name), media_type=_SWAGGER_FILES[name], headers=_ONE_HOUR)


@cache
def _swagger_file(name: str) -> bytes:
    folder: Any = resources.files("swagger_ui")
    return bytes((folder / "static" / name).read_bytes())
