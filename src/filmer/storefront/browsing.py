"""What the list pages are asked, and under which addresses they are found."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from string import ascii_uppercase
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from filmer.catalogue import listing
from filmer.catalogue.api import GenreMovieList, MovieList, MovieSearch, Order, PageNumber, Year
from filmer.catalogue.folding import fold, initial
from filmer.catalogue.schemas import GenreSize
from filmer.errors import InvalidRequest, Offence
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest
from filmer.http.json_text import Members
from filmer.http.query import Query, read_query, read_text
from filmer.storefront.filled import FilledForm, Pager
from filmer.storefront.forms import Form, without_blanks

SIZE = 24  # films a page; it fills rows of two, three, four and six
OTHER_LETTER = "*"
FILM_ORDERS: Mapping[tuple[str, str], str] = {
    ("title", "asc"): "Title A to Z",
    ("title", "desc"): "Title Z to A",
    ("year", "desc"): "Newest first",
    ("year", "asc"): "Oldest first",
    ("rating", "desc"): "Best rated first",
    ("rating", "asc"): "Worst rated first",
}
SearchOrder = Literal["relevance", "title asc", "title desc", "year desc", "year asc", "rating desc", "rating asc"]
SEARCH_ORDERS = {"relevance": "Best match", **{" ".join(key): name for key, name in FILM_ORDERS.items()}}
STAR_ORDERS: Mapping[tuple[str, str], str] = {
    ("known", "asc"): "Best known first",
    ("name", "asc"): "Name A to Z",
    ("name", "desc"): "Name Z to A",
    ("birthYear", "desc"): "Youngest first",
    ("birthYear", "asc"): "Oldest first",
}

ONE_WAY = ("known", "relevance")  # orders that are not turned round


class PeopleList(Query):
    """People, the best known first unless another order is asked for."""

    page: PageNumber = 1
    sort_by: Literal["known", "name", "birthYear"] = "known"
    order: Order = "asc"
    name: str | None = None


L = TypeVar("L", bound=MovieList | GenreMovieList | PeopleList | MovieSearch)


def _years_in_order(given: dict[str, Any]) -> Iterator[Offence]:
    if "yearFrom" in given and "yearTo" in given and given["yearFrom"] > given["yearTo"]:
        yield Offence("yearFrom", "must not be after the year it goes up to")


class FilmList(MovieList):
    """Films of a letter, or of a genre and some years: where one of these is asked for, the letter is not."""

    genre_id: Annotated[int, Meta(ge=1, le=MAX_INTEGER)] | None = None
    year_from: Year | None = None
    year_to: Year | None = None

    @classmethod
    def cross_check(cls, given: dict[str, Any], _named: Collection[str]) -> Iterator[Offence]:
        yield from _years_in_order(given)

    @property
    def has_years(self) -> bool:
        return self.year_from is not None or self.year_to is not None

    @property
    def list_name(self) -> str:
        return super().list_name if self.genre_id is None else listing.genre(self.genre_id)

    def settled(self) -> "FilmList":
        """The same with a letter only where it counts, as it is written in the row of letters."""
        letter = self.starts_with
        if self.has_years or self.genre_id is not None:
            letter = None
        elif letter is not None:
            letter = initial(fold(letter)).upper() or letter
        return msgspec.structs.replace(self, starts_with=letter)


class FilmSearch(MovieSearch):
    """A search that may not have begun yet. Best first, unless nothing says what is good."""

    sort_by: Literal["title", "year", "rating", "relevance"] = "relevance"
    # As the form sends it: key and direction at once, so that its words fit without scripts as well.
    sort: SearchOrder | None = None

    @classmethod
    def cross_check(cls, given: dict[str, Any], _named: Collection[str]) -> Iterator[Offence]:
        yield from _years_in_order(given)

    @property
    def is_begun(self) -> bool:
        return self.query is not None or self.is_narrowed

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is asked besides words."""
        wanted = self.wanted
        return wanted.has_scalars or wanted.texts not in ([], ["words"])

    def settled(self) -> "FilmSearch":
        """The same in an order there is: without words none is best."""
        sort_by, _, order = self.sort.partition(" ") if self.sort else (self.sort_by, "", self.order)
        if sort_by == "relevance":
            sort_by, order = ("relevance", "asc") if self.query is not None else ("title", order or "asc")
        return msgspec.structs.replace(self, sort=None, sort_by=sort_by, order=order)


