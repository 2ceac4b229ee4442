"""The handlers of shop-api.md for movies, stars, genres and search."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote

from litestar import Response
from litestar.params import FromPath
from msgspec import Meta

from filmer.catalogue import listing, queries, suggestions
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.filters import Filters, text_filter, with_query
from filmer.catalogue.folding import fold, initial, search_form
from filmer.catalogue.schemas import (
    Genre,
    GenreList,
    GenreMoviePage,
    Movie,
    MovieItem,
    MoviePage,
    Star,
    StarItem,
    StarPage,
    SuggestionList,
    is_identifier,
)
from filmer.catalogue.search import Search
from filmer.errors import FieldError, NotFound
from filmer.http.bounds import MAX_INTEGER
from filmer.http.envelopes import ShopResponse
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import Query, id_errors, path_id, read_query
from filmer.store.postgres import Connection

T = TypeVar("T")

Year = Annotated[int, Meta(ge=0, le=9999)]
Order = Literal["asc", "desc"]
MovieSort = Literal["title", "year", "rating"]
PageNumber = Annotated[int, Meta(ge=1, description="Which page, from 1. One past the end is empty.")]
PageSize = Annotated[int, Meta(ge=1, le=100, description="Entries a page.")]
GenreId = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
MinRating = Annotated[float, Meta(ge=0, le=10)]
MinVotes = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
TITLE_TYPES = "^ *([A-Za-z]{1,20}( *, *[A-Za-z]{1,20}){0,19})? *$"


def _one_character(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if len(text) != 1:
        raise ValueError("must be a single character A-Z, or * for titles that start with another")
    return text


def _title_types(text: str) -> str:
    """The same types, sorted; blank text is none."""
    if not re.fullmatch(TITLE_TYPES, text.strip(" ")):
        raise ValueError("must be title types such as movie or tvMovie, separated by commas, at most 20")
    return ",".join(sorted({part.strip() for part in text.split(",")}))


class LetterList(Query):
    """A list of all movies, or of those that start with a character."""

    page: PageNumber = 1
    size: PageSize = 20
    sort_by: Literal["title", "year", "rating", "popularity"] = "title"
    order: Order = "asc"
    starts_with: Annotated[
        str | None,
        Meta(
            description="First character of the title, case and accents ignored; `*`: not A-Z.",
            extra={"read": _one_character},
            extra_json_schema={"minLength": 1, "maxLength": 1},
            examples=["B"],
        ),
    ] = None

    @property
    def list_name(self) -> str:
        """The name of the listing to read."""
        if self.starts_with is None:
            return listing.ALL
        return listing.letter(initial(fold(self.starts_with)))


class MovieList(LetterList):
    """A list of movies with the filters that clients also send, beyond the specification."""

    sort_by: Annotated[
        Literal["title", "year", "rating", "popularity"],
        Meta(
            description="`popularity` is beyond the specification: the most popular first, unless `order=asc` is given."
        ),
    ] = "title"
    title: Annotated[str | None, Meta(description="Part of the title. Beyond the specification.")] = None
    type: Annotated[
        str | None,
        Meta(
            description="IMDb's title types, separated by commas; a movie has one of them. Beyond the specification.",
            extra={"read": _title_types},
            extra_json_schema={"pattern": TITLE_TYPES},
            examples=["movie,tvMovie"],
        ),
    ] = None
    genre_id: Annotated[GenreId | None, Meta(description="Only this genre. Beyond the specification.")] = None
    min_rating: Annotated[MinRating | None, Meta(description="Rated so or better. Beyond the specification.")] = None
    min_votes: Annotated[MinVotes | None, Meta(description="With so many votes or more. Beyond the specification.")] = (
        None
    )

    @classmethod
    def add_defaults(cls, values: dict[str, Any]) -> None:
        if values.get("sortBy") == "popularity":
            values.setdefault("order", "desc")

    @property
    def filters(self) -> Filters:
        letter = self.starts_with
        return Filters(
            title=text_filter(self.title),
            genre_id=self.genre_id,
            initial=letter and initial(fold(letter)),
            types=tuple(self.type.split(",")) if self.type else None,
            min_rating=self.min_rating,
            min_votes=self.min_votes,
        )

    @property
    def stored_list(self) -> str | None:
        """The name of the listing to read; None where the filters are more than a letter or a genre."""
        if self.filters == Filters(genre_id=self.genre_id):
            return listing.ALL if self.genre_id is None else listing.genre(self.genre_id)
        return self.list_name if self.filters == Filters(initial=self.filters.initial) else None


class GenreMovieList(Query):
    page: PageNumber = 1
    size: PageSize = 20
    sort_by: MovieSort = "title"
    order: Order = "asc"


class StarList(Query):
    page: PageNumber = 1
    size: PageSize = 20
    sort_by: Literal["name", "birthYear"] = "name"
    order: Order = "asc"
    name: Annotated[str | None, Meta(description="Part of the name; case and accents are ignored.")] = None


class SearchFilters(Query):
    """What films can be searched by."""

    query: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description=(
                "Words, each of which is found in title, original title, director or star names; the last may be "
                "unfinished. Words may be written apart or in one, numbers up to twenty in digits, letters or roman; "
                "`&`, `+` and `and` are one word, and four digits may be the film's year. Without a letter or digit: "
                "part of the title."
            ),
        ),
    ] = None
    title: Annotated[str | None, Meta(description="Part of the title.")] = None
    year: Annotated[Year | None, Meta(description="Exactly this year.")] = None
    year_from: Annotated[Year | None, Meta(description="This year or later.")] = None
    year_to: Annotated[Year | None, Meta(description="This year or earlier.")] = None
    director: Annotated[str | None, Meta(description="Part of the director's name.")] = None
    star: Annotated[str | None, Meta(description="Part of a star's name.")] = None
    genre_id: Annotated[GenreId | None, Meta(description="Only this genre.")] = None
    page: PageNumber = 1
    size: PageSize = 20
    sort_by: str = "title"
    order: Order = "asc"
    min_votes: Annotated[MinVotes | None, Meta(description="With so many votes or more. Beyond the specification.")] = (
        None
    )

    @property
    def filters(self) -> Filters:
        filters = Filters(
            title=text_filter(self.title),
            director=text_filter(self.director),
            star=text_filter(self.star),
            year_from=max((bound for bound in (self.year, self.year_from) if bound is not None), default=None),
            year_to=min((bound for bound in (self.year, self.year_to) if bound is not None), default=None),
            genre_id=self.genre_id,
            min_votes=self.min_votes,
        )
        return with_query(filters, self.query or "")


class MovieSearch(SearchFilters):
    sort_by: Annotated[
        Literal["title", "year", "rating", "relevance"],
        Meta(
            description=(
                "`relevance` (best first, whatever the order) needs `query`: the title itself, with or without its "
                "article, the original title, what begins with the query, what contains it; more votes first."
            )
        ),
    ] = "title"

    @classmethod
    def cross_check(cls, values: dict[str, Any], names: Collection[str]) -> Iterator[FieldError]:
        used_filters = [name for name in _FILTERS if name in names]
        if all(name in values and _is_blank(values[name]) for name in used_filters):
            yield FieldError("query", "at least one search filter must be given")
        if "yearFrom" in values and "yearTo" in values and values["yearFrom"] > values["yearTo"]:
            yield FieldError("yearFrom", "must not be after yearTo")
        if values.get("sortBy") == "relevance" and "query" not in values:
            yield FieldError("sortBy", "relevance needs query")


_FILTERS = ("query", "title", "year", "yearFrom", "yearTo", "director", "star", "genreId", "minVotes")


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not fold(value).strip()


def _not_empty(text: str) -> str:
    """Blank text is valid here: for a space there are no suggestions."""
    if not text:
        raise ValueError("must not be empty")
    return text


class SuggestionQuery(Query):
    query: Annotated[
        str,
        Meta(
            description="What was typed so far. The last word may be unfinished; case and accents are ignored.",
            extra={"read": _not_empty},
            extra_json_schema={"minLength": 1},
        ),
    ]
    size: Annotated[int, Meta(ge=1, le=10, description="Suggestions at most.")] = 8


class CatalogueApi(Handlers):
    def __init__(self, catalogue: Catalogue, search: Search) -> None:
        self._catalogue = catalogue
        self._search = search

    async def list_movies(self, request: AnyRequest) -> MoviePage:
        query = read_query(request.scope["query_string"], MovieList)
        async with self._catalogue.reading() as conn:
            total, items = await _find_movies(conn, self._search, query)
        return MoviePage(items=items, **_page(query, total))

    async def show_movie(self, movie_id: FromPath[str]) -> Movie:
        async with self._catalogue.reading() as conn:
            movie = await queries.select_movie(conn, movie_id) if is_identifier(movie_id) else None
        if movie is None:
            raise NotFound(f"Movie not found with id: {movie_id}")
        return movie

    async def list_stars(self, request: AnyRequest) -> StarPage:
        query = read_query(request.scope["query_string"], StarList)
        async with self._catalogue.reading() as conn:
            sort = f"{query.sort_by} {query.order}"
            total, items = await find_stars(conn, self._search, query.name, sort, query.page, query.size)
        return StarPage(items=items, **_page(query, total))

    async def show_star(self, star_id: FromPath[str]) -> Star:
        async with self._catalogue.reading() as conn:
            star = await queries.select_star(conn, star_id) if is_identifier(star_id) else None
        if star is None:
            raise NotFound(f"Star not found with id: {star_id}")
        return star

    async def list_genres(self) -> GenreList:
        async with self._catalogue.reading() as conn:
            sizes = await queries.select_genre_sizes(conn)
        return GenreList(items=[Genre(id=genre.id, name=genre.name) for genre in sizes])

    async def list_genre_movies(self, genre_id: FromPath[str], request: AnyRequest) -> GenreMoviePage:
        query = read_query(request.scope["query_string"], GenreMovieList, id_errors("genreId", genre_id))
        number = path_id(genre_id, MAX_INTEGER)
        row = None
        if number is not None:
            span = listing.span(query.page, query.size)
            async with self._catalogue.reading() as conn:
                row = await queries.select_genre_movies(
                    conn, number, listing.genre(number), f"{query.sort_by} {query.order}", span
                )
        if row is None:
            raise NotFound(f"Genre not found with id: {genre_id}")
        genre, total, items = row
        return GenreMoviePage(genre=genre, items=items, **_page(query, total))

    async def search_movies(self, request: AnyRequest) -> Response[MoviePage]:
        query = read_query(request.scope["query_string"], MovieSearch)
        sort = "relevance" if query.sort_by == "relevance" else f"{query.sort_by} {query.order}"
        first, size = listing.span(query.page, query.size).first, query.size
        async with self._catalogue.reading() as conn:
            # The specification's orders never correct.
            text = query.query if query.sort_by == "relevance" else None
            found = await self._search.movies_or_nearest(conn, text, query.filters, sort=sort, first=first, size=size)
        page = MoviePage(items=found.items, **_page(query, found.total))
        return _response(page, found.corrected, is_settled=found.is_settled)

    async def suggest(self, request: AnyRequest) -> Response[SuggestionList]:
        query = read_query(request.scope["query_string"], SuggestionQuery)
        text = suggestions.read(query.query)
        async with self._catalogue.reading() as conn:
            index, is_settled = self._search.index(conn)
            found = await suggestions.find(conn, text, query.size, index)
        is_final = is_settled or not text.words
        return _response(SuggestionList(items=found.items), found.corrected, is_settled=is_final)


def _response(data: T, corrected: str | None, *, is_settled: bool) -> Response[T]:
    """``corrected``: the spelling that was searched for. What is not settled yet is not stored."""
    headers = {} if is_settled else {"cache-control": "no-store"}
    if corrected is not None:
        headers["x-search-corrected"] = quote(corrected, safe=" ")
    return ShopResponse(data, headers=headers)


async def _find_movies(conn: Connection, search: Search, query: MovieList) -> tuple[int, list[MovieItem]]:
    """The number of movies of the list, and one page of them."""
    sort, span = f"{query.sort_by} {query.order}", listing.span(query.page, query.size)
    if query.sort_by == "popularity" and not await queries.select_has_order(conn, listing.ALL, sort):
        # A catalogue that an older version imported lacks that order: until the next import the votes have to do.
        return await search.movies(conn, query.filters, sort="known", first=span.first, size=query.size)
    if query.stored_list is not None:
        return await queries.select_movies(conn, query.stored_list, sort, span)
    return await search.movies(conn, query.filters, sort=sort, first=span.first, size=query.size)


async def find_stars(
    conn: Connection, search: Search, name: str | None, sort: str, page: int, size: int
) -> tuple[int, list[StarItem]]:
    """The number of stars whose name contains ``name`` (None: of all), and a page of ``size`` of them."""
    span = listing.span(page, size)
    if name and name.strip():
        return await search.stars(conn, search_form(name), sort=sort, first=span.first, size=size)
    return await queries.select_stars(conn, listing.STARS, sort, span)


def _page(query: MovieList | GenreMovieList | StarList | MovieSearch, total: int) -> dict[str, int]:
    return {
        "page": query.page,
        "size": query.size,
        "total_items": total,
        "total_pages": listing.pages(total, query.size),
    }
