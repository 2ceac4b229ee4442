"""The query parameters of the list pages, and the addresses of their variants."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from string import ascii_uppercase
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec import Meta

from filmer.catalogue import listing
from filmer.catalogue.api import (
    GenreMovieList,
    LetterList,
    MinRating,
    MovieSort,
    Order,
    PageNumber,
    SearchFilters,
    Year,
)
from filmer.catalogue.filters import Filters
from filmer.catalogue.folding import fold, initial
from filmer.catalogue.schemas import GenreSize
from filmer.errors import FieldError, InvalidRequest
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest
from filmer.http.json_text import Members
from filmer.http.query import Query, read_query, read_text
from filmer.plurals import counted
from filmer.storefront.forms import FilledForm, Form, without_blanks
from filmer.storefront.pager import Pager

SIZE = 24  # films a page: fills rows of two, three, four and six
_LETTER = "-letter-"  # in an address, in the place of each letter
OTHER_LETTER = "*"
FILM_ORDERS: Mapping[tuple[str, str], str] = {
    ("title", "asc"): "Title A to Z",
    ("title", "desc"): "Title Z to A",
    ("year", "desc"): "Newest first",
    ("year", "asc"): "Oldest first",
    ("rating", "desc"): "Best rated first",
    ("rating", "asc"): "Worst rated first",
}
SearchOrder = Literal[
    "relevance", "known", "title asc", "title desc", "year desc", "year asc", "rating desc", "rating asc"
]
BEST_MATCH, BEST_KNOWN = ("relevance", "asc"), ("known", "asc")
SEARCH_ORDERS: Mapping[tuple[str, str], str] = {
    BEST_MATCH: "Best match",
    BEST_KNOWN: "Best known first",
    **FILM_ORDERS,
}
SEARCH_LINKS: Mapping[tuple[str, str], str] = {
    BEST_MATCH: "Best match",
    ("rating", "desc"): "Best rated",
    BEST_KNOWN: "Best known",
    ("year", "desc"): "Newest",
    ("title", "asc"): "A to Z",
}
STAR_ORDERS: Mapping[tuple[str, str], str] = {
    ("known", "asc"): "Best known first",
    ("name", "asc"): "Name A to Z",
    ("name", "desc"): "Name Z to A",
    ("birthYear", "desc"): "Youngest first",
    ("birthYear", "asc"): "Oldest first",
}

ONE_WAY = ("known", "relevance")  # orders without a direction


class PeopleList(Query):
    """The list of people, by default the best known first."""

    page: PageNumber = 1
    sort_by: Literal["known", "name", "birthYear"] = "known"
    order: Order = "asc"
    name: str | None = None


L = TypeVar("L", bound="LetterList | GenreMovieList | PeopleList | FilmSearch")


def _years_in_order(values: dict[str, Any]) -> Iterator[FieldError]:
    if "yearFrom" in values and "yearTo" in values and values["yearFrom"] > values["yearTo"]:
        yield FieldError("yearFrom", "must not be after the year it goes up to")


class FilmList(LetterList):
    """Films of a letter, or of a genre and a span of years, which override the letter."""

    sort_by: MovieSort = "title"
    genre_id: Annotated[int, Meta(ge=1, le=MAX_INTEGER)] | None = None
    year_from: Year | None = None
    year_to: Year | None = None

    @classmethod
    def cross_check(cls, values: dict[str, Any], _names: Collection[str]) -> Iterator[FieldError]:
        yield from _years_in_order(values)

    @property
    def has_years(self) -> bool:
        return self.year_from is not None or self.year_to is not None

    @property
    def list_name(self) -> str:
        return super().list_name if self.genre_id is None else listing.genre(self.genre_id)

    def normalized(self) -> "FilmList":
        """The same without a letter that is overridden; else the letter as in the row of letters."""
        letter = self.starts_with
        if self.has_years or self.genre_id is not None:
            letter = None
        elif letter is not None:
            letter = initial(fold(letter)).upper() or letter
        return msgspec.structs.replace(self, starts_with=letter)


Minutes = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]


class FilmSearch(SearchFilters):
    """A search, or its empty form. By default the best match comes first."""

    min_rating: MinRating | None = None
    min_runtime: Minutes | None = None
    max_runtime: Minutes | None = None
    sort_by: Literal["title", "year", "rating", "relevance", "known"] = "relevance"
    # As the form sends it: key and direction in one value, so that one list of options works without scripts.
    sort: SearchOrder | None = None
    exact: Literal["yes"] | None = None  # search for what was typed, even if that finds nothing

    @classmethod
    def cross_check(cls, values: dict[str, Any], _names: Collection[str]) -> Iterator[FieldError]:
        yield from _years_in_order(values)

    @property
    def filters(self) -> Filters:
        return msgspec.structs.replace(
            super().filters,
            min_rating=self.min_rating,
            min_runtime=self.min_runtime,
            max_runtime=self.max_runtime,
        )

    @property
    def is_begun(self) -> bool:
        return self.query is not None or self.is_narrowed

    @property
    def is_narrowed(self) -> bool:
        """Whether there are filters besides words."""
        filters = self.filters
        return filters.has_scalars or filters.texts not in ([], ["words"])

    def normalized(self) -> "FilmSearch":
        """The same in a valid order: without words there is no best match."""
        sort_by, _, order = self.sort.partition(" ") if self.sort else (self.sort_by, "", self.order)
        if sort_by == "relevance" and self.query is None:
            sort_by = "title"
        order = "asc" if sort_by in ONE_WAY else order or "asc"
        return msgspec.structs.replace(self, sort=None, sort_by=sort_by, order=order)


class Choice(msgspec.Struct, frozen=True):
    """A link to a variant of the same list. ``films``: how many it has, where that is counted."""

    name: str
    address: str
    is_current: bool
    films: int | None = None


def sort_of(params: L) -> str:
    """The order as the catalogue's queries name it."""
    return params.sort_by if params.sort_by in ONE_WAY else f"{params.sort_by} {params.order}"


