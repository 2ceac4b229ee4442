"""The catalogue's schemas. Those named after movies and stars mirror the JSON of shop-api.md."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

MAX_IDENTIFIER = 10  # characters (contract §2.5)
FIRST_OWN = 1_000_000_000  # of the shop's own numbers of films (contract §14.2); TMDB is never asked for one


def is_identifier(text: str) -> bool:
    """Whether it may be the id of a film or person. Other texts need no look-up (contract §2.5)."""
    return len(text) <= MAX_IDENTIFIER and "\0" not in text


class JsonObject(msgspec.Struct, kw_only=True, rename="camel"):
    """A JSON object: names in camel case, every field always present (contract §1.2)."""


class Genre(JsonObject):
    id: int
    name: str


class GenreSize(Genre):
    movie_count: int


class StarName(JsonObject):
    id: str
    name: str


class StarMovie(JsonObject):
    id: str
    title: str
    year: int | None
    director: str | None


class GenreMovieItem(StarMovie):
    rating: float | None


class MovieItem(GenreMovieItem):
    """A film in a list."""

    num_votes: int | None
    genres: list[str]
    stars: list[StarName]


class CastMember(StarName):
    birth_year: int | None


class Movie(GenreMovieItem):
    """A film with all its genres and its whole billed cast."""

    num_votes: int | None
    genres: list[Genre]
    stars: list[CastMember]


class StarItem(CastMember):
    movie_count: int


class Star(CastMember):
    movies: list[StarMovie]


class MoviePage(JsonObject):
    items: list[MovieItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class StarPage(JsonObject):
    items: list[StarItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class GenreMoviePage(JsonObject):
    genre: Genre
    items: list[GenreMovieItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class GenreList(JsonObject):
    items: list[Genre]


class Suggestion(JsonObject):
    kind: Literal["movie", "star", "director"]  # "director": of people who are in no cast, and so are no stars
    id: str
    text: str
    year: int | None  # of the film, or of the person's birth
    # Why a film is there whose title is not what was typed: ``with Tom Hanks``, ``original title Der Untergang``.
    reason: str | None = None
    matches: list[tuple[int, int]] = []  # parts of the text that were typed: first character and the one after the last


class SuggestionList(JsonObject):
    items: list[Suggestion]


class Film(msgspec.Struct, frozen=True):
    """A film with all the catalogue has about it. ``price``: None for the shop's default price.

    ``no`` and ``star_nos``: positions in the catalogue's order, valid within one edition; ``director_nos``: of
    directors, empty in an edition that was imported before they were people. ``number``: TMDB's, or the shop's own;
    None until the next import, where a version without such numbers built the edition.
    """

    no: int
    id: str
    title: str
    original_title: str | None
    year: int | None
    release_date: date | None
    runtime_minutes: int | None
    director: str | None
    genres: list[Genre]
    rating: float | None
    votes: int | None
    price: Decimal | None
    number: int | None
    overview: str | None
    star_nos: list[int]
    director_nos: list[int] = []
    certificate: str | None = None
    country: str | None = None
    language: str | None = None

    @property
    def directors(self) -> list[str]:
        return self.director.split(", ") if self.director else []


class NewFilm(msgspec.Struct, frozen=True):
    """A film of the feed. ``added``: since when the shop has it."""

    id: str
    title: str
    year: int | None
    director: str | None
    overview: str | None
    added: datetime


class FilmCard(msgspec.Struct, frozen=True):
    """A film as a card on a page."""

    id: str
    title: str
    year: int | None
    rating: float | None


class Person(msgspec.Struct, frozen=True):
    """A person. ``no``: the position in the catalogue's order, valid within one edition."""

    no: int
    id: str
    name: str
    birth_year: int | None
    is_star: bool


class FilmographyEntry(msgspec.Struct, frozen=True):
    """A film in a person's filmography. ``acts``, ``directs``: what the person does in it."""

    id: str
    title: str
    year: int | None
    director: str | None
    rating: float | None
    genres: list[Genre]
    star_nos: list[int]
    director_nos: list[int]
    acts: bool
    directs: bool
