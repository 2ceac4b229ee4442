"""What all handlers have in common: the request's type, its arrival, OPTIONS."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, Self, cast

from litestar import MediaType, Request, Response

AnyRequest = Request[Any, Any, Any]

ARRIVAL_KEY = "filmer.arrived"  # in a request's scope
HEAD_KEY = "filmer.is_head"  # there too, of a HEAD that the edge passes on as a GET


class Arrival(NamedTuple):
    """When a request arrived."""

    at: datetime
    monotonic: float  # the same moment by ``Clock.monotonic``


def arrival(request: AnyRequest) -> Arrival:
    """When it came, before it waited for a slot (edge/overload.py)."""
    return cast("Arrival", cast("dict[str, Any]", request.scope)[ARRIVAL_KEY])


def is_head(request: AnyRequest) -> bool:
    """Whether the caller wants the headers alone."""
    return HEAD_KEY in cast("dict[str, Any]", request.scope)


class Handlers:
    """A class whose methods are handlers, made once with the components they use."""

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; all copies share one instance."""
        return self


class Methods(Handlers):
    """The response to OPTIONS: the methods of a path."""

    def __init__(self, names: Iterable[str]) -> None:
        self._allow = ", ".join(sorted(names))

    async def show(self) -> Response[None]:
        return Response(None, status_code=204, headers={"allow": self._allow}, media_type=MediaType.TEXT)
