"""The breaker: after many failures in a row TMDB is left alone, but for one request now and then that tries."""

import structlog

from filmer.clock import Clock
from filmer.errors import ExternalApiError

log = structlog.get_logger()

FAILURES = 8  # in a row: two requests with all their tries
REST_SECONDS = 5.0


class Breaker:
    def __init__(self, clock: Clock, part: str = "API") -> None:
        """``part``: which part of TMDB, for the log."""
        self._part = part
        self._clock = clock
        self._failures = 0
        self._resting_until = 0.0  # by clock.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether TMDB is left alone."""
        return self._failures >= FAILURES

    def admit(self) -> None:
        """Before a request and all its tries. Raises ExternalApiError while TMDB is left alone."""
        if not self.is_open:
            return
        now = self._clock.monotonic()
        if now < self._resting_until:
            raise ExternalApiError
        self._resting_until = now + REST_SECONDS  # one tries, the others go on waiting

    def failed(self) -> None:
        """After each try that failed."""
        self._failures += 1
        if self._failures == FAILURES:
            log.warning(
                "TMDB is left alone for a while", part=self._part, failures=FAILURES, retry_seconds=REST_SECONDS
            )
        self._resting_until = self._clock.monotonic() + REST_SECONDS

    def succeeded(self) -> None:
        if self._failures >= FAILURES:
            log.info("TMDB is back", part=self._part)
        self._failures = 0
