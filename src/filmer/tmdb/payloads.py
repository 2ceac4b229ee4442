"""Reads the bodies of TMDB's responses strictly into the structs that community-api.txt prints, and drops other fields.

A film in a list that can't be used, such as one without a title, is left out, and the reader returns the reason. A
number out of range is treated as unknown (contract §7.12).
"""

import json
import re
from datetime import date
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from filmer.catalogue.schemas import FIRST_OWN

MAX_ID = FIRST_OWN - 1  # of a film at TMDB
MAX_PAGE = 500  # TMDB's own limit (contract §7.6)
MAX_RESULTS = 10_000
MAX_POPULARITY = 1e9  # as for the catalogue's own films
MAX_VOTE = 10
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_POSTER_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(jpg|png|webp)")

T = TypeVar("T")


class TmdbFilm(msgspec.Struct, frozen=True):
    """A film as TMDB tells it; ``popularity`` and ``vote_average`` (0 to 10) are TMDB's."""

    id: int
    title: Annotated[str, Meta(min_length=1)]  # earlier versions cached films without one
    release_date: date | None
    overview: str | None
    popularity: float | None
    vote_average: float | None


class Popular(msgspec.Struct, frozen=True):
    """One page of TMDB's popular films."""

    page: int
    total_pages: int
    total_results: int
    results: list[TmdbFilm]


class PayloadError(Exception):
    """The body is not what TMDB documents."""


Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Count = Annotated[int, Meta(ge=0)]


class _Film(msgspec.Struct):
    id: Id
    title: Annotated[str, Meta(max_length=1000)]
    release_date: str | None = None  # "" where it is not known
    overview: Annotated[str, Meta(max_length=10_000)] | None = None
    popularity: float | None = None
    vote_average: float | None = None


class _PosterPath(msgspec.Struct):
    id: Id
    poster_path: str | None


class _Page(msgspec.Struct):
    page: int
    total_pages: Count
    total_results: Count
    results: Annotated[list[Any], Meta(max_length=100)]


class _FindResult(msgspec.Struct):
    movie_results: Annotated[list[Any], Meta(max_length=100)]


class _Error(msgspec.Struct):
    status_code: int


def read_popular(body: bytes, page: int) -> tuple[Popular, list[str]]:
    """The page, and a reason for each film that is left out. Raises PayloadError, also for any other page."""
    popular = _decoded(body, _Page)
    if popular.page != page:
        raise PayloadError(f"page {popular.page} instead of {page}")
    films, left_out = _films(popular.results)
    pages, results = min(popular.total_pages, MAX_PAGE), min(popular.total_results, MAX_RESULTS)
    return Popular(page, pages, results, films), left_out


def read_film(body: bytes, movie_id: int) -> TmdbFilm:
    """Raises PayloadError, also for a film other than ``movie_id``."""
    film = _film(_decoded(body, Any))
    if film.id != movie_id:
        raise PayloadError(f"film {film.id} instead of {movie_id}")
    return film


def read_poster_path(body: bytes, movie_id: int) -> str | None:
    """The path of a film's poster, as ``/abc.jpg``; None where it has none that can be shown. Raises PayloadError."""
    film = _decoded(body, _PosterPath)
    if film.id != movie_id:
        raise PayloadError(f"film {film.id} instead of {movie_id}")
    return film.poster_path if film.poster_path and _POSTER_PATH.fullmatch(film.poster_path) else None


def read_find_result(body: bytes) -> tuple[int | None, list[str]]:
    """The TMDB id that ``/find`` returned, and a reason for each film that is left out. Raises PayloadError."""
    films, left_out = _films(_decoded(body, _FindResult).movie_results)
    return films[0].id if films else None, left_out


def read_error_code(body: bytes) -> int | None:
    """TMDB's own code in the body of an error response; None where there is none."""
    try:
        return msgspec.json.decode(body, type=_Error).status_code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decoded(body: bytes, shape: type[T]) -> T:
    """Uses Python's decoder, which accepts lone surrogates, NaN and huge numbers: they must spoil one film only."""
    try:
        return msgspec.convert(_JSON.decode(body.decode("utf-8", "surrogateescape")), shape)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise PayloadError(str(error)) from error


def _films(rows: list[Any]) -> tuple[list[TmdbFilm], list[str]]:
    """The films that can be used, and a reason for each other one. Raises PayloadError if there are only others."""
    films: dict[int, TmdbFilm] = {}
    left_out = []
    for number, row in enumerate(rows, start=1):
        try:
            film = _film(row)
        except PayloadError as error:
            reason = str(error)
        else:
            reason = f"film {film.id} is listed twice" if film.id in films else ""
            films.setdefault(film.id, film)
        if reason:
            left_out.append(f"film {number} of {len(rows)}: {reason}")
    if left_out and not films:
        raise PayloadError(f"no film in it can be used; {left_out[0]}")
    return list(films.values()), left_out


def _film(row: Any) -> TmdbFilm:
    """Raises PayloadError if the film can't be used."""
    try:
        film = msgspec.convert(row, _Film)
        title, overview = _storable(film.title), None if film.overview is None else _storable(film.overview)
    except UnicodeEncodeError as error:
        raise PayloadError("it has a lone surrogate, which is no character") from error
    except msgspec.ValidationError as error:
        raise PayloadError(str(error)) from error
    if not title.strip():
        raise PayloadError("it has no title")
    return TmdbFilm(
        film.id,
        title,
        _date(film.release_date or ""),
        overview,
        _within(film.popularity, MAX_POPULARITY),
        _within(film.vote_average, MAX_VOTE),
    )


def _storable(text: str) -> str:
    """Raises UnicodeEncodeError for lone surrogates."""
    text.encode()
    return text.replace("\0", "")  # PostgreSQL does not store this character


def _within(number: float | None, maximum: float) -> float | None:
    return number if number is not None and 0 <= number <= maximum else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


# Digits beyond the 65th are dropped: the number is too big anyway, and reading thousands of digits takes long.
_JSON = json.JSONDecoder(parse_int=lambda digits: int(digits[:65]), strict=False)