class Choice(msgspec.Struct, frozen=True):
    """A link to the same list in another way."""

    name: str
    address: str
    is_on: bool


def sort_of(asked: L) -> str:
    """The order as lists and searches name it."""
    return asked.sort_by if asked.sort_by in ONE_WAY else f"{asked.sort_by} {asked.order}"


def read_page(request: AnyRequest, struct: type[L], labels: Mapping[str, str] | None = None) -> tuple[L, FilledForm]:
    """What a page is asked, and the form that asks it, which has the fields of ``labels``.

    Where these are wrong, nothing is asked and the form tells why. Ratings come with the best first, unless the worst
    are asked for (contract §3.6). Raises InvalidRequest for anything else.
    """
    labels = labels or {}
    query_string = without_blanks(request.scope["query_string"])
    form = Form(_members(query_string))
    try:
        asked = read_query(query_string, struct)
        if asked.sort_by == "rating" and not form.get("order"):
            asked = msgspec.structs.replace(asked, order="desc")
        return asked, FilledForm.of(labels, form)
    except InvalidRequest as error:
        if not error.offences or any(one.field not in labels for one in error.offences):
            raise
        return struct(), FilledForm.of(labels, form, error)


def _members(query_string: bytes) -> Members:
    """What can be shown again; ``read_query`` tells what is wrong with the rest."""
    members = Members()
    for name, _, value in (pair.partition(b"=") for pair in query_string.split(b"&")):
        with suppress(ValueError):
            members.append((read_text(name), read_text(value)))
    return members


def query_of(asked: L) -> str:
    """What differs from the defaults, always in one order: so that one list has one address."""
    needed = ["order"] if asked.sort_by == "rating" else []
    return urlencode(
        [
            (field.encode_name, value)
            for field in msgspec.structs.fields(asked)
            if ((value := getattr(asked, field.name)) != field.default or field.name in needed) and field.name != "size"
        ]
    )


def address_of(path: str, asked: L) -> str:
    query = query_of(asked)
    return f"{path}?{query}" if query else path


def pager(path: str, asked: L, total: int) -> Pager:
    return Pager(path, query_of(asked).encode(), asked.page, listing.pages(total, SIZE))


def orders(path: str, asked: L, names: Mapping[tuple[str, str], str]) -> list[Choice]:
    """The orders a list can be had in."""
    return [
        Choice(
            name,
            address_of(path, msgspec.structs.replace(asked, sort_by=sort_by, order=order, page=1)),
            (asked.sort_by, asked.order) == (sort_by, order),
        )
        for (sort_by, order), name in names.items()
    ]


def letters(asked: FilmList) -> list[Choice]:
    """Each drops the other filters, as a letter goes with none of them."""
    return [
        Choice(
            letter,
            address_of("/films", FilmList(starts_with=letter, sort_by=asked.sort_by, order=asked.order)),
            asked.starts_with == letter,
        )
        for letter in [*ascii_uppercase, OTHER_LETTER]
    ]


def told_filters(asked: FilmList | FilmSearch, genres: Sequence[GenreSize]) -> list[str]:
    """What is asked besides words and letters, in words."""
    told = [_told_genre(asked.genre_id, genres), _told_years(asked.year_from, asked.year_to)]
    if isinstance(asked, FilmSearch):
        texts = (("title", asked.title), ("director", asked.director), ("star", asked.star))
        told = [f"{name} “{text}”" for name, text in texts if text and fold(text).strip()] + told
        told.append(_told_years(asked.year, asked.year))
    return [one for one in told if one]


def _told_genre(genre_id: int | None, genres: Sequence[GenreSize]) -> str:
    if genre_id is None:
        return ""
    return next((genre.name for genre in genres if genre.id == genre_id), "a genre that no film has")


def _told_years(year_from: int | None, year_to: int | None) -> str:
    """A span of years; "" for none."""
    if year_from is None and year_to is None:
        return ""
    if year_from is None:
        return f"up to {year_to}"
    if year_to is None:
        return f"from {year_from} on"
    return str(year_from) if year_from == year_to else f"{year_from} to {year_to}"
