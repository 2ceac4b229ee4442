"""Lists in stored orders: which lists there are, and where a page lies in them.

The importer writes them (``importing/catalogue_writer.py``), ``queries.py`` reads them.
"""

import msgspec

CHUNK = 400  # numbers in a row of listing

ALL = "all"
STARS = "stars"
NOT_A_TO_Z = "letter:*"  # of films


def letter(character: str) -> str:
    """The list that ``startsWith`` asks for. ``*`` asks for all titles that begin with none of A-Z.

    So no list is of the titles that begin with ``*`` alone: they are in that one.
    """
    return f"letter:{character}"


def genre(genre_id: int) -> str:
    return f"genre:{genre_id}"


class Span(msgspec.Struct, frozen=True):
    """The places first to last (from 0, last not included) of a list, within the given chunks."""

    first: int
    last: int

    @property
    def chunks(self) -> tuple[int, int]:
        return self.first // CHUNK, (self.last - 1) // CHUNK


def span(page: int, size: int) -> Span:
    """The span of a page; of one that lies past what any list can hold, an empty one there."""
    first = min((page - 1) * size, 2**31 - 1 - size)
    return Span(first, first + size)


def pages(total: int, size: int) -> int:
    return -(-total // size)
