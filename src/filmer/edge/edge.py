"""The edge: pure ASGI in front of the framework. Request ids, limits, headers, and the byte cache of public GETs.

A public GET is answered from this process's memory, else from Valkey, else it is computed once, however many ask
for it at once, and kept for ``CACHE_DURATION_SECONDS`` under the catalogue's edition. When an import brings in
another edition, nothing of the old one is found any more. Pages are public for whoever brings no session along.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from filmer import errors
from filmer.catalogue.edition import Edition
from filmer.clock import Clock
from filmer.edge.cache import CachedResponse, ResponseCache
from filmer.edge.cross_site import CrossSite
from filmer.edge.forwarding import ForwardedRequest, collect_response
from filmer.edge.headers import (
    SAFETY,
    STRICT_TRANSPORT,
    RequestHeaders,
    as_routed,
    completed,
    drawn_ids,
    messages_of,
    read_headers,
    takes_gzip,
)
from filmer.edge.overload import ConcurrencyLimit
from filmer.edge.shared_cache import SharedResponses
from filmer.edge.traffic import (
    GONE,
    OUTSIDE_COMPUTED,
    OUTSIDE_MEMORY,
    OUTSIDE_STALE,
    PAGE_COMPUTED,
    PAGE_MEMORY,
    PAGE_VALKEY,
    UNCACHED,
    Traffic,
)
from filmer.http.cache_headers import Headers, freshness
from filmer.http.envelopes import FailurePage, error_response, is_page
from filmer.http.handlers import ARRIVAL_KEY, Arrival
from filmer.http.hosts import host_objection
from filmer.settings import is_loopback
from filmer.single_flight import single_flight
from filmer.store.valkey import SharedCache

log = structlog.get_logger()

MAX_ADDRESS = 8192  # bytes of path and query
COMPUTE_SECONDS = 4.5  # before a caller is told to come again
STALE_SECONDS = 0.2  # after which an answer past its time looks whether TMDB told something new
CROWDED = "Too many people ask at this moment"


class Edge:
    """The outermost application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        public: Sequence[str],
        edition: Edition,
        shared: SharedCache,
        cache_seconds: int,
        cache_bytes: int,
        clock: Clock,
        failure_page: FailurePage,
        concurrency: ConcurrencyLimit,
        exempt: Collection[str] = (),
        pages: Sequence[str] = (),
        outside: Collection[str] = (),
        build: bytes = b"",
        access_log: bool = False,
        cross_site: CrossSite | None = None,
        is_https: bool = False,
        traffic: Traffic | None = None,
    ) -> None:
        """``public``: the path prefixes under which a GET may be answered from the cache.

        ``pages``: those under which it may unless the request carries a session; "/" is the one page of that path.
        ``build``: tells apart versions of filmer that share one Valkey, and must not serve each other's answers.
        ``exempt``: the paths that are answered out of turn, however many ask at once.
        ``outside``: the paths whose GETs tell what TMDB told, with an age (``scope["state"]["age"]``, in seconds).
        ``is_https``: browsers reach this server through TLS only, by a name that is not loopback's.
        ``traffic``: where requests are counted, if they are.
        """
        self._app = app
        self._public = tuple(public)
        self._anybodys = (*self._public, *(prefix for prefix in pages if prefix != "/"))
        self._has_home = "/" in pages
        self._failure_page = failure_page
        self._concurrency = concurrency
        self._exempt = frozenset(exempt)
        self._crowded_page: CachedResponse | None = None
        self._outside = frozenset(outside)
        self._edition = edition
        self._shared = SharedResponses(shared, clock, build=build, seconds=cache_seconds)
        self._seconds = cache_seconds
        of_outside = cache_bytes // 8  # all five hundred popular pages take 3 MiB
        self._memory = ResponseCache(max_bytes=cache_bytes - of_outside)
        self._outside_memory = ResponseCache(max_bytes=of_outside)
        self._clock = clock
        self._access_log = access_log
        self._cross_site = cross_site or CrossSite()
        self._always = [*SAFETY, STRICT_TRANSPORT] if is_https else SAFETY
        self._ids = drawn_ids()
        self._traffic = traffic
        self._under_way: dict[tuple[str, bytes], asyncio.Task[tuple[CachedResponse, str]]] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the process starting and stopping
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()
        asked = read_headers(scope["headers"])
        has_session, request_id = asked.has_session, asked.request_id or next(self._ids)
        method = scope["method"]
        path = scope["path"] = as_routed(scope["path"])
        always = self._always_of(path, asked, scope["headers"])
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = "GET"
        address = scope["raw_path"] + b"?" + scope["query_string"]
        source = UNCACHED
        if unfit := _unfit(scope, asked, address):
            answer = self._refusal(unfit, scope)
        elif scope["method"] == "GET" and (
            path.startswith(self._public if has_session else self._anybodys)
            or (path == "/" and self._has_home and not has_session)
        ):
            key = (self._edition.key, address)
            kept = self._memory.get(*key, begun)
            answer, source = (kept, PAGE_MEMORY) if kept else await self._public_answer(scope, key, request_id)
        elif scope["method"] == "GET" and path in self._outside:
            kept = self._outside_memory.get("", address, begun)
            answer, source = (kept, OUTSIDE_MEMORY) if kept else await self._outside_answer(scope, address, request_id)
        elif is_head:
            answer, _ = await self._head(scope, request_id)
        else:
            forwarded = ForwardedRequest(receive, send, path, [*always, (b"x-request-id", request_id)])
            await self._pass_on(scope, forwarded, begun, request_id)
            return
        route = answer.route
        if answer.compressed is not None and takes_gzip(asked.accept_encoding):
            answer = answer.compressed
        self._log_access(method, scope, answer.status, begun, request_id)  # so that who has the answer finds its line
        headers = [*answer.headers, *always, (b"x-request-id", request_id)]
        if answer.fetched is not None:
            age = int(self._clock.monotonic() - answer.fetched)
            headers += freshness(age, self._seconds, is_new=answer.is_new)
            source = OUTSIDE_STALE if age >= self._seconds and not answer.is_new else source
        messages = messages_of(answer, headers, asked.if_none_match, with_body=not is_head)
        if self._traffic is not None:  # before it is sent: who has the answer finds it counted
            what = method, route or self._traffic.route_of(path), messages[0]["status"], source
            self._traffic.add(what, self._clock.monotonic() - begun)
        for message in messages:
            await send(message)

    def _always_of(self, path: str, asked: RequestHeaders, headers: Headers) -> Headers:
        """What depends on server and caller is put to an answer when it leaves: no kept copy holds any of it."""
        always = self._always
        if always is not SAFETY and asked.hosts and is_loopback(asked.hosts[0].decode("latin-1")):
            always = SAFETY  # or the browser would want https of whatever else listens on its machine
        if self._cross_site.is_open:
            always = [*always, *self._cross_site.grants(path, headers)]
        return always

    async def _pass_on(self, scope: HTTPScope, forwarded: ForwardedRequest, begun: float, request_id: bytes) -> None:
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        method, path = scope["method"], scope["path"]
        scope[ARRIVAL_KEY] = Arrival(self._clock.now(), begun)  # type: ignore[literal-required]
        try:
            await self._app_or_refusal(scope, forwarded)
        finally:
            if self._traffic is not None:
                status = GONE if forwarded.is_gone else forwarded.status or GONE
                what = method, self._traffic.route_of(path), status, UNCACHED
                self._traffic.add(what, self._clock.monotonic() - begun)
        self._log_access(method, scope, forwarded.status, begun, request_id)

    async def _app_or_refusal(self, scope: HTTPScope, forwarded: ForwardedRequest) -> None:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        if refusal := self._cross_site.refusal(method, path, headers):
            answer = self._refusal(refusal, scope)
        elif allowed := self._cross_site.preflight(method, path, headers):
            answer = CachedResponse(204, allowed, b"")
        elif path in self._exempt:
            await self._app(scope, forwarded.receive, forwarded.send)
            return
        elif slot := await self._concurrency.acquire():
            with slot:
                await self._app(scope, forwarded.receive, forwarded.send)
            return
        else:
            answer = self._crowded(scope)
        for message in messages_of(answer, answer.headers, b"", with_body=True):
            await forwarded.send(message)

    async def _public_answer(
        self, scope: HTTPScope, key: tuple[str, bytes], request_id: bytes
    ) -> tuple[CachedResponse, str]:
        if self._concurrency.is_full and key not in self._under_way:
            return self._crowded(scope), PAGE_COMPUTED
        try:
            async with asyncio.timeout(COMPUTE_SECONDS):
                return await single_flight(
                    self._under_way,
                    key,
                    lambda: self._in_turn(scope, partial(self._look_further, scope, key, request_id)),
                )
        except TimeoutError:
            return self._refusal(errors.ServiceUnavailable("The answer takes too long"), scope), PAGE_COMPUTED

    async def _outside_answer(self, scope: HTTPScope, address: bytes, request_id: bytes) -> tuple[CachedResponse, str]:
        """What TMDB told. Over its time it is served on, and asked for anew behind (contract §7.9)."""
        return await single_flight(
            self._under_way,
            ("", address),
            lambda: self._in_turn(scope, partial(self._ask_outside, scope, address, request_id)),
        )

    async def _ask_outside(self, scope: HTTPScope, address: bytes, request_id: bytes) -> tuple[CachedResponse, str]:
        answer = await self._compute(scope, request_id)
        if answer.is_public and answer.fetched is not None and self._seconds:
            until = max(answer.fetched + self._seconds, self._clock.monotonic() + STALE_SECONDS)
            self._outside_memory.put("", address, msgspec.structs.replace(answer, is_new=False), until=until)
        return answer, OUTSIDE_COMPUTED

    async def _in_turn(
        self, scope: HTTPScope, work: Callable[[], Awaitable[tuple[CachedResponse, str]]]
    ) -> tuple[CachedResponse, str]:
        """What the work comes to, when there is room for it (edge/overload.py)."""
        slot = await self._concurrency.acquire()
        if slot is None:
            return self._crowded(scope), UNCACHED
        with slot:
            return await work()

    async def _head(self, scope: HTTPScope, request_id: bytes) -> tuple[CachedResponse, str]:
        async def compute() -> tuple[CachedResponse, str]:
            return await self._compute(scope, request_id, is_kept=False), UNCACHED

        return await (compute() if scope["path"] in self._exempt else self._in_turn(scope, compute))

    def _crowded(self, scope: HTTPScope) -> CachedResponse:
        """Pages are made once: who is told so is the cheaper for it."""
        if not is_page(scope["path"]):
            return self._refusal(errors.ServiceUnavailable(CROWDED), scope)
        if self._crowded_page is None:
            self._crowded_page = self._refusal(errors.ServiceUnavailable(CROWDED), scope)
        return self._crowded_page

    def _refusal(self, error: errors.FilmerError, scope: HTTPScope) -> CachedResponse:
        """An error the edge finds by itself."""
        told, body = error_response(scope["path"], error, self._clock.now(), self._failure_page)
        headers = [(name.encode(), value.encode()) for name, value in told.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        return CachedResponse(error.status, completed(headers, scope["path"]), body)

    async def _look_further(
        self, scope: HTTPScope, key: tuple[str, bytes], request_id: bytes
    ) -> tuple[CachedResponse, str]:
        """The answer, and where it comes from."""
        edition, address = key
        if not edition or not self._seconds:
            return await self._compute(scope, request_id), PAGE_COMPUTED
        name = self._shared.name(edition, address)
        answer, source = await self._shared.find(name), PAGE_VALKEY
        if answer is None:
            source = PAGE_COMPUTED
            behind = self._edition.behind
            answer = await self._compute(scope, request_id)
            is_kept = answer.is_public and self._edition.behind == behind  # else it may be of an older edition
            self._shared.publish(name, answer if is_kept else None)
            if not is_kept:
                return answer, source
        if self._traffic is not None:
            answer.route = self._traffic.route_of(scope["path"])  # once, not each time it is sent
        self._memory.put(edition, address, answer, until=self._clock.monotonic() + self._seconds)
        return answer, source

    async def _compute(self, scope: HTTPScope, request_id: bytes, *, is_kept: bool = True) -> CachedResponse:
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        return await collect_response(self._app, scope, self._clock, is_kept=is_kept)

    def _log_access(self, method: str, scope: Any, status: int, begun: float, request_id: bytes) -> None:
        if not self._access_log:
            return
        log.info(
            "request",
            method=method,
            path=scope["path"],
            status=status,
            milliseconds=round((self._clock.monotonic() - begun) * 1000, 2),
            request_id=request_id.decode(),
        )


def _unfit(scope: Any, asked: RequestHeaders, address: bytes) -> errors.FilmerError | None:
    """Why a request is not even looked at."""
    if objection := host_objection(scope["http_version"], asked.hosts):
        return errors.InvalidRequest(message=objection)
    return errors.UriTooLong() if len(address) > MAX_ADDRESS + 1 else None
