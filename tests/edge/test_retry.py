"""A read whose database server was lost is retried once; nothing else is."""

import asyncio
from typing import Any

import pytest

from filmer.edge.retry import Retry
from filmer.http.failures import SERVER_LOST

LOST = 503.5  # stands for a 503 because the database server was lost


class Failing:
    """Responds with these statuses, one after another."""

    def __init__(self, *statuses: float) -> None:
        self.statuses = list(statuses)

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        assert "changed" not in scope
        scope["changed"] = True  # frameworks change it too
        status_or_lost = self.statuses.pop(0)
        status = int(status_or_lost)
        if status_or_lost == LOST:
            scope[SERVER_LOST] = True
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": str(status).encode()})


def responses_of(app: Failing, method: str) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message.get("status", message.get("body")))

    async def receive() -> Any:
        raise AssertionError("a GET has no body")

    asyncio.run(Retry(app)({"type": "http", "method": method}, receive, send))
    return sent


@pytest.mark.parametrize(
    ("method", "statuses", "expected", "left"),
    [
        ("GET", (200, 200), [200, b"200"], 1),
        ("GET", (404, 200), [404, b"404"], 1),
        ("GET", (500, 200), [500, b"500"], 1),
        ("GET", (503, 200), [503, b"503"], 1),
        ("GET", (LOST, 200), [200, b"200"], 0),
        ("GET", (LOST, LOST, 200), [503, b"503"], 1),
        ("POST", (LOST, 200), [503, b"503"], 1),
    ],
)
def test_what_is_done_once_more(method: str, statuses: tuple[float, ...], expected: list[Any], left: int) -> None:
    app = Failing(*statuses)
    assert responses_of(app, method) == expected
    assert len(app.statuses) == left
