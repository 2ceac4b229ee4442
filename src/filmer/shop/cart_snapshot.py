"""What a page showed of a cart: it travels in the page's form, so that nobody pays for anything else."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from filmer.shop.schemas import MAX_QUANTITY, MAX_TITLES, CartLine


class SnapshotLine(msgspec.Struct, frozen=True, array_like=True):
    film_id: str
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    cents: Annotated[int, Meta(ge=0, le=99_999_999)]  # what numeric(8, 2) holds

    @property
    def price(self) -> Decimal:
        return Decimal(self.cents).scaleb(-2)


Seen = frozenset[SnapshotLine]


class LineChange(msgspec.Struct, frozen=True):
    """A line that is not as it was seen. ``was`` is None for one that is new, ``now`` for one that is gone."""

    was: SnapshotLine | None
    now: CartLine | None


def seen_of(lines: Iterable[CartLine]) -> Seen:
    return frozenset(SnapshotLine(line.film_id, line.quantity, int(line.price.scaleb(2))) for line in lines)


def write_seen(lines: Iterable[CartLine]) -> str:
    return msgspec.json.encode(sorted(seen_of(lines), key=lambda line: line.film_id)).decode()


def read_seen(text: str) -> Seen:
    """Nothing was seen where it is not as we write it."""
    try:
        return frozenset(msgspec.json.decode(text, type=Annotated[list[SnapshotLine], Meta(max_length=MAX_TITLES)]))
    except (msgspec.MsgspecError, RecursionError):
        return frozenset()


def changes_since(seen: Seen, lines: Sequence[CartLine]) -> list[LineChange]:
    """First what is there, in the cart's order, then what is gone."""
    before = {line.film_id: line for line in seen}
    after = {line.film_id for line in lines}
    there = [LineChange(before.get(line.film_id), line) for line in lines if not seen_of([line]) <= seen]
    return there + [LineChange(line, None) for line in seen if line.film_id not in after]
