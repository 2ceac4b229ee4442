"""``/openapi.json`` and ``/docs``: the APIs' description, and a page to try them on that needs no internet."""

from collections.abc import Callable
from functools import cache, cached_property
from importlib import resources
from typing import Any

from litestar import MediaType, Response
from litestar.params import FromPath

from filmer.errors import NotFound
from filmer.http.handlers import Handlers

_PACKAGED = {  # of Swagger UI, from its package
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
_CACHE = {"cache-control": "public, max-age=3600"}
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; object-src 'none'; frame-ancestors 'none'"


class ApiDocPages(Handlers):
    def __init__(self, describe: Callable[[], bytes]) -> None:
        """``describe``: makes the OpenAPI document, which is done once."""
        self._describe = describe

    @cached_property
    def _description(self) -> bytes:
        return self._describe()

    async def show_openapi(self) -> Response[bytes]:
        return Response(self._description, media_type="application/json", headers=_CACHE)

    async def show_page(self) -> Response[bytes]:
        return Response(
            (resources.files("filmer.openapi") / "docs.html").read_bytes(),
            media_type=MediaType.HTML,
            headers={"content-security-policy": _POLICY, "cache-control": "no-cache"},
        )

    async def show_asset(self, name: FromPath[str]) -> Response[bytes]:
        if name in _PACKAGED:
            return Response(_packaged(name), media_type=_PACKAGED[name], headers=_CACHE)
        raise NotFound(f"No such file: {name}")


@cache
def _packaged(name: str) -> bytes:
    folder: Any = resources.files("swagger_ui")
    return bytes((folder / "static" / name).read_bytes())
