"""What all handlers have in common."""

from datetime import datetime
from typing import Any, Self, cast

from litestar import Request

AnyRequest = Request[Any, Any, Any]

ARRIVED = "filmer.arrived"  # of a request's scope


def arrival(request: AnyRequest) -> datetime:
    """When it came, before it waited for its turn (http/overload.py)."""
    return cast("datetime", cast("dict[str, Any]", request.scope)[ARRIVED])


class Handlers:
    """Handlers as methods, with what they stand on."""

    def __deepcopy__(self, _: object) -> Self:
        """The framework copies handlers; what they stand on is there once."""
        return self
