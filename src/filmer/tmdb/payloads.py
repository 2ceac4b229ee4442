"""What TMDB answers, read strictly into the shapes community-api.txt prints; whatever else it sends is dropped.

One film that can't be used does not take the others with it: of a list it is left out, and the reader says why. Numbers
that can't be are unknown. A film without a title is none that can be used (contract §7.12).
"""

import json
import re
from datetime import date
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

MAX_ID = 2**31 - 1  # of a film at TMDB, which stands in integer columns
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
    title: Annotated[str, Meta(min_length=1)]  # so that no copy without one, of an earlier version, is taken
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
    """TMDB answered something else than what it documents."""


Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
Count = Annotated[int, Meta(ge=0)]


class _Film(msgspec.Struct):
    id: Id
    title: Annotated[str, Meta(max_length=1000)]
    release_date: str | None = None  # "" where it is not known
    overview: Annotated[str, Meta(max_length=10_000)] | None = None
    popularity: float | None = None
    vote_average: float | None = None


class _Pictures(msgspec.Struct):
    id: Id
    poster_path: str | None


class _Page(msgspec.Struct):
    page: int
    total_pages: Count
    total_results: Count
    results: Annotated[list[Any], Meta(max_length=100)]


class _Find(msgspec.Struct):
    movie_results: Annotated[list[Any], Meta(max_length=100)]


class _Problem(msgspec.Struct):
    status_code: int


def read_popular(body: bytes, page: int) -> tuple[Popular, list[str]]:
    """The page, and why which of its films are left out. Raises PayloadError, also for another page than asked for."""
    told = _decoded(body, _Page)
    if told.page != page:
        raise PayloadError(f"page {told.page} instead of {page}")
    films, left_out = _films(told.results)
    pages, results = min(told.total_pages, MAX_PAGE), min(told.total_results, MAX_RESULTS)
    return Popular(page, pages, results, films), left_out


def read_film(body: bytes, movie_id: int) -> TmdbFilm:
    """Raises PayloadError, also for another film than the one asked for."""
    film = _film(_decoded(body, Any))
    if film.id != movie_id:
        raise PayloadError(f"film {film.id} instead of {movie_id}")
    return film


def read_poster_path(body: bytes, movie_id: int) -> str | None:
    """Where a film's poster is, as ``/abc.jpg``; None where it has none that could be shown. Raises PayloadError."""
    told = _decoded(body, _Pictures)
    if told.id != movie_id:
        raise PayloadError(f"film {told.id} instead of {movie_id}")
    return told.poster_path if told.poster_path and _POSTER_PATH.fullmatch(told.poster_path) else None


def read_found(body: bytes) -> tuple[int | None, list[str]]:
    """The TMDB id of the film that ``/find`` found, and why which others are left out. Raises PayloadError."""
    films, left_out = _films(_decoded(body, _Find).movie_results)
    return films[0].id if films else None, left_out


def read_problem(body: bytes) -> int | None:
    """TMDB's own code in the body of an error; None where there is none."""
    try:
        return msgspec.json.decode(body, type=_Problem).status_code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decoded(body: bytes, shape: type[T]) -> T:
    """Python's own decoder, because it reads past what one film is spoilt by: lone surrogates, NaN, numbers too big."""
    try:
        return msgspec.convert(_JSON.decode(body.decode("utf-8", "surrogateescape")), shape)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise PayloadError(str(error)) from error


def _films(rows: list[Any]) -> tuple[list[TmdbFilm], list[str]]:
    """Those that can be used, and why the others can't. Raises PayloadError where there are only others."""
    films: dict[int, TmdbFilm] = {}
    left_out = []
    for place, row in enumerate(rows, start=1):
        try:
            film = _film(row)
        except PayloadError as error:
            why = str(error)
        else:
            why = f"film {film.id} is there already" if film.id in films else ""
            films.setdefault(film.id, film)
        if why:
            left_out.append(f"film {place} of {len(rows)}: {why}")
    if left_out and not films:
        raise PayloadError(f"not one film in it can be used; {left_out[0]}")
    return list(films.values()), left_out


def _film(row: Any) -> TmdbFilm:
    """Raises PayloadError for what can't be used."""
    try:
        told = msgspec.convert(row, _Film)
        title, overview = _storable(told.title), None if told.overview is None else _storable(told.overview)
    except UnicodeEncodeError as error:
        raise PayloadError("a lone surrogate, which is no character") from error
    except msgspec.ValidationError as error:
        raise PayloadError(str(error)) from error
    if not title.strip():
        raise PayloadError("it has no title")
    return TmdbFilm(
        told.id,
        title,
        _date(told.release_date or ""),
        overview,
        _within(told.popularity, MAX_POPULARITY),
        _within(told.vote_average, MAX_VOTE),
    )


def _storable(text: str) -> str:
    """Raises UnicodeEncodeError."""
    text.encode()
    return text.replace("\0", "")  # which no column can hold


def _within(number: float | None, most: float) -> float | None:
    return number if number is not None and 0 <= number <= most else None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


# Digits beyond a number's 65th are dropped: it is too big with and without, and to read thousands takes long.
_JSON = json.JSONDecoder(parse_int=lambda digits: int(digits[:65]), strict=False)
