"""The client of TMDB's v3 API: bounded in time and size, with the retries that community-api.txt prescribes.

Each failed attempt is logged with its stack trace, request and number. The log never has the credential.
"""

import asyncio
import random
import ssl
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog
from cachetools import LRUCache
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from filmer import __version__
from filmer.clock import Clock
from filmer.durations import Durations
from filmer.errors import ExternalApiError, MovieNotFound, UnusableTmdbResponse
from filmer.settings import Settings
from filmer.tmdb.circuit_breaker import CircuitBreaker
from filmer.tmdb.payloads import (
    MAX_ID,
    PayloadError,
    Popular,
    TmdbFilm,
    read_error_code,
    read_film,
    read_find_result,
    read_popular,
    read_poster_path,
)
from filmer.tmdb.rate_limit import RateLimit

log = structlog.get_logger()

ATTEMPTS = 4
FIRST_WAIT, MAX_WAIT, MULTIPLIER = 1.0, 5.0, 2.0  # seconds
JITTER = 0.1  # of each wait, so that not all workers retry at once
WAITS = (1 + 2 + 4) * (1 + JITTER)
MIN_ATTEMPT_SECONDS = 1.5  # a first connection from far away takes 0.7
MAX_BYTES = 2**18  # of a response; a page of popular films has about 15 KB
CONNECTIONS = 20
UNKNOWN_FILM = (34, 6)  # TMDB's codes for it (contract §7.8)
MAX_LOGGED_FILMS = 5  # whose reasons are logged when films of a response are left out
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

T = TypeVar("T")


class TmdbRequest(msgspec.Struct, Generic[T], frozen=True):
    """A request, and the reader of its response. ``is_for_film``: a 404 can mean that there is no such film."""

    path: str
    parameters: dict[str, str]
    read: Callable[[bytes], T]
    is_for_film: bool = False


class AttemptFailed(Exception):
    """An attempt failed. ``is_retryable``: another may succeed; ``wait``: seconds that TMDB asks for before it."""

    def __init__(self, message: str, *, is_retryable: bool, wait: float = 0.0) -> None:
        self.is_retryable = is_retryable
        self.wait = wait
        super().__init__(message)


class CredentialRefused(AttemptFailed):
    """TMDB refuses our credential (401): a misconfiguration, which is logged once."""

    def __init__(self) -> None:
        super().__init__("TMDB refuses the credential: set TMDB_ACCESS_TOKEN or TMDB_API_KEY right", is_retryable=False)


class UnusableResponse(AttemptFailed):
    """The response is not what TMDB documents."""

    def __init__(self, error: PayloadError) -> None:
        super().__init__(f"not a response that TMDB documents: {error}", is_retryable=False)


