"""The files that pages refer to: style, scripts, the font, icons, the web app manifest."""

from urllib.parse import parse_qs

import msgspec
from litestar import Response
from litestar.params import FromPath

from filmer.errors import NotFound
from filmer.http.cache_headers import PUBLIC
from filmer.http.handlers import AnyRequest, Handlers
from filmer.office.identity import ShopIdentity
from filmer.storefront.rendering import Assets

_FOREVER = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"


class Files(Handlers):
    def __init__(self, assets: Assets, shop: ShopIdentity) -> None:
        self._assets = assets
        self._shop = shop

    async def show_file(self, name: FromPath[str], request: AnyRequest) -> Response[bytes]:
        file = self._assets.find(name)
        if file is None:
            raise NotFound(f"No such file: {name}")
        content, media_type = file
        version = parse_qs(request.scope["query_string"].decode("latin-1")).get("v")
        is_immutable = version == [self._assets.version(name)]  # its address changes with its content
        return Response(content, media_type=media_type, headers={"cache-control": _FOREVER if is_immutable else PUBLIC})

    async def show_favicon(self) -> Response[bytes]:
        """The address where browsers and feed readers look for an icon by default."""
        content, media_type = self._assets.find("favicon.ico") or (b"", "")
        return Response(content, media_type=media_type, headers={"cache-control": _A_DAY})

    async def show_manifest(self) -> Response[bytes]:
        return Response(self._manifest(), media_type="application/manifest+json", headers={"cache-control": PUBLIC})

    def _manifest(self) -> bytes:
        """With it the shop can be installed on a phone's home screen. Its colours are those of ``site.css`` by day."""
        drawn = {f"icon{kind}-{side}.png": (side, kind) for kind in ("", "-padded") for side in (192, 512)}
        scalable = {"src": self._assets.address("icon.svg"), "type": "image/svg+xml", "sizes": "any"}
        return msgspec.json.encode(
            {
                "id": "/",
                "name": self._shop.name,
                "short_name": self._shop.name,
                "description": "Films to rent",
                "lang": "en",
                "start_url": "/",
                "scope": "/",
                "display": "minimal-ui",
                "background_color": "#f6f2ea",
                "theme_color": "#f6f2ea",
                "icons": [
                    *([] if self._shop.has_own_icon else [scalable]),
                    *(
                        {
                            "src": self._assets.address(name),
                            "type": "image/png",
                            "sizes": f"{side}x{side}",
                            "purpose": "maskable" if kind else "any",
                        }
                        for name, (side, kind) in drawn.items()
                    ),
                ],
            }
        )
