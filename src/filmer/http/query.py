"""Query parameters, read strictly into typed structs; all errors are reported (contract §1.3, §1.5).

A struct's field types and ``Meta`` bounds are the rules, and the OpenAPI document is made from the same.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import inspect

from filmer.errors import FieldError, InvalidRequest, NotFound
from filmer.http.bounds import MAX_INTEGER, fields_of, kind_of, require_length, require_storable, require_within

_INTEGER = re.compile(r"-?[0-9]{1,64}")
_NUMBER = re.compile(r"-?[0-9]{1,64}(\.[0-9]{1,64})?([eE][+-]?[0-9]{1,3})?")
MAX_PARAMETERS = 100

Q = TypeVar("Q", bound="Query")


class Query(msgspec.Struct, kw_only=True, rename="camel"):
    """The known query parameters of an endpoint. Others are ignored."""

    @classmethod
    def cross_check(cls, _values: dict[str, Any], _names: Collection[str]) -> Iterator[FieldError]:
        """Errors between parameters. ``_values``: those valid by themselves; ``_names``: of all that were sent."""
        return iter(())

    @classmethod
    def add_defaults(cls, _values: dict[str, Any]) -> None:
        """Add the defaults that depend on what was sent to the valid values."""


def read_query(raw: bytes, struct: type[Q], errors: Sequence[FieldError] = ()) -> Q:
    """Raises InvalidRequest naming every offending parameter, after ``errors`` of the caller's own checks."""
    parameters = fields_of(struct, _reader)
    texts, unreadable = _decode(raw, parameters.keys())
    field_errors = [*errors, *unreadable]
    values: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            values[name] = parameters[name].read(text)
        except ValueError as error:
            field_errors.append(FieldError(name, str(error)))
    names = {*texts, *(error.field for error in unreadable)}
    field_errors.extend(
        FieldError(name, "must be given")
        for name, parameter in parameters.items()
        if parameter.required and name not in names
    )
    field_errors.extend(struct.cross_check(values, names))
    if field_errors:
        raise InvalidRequest(field_errors)
    struct.add_defaults(values)
    return struct(**{parameters[name].name: value for name, value in values.items()})


def read_integer(text: str) -> int:
    """ASCII digits only: neither ``1_0`` nor ``١٢`` nor ``1.5`` is an integer here."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("must be an integer")
    return int(text)


def path_id(text: str, most: int) -> int | None:
    """An id in a path, written as an integer of a query. None for what can't be one: less than 1, or over ``most``."""
    number = int(text) if _INTEGER.fullmatch(text) else 0
    return number if 1 <= number <= most else None


def require_id(text: str, missing: NotFound) -> int:
    """An id in a path, as it stands in an integer column. Raises ``missing`` for what can't be one."""
    number = path_id(text, MAX_INTEGER)
    if number is None:
        raise missing
    return number


def id_errors(name: str, text: str) -> list[FieldError]:
    """The errors of an id in a path (400). One that is too large is valid; nothing has it (404)."""
    try:
        number = read_integer(text)
    except ValueError as error:
        return [FieldError(name, str(error))]
    return [] if number >= 1 else [FieldError(name, "must be at least 1")]


def read_text(raw: bytes) -> str:
    """Percent-encoded UTF-8 as text. Raises ValueError for what no column can hold."""
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise ValueError("must be valid UTF-8") from None
    require_storable(text)
    return text


def _decode(raw: bytes, known: Collection[str]) -> tuple[dict[str, str], list[FieldError]]:
    """The texts of the known parameters, and the errors of those that can't be read or come more than once."""
    texts: dict[str, str] = {}
    field_errors: dict[str, FieldError] = {}
    if not raw:
        return texts, []
    pairs = raw.split(b"&")
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidRequest(message=f"At most {MAX_PARAMETERS} query parameters are read")
    for pair in pairs:
        key, _, value = pair.partition(b"=")
        try:
            name = read_text(key)
        except ValueError:
            continue
        if name not in known or name in field_errors:
            continue
        if name in texts:
            field_errors[name] = FieldError(name, "must be given only once")
            continue
        try:
            texts[name] = read_text(value)
        except ValueError as error:
            field_errors[name] = FieldError(name, str(error))
    return {name: text for name, text in texts.items() if name not in field_errors}, list(field_errors.values())


Reader = Callable[[str], Any]


def _reader(wrapped: inspect.Type) -> Reader:
    kind, extra, _ = kind_of(wrapped)  # "X | None": absent, or an X
    if isinstance(kind, inspect.IntType):
        return _integer_reader(kind)
    if isinstance(kind, inspect.FloatType):
        return _number_reader(kind)
    if isinstance(kind, inspect.LiteralType):
        return _choice_reader([str(value) for value in kind.values])
    if isinstance(kind, inspect.StrType):
        return extra.get("read") or _text_reader(kind)
    raise TypeError(f"no way to read {kind} from a query")


def _integer_reader(kind: inspect.IntType) -> Reader:
    def read(text: str) -> int:
        number = read_integer(text)
        require_within(kind, number)
        return number

    return read


def _number_reader(kind: inspect.FloatType) -> Reader:
    def read(text: str) -> float:
        if not _NUMBER.fullmatch(text):
            raise ValueError("must be a number")
        require_within(kind, float(text))
        return float(text)

    return read


def _choice_reader(choices: list[str]) -> Reader:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text

    return read


def _text_reader(kind: inspect.StrType) -> Reader:
    def read(text: str) -> str:
        require_length(kind, text)
        return text

    return read