class Tmdb:
    """The client of one process. Each method returns or raises ExternalApiError within the deadline."""

    def __init__(self, settings: Settings, rate_limit: RateLimit, clock: Clock) -> None:
        self._clock = clock
        self._rate_limit = rate_limit
        self.breaker = CircuitBreaker(clock)
        self._deadline = float(settings.tmdb_deadline_seconds)
        self._attempt_seconds = max(MIN_ATTEMPT_SECONDS, (self._deadline - WAITS) / ATTEMPTS)
        self._connection_slots = asyncio.Semaphore(CONNECTIONS)  # waiting for one does not count as waiting for TMDB
        self._is_credential_refused = False  # logged already; reset once TMDB accepts the credential
        self._logged_left_out: LRUCache[str, list[str]] = LRUCache(1000)  # as last logged, by request
        self.calls: Durations[str] = Durations()  # by outcome
        self.is_set_up = bool(settings.tmdb_access_token or settings.tmdb_api_key)
        self._language = {"language": settings.tmdb_language}
        self._region = {"region": settings.tmdb_region} if settings.tmdb_region else {}
        headers, parameters = {"accept": "application/json"}, {}
        if settings.tmdb_access_token:
            headers["authorization"] = f"Bearer {settings.tmdb_access_token}"
        elif settings.tmdb_api_key:
            parameters["api_key"] = settings.tmdb_api_key
        self._http = http_client(
            settings.tmdb_base_url,
            headers=headers,
            parameters=parameters,
            seconds=self._attempt_seconds,
            connections=CONNECTIONS,
        )

    async def close(self) -> None:
        await self._http.aclose()

    @property
    def condition(self) -> str:
        """The state of TMDB as this process knows it, in a few words."""
        if not self.is_set_up:
            return "not set up"
        if self._is_credential_refused:
            return "refuses our credential"
        return "does not answer" if self.breaker.is_open else "well"

    async def popular(self, page: int) -> Popular:
        parameters = {"page": str(page), **self._language, **self._region}
        request = TmdbRequest("/movie/popular", parameters, lambda body: read_popular(body, page))
        popular, left_out = await self._send(request)
        self._log_left_out(request, left_out)
        return popular

    async def film(self, movie_id: int) -> TmdbFilm:
        """Raises MovieNotFound if TMDB does not know the film."""
        return await self._send_for_film(movie_id, read_film)

    async def poster_path(self, movie_id: int) -> str | None:
        """The path of its poster at the image host. Raises MovieNotFound if TMDB does not know the film."""
        return await self._send_for_film(movie_id, read_poster_path)

    async def find(self, imdb_id: str) -> int | None:
        """The TMDB id of the film with this IMDb id; None if TMDB does not know it."""
        request = TmdbRequest(f"/find/{imdb_id}", {"external_source": "imdb_id"}, read_find_result)
        movie_id, left_out = await self._send(request)
        self._log_left_out(request, left_out)
        return movie_id

    async def _send_for_film(self, movie_id: int, read: Callable[[bytes, int], T]) -> T:
        if movie_id > MAX_ID:
            raise MovieNotFound  # a number of the shop's own (contract §14.2)
        path = f"/movie/{movie_id}"
        return await self._send(TmdbRequest(path, self._language, lambda body: read(body, movie_id), is_for_film=True))

    def _log_left_out(self, request: TmdbRequest[Any], left_out: list[str]) -> None:
        """Log the films that were left out of a response, once for each request until they change."""
        key = f"{request.path} {request.parameters}"
        if left_out and left_out != self._logged_left_out.get(key):
            log.warning(
                "TMDB sent films that can't be used; they are left out", path=request.path,
                page=request.parameters.get("page"), count=len(left_out), films=left_out[:MAX_LOGGED_FILMS],
            )  # fmt: skip
        self._logged_left_out[key] = left_out

    async def _send(self, request: TmdbRequest[T]) -> T:
        if not self.is_set_up:
            raise ExternalApiError("TheMovieDB is not set up on this server")
        self.breaker.admit()
        started = self._clock.monotonic()
        number = 0
        try:
            async with asyncio.timeout(self._deadline):
                async for attempt in self._attempts(started):
                    with attempt:
                        number = attempt.retry_state.attempt_number
                        result = await self._attempt(request, started + self._deadline, number)
        except AttemptFailed as error:
            raise (UnusableTmdbResponse if isinstance(error, UnusableResponse) else ExternalApiError) from error
        except TimeoutError as error:  # too many requests were waiting before this one
            _log_failure(request, number, "not sent before the deadline", error)
            raise ExternalApiError from error
        return result

    def _attempts(self, started: float) -> AsyncRetrying:
        def is_last(state: RetryCallState) -> bool:
            left = started + self._deadline - self._clock.monotonic()
            return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= left

        return AsyncRetrying(
            sleep=self._clock.sleep,
            wait=_wait,
            stop=is_last,
            retry=retry_if_exception(lambda error: isinstance(error, AttemptFailed) and error.is_retryable),
            reraise=True,
        )

    async def _attempt(self, request: TmdbRequest[T], deadline: float, number: int) -> T:
        async with self._connection_slots:
            await self._rate_limit.acquire()
            started = self._clock.monotonic()
            left = deadline - started
            outcome = "abandoned"  # the caller was cancelled
            try:
                result = request.read(await self._get(request, seconds=min(self._attempt_seconds, left)))
                outcome = "answered"
            except MovieNotFound:
                outcome = "answered"
                self._record_success()
                raise
            except (AttemptFailed, PayloadError, TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
                failure = _as_failure(error)
                outcome = outcome_of(error)
                self.breaker.record_failure()
                if not (isinstance(failure, CredentialRefused) and self._is_credential_refused):
                    _log_failure(request, number, str(failure), error)
                self._is_credential_refused |= isinstance(failure, CredentialRefused)
                raise failure from error
            finally:
                self.calls.add(outcome, self._clock.monotonic() - started)
        self._record_success()
        return result

    def _record_success(self) -> None:
        self.breaker.record_success()
        self._is_credential_refused = False

    async def _get(self, request: TmdbRequest[Any], *, seconds: float) -> bytes:
        """Return the body of a 200. Raises TimeoutError if it is not complete in ``seconds``."""
        async with (
            asyncio.timeout(seconds),
            self._http.stream("GET", request.path, params=request.parameters) as response,
        ):
            body = await read_body(response, MAX_BYTES)
        if response.status_code == httpx.codes.OK:
            return body
        raise _error_of(request, response, body, self._clock.now())


def http_client(
    base_url: str,
    *,
    headers: dict[str, str],
    seconds: float,
    connections: int,
    parameters: dict[str, str] | None = None,
) -> httpx.AsyncClient:
    """An HTTP client of one server, which follows no redirects and stores no cookies."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={
            "accept-encoding": "identity",  # responses are small; uncompressed ones cannot be decompression bombs
            "user-agent": f"filmer/{__version__}",
            **headers,
        },
        params=parameters,
        verify=_tls_context() if base_url.startswith("https:") else _trusting_nobody(),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=seconds,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        trust_env=urlsplit(base_url).hostname not in _LOOPBACK,  # no proxy for loopback addresses
    )


_tls_context = cache(httpx.create_ssl_context)  # reading all authorities takes 40 ms, so once for all clients


def _trusting_nobody() -> ssl.SSLContext:
    """For servers without TLS, such as the demo's sandbox: nothing is read, and no certificate would be accepted."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Read the body. Raises AttemptFailed if it is too big or compressed."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AttemptFailed("a compressed response, which was not requested", is_retryable=False)
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise AttemptFailed(f"a response of more than {max_bytes:,} bytes", is_retryable=False)
    return bytes(body)


def _log_failure(request: TmdbRequest[Any], number: int, failure: str, error: Exception) -> None:
    log.error(
        "TMDB failed", error=failure, method="GET", path=request.path, attempt=number, attempts=ATTEMPTS,
        exc_info=error,
    )  # fmt: skip


def _error_of(request: TmdbRequest[Any], response: httpx.Response, body: bytes, now: datetime) -> Exception:
    status, code = response.status_code, read_error_code(body)
    if status == httpx.codes.UNAUTHORIZED:
        return CredentialRefused()
    description = f"status {status}" + (f", TMDB's code {code}" if code is not None else "")
    if status == httpx.codes.NOT_FOUND:
        if request.is_for_film and code in UNKNOWN_FILM:
            return MovieNotFound()
        return AttemptFailed(f"{description}; is TMDB_BASE_URL right?", is_retryable=False)
    is_retryable = status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(status)
    wait = _retry_after(response.headers.get("retry-after", ""), now) if is_retryable else 0.0
    return AttemptFailed(description, is_retryable=is_retryable, wait=wait)


def _retry_after(header: str, now: datetime) -> float:
    """The seconds from now that the header asks for, as a number or a date; 0 if it can't be read."""
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (parsedate_to_datetime(header) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, one without a time zone, or out of range
        return 0.0


def _as_failure(error: Exception) -> AttemptFailed:
    if isinstance(error, AttemptFailed):
        return error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return AttemptFailed("no response in time", is_retryable=True)
    if isinstance(error, PayloadError):
        return UnusableResponse(error)
    return AttemptFailed(f"{type(error).__name__}: {error}", is_retryable=isinstance(error, httpx.TransportError))


def outcome_of(error: Exception) -> str:
    """Return the outcome of a failed call, as the metrics label it."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.HTTPError) else "unusable"


def _wait(state: RetryCallState) -> float:
    """The seconds before the next attempt: a growing backoff, or longer if TMDB asks for that."""
    plain = FIRST_WAIT * MULTIPLIER ** (state.attempt_number - 1)
    backoff = min(MAX_WAIT, plain * (1 + random.uniform(0, JITTER)))  # noqa: S311 - no secret
    error: Any = state.outcome.exception() if state.outcome else None
    return max(backoff, error.wait if isinstance(error, AttemptFailed) else 0.0)
