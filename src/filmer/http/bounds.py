"""The bounds of a struct's field, and the messages for values outside them (contract §1.3, §1.5).

For queries (``query.py``) and bodies (``body.py``) alike.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

MAX_INTEGER = 2**31 - 1  # what an integer column holds

# The rules of texts as patterns, for the OpenAPI document. They spell characters out, as dialects of patterns differ in
# what they call a blank.
BLANKS = r"\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # what str.strip() takes away
STORABLE = r"^[^\u0000]*$"
DIGITS = "^[1-9][0-9]{0,17}$"
_FILLED = rf"^[^\u0000]*[^\u0000{BLANKS}][^\u0000]*$"


class Field(NamedTuple):
    """A field of a struct; ``read`` makes a valid value of it, or raises ValueError with the reason."""

    name: str
    required: bool
    read: Callable[[Any], Any]


@cache
def fields_of(struct: type[msgspec.Struct], reader: Callable[[inspect.Type], Callable[[Any], Any]]) -> dict[str, Field]:
    """By the names that callers know. Finding them takes longer than reading a request."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    return {field.encode_name: Field(field.name, field.required, reader(field.type)) for field in info.fields}


class Kind(NamedTuple):
    """A field's type without its wrappings; ``extra``: the entries of its ``Meta`` that only this package reads."""

    type: inspect.Type
    extra: dict[str, Any]
    nullable: bool


def kind_of(wrapped: inspect.Type) -> Kind:
    """``X`` of ``Annotated[X, Meta(…)]``, of ``X | None``, or of both."""
    extra: dict[str, Any] = {}
    nullable = False
    if isinstance(wrapped, inspect.Metadata):
        extra, wrapped = wrapped.extra or {}, wrapped.type
    if isinstance(wrapped, inspect.UnionType):
        nullable = any(isinstance(member, inspect.NoneType) for member in wrapped.types)
        wrapped = next(member for member in wrapped.types if not isinstance(member, inspect.NoneType))
        if isinstance(wrapped, inspect.Metadata):
            extra, wrapped = wrapped.extra or extra, wrapped.type
    return Kind(wrapped, extra, nullable)


def require_within(kind: inspect.IntType | inspect.FloatType, number: float) -> None:
    """Raises ValueError for a number outside the bounds."""
    if kind.ge is not None and number < kind.ge:
        raise ValueError(f"must be at least {kind.ge}")
    if kind.le is not None and number > kind.le:
        raise ValueError(f"must be at most {kind.le}")


def require_length(kind: inspect.StrType, text: str, *, exact: bool = False) -> None:
    """Raises ValueError for a text too short or too long. The minimum counts no blanks around it, unless ``exact``."""
    counted = text if exact else text.strip()
    if kind.min_length is not None and len(counted) < kind.min_length:
        few = "must not be empty" if kind.min_length == 1 else f"must have at least {kind.min_length} characters"
        raise ValueError(few)
    if kind.max_length is not None and len(text) > kind.max_length:
        raise ValueError(f"must have at most {kind.max_length} characters")


def pattern_of(wrapped: inspect.Type) -> str | None:
    """A pattern that every valid text of such a field matches; None where the field takes no text."""
    kind, extra, _ = kind_of(wrapped)
    if isinstance(kind, inspect.StrType) and kind.min_length and not extra.get("exact"):
        return _FILLED
    return STORABLE if isinstance(kind, inspect.StrType) or "read" in extra else None


def require_storable(text: str) -> None:
    """Raises ValueError for a text that no PostgreSQL column can hold."""
    if "\0" in text:
        raise ValueError("must not contain U+0000")