def read_page(request: AnyRequest, struct: type[L], labels: Mapping[str, str] | None = None) -> tuple[L, FilledForm]:
    """The page's parameters, and its form, which has the fields of ``labels``.

    Where these fields are wrong, the parameters are the defaults and the form has the errors. The best ratings come
    first by default (contract §3.6). Raises InvalidRequest for errors of other parameters.
    """
    labels = labels or {}
    query_string = without_blanks(request.scope["query_string"])
    form = Form(_members(query_string))
    try:
        params = read_query(query_string, struct)
        if params.sort_by == "rating" and not form.get("order"):
            params = msgspec.structs.replace(params, order="desc")
        return params, FilledForm.of(labels, form)
    except InvalidRequest as error:
        if not error.field_errors or any(wrong.field not in labels for wrong in error.field_errors):
            raise
        return struct(), FilledForm.of(labels, form, error)


def _members(query_string: bytes) -> Members:
    """The valid texts, which can be shown again; ``read_query`` reports the others."""
    members = Members()
    for name, _, value in (pair.partition(b"=") for pair in query_string.split(b"&")):
        with suppress(ValueError):
            members.append((read_text(name), read_text(value)))
    return members


@cache
def _fields(query_type: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(query_type)


def query_of(params: L) -> str:
    """The parameters that differ from the defaults, in a fixed order, so that one list has one address."""
    needed = ["order"] if params.sort_by == "rating" else []
    return urlencode(
        [
            (field.encode_name, f"{value:.10g}" if isinstance(value, float) else value)
            for field in _fields(params.__class__)
            if ((value := getattr(params, field.name)) != field.default or field.name in needed)
            and field.name != "size"
        ]
    )


def address_of(path: str, params: L) -> str:
    query = query_of(params)
    return f"{path}?{query}" if query else path


def pager(path: str, params: L, total: int) -> Pager:
    return Pager(path, query_of(params).encode(), params.page, listing.pages(total, SIZE))


def orders(path: str, params: L, names: Mapping[tuple[str, str], str]) -> list[Choice]:
    """Links to the orders of a list."""
    return [
        Choice(
            name,
            address_of(path, msgspec.structs.replace(params, sort_by=sort_by, order=order, page=1)),
            (params.sort_by, params.order) == (sort_by, order),
        )
        for (sort_by, order), name in names.items()
        if sort_by != "relevance" or getattr(params, "query", None) is not None
    ]


def letters(params: FilmList) -> list[Choice]:
    """Links to the letters. Each drops the other filters, which a letter can't be combined with."""
    any_letter = address_of("/films", FilmList(starts_with=_LETTER, sort_by=params.sort_by, order=params.order))
    before, after = any_letter.split(_LETTER)
    return [
        Choice(letter, f"{before}{quote_plus(letter)}{after}", params.starts_with == letter)
        for letter in [*ascii_uppercase, OTHER_LETTER]
    ]


def describe_filters(params: FilmList | FilmSearch, genres: Sequence[GenreSize]) -> list[str]:
    """The filters besides words and letters, as text."""
    texts = [_describe_genre(params.genre_id, genres), describe_years(params.year_from, params.year_to)]
    if isinstance(params, FilmSearch):
        names = (("title", params.title), ("director", params.director), ("star", params.star))
        texts = [f"{name} “{text}”" for name, text in names if text and fold(text).strip()] + texts
        texts += [describe_years(params.year, params.year), *_describe_numbers(params)]
    return [text for text in texts if text]


def _describe_genre(genre_id: int | None, genres: Sequence[GenreSize]) -> str:
    if genre_id is None:
        return ""
    return next((genre.name for genre in genres if genre.id == genre_id), "a genre that no film has")


def _describe_numbers(params: FilmSearch) -> Iterator[str]:
    if params.min_rating is not None:
        yield f"rated {params.min_rating:g} or better"
    if params.min_votes is not None:
        yield f"at least {counted(params.min_votes, 'vote')}"
    yield describe_runtime(params.min_runtime, params.max_runtime)


def describe_runtime(low: int | None, high: int | None) -> str:
    """A span of minutes; "" for none."""
    if low is None and high is None:
        return ""
    if low is None:
        return f"up to {high} minutes"
    if high is None:
        return f"{low} minutes or more"
    return f"{low} to {high} minutes"


def describe_years(year_from: int | None, year_to: int | None) -> str:
    """A span of years; "" for none."""
    if year_from is None and year_to is None:
        return ""
    if year_from is None:
        return f"up to {year_to}"
    if year_to is None:
        return f"from {year_from} on"
    return str(year_from) if year_from == year_to else f"{year_from} to {year_to}"
