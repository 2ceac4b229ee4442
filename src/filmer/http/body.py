"""JSON bodies, read strictly into typed structs; every offence is told, not only the first (contract §1.3, §1.5).

First ``receive_body``, before a database connection is borrowed, so that a slow sender holds none; then whatever
comes before the body's own faults (a session: 401); then ``Received.read``.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import cache
from math import isfinite
from typing import Any, TypeVar

import litestar
import msgspec
from litestar.exceptions import HTTPException
from msgspec import inspect

from filmer.errors import FilmerError, InvalidRequest, Offence, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from filmer.http.bounds import kind_of, require_length, require_storable, require_within
from filmer.http.json_text import HUGE, Fraction, Members, read_json

MAX_BODY = 64 * 1024  # bytes (contract §1.3)
BODY_SECONDS = 8.0  # for the whole of it; with what comes after (passing.DRAIN_SECONDS) less than 10
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')
_UTF_8 = {"utf-8", "utf8"}

B = TypeVar("B", bound="Body")
Check = Callable[[dict[str, Any]], Iterable[Offence]]


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    """The known fields of a request's body. Others are ignored.

    A field is ``str``, ``int``, ``float`` (a finite JSON number), ``bool``, or one of them ``| None``; ``Meta`` sets
    ``ge``, ``le``, ``min_length`` (of what blanks surround; with ``extra={"exact": True}`` of all) and ``max_length``.
    ``extra={"read": function}`` makes of a text whatever the field's type is, or raises ValueError with the reason.
    """

    @classmethod
    def cross_check(cls, _given: dict[str, Any]) -> Iterator[Offence]:
        """Offences between fields, of those right by themselves, by their names in JSON."""
        return iter(())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # passwords and card numbers stay out of logs

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # rich would show the fields
        return []


class Received(msgspec.Struct, frozen=True):
    """What came as the request's body, or what went wrong while it came."""

    body: bytes = b""
    content_type: str | None = None
    failure: FilmerError | None = None

    def read(self, struct: type[B], more: Sequence[Offence] = (), *, check: Check | None = None) -> B:
        """The body's known fields. ``check``: a ``cross_check`` that knows more than the struct, such as the time.

        Raises PayloadTooLarge, RequestTimeout, UnsupportedMediaType, or InvalidRequest: naming every offending field
        in the struct's order, after ``more`` that the caller found.
        """
        if self.failure is not None:
            raise self.failure
        if self.content_type is None and not self.body:
            raise InvalidRequest(message="Request body is empty")
        if not _is_json(self.content_type or ""):
            raise UnsupportedMediaType
        if not self.body:
            raise InvalidRequest(message="Request body is empty")
        return fill(struct, read_json(self.body), more, check=check)

    def __repr__(self) -> str:
        return f"<Received {len(self.body)} bytes>"


async def receive_body(request: litestar.Request[Any, Any, Any]) -> Received:
    """Read the body to its end; what the caller did wrong is raised by ``Received.read``, in its turn."""
    content_types = request.headers.getall("content-type", [])
    content_type = ", ".join(content_types) if content_types else None
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return Received(await _whole(request), content_type)
    except TimeoutError:
        return Received(failure=RequestTimeout())
    except FilmerError as failure:
        return Received(failure=failure)
    except HTTPException as refused:  # Litestar's own limit; a length that is none; a caller who has hung up
        too_large = refused.status_code == PayloadTooLarge.status
        return Received(failure=PayloadTooLarge() if too_large else InvalidRequest(message="Request body is cut off"))


async def _whole(request: litestar.Request[Any, Any, Any]) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise PayloadTooLarge
    body = bytearray()
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > MAX_BODY:
                raise PayloadTooLarge
    return bytes(body)


def _is_json(content_type: str) -> bool:
    essence, _, _ = content_type.lower().partition(";")
    charsets = [value.strip('"') for name, value in _PARAMETER.findall(content_type.lower()) if name == "charset"]
    return essence.strip() == "application/json" and _UTF_8.issuperset(charsets)


def fill(struct: type[B], members: Members, more: Sequence[Offence] = (), *, check: Check | None = None) -> B:
    """The struct of what was given. Raises InvalidRequest, as ``Received.read`` says."""
    offences = list(more)
    given: dict[str, Any] = {}
    values: dict[str, Any] = {}
    came: dict[str, list[Any]] = {}
    for name, value in members:
        came.setdefault(name, []).append(value)
    for field in _fields(struct):
        found = came.get(field.encode_name, [])
        try:
            if len(found) > 1:
                raise ValueError("must be given only once")  # noqa: TRY301 - an offence like the reader's
            if found:
                given[field.encode_name] = values[field.name] = field.read(found[0])
            elif field.required:
                raise ValueError("is required")  # noqa: TRY301
        except ValueError as error:
            offences.append(Offence(field.encode_name, str(error)))
    offences.extend(struct.cross_check(given))
    offences.extend(check(given) if check else ())
    if offences:
        raise InvalidRequest(offences)
    return struct(**values)


Reader = Callable[[Any], Any]


class _Field(msgspec.Struct, frozen=True):
    name: str
    encode_name: str
    required: bool
    read: Reader


@cache
def _fields(struct: type[Body]) -> list[_Field]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    return [_Field(field.name, field.encode_name, field.required, _reader(field.type)) for field in info.fields]


def _reader(wrapped: inspect.Type) -> Reader:
    kind, extra, nullable = kind_of(wrapped)
    read: Reader
    if isinstance(kind, inspect.StrType) or "read" in extra:
        read = _text_reader(kind, extra)
    elif isinstance(kind, inspect.IntType):
        read = _integer_reader(kind)
    elif isinstance(kind, inspect.FloatType):
        read = _number_reader(kind)
    elif isinstance(kind, inspect.BoolType):
        read = _read_boolean
    else:
        raise TypeError(f"no way to read {kind} from a body")
    return (lambda value: None if value is None else read(value)) if nullable else read


def _text_reader(kind: inspect.Type, extra: dict[str, Any]) -> Reader:
    exact = bool(extra.get("exact"))
    finish = extra.get("read")

    def read(value: Any) -> Any:
        if type(value) is not str:
            raise ValueError("must be a string")
        require_storable(value)
        if isinstance(kind, inspect.StrType):
            require_length(kind, value, exact=exact)
        return finish(value) if finish else value

    return read


def _integer_reader(kind: inspect.IntType) -> Reader:
    def read(value: Any) -> int:
        if type(value) is not int:
            raise ValueError("must be an integer")
        require_within(kind, value)
        if abs(value) >= HUGE:
            raise ValueError("is out of range")
        return value

    return read


def _number_reader(kind: inspect.FloatType) -> Reader:
    def read(value: Any) -> float:
        if type(value) is int:
            number = float(value)
        elif type(value) is Fraction:
            number = float(value.text)
        else:
            raise ValueError("must be a number")
        require_within(kind, number)
        if not isfinite(number) or abs(number) >= HUGE:
            raise ValueError("is out of range")
        return number + 0.0  # -0.0 is 0.0

    return read


def _read_boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value
