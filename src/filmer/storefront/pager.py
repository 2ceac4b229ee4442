"""The pages of a list, and their addresses."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlencode

import msgspec

from filmer.http.query import read_text

AROUND = 1  # pages shown on each side of the current one


class Pager(msgspec.Struct, frozen=True):
    """The current page of a list, and the addresses of the others: all parameters but ``page`` stay."""

    path: str
    query_string: bytes
    page: int
    last: int

    def address(self, page: int) -> str:
        pairs = [pair for pair in pairs_of(self.query_string) if pair[0] != "page"]
        if page > 1:
            pairs.append(("page", str(page)))
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path

    @property
    def shown(self) -> Sequence[int | None]:
        """The first page, those around the current one, the last; None where some are left out."""
        near = {1, self.last, *range(self.page - AROUND, self.page + AROUND + 1)}
        numbers = sorted(number for number in near if 1 <= number <= self.last)
        shown: list[int | None] = []
        for number in numbers:
            if shown and shown[-1] is not None and number - shown[-1] > 1:
                shown.append(number - 1 if number - shown[-1] == 2 else None)  # noqa: PLR2004 - one page is no gap
            shown.append(number)
        return shown


def pairs_of(query_string: bytes) -> Iterator[tuple[str, str]]:
    """The parameters that are valid text."""
    for name, _, value in (pair.partition(b"=") for pair in query_string.split(b"&") if pair):
        with suppress(ValueError):
            yield read_text(name), read_text(value)
