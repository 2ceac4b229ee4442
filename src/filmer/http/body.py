"""JSON bodies, read strictly into typed structs; all errors are reported, not only the first (contract §1.3, §1.5).

First ``receive_body``, before a database connection is borrowed, so that a slow sender holds none; then the checks
that come before the body's own errors (a session: 401); then ``ReceivedBody.read``.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from filmer.errors import FieldError, FilmerError, InvalidRequest, PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from filmer.http.bounds import fields_of, kind_of, require_length, require_storable, require_within
from filmer.http.json_text import HUGE, Fraction, Members, read_json
from filmer.http.query import read_integer

if TYPE_CHECKING:  # commands use structs that are bodies, and do without the framework
    import litestar

MAX_BODY = 64 * 1024  # bytes (contract §1.3)
BODY_SECONDS = 8.0  # for the whole body; together with DRAIN_SECONDS of edge/body_drain.py less than 10
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')
_UTF_8 = {"utf-8", "utf8"}

B = TypeVar("B", bound="Body")
Check = Callable[[dict[str, Any]], Iterable[FieldError]]


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    """The known fields of a request's body. Others are ignored.

    A field is ``str``, ``int``, ``float`` (a finite JSON number), ``bool``, or one of them ``| None``; ``Meta`` sets
    ``ge``, ``le``, ``min_length`` (of what blanks surround; with ``extra={"exact": True}`` of all) and ``max_length``.
    ``extra={"text": True}``: an integer that may also be sent as a text of digits.
    ``extra={"read": function}`` makes of a text whatever the field's type is, or raises ValueError with the reason.
    """

    @classmethod
    def cross_check(cls, _values: dict[str, Any]) -> Iterator[FieldError]:
        """Errors between fields. ``_values``: those valid by themselves, by their names in JSON."""
        return iter(())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # passwords and card numbers stay out of logs

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # rich would show the fields
        return []


class ReceivedBody(msgspec.Struct, frozen=True):
    """A request's body, or what went wrong while it was received."""

    body: bytes = b""
    content_type: str | None = None
    failure: FilmerError | None = None

    def read(self, struct: type[B], errors: Sequence[FieldError] = (), *, check: Check | None = None) -> B:
        """The body's known fields. ``check``: a ``cross_check`` that needs more than the struct, such as the time.

        Raises PayloadTooLarge, RequestTimeout, UnsupportedMediaType, or InvalidRequest: naming every offending field
        in the struct's order, after ``errors`` of the caller's own checks.
        """
        if self.failure is not None:
            raise self.failure
        if self.content_type is None and not self.body:
            raise InvalidRequest(message="Request body is empty")
        if not _is_json(self.content_type or ""):
            raise UnsupportedMediaType
        if not self.body:
            raise InvalidRequest(message="Request body is empty")
        return fill(struct, read_json(self.body), errors, check=check)

    def __repr__(self) -> str:
        return f"<ReceivedBody {len(self.body)} bytes>"


async def receive_body(request: "litestar.Request[Any, Any, Any]") -> ReceivedBody:
    """Receive the whole body; what the client did wrong is raised by ``ReceivedBody.read``, in its turn."""
    from litestar.exceptions import HTTPException  # at hand in every process that receives requests

    content_types = request.headers.getall("content-type", [])
    content_type = ", ".join(content_types) if content_types else None
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return ReceivedBody(await _whole(request), content_type)
    except TimeoutError:
        return ReceivedBody(failure=RequestTimeout())
    except FilmerError as failure:
        return ReceivedBody(failure=failure)
    except HTTPException as refused:  # Litestar's own limit; an invalid length; a client that has hung up
        if refused.status_code == PayloadTooLarge.status:
            return ReceivedBody(failure=PayloadTooLarge())
        return ReceivedBody(failure=InvalidRequest(message="Request body is cut off"))


async def _whole(request: "litestar.Request[Any, Any, Any]") -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise PayloadTooLarge
    body = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MAX_BODY:
                raise PayloadTooLarge
    return bytes(body)


def _is_json(content_type: str) -> bool:
    essence, _, _ = content_type.lower().partition(";")
    charsets = [value.strip('"') for name, value in _PARAMETER.findall(content_type.lower()) if name == "charset"]
    return essence.strip() == "application/json" and _UTF_8.issuperset(charsets)


def fill(struct: type[B], members: Members, errors: Sequence[FieldError] = (), *, check: Check | None = None) -> B:
    """The struct with these members as its fields. Raises InvalidRequest, as ``ReceivedBody.read`` says."""
    field_errors = list(errors)
    valid: dict[str, Any] = {}
    by_name: dict[str, list[Any]] = {}
    for name, value in members:
        by_name.setdefault(name, []).append(value)
    fields = fields_of(struct, _reader)
    for name, field in fields.items():
        values = by_name.get(name, [])
        try:
            if len(values) > 1:
                raise ValueError("must be given only once")  # noqa: TRY301 - reported like the reader's own errors
            if values:
                valid[name] = field.read(values[0])
            elif field.required:
                raise ValueError("is required")  # noqa: TRY301
        except ValueError as error:
            field_errors.append(FieldError(name, str(error)))
    field_errors.extend(struct.cross_check(valid))
    field_errors.extend(check(valid) if check else ())
    if field_errors:
        raise InvalidRequest(field_errors)
    return struct(**{fields[name].name: value for name, value in valid.items()})


Reader = Callable[[Any], Any]


def _reader(wrapped: inspect.Type) -> Reader:
    kind, extra, nullable = kind_of(wrapped)
    read: Reader
    if isinstance(kind, inspect.StrType) or "read" in extra:
        read = _text_reader(kind, extra)
    elif isinstance(kind, inspect.IntType):
        read = _integer_reader(kind, is_text_allowed=bool(extra.get("text")))
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


def _integer_reader(kind: inspect.IntType, *, is_text_allowed: bool) -> Reader:
    def read(value: Any) -> int:
        if is_text_allowed and type(value) is str:
            value = read_integer(value)
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
