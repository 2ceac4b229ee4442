"""What the catalogue talks about, as shop-api.md prints it."""

from typing import Annotated

import msgspec
from msgspec import Meta

MovieId = Annotated[str, Meta(max_length=10, examples=["tt0000001"])]
StarId = Annotated[str, Meta(max_length=10, examples=["nm0000209"])]


class Shape(msgspec.Struct, kw_only=True, rename="camel"):
    """A JSON object: names in camel case, every field always there (contract §1.2)."""


class Genre(Shape):
    id: int
    name: str


class StarName(Shape):
    id: str
    name: str


class MovieItem(Shape):
    """A film in a list."""

    id: str
    title: str
    year: int | None
    director: str | None
    rating: float | None
    num_votes: int | None
    genres: list[str]
    stars: list[StarName]


class GenreMovieItem(Shape):
    id: str
    title: str
    year: int | None
    director: str | None
    rating: float | None


class CastMember(Shape):
    id: str
    name: str
    birth_year: int | None


class Movie(Shape):
    """A film with all its genres and its whole billed cast."""

    id: str
    title: str
    year: int | None
    director: str | None
    rating: float | None
    num_votes: int | None
    genres: list[Genre]
    stars: list[CastMember]


class StarItem(Shape):
    id: str
    name: str
    birth_year: int | None
    movie_count: int


class StarMovie(Shape):
    id: str
    title: str
    year: int | None
    director: str | None


class Star(Shape):
    id: str
    name: str
    birth_year: int | None
    movies: list[StarMovie]


class MoviePage(Shape):
    items: list[MovieItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class StarPage(Shape):
    items: list[StarItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class GenreMoviePage(Shape):
    genre: Genre
    items: list[GenreMovieItem]
    page: int
    size: int
    total_items: int
    total_pages: int


class GenreList(Shape):
    items: list[Genre]
