"""The files that pages name: style, scripts, the icon."""

from urllib.parse import parse_qs

from litestar import Response
from litestar.params import FromPath

from filmer.errors import NotFound
from filmer.http.edge import PUBLIC
from filmer.http.handlers import AnyRequest, Handlers
from filmer.web.rendering import Assets

_FOREVER = "public, max-age=31536000, immutable"


class Files(Handlers):
    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    async def show_file(self, name: FromPath[str], request: AnyRequest) -> Response[bytes]:
        found = self._assets.find(name)
        if found is None:
            raise NotFound(f"No such file: {name}")
        content, media_type = found
        asked = parse_qs(request.scope["query_string"].decode("latin-1")).get("v")
        lasts = asked == [self._assets.version(name)]  # its address changes with its content
        return Response(content, media_type=media_type, headers={"cache-control": _FOREVER if lasts else PUBLIC})
