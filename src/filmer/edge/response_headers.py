"""The headers of every response: those that keep browsers safe, and what other sites' pages may read (CORS)."""

from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.cross_site import CrossSite
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.http.cache_headers import Headers
from filmer.http.envelopes import MEDIA_PATHS, PLAYER_PATH
from filmer.settings import is_loopback

_UNFRAMED = (b"x-frame-options", b"DENY")
_SAME_ORIGIN = (b"cross-origin-resource-policy", b"same-origin")
_ANY_ORIGIN = (b"cross-origin-resource-policy", b"cross-origin")
SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    _UNFRAMED,
    _SAME_ORIGIN,
    (b"cross-origin-opener-policy", b"same-origin"),
]
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class ResponseHeaders:
    """They depend on server and client, so they are added to a response as it leaves: no cache holds any of them."""

    def __init__(self, app: ASGIApp, *, cross_site: CrossSite, is_https: bool) -> None:
        """``is_https``: browsers reach this server through TLS only, by a name that is not loopback's."""
        self._app = app
        self._cross_site = cross_site if cross_site.is_open else None
        self._headers = [*SAFETY, STRICT_TRANSPORT] if is_https else SAFETY

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        headers = self._headers
        if headers is not SAFETY and request.hosts and is_loopback(request.hosts[0].decode("latin-1")):
            headers = SAFETY  # or the browser would want https of everything else that listens on its machine
        if request.path.startswith(MEDIA_PATHS):
            headers = [_ANY_ORIGIN if header == _SAME_ORIGIN else header for header in headers]
        elif self._cross_site is not None and request.path.startswith(PLAYER_PATH):
            # The page's own policy names who may frame it, which this header can't; it counts in its place.
            headers = [header for header in headers if header != _UNFRAMED]
        if self._cross_site is not None:
            headers = [*headers, *self._cross_site.grants(request.path, scope["headers"])]
        request.response_headers = headers
        return self._app(scope, receive, send)
