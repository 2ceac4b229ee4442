"""A snapshot of a cart as a page showed it. It is a field of the page's form, so that nothing else is paid for."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from filmer.shop.schemas import MAX_QUANTITY, MAX_TITLES, CartLine, Sale


class SnapshotLine(msgspec.Struct, frozen=True, array_like=True):
    film_id: str
    quantity: Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]
    cents: Annotated[int, Meta(ge=0, le=99_999_999)]  # what numeric(8, 2) holds

    @property
    def price(self) -> Decimal:
        return Decimal(self.cents).scaleb(-2)


CartSnapshot = frozenset[SnapshotLine]


class LineChange(msgspec.Struct, frozen=True):
    """A line that differs from the snapshot. ``was`` is None for a new line, ``now`` for one that is gone."""

    was: SnapshotLine | None
    now: CartLine | None


def snapshot_of(lines: Iterable[CartLine | Sale]) -> CartSnapshot:
    return frozenset(SnapshotLine(line.film_id, line.quantity, int(line.price.scaleb(2))) for line in lines)


def write_snapshot(lines: Iterable[CartLine]) -> str:
    return msgspec.json.encode(sorted(snapshot_of(lines), key=lambda line: line.film_id)).decode()


def read_snapshot(text: str) -> CartSnapshot:
    """An empty snapshot where the text is not one of ours."""
    try:
        return frozenset(msgspec.json.decode(text, type=Annotated[list[SnapshotLine], Meta(max_length=MAX_TITLES)]))
    except (msgspec.MsgspecError, RecursionError):
        return frozenset()


def changes_since(snapshot: CartSnapshot, lines: Sequence[CartLine]) -> list[LineChange]:
    """First the lines in the cart, in its order, then those that are gone."""
    before = {line.film_id: line for line in snapshot}
    after = {line.film_id for line in lines}
    present = [LineChange(before.get(line.film_id), line) for line in lines if not snapshot_of([line]) <= snapshot]
    return present + [LineChange(line, None) for line in snapshot if line.film_id not in after]
