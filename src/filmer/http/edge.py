"""The edge: pure ASGI in front of the framework. Request ids, limits, headers, and the byte cache of public GETs.

A public GET is answered from this process's memory, else from Valkey, else it is computed once, however many ask
for it at once, and kept for ``CACHE_DURATION_SECONDS`` under the catalogue's edition. When an import brings in
another edition, nothing of the old one is found any more. Pages are public for whoever brings no session along.
"""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Send

from filmer import errors
from filmer.catalogue.edition import Edition
from filmer.clock import Clock
from filmer.http.byte_cache import Answer, ByteCache, Headers
from filmer.http.compression import compress
from filmer.http.cross_site import CrossSite
from filmer.http.envelopes import FailurePage, error_answer, is_page
from filmer.http.freshness import freshness
from filmer.http.handlers import ARRIVED
from filmer.http.overload import Turns
from filmer.http.traffic import (
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
from filmer.store.valkey import SharedCache
from filmer.together import together

log = structlog.get_logger()

MAX_ADDRESS = 8192  # bytes of path and query
CLAIM_MILLISECONDS = 3000  # how long others wait for the one process that computes
POLL_SECONDS = 0.02
COMPUTE_SECONDS = 4.5  # before a caller is told to come again
MAX_DRAINED = 256 * 1024  # bytes of a body nobody wants
STALE_SECONDS = 0.2  # after which an answer past its time looks whether TMDB told something new
DRAIN_SECONDS = 1.0
CROWDED = "Too many people ask at this moment"
CLOSE_SECONDS = 0.05  # Granian, told to close while it is still reading, sometimes leaves the connection open
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_GZIP = re.compile(rb"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


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
        turns: Turns,
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
        ``is_https``: browsers reach this server through TLS only.
        ``traffic``: where requests are counted, if they are.
        """
        self._app = app
        self._public = tuple(public)
        self._anybodys = (*self._public, *(prefix for prefix in pages if prefix != "/"))
        self._has_home = "/" in pages
        self._failure_page = failure_page
        self._turns = turns
        self._exempt = frozenset(exempt)
        self._crowded_page: Answer | None = None
        self._build = build
        self._outside = frozenset(outside)
        self._edition = edition
        self._shared = shared
        self._seconds = cache_seconds
        of_outside = cache_bytes // 8  # all five hundred popular pages take 3 MiB
        self._memory = ByteCache(max_bytes=cache_bytes - of_outside)
        self._outside_memory = ByteCache(max_bytes=of_outside)
        self._clock = clock
        self._access_log = access_log
        self._cross_site = cross_site or CrossSite()
        self._always = [*_SAFETY, _STRICT_TRANSPORT] if is_https else _SAFETY
        self._ids = _drawn_ids()
        self._traffic = traffic
        self._under_way: dict[tuple[str, bytes], asyncio.Task[tuple[Answer, str]]] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the process starting and stopping
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()
        given_id, matching, has_session, takes_gzip = _read_headers(scope["headers"])
        request_id = given_id or next(self._ids)
        method = scope["method"]
        path = scope["path"] = _as_routed(scope["path"])
        # What depends on the server and the caller is put to an answer when it leaves: no kept copy holds any of it.
        always = self._always
        if self._cross_site.is_open:
            always = [*always, *self._cross_site.grants(path, scope["headers"])]
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = "GET"
        address = scope["raw_path"] + b"?" + scope["query_string"]
        source = UNCACHED
        if len(address) > MAX_ADDRESS + 1:
            answer = self._refusal(errors.UriTooLong(), scope)
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
            passed = _Passed(receive, send, path, [*always, (b"x-request-id", request_id)])
            await self._pass_on(scope, passed, begun, request_id)
            return
        route = answer.route
        if takes_gzip and answer.compressed is not None:
            answer = answer.compressed
        self._log_access(method, scope, answer.status, begun, request_id)  # so that who has the answer finds its line
        headers = [*answer.headers, *always, (b"x-request-id", request_id)]
        if answer.fetched is not None:
            age = int(self._clock.monotonic() - answer.fetched)
            headers += freshness(age, self._seconds, is_new=answer.is_new)
            source = OUTSIDE_STALE if age >= self._seconds and not answer.is_new else source
        messages = _messages(answer, headers, matching, with_body=not is_head)
        if self._traffic is not None:  # before it is sent: who has the answer finds it counted
            what = method, route or self._traffic.route_of(path), messages[0]["status"], source
            self._traffic.add(what, self._clock.monotonic() - begun)
        for message in messages:
            await send(message)

    async def _pass_on(self, scope: HTTPScope, passed: "_Passed", begun: float, request_id: bytes) -> None:
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        method, path = scope["method"], scope["path"]
        scope[ARRIVED] = self._clock.now()  # type: ignore[literal-required]
        try:
            await self._app_or_refusal(scope, passed)
        finally:
            if self._traffic is not None:
                status = GONE if passed.is_gone else passed.status or GONE
                what = method, self._traffic.route_of(path), status, UNCACHED
                self._traffic.add(what, self._clock.monotonic() - begun)
        self._log_access(method, scope, passed.status, begun, request_id)

    async def _app_or_refusal(self, scope: HTTPScope, passed: "_Passed") -> None:
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        if refusal := self._cross_site.refusal(method, path, headers):
            answer = self._refusal(refusal, scope)
        elif allowed := self._cross_site.preflight(method, path, headers):
            answer = Answer(204, allowed, b"")
        elif path in self._exempt:
            await self._app(scope, passed.receive, passed.send)
            return
        elif turn := await self._turns.take():
            with turn:
                await self._app(scope, passed.receive, passed.send)
            return
        else:
            answer = self._crowded(scope)
        for message in _messages(answer, answer.headers, b"", with_body=True):
            await passed.send(message)

    async def _public_answer(self, scope: HTTPScope, key: tuple[str, bytes], request_id: bytes) -> tuple[Answer, str]:
        if self._turns.are_out and key not in self._under_way:
            return self._crowded(scope), PAGE_COMPUTED
        try:
            async with asyncio.timeout(COMPUTE_SECONDS):
                return await together(
                    self._under_way,
                    key,
                    lambda: self._in_turn(scope, partial(self._look_further, scope, key, request_id)),
                )
        except TimeoutError:
            return self._refusal(errors.ServiceUnavailable("The answer takes too long"), scope), PAGE_COMPUTED

    async def _outside_answer(self, scope: HTTPScope, address: bytes, request_id: bytes) -> tuple[Answer, str]:
        """What TMDB told. Over its time it is served on, and asked for anew behind (contract §7.9)."""
        return await together(
            self._under_way,
            ("", address),
            lambda: self._in_turn(scope, partial(self._ask_outside, scope, address, request_id)),
        )

    async def _ask_outside(self, scope: HTTPScope, address: bytes, request_id: bytes) -> tuple[Answer, str]:
        answer = await self._compute(scope, request_id)
        if answer.is_public and answer.fetched is not None and self._seconds:
            until = max(answer.fetched + self._seconds, self._clock.monotonic() + STALE_SECONDS)
            self._outside_memory.put("", address, msgspec.structs.replace(answer, is_new=False), until=until)
        return answer, OUTSIDE_COMPUTED

    async def _in_turn(self, scope: HTTPScope, work: Callable[[], Awaitable[tuple[Answer, str]]]) -> tuple[Answer, str]:
        """What the work comes to, when there is room for it (http/overload.py)."""
        turn = await self._turns.take()
        if turn is None:
            return self._crowded(scope), UNCACHED
        with turn:
            return await work()

    async def _head(self, scope: HTTPScope, request_id: bytes) -> tuple[Answer, str]:
        async def compute() -> tuple[Answer, str]:
            return await self._compute(scope, request_id, is_kept=False), UNCACHED

        return await (compute() if scope["path"] in self._exempt else self._in_turn(scope, compute))

    def _crowded(self, scope: HTTPScope) -> Answer:
        """Pages are made once: who is told so is the cheaper for it."""
        if not is_page(scope["path"]):
            return self._refusal(errors.ServiceUnavailable(CROWDED), scope)
        if self._crowded_page is None:
            self._crowded_page = self._refusal(errors.ServiceUnavailable(CROWDED), scope)
        return self._crowded_page

    def _refusal(self, error: errors.FilmerError, scope: HTTPScope) -> Answer:
        """An error the edge finds by itself."""
        told, body = error_answer(scope["path"], error, self._clock.now(), self._failure_page)
        headers = [(name.encode(), value.encode()) for name, value in told.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        return Answer(error.status, _completed(headers, scope["path"]), body)

    async def _look_further(self, scope: HTTPScope, key: tuple[str, bytes], request_id: bytes) -> tuple[Answer, str]:
        """The answer, and where it comes from."""
        edition, address = key
        if not edition or not self._seconds:
            return await self._compute(scope, request_id), PAGE_COMPUTED
        name = f"filmer:page:{edition}:{hashlib.blake2b(address, digest_size=16, key=self._build).hexdigest()}"
        answer, source = _unpacked(await self._shared.get(name) or await self._wait_for_other(name)), PAGE_VALKEY
        if answer is None:
            source = PAGE_COMPUTED
            behind = self._edition.behind
            answer = await self._compute(scope, request_id)
            is_kept = answer.is_public and self._edition.behind == behind  # else it may be of an older edition
            packed = msgspec.msgpack.encode(answer) if is_kept else None
            self._shared.publish(name, packed, seconds=self._seconds)
            if not is_kept:
                return answer, source
        if self._traffic is not None:
            answer.route = self._traffic.route_of(scope["path"])  # once, not each time it is sent
        self._memory.put(edition, address, answer, until=self._clock.monotonic() + self._seconds)
        return answer, source

    async def _wait_for_other(self, name: str) -> bytes | None:
        """The answer another process is computing, or None when computing it is up to us."""
        deadline = self._clock.monotonic() + CLAIM_MILLISECONDS / 1000
        while not await self._shared.claim(name, milliseconds=CLAIM_MILLISECONDS):
            await asyncio.sleep(POLL_SECONDS)
            if packed := await self._shared.get(name):
                return packed
            if self._clock.monotonic() > deadline:
                return None
        return None

    async def _compute(self, scope: HTTPScope, request_id: bytes, *, is_kept: bool = True) -> Answer:
        """What the framework answers, whole. ``is_kept``: where it may be, so that the next is answered alike."""
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        parts: list[bytes] = []
        start: dict[str, Any] = {}

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        # What everybody gets is nobody's: not even a notice that the first who asked brought along is seen.
        headers = [header for header in scope["headers"] if header[0] != b"cookie"] if is_kept else scope["headers"]
        inner: Any = {**scope, "headers": headers, "state": {}}
        await self._app(inner, receive, send)
        body = b"".join(parts)
        told: Headers = [(bytes(name), bytes(value)) for name, value in start["headers"]]
        answer = Answer(start["status"], _completed(told, scope["path"]), body)
        if "age" in inner["state"]:
            answer.fetched = self._clock.monotonic() - inner["state"]["age"]
            answer.is_new = inner["state"]["is_new"]
        if is_kept and answer.status == 200 and _is_public(told):  # noqa: PLR2004 - OK
            answer.etag = b'"' + hashlib.blake2b(body, digest_size=12).hexdigest().encode() + b'"'
            answer.headers.append((b"etag", answer.etag))
            compress(answer)
        return answer

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


# Ours may be kept, theirs must ask us whether it still holds: so an import shows everywhere at once.
PUBLIC = "public, no-cache"
_SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_UNKEPT = (b"cache-control", b"no-store")


def _is_public(headers: Headers) -> bool:
    return any(name == b"cache-control" and value.startswith(b"public") for name, value in headers)


def _as_routed(path: str) -> str:
    """As the framework reads it: of slashes in a row the first alone, and none at the end."""
    if "//" not in path and not path.endswith("/"):
        return path
    return "/" + "/".join(part for part in path.split("/") if part)


def _drawn_ids() -> Iterator[bytes]:
    """Request ids. Drawn many at a time: one by one they would be a third of what an answer from memory takes."""
    while True:
        drawn = secrets.token_hex(8 * 512).encode()
        yield from (drawn[start : start + 16] for start in range(0, len(drawn), 16))


def _read_headers(headers: Any) -> tuple[bytes, bytes, bool, bool]:
    """The request's id, if fit to be logged; what it holds already; has it a session; does it take gzip."""
    request_id = matching = b""
    has_session = takes_gzip = False
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value
        elif name == b"if-none-match":
            matching = value
        elif name == b"cookie":
            has_session = has_session or b"JSESSIONID" in value
        elif name == b"accept-encoding":
            takes_gzip = b"gzip" in value and (b"q=0" not in value or not _NO_GZIP.search(value))
    return request_id, matching, has_session, takes_gzip


def _completed(headers: Headers, path: str) -> Headers:
    """With what an answer gets that says nothing else of it itself (contract §1.6: personal is what isn't public)."""
    told = {name for name, _ in headers}
    completed = list(headers)
    if _POLICY[0] not in told:
        completed.append(_POLICY)
    if _UNKEPT[0] not in told and path.startswith("/api"):
        completed.append(_UNKEPT)
    return completed


def _matches(matching: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in matching.split(b",")]
    return etag in tags or matching.strip() == b"*"


def _messages(answer: Answer, headers: Headers, matching: bytes, *, with_body: bool) -> tuple[Any, Any]:
    status, body = answer.status, answer.body
    if matching and answer.etag and _matches(matching, answer.etag):
        headers = [header for header in headers if header[0] not in {b"content-length", b"content-type"}]
        status, body = 304, b""
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body if with_body else b"", "more_body": False},
    )


class _Passed:
    """Sends on what the framework sends, with our headers, after the request was read to its end.

    A body left unread would be taken for the connection's next request: what is small is read and dropped.
    """

    def __init__(self, receive: Receive, send: Send, path: str, always: Headers) -> None:
        self._receive = receive
        self._send = send
        self._path = path
        self._always = always
        self._is_read = False
        self.is_gone = False  # the caller hung up before the request had come in whole
        self.status = 0

    async def receive(self) -> Any:
        message = await self._receive()
        self.is_gone = self.is_gone or (message["type"] == "http.disconnect" and not self._is_read)
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*_completed(message["headers"], self._path), *self._always]
            if not await self._drained():
                headers.append((b"connection", b"close"))
                await asyncio.sleep(CLOSE_SECONDS)
            message["headers"] = headers
        await self._send(message)

    async def _drained(self) -> bool:
        left = MAX_DRAINED
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._is_read and left > 0:
                    message: Any = await self.receive()
                    left -= len(message.get("body", b""))
        return self._is_read


def _unpacked(packed: bytes | None) -> Answer | None:
    """An answer from the shared cache; None for none, and for what is not one of ours."""
    try:
        return msgspec.msgpack.decode(packed, type=Answer) if packed else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
