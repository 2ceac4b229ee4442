"""Asking TMDB (its v3 API): in bounded time and size, with retries as community-api.txt prints them.

Whatever goes wrong is logged with its stack trace, the request it happened to and which try it was; the credential is
in none of it.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
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
from filmer.errors import ExternalApiError, MovieNotFound, UnusableAnswer
from filmer.settings import Settings
from filmer.tmdb.breaker import Breaker
from filmer.tmdb.payloads import (
    PayloadError,
    Popular,
    TmdbFilm,
    read_film,
    read_found,
    read_popular,
    read_poster_path,
    read_problem,
)
from filmer.tmdb.rate_limit import RateLimit

log = structlog.get_logger()

ATTEMPTS = 4
FIRST_WAIT, LONGEST_WAIT, MULTIPLIER = 1.0, 5.0, 2.0  # seconds
JITTER = 0.1  # of each wait, so that not all workers come back at once
WAITS = (1 + 2 + 4) * (1 + JITTER)
LEAST_ATTEMPT_SECONDS = 1.5  # a first connection from far away takes 0.7
MAX_BYTES = 2**18  # of an answer; a page of popular films has about 15 KB
CONNECTIONS = 20
UNKNOWN_FILM = (34, 6)  # TMDB's codes for it (contract §7.8)
TOLD_ROWS = 5  # films left out of one answer whose reasons are logged
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

T = TypeVar("T")


class Question(msgspec.Struct, Generic[T], frozen=True):
    """What TMDB is asked, and how its answer is read. ``of_film``: a 404 can mean that there is no such film."""

    path: str
    parameters: dict[str, str]
    read: Callable[[bytes], T]
    of_film: bool = False


class AttemptFailed(Exception):
    """One try that brought nothing. ``again``: another may; ``wait``: seconds TMDB asks for before it."""

    def __init__(self, message: str, *, again: bool, wait: float = 0.0) -> None:
        self.again = again
        self.wait = wait
        super().__init__(message)


class Refused(AttemptFailed):
    """TMDB does not take our credential (401): our misconfiguration, told once."""

    def __init__(self) -> None:
        super().__init__("TMDB refuses the credential: set TMDB_ACCESS_TOKEN or TMDB_API_KEY right", again=False)


class Unusable(AttemptFailed):
    """TMDB answered something else than what it documents."""

    def __init__(self, error: PayloadError) -> None:
        super().__init__(f"not what TMDB answers: {error}", again=False)


class Tmdb:
    """One process's way to TMDB. Each method raises ExternalApiError within the deadline, whatever TMDB does."""

    def __init__(self, settings: Settings, rate_limit: RateLimit, clock: Clock) -> None:
        self._clock = clock
        self._rate_limit = rate_limit
        self._breaker = Breaker(clock)
        self._deadline = float(settings.tmdb_deadline_seconds)
        self._attempt_seconds = max(LEAST_ATTEMPT_SECONDS, (self._deadline - WAITS) / ATTEMPTS)
        self._places = asyncio.Semaphore(CONNECTIONS)  # whoever waits for one does not wait for TMDB yet
        self._is_refused = False  # which was told, and is until TMDB takes our credential
        self._left_out: LRUCache[str, list[str]] = LRUCache(1000)  # of which answer which films, as was told
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
    def is_left_alone(self) -> bool:
        """Whether it failed so often that it gets hardly any requests."""
        return self._breaker.is_open

    @property
    def condition(self) -> str:
        """How TMDB is, as far as this process knows, in a few words."""
        if not self.is_set_up:
            return "not set up"
        if self._is_refused:
            return "refuses our credential"
        return "does not answer" if self._breaker.is_open else "well"

    async def popular(self, page: int) -> Popular:
        parameters = {"page": str(page), **self._language, **self._region}
        question = Question("/movie/popular", parameters, lambda body: read_popular(body, page))
        popular, left_out = await self._ask(question)
        self._tell_left_out(question, left_out)
        return popular

    async def film(self, movie_id: int) -> TmdbFilm:
        """Raises MovieNotFound when TMDB says so."""
        path = f"/movie/{movie_id}"
        return await self._ask(Question(path, self._language, lambda body: read_film(body, movie_id), of_film=True))

    async def poster_path(self, movie_id: int) -> str | None:
        """Where its poster is at the host of pictures. Raises MovieNotFound when TMDB says so."""
        path = f"/movie/{movie_id}"
        return await self._ask(
            Question(path, self._language, lambda body: read_poster_path(body, movie_id), of_film=True)
        )

    async def find(self, imdb_id: str) -> int | None:
        """The TMDB id of a film that IMDb knows by ``imdb_id``."""
        question = Question(f"/find/{imdb_id}", {"external_source": "imdb_id"}, read_found)
        movie_id, left_out = await self._ask(question)
        self._tell_left_out(question, left_out)
        return movie_id

    def _tell_left_out(self, question: Question[Any], left_out: list[str]) -> None:
        """Once, for as long as it is the same of the same answer."""
        key = f"{question.path} {question.parameters}"
        if left_out and left_out != self._left_out.get(key):
            log.warning(
                "TMDB told of films that can't be used; they are left out", path=question.path,
                page=question.parameters.get("page"), count=len(left_out), films=left_out[:TOLD_ROWS],
            )  # fmt: skip
        self._left_out[key] = left_out

    async def _ask(self, question: Question[T]) -> T:
        if not self.is_set_up:
            raise ExternalApiError("TheMovieDB is not set up on this server")
        self._breaker.admit()
        begun = self._clock.monotonic()
        number = 0
        try:
            async with asyncio.timeout(self._deadline):
                async for attempt in self._tries(begun):
                    with attempt:
                        number = attempt.retry_state.attempt_number
                        found = await self._attempt(question, begun, number)
        except AttemptFailed as error:
            raise (UnusableAnswer if isinstance(error, Unusable) else ExternalApiError) from error
        except TimeoutError as error:  # so many are asking that its turn did not come
            _tell(question, number, "no turn before the deadline", error)
            raise ExternalApiError from error
        return found

    def _tries(self, begun: float) -> AsyncRetrying:
        def is_over(state: RetryCallState) -> bool:
            left = begun + self._deadline - self._clock.monotonic()
            return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= left

        return AsyncRetrying(
            sleep=self._clock.sleep,
            wait=_wait,
            stop=is_over,
            retry=retry_if_exception(lambda error: isinstance(error, AttemptFailed) and error.again),
            reraise=True,
        )

    async def _attempt(self, question: Question[T], begun: float, number: int) -> T:
        async with self._places:
            await self._rate_limit.take()
            asked = self._clock.monotonic()
            left = begun + self._deadline - asked
            outcome = "abandoned"  # nobody waits any longer
            try:
                found = question.read(await self._get(question, seconds=min(self._attempt_seconds, left)))
                outcome = "answered"
            except MovieNotFound:
                outcome = "answered"
                self._succeeded()
                raise
            except (AttemptFailed, PayloadError, TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
                failure = _as_failure(error)
                outcome = outcome_of(error)
                self._breaker.failed()
                if not (isinstance(failure, Refused) and self._is_refused):
                    _tell(question, number, str(failure), error)
                self._is_refused |= isinstance(failure, Refused)
                raise failure from error
            finally:
                self.calls.add(outcome, self._clock.monotonic() - asked)
        self._succeeded()
        return found

    def _succeeded(self) -> None:
        self._breaker.succeeded()
        self._is_refused = False

    async def _get(self, question: Question[Any], *, seconds: float) -> bytes:
        """The body of a 200. The whole of it comes in so many seconds, or TimeoutError."""
        async with (
            asyncio.timeout(seconds),
            self._http.stream("GET", question.path, params=question.parameters) as answer,
        ):
            body = await whole_body(answer, MAX_BYTES)
        if answer.status_code == httpx.codes.OK:
            return body
        raise _refusal(question, answer, body, self._clock.now())


def http_client(
    base_url: str,
    *,
    headers: dict[str, str],
    seconds: float,
    connections: int,
    parameters: dict[str, str] | None = None,
) -> httpx.AsyncClient:
    """A way to one server, that follows no redirects and keeps no cookies."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={
            "accept-encoding": "identity",  # what is small needs no compression, and so can't burst either
            "user-agent": f"filmer/{__version__}",
            **headers,
        },
        params=parameters,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=seconds,
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        trust_env=urlsplit(base_url).hostname not in _LOOPBACK,  # a proxy is no way to ourselves
    )


async def whole_body(answer: httpx.Response, max_bytes: int) -> bytes:
    """Raises AttemptFailed for what is too big or compressed."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise AttemptFailed("a compressed answer, which nobody asked for", again=False)
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > max_bytes:
            raise AttemptFailed(f"an answer of more than {max_bytes:,} bytes", again=False)
    return bytes(body)


def _tell(question: Question[Any], number: int, failure: str, error: Exception) -> None:
    log.error(
        "TMDB failed", error=failure, method="GET", path=question.path, attempt=number, attempts=ATTEMPTS,
        exc_info=error,
    )  # fmt: skip


def _refusal(question: Question[Any], answer: httpx.Response, body: bytes, now: datetime) -> Exception:
    status, code = answer.status_code, read_problem(body)
    if status == httpx.codes.UNAUTHORIZED:
        return Refused()
    told = f"status {status}" + (f", TMDB's code {code}" if code is not None else "")
    if status == httpx.codes.NOT_FOUND:
        is_unknown = question.of_film and code in UNKNOWN_FILM
        return MovieNotFound() if is_unknown else AttemptFailed(f"{told}; is TMDB_BASE_URL right?", again=False)
    again = status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(status)
    wait = _retry_after(answer.headers.get("retry-after", ""), now) if again else 0.0
    return AttemptFailed(told, again=again, wait=wait)


def _retry_after(told: str, now: datetime) -> float:
    """Seconds from now; 0 for what can't be read. HTTP has it as seconds or as a date."""
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        return max(0.0, (parsedate_to_datetime(told) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, one without a time zone, or none that will come
        return 0.0


def _as_failure(error: Exception) -> AttemptFailed:
    if isinstance(error, AttemptFailed):
        return error
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return AttemptFailed("no answer in time", again=True)
    if isinstance(error, PayloadError):
        return Unusable(error)
    return AttemptFailed(f"{type(error).__name__}: {error}", again=isinstance(error, httpx.TransportError))


def outcome_of(error: Exception) -> str:
    """What became of a call that failed, in a word."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.HTTPError) else "unusable"


def _wait(state: RetryCallState) -> float:
    """Seconds before the next try: growing, and as long as TMDB asks for."""
    plain = FIRST_WAIT * MULTIPLIER ** (state.attempt_number - 1)
    backoff = min(LONGEST_WAIT, plain * (1 + random.uniform(0, JITTER)))  # noqa: S311 - no secret
    error: Any = state.outcome.exception() if state.outcome else None
    return max(backoff, error.wait if isinstance(error, AttemptFailed) else 0.0)
