"""A real TMDB sandbox for tests: a process of its own, which fails when a test wants it to.

A folder's conftest gets the fixtures with ``from tests.sandbox import sandbox, shared_sandbox``.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx
import pytest

from filmer.tmdb.sandbox.child import start_child


class RecordedRequest(NamedTuple):
    """A request the sandbox got."""

    path: str
    query: dict[str, str]  # without api_key
    at: float  # seconds of time.monotonic()
    fault: str | None


class Sandbox:
    """A running sandbox. With a port: there, if nobody else is, so that one that was killed can come back."""

    def __init__(self, port: int = 0) -> None:
        self.address, self.process = start_child(port)
        self.port = int(self.address.rpartition(":")[2])
        self.url = f"{self.address}/3"
        self._control = httpx.Client(base_url=self.address, timeout=10, trust_env=False, verify=False)
        try:
            self._control.get("/health").raise_for_status()
        except httpx.HTTPError:
            self.kill()
            raise

    def fail(self, fault: str, *, path: str = "/3", times: int | None = None, **options: Any) -> None:
        """Requests at this path and below fail, so many times or until healed. Orders queue up."""
        order = {"fault": fault, "path": path, "times": times, **options}
        response = self._control.post("/faults", json=order)
        assert response.status_code == 201, response.text

    def heal(self) -> None:
        self._control.delete("/faults").raise_for_status()

    def calls(self, path: str) -> int:
        """How often this path was asked for since the test began."""
        return int(self._control.get("/calls").json()["calls"].get(path, 0))

    def requests(self) -> list[RecordedRequest]:
        """The last 1,000 requests under /3, the oldest first."""
        return [RecordedRequest(**request) for request in self._control.get("/calls").json()["requests"]]

    def forget(self) -> None:
        """Counts anew."""
        self._control.delete("/calls").raise_for_status()

    def stop(self) -> None:
        self.process.terminate()
        self._ended()

    def kill(self) -> None:
        self.process.kill()
        self._ended()

    def _ended(self) -> None:
        with self.process:
            self.process.wait(10)
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Shared, but without memory for each test, and well after it. A test that ends it starts one of its own."""
    shared_sandbox.forget()
    yield shared_sandbox
    shared_sandbox.heal()
