"""The circuit breaker: after many failures in a row, requests to TMDB are suspended except for an occasional trial."""

import structlog

from filmer.clock import Clock
from filmer.errors import ExternalApiError

log = structlog.get_logger()

FAILURES = 8  # in a row: two requests with all their attempts
OPEN_SECONDS = 5.0


class CircuitBreaker:
    def __init__(self, clock: Clock, part: str = "API") -> None:
        """``part``: which part of TMDB, for the log."""
        self._part = part
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0  # by clock.monotonic()

    @property
    def is_open(self) -> bool:
        """Whether requests are suspended because too many have failed."""
        return self._failures >= FAILURES

    def admit(self) -> None:
        """Call before a request and all its attempts. Raises ExternalApiError while requests are suspended."""
        if not self.is_open:
            return
        now = self._clock.monotonic()
        if now < self._open_until:
            raise ExternalApiError
        self._open_until = now + OPEN_SECONDS  # this request is the trial; others are refused meanwhile

    def record_failure(self) -> None:
        """Call after each failed attempt."""
        self._failures += 1
        if self._failures == FAILURES:
            log.warning(
                "requests to TMDB are suspended", part=self._part, failures=FAILURES, retry_seconds=OPEN_SECONDS
            )
        self._open_until = self._clock.monotonic() + OPEN_SECONDS

    def record_success(self) -> None:
        if self._failures >= FAILURES:
            log.info("TMDB answers again", part=self._part)
        self._failures = 0
