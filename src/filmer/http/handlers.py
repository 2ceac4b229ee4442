"""What all handlers have in common."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Self, cast

from litestar import MediaType, Request, Response

AnyRequest = Request[Any, Any, Any]

ARRIVAL_KEY = "filmer.arrived"  # of a request's scope


class Arrival(NamedTuple):
    """When a request came."""

    at: datetime
    monotonic: float  # the same moment by ``Clock.monotonic``


def arrival(request: AnyRequest) -> Arrival:
    """When it came, before it waited for a slot (edge/overload.py)."""
    return cast("Arrival", cast("dict[str, Any]", request.scope)[ARRIVAL_KEY])


class Handlers:
    """Handlers as methods, with what they stand on."""

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self


class Methods(Handlers):
    """What OPTIONS answers: the methods of a path."""

    def __init__(self, names: Iterable[str]) -> None:
        self._allow = ", ".join(sorted(names))

    async def show(self) -> Response[None]:
        return Response(None, status_code=204, headers={"allow": self._allow}, media_type=MediaType.TEXT)
