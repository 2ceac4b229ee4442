"""What a template needs to show a form again as it was filled in, and to lead from page to page of a list."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlencode

import msgspec

from filmer.errors import FilmerError, InvalidRequest
from filmer.http.query import read_text
from filmer.storefront.forms import Form

AROUND = 1  # pages shown on each side of the present one


class FilledForm(msgspec.Struct, frozen=True):
    """A form's fields as they are shown: what was typed, and what is wrong with it.

    ``labels``: the fields that come back as they were typed. A password or card number is not among them.
    """

    labels: Mapping[str, str]
    values: Mapping[str, str] = {}
    errors: Mapping[str, str] = {}
    failure: str = ""  # of the whole form

    @classmethod
    def of(cls, labels: Mapping[str, str], form: Form, error: FilmerError | None = None) -> "FilledForm":
        offences = error.offences if isinstance(error, InvalidRequest) else ()
        return cls(
            labels,
            {name: form.get(name) for name in labels},
            {one.field: one.reason for one in offences},
            "" if offences or error is None else error.message,
        )

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """A sentence, or "" for a field that is all right."""
        reason = self.errors.get(name, "").replace("an integer", "a whole number")
        return f"This {reason}." if reason else ""

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """The fields that are wrong, with their labels."""
        return [(name, self.labels.get(name, name)) for name in self.errors]


class Pager(msgspec.Struct, frozen=True):
    """Where a list is, and the addresses of its other pages: everything else stays as it is."""

    path: str
    query_string: bytes
    page: int
    last: int

    def address(self, page: int) -> str:
        pairs = [pair for pair in _pairs(self.query_string) if pair[0] != "page"]
        if page > 1:
            pairs.append(("page", str(page)))
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path

    @property
    def shown(self) -> Sequence[int | None]:
        """The first page, those around the present one, the last; None where some are left out."""
        near = {1, self.last, *range(self.page - AROUND, self.page + AROUND + 1)}
        numbers = sorted(number for number in near if 1 <= number <= self.last)
        shown: list[int | None] = []
        for number in numbers:
            if shown and shown[-1] is not None and number - shown[-1] > 1:
                shown.append(number - 1 if number - shown[-1] == 2 else None)  # noqa: PLR2004 - one page is no gap
            shown.append(number)
        return shown


def _pairs(query_string: bytes) -> Iterator[tuple[str, str]]:
    """What is text; the rest is of no use to any page."""
    for name, _, value in (pair.partition(b"=") for pair in query_string.split(b"&") if pair):
        with suppress(ValueError):
            yield read_text(name), read_text(value)
