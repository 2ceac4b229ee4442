"""HTML forms: read by the rules of the APIs' bodies (contract §1.3, §1.5), and shown again as they were filled in."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from filmer.errors import FieldError, FilmerError, InvalidRequest, UnsupportedMediaType
from filmer.formats import Formats
from filmer.http.body import Body, Check, ReceivedBody, fill, receive_body
from filmer.http.bounds import kind_of
from filmer.http.handlers import AnyRequest
from filmer.http.json_text import Fraction, Members
from filmer.http.query import read_integer, read_text

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FIELDS = 100
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")

B = TypeVar("B", bound=Body)


class Form(msgspec.Struct, frozen=True):
    """The fields of a form, as they were sent."""

    members: Members

    def get(self, name: str) -> str:
        """The field's text; "" for a missing field."""
        return next((str(value) for field, value in self.members if field == name), "")

    def only(self, *names: str, **more: str) -> "Form":
        """A form of these fields alone, and of those in ``more``."""
        return Form(Members([*more.items(), *(member for member in self.members if member[0] in names)]))

    def without_blanks(self) -> "Form":
        """Without the fields that were left empty."""
        return Form(Members(member for member in self.members if str(member[1]).strip()))

    def read(self, struct: type[B], *, check: Check | None = None) -> B:
        """The struct's fields. Raises InvalidRequest naming every offending one."""
        kinds = _kinds(struct)
        typed = Members((name, _typed(kinds.get(name), text)) for name, text in self.members)
        return fill(struct, typed, check=check)

    def read_amount(self, name: str, formats: Formats) -> Decimal:
        """A price, as the shop's locale writes it. Raises InvalidRequest."""
        texts = [str(value) for field, value in self.members if field == name]
        try:
            if len(texts) != 1:
                raise ValueError("must be given only once" if texts else "is required")  # noqa: TRY301 - told as others
            return formats.read_amount(texts[0])
        except ValueError as error:
            raise InvalidRequest([FieldError(name, str(error))]) from None

    def __repr__(self) -> str:
        return f"<Form of {len(self.members)} fields>"  # passwords and card numbers stay out of logs


class FilledForm(msgspec.Struct, frozen=True):
    """A form as its page shows it: the values that were typed, and their errors.

    ``labels``: of the fields whose values are shown again. A password or card number is not among them.
    """

    labels: Mapping[str, str]
    values: Mapping[str, str] = {}
    errors: Mapping[str, str] = {}
    failure: str = ""  # the error of the form as a whole

    @classmethod
    def of(cls, labels: Mapping[str, str], form: Form, error: FilmerError | None = None) -> "FilledForm":
        field_errors = error.field_errors if isinstance(error, InvalidRequest) else ()
        return cls(
            labels,
            {name: form.get(name) for name in labels},
            {field_error.field: field_error.reason for field_error in field_errors},
            "" if field_errors or error is None else error.message,
        )

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """A sentence, or "" for a valid field."""
        reason = self.errors.get(name, "").replace("an integer", "a whole number")
        return f"This {reason}." if reason else ""

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """The fields with errors, with their labels."""
        return [(name, self.labels.get(name, name)) for name in self.errors]


async def receive_form(request: AnyRequest) -> Form:
    """Receive the whole body. Raises PayloadTooLarge, RequestTimeout, UnsupportedMediaType, InvalidRequest."""
    received = await receive_body(request)
    if received.failure is not None:
        raise received.failure
    return Form(_members(received))


def without_blanks(query_string: bytes) -> bytes:
    """Without the empty parameters: a form also sends the fields that were left empty."""
    return b"&".join(pair for pair in query_string.split(b"&") if not _is_blank(pair.partition(b"=")[2]))


def _is_blank(value: bytes) -> bool:
    try:
        return not read_text(value).strip()
    except ValueError:  # it is not empty, and its reader reports the error
        return False


def _members(received: ReceivedBody) -> Members:
    essence, _, _ = (received.content_type or MEDIA_TYPE).lower().partition(";")
    if essence.strip() != MEDIA_TYPE:
        raise UnsupportedMediaType(f"A form is sent as {MEDIA_TYPE}")
    pairs = [pair.partition(b"=") for pair in received.body.split(b"&") if pair]
    if len(pairs) > MAX_FIELDS:
        raise InvalidRequest(message=f"At most {MAX_FIELDS} fields are read")
    try:
        return Members((read_text(name), read_text(value)) for name, _, value in pairs)
    except ValueError as error:
        raise InvalidRequest(message=f"A field {error}") from None


def _kinds(struct: type[Body]) -> dict[str, inspect.Type]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - by the type of the argument
    return {field.encode_name: kind_of(field.type).type for field in info.fields}


def _typed(kind: inspect.Type | None, text: str) -> Any:
    """A number where the field is one and the text is valid; else the text, which the field's reader rejects."""
    try:
        if isinstance(kind, inspect.IntType):
            return read_integer(text)
    except ValueError:
        return text
    return Fraction(text) if isinstance(kind, inspect.FloatType) and _NUMBER.fullmatch(text) else text
