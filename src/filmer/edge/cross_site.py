"""Requests that come from other sites' pages: which are refused, and which other sites may read our responses.

A browser sends the session's cookie whichever page made the request, and says in ``Sec-Fetch-Site`` and ``Origin``
whose page it was; a page can't forge either. Programs that are no browser send neither and act for themselves.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from filmer.edge.cache import CachedResponse
from filmer.edge.default_headers import with_defaults
from filmer.edge.refusals import Refusals
from filmer.edge.request import EDGE_REQUEST, EdgeRequest
from filmer.errors import Forbidden
from filmer.http.cache_headers import Headers
from filmer.http.cookies import session_tokens
from filmer.http.envelopes import MEDIA_PATHS, is_page
from filmer.settings import origin_of, with_one_loopback

RawHeaders = Iterable[tuple[bytes, bytes]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_VARY = (b"vary", b"Origin")
_EXPOSED = b"ETag, X-Request-Id, Retry-After, Age, X-Cache, X-Search-Corrected"
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, HEAD"),
    (
        b"access-control-allow-headers",
        b"Content-Type, Authorization, Idempotency-Key, If-None-Match, Range, X-Request-Id",
    ),
    (b"access-control-max-age", b"600"),
]
_START = "Access denied: the request carries the session cookie and "
_ADVICE = "FILMER_CORS_ORIGINS names other origins that may send such requests"
_FORM = "This form was sent from another site's page, so nothing was done. Open our page and fill it in there."
_AMBIGUOUS = _START + "gives Origin, Sec-Fetch-Site or Host more than once, with different values."
_OTHER_SITE = _START + f"comes from another site (Sec-Fetch-Site). {_ADVICE}."
_OTHER_ORIGIN = (
    _START
    + "its Origin is neither FILMER_PUBLIC_URL (the address this server has in browsers) nor the Host it was sent to; "
    + f"{_ADVICE}."
)


class CrossSite:
    """What other sites' pages may do here: nothing, but for the origins that are named (CORS)."""

    def __init__(self, *, cors_origins: Sequence[str] = (), public_url: str | None = None) -> None:
        """``cors_origins``, ``public_url``: as ``origin_of`` writes them."""
        self.is_open = bool(cors_origins)
        self._allowed = frozenset(cors_origins)
        self._own = with_one_loopback(public_url) if public_url else None
        self._granted: dict[bytes, Headers] = {
            origin.encode(): [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _EXPOSED),
                _VARY,
            ]
            for origin in cors_origins
        }

    def refusal(self, method: str, path: str, headers: RawHeaders) -> Forbidden | None:
        """Why a request may not act for the session whose cookie it carries; None when it may (contract §4.3).

        A page's form may never come from elsewhere: no visitor gets signed in to another's account without knowing.
        """
        if method in _SAFE_METHODS:
            return None
        if is_page(path):
            return Forbidden(_FORM) if self._objection(headers) else None
        if not any(True for _ in session_tokens(headers)):
            return None
        objection = self._objection(headers)
        return Forbidden(objection) if objection else None

    def _objection(self, headers: RawHeaders) -> str | None:
        """``Sec-Fetch-Site`` counts first: no page can write it, while a proxy may rewrite ``Host``."""
        sites, origins, hosts = (_values(headers, name) for name in (b"sec-fetch-site", b"origin", b"host"))
        if max(len(sites), len(origins), len(hosts)) > 1:
            return _AMBIGUOUS
        origin = origin_of(origins[0]) if origins else None
        if origin in self._allowed:
            return None
        if sites:
            return None if sites[0] in {"same-origin", "none"} else _OTHER_SITE
        is_own = not origins or (origin is not None and self._is_own(origin, hosts[0] if hosts else ""))
        return None if is_own else _OTHER_ORIGIN

    def _is_own(self, origin: str, host: str) -> bool:
        return with_one_loopback(origin) == self._own or _is_at(origin, host)

    def grants(self, path: str, headers: RawHeaders) -> Headers:
        """The headers by which a browser lets the page that asked read our response; of use only if ``is_open``."""
        if not _is_api(path) and not path.startswith(MEDIA_PATHS):
            return []
        origins = {value for name, value in headers if name == b"origin"}
        return self._granted.get(origins.pop(), [_VARY]) if len(origins) == 1 else [_VARY]

    def preflight(self, method: str, path: str, headers: RawHeaders) -> Headers | None:
        """The headers for a browser that asks whether a named origin's page may send a request; None for any other."""
        if not self.is_open or method != "OPTIONS" or not _values(headers, b"access-control-request-method"):
            return None
        return _PREFLIGHT if len(self.grants(path, headers)) > 1 else None


class CrossSiteRules:
    """Answers the requests that other sites' pages may not send, and browsers that ask beforehand (CORS preflight)."""

    def __init__(self, app: ASGIApp, *, cross_site: CrossSite, refusals: Refusals) -> None:
        self._app = app
        self._cross_site = cross_site
        self._refusals = refusals

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Any:
        request: EdgeRequest = scope[EDGE_REQUEST]
        asked = scope["method"], request.path, scope["headers"]
        if refusal := self._cross_site.refusal(*asked):
            return self._refusals.send(send, request.path, refusal)
        if allowed := self._cross_site.preflight(*asked):
            return CachedResponse(204, with_defaults(allowed, request.path), b"").send(send)
        return self._app(scope, receive, send)


def _is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _is_at(origin: str, host: str) -> bool:
    """Whether an origin is the one of a ``Host``, which names no scheme: the origin's own is taken."""
    return origin == origin_of(f"{origin.partition('://')[0]}://{host}")


def _values(headers: RawHeaders, wanted: bytes) -> list[str]:
    """A header's values, each once."""
    return list(dict.fromkeys(value.decode("latin-1").strip() for name, value in headers if name == wanted))
