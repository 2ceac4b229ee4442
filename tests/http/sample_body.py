"""A body with one field of each kind."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from filmer.errors import FieldError
from filmer.http.body import Body

JSON = "application/json"


class Month:
    """What a text may be read as."""

    def __init__(self, text: str) -> None:
        self.year, self.number = int(text[:4]), int(text[5:])


def read_month(text: str) -> Month:
    if len(text) != 7 or not text.isascii() or not (text[:4] + text[5:]).isdigit() or text[4] != "-":
        raise ValueError("must be YYYY-MM")
    return Month(text)


class Sample(Body):
    """One field of each kind."""

    movie_id: Annotated[str, Meta(min_length=1, max_length=10)]
    password: Annotated[str, Meta(min_length=2, max_length=8, extra={"exact": True})] = "secret"
    quantity: Annotated[int, Meta(ge=1, le=10)] = 1
    any_number: int = 0
    rating: Annotated[float, Meta(ge=0, le=5)] = 0.0
    weight: float = 0.0
    gift: bool = False
    note: str | None = None
    year: Annotated[Annotated[int, Meta(ge=0, le=9999)] | None, Meta()] = None
    shouted: Annotated[str, Meta(max_length=5, extra={"read": str.upper})] = ""
    expiration: Annotated[Month | None, Meta(extra={"read": read_month})] = None

    @classmethod
    def cross_check(cls, fields: dict[str, Any]) -> Iterator[FieldError]:
        if fields.get("note") == "both" and "year" in fields:
            yield FieldError("note", "must not be both")
