"""What TMDB answers, read strictly into the shapes community-api.txt prints; whatever else it sends is dropped."""

import re
from datetime import date
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

MAX_ID = 2**31 - 1  # of a film at TMDB, which stands in integer columns
MAX_PAGE = 500  # TMDB's own limit (contract §7.6)
MAX_RESULTS = 10_000
_POSTER_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.(jpg|png|webp)")

T = TypeVar("T")


class Film(msgspec.Struct, frozen=True):
    """A film as TMDB tells it; ``popularity`` and ``vote_average`` (0 to 10) are TMDB's."""

    id: int
    title: str
    release_date: date | None
    overview: str | None
    popularity: float | None
    vote_average: float | None


class Popular(msgspec.Struct, frozen=True):
    """One page of TMDB's popular films."""

    page: int
    total_pages: int
    total_results: int
    results: list[Film]


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
    results: Annotated[list[_Film], Meta(max_length=100)]


class _Found(msgspec.Struct):
    id: Id


class _Find(msgspec.Struct):
    movie_results: list[_Found]


class _Problem(msgspec.Struct):
    status_code: int


def read_popular(body: bytes, page: int) -> Popular:
    """Raises PayloadError, also for another page than the one asked for."""
    told = _decoded(body, _Page)
    if told.page != page:
        raise PayloadError(f"page {told.page} instead of {page}")
    return Popular(
        page,
        min(told.total_pages, MAX_PAGE),
        min(told.total_results, MAX_RESULTS),
        [_film(one) for one in told.results],
    )


def read_film(body: bytes, movie_id: int) -> Film:
    """Raises PayloadError, also for another film than the one asked for."""
    told = _decoded(body, _Film)
    if told.id != movie_id:
        raise PayloadError(f"film {told.id} instead of {movie_id}")
    return _film(told)


def read_poster_path(body: bytes, movie_id: int) -> str | None:
    """Where a film's poster is, as ``/abc.jpg``; None where it has none that could be shown. Raises PayloadError."""
    told = _decoded(body, _Pictures)
    if told.id != movie_id:
        raise PayloadError(f"film {told.id} instead of {movie_id}")
    return told.poster_path if told.poster_path and _POSTER_PATH.fullmatch(told.poster_path) else None


def read_found(body: bytes) -> int | None:
    """The TMDB id of the film that ``/find`` found. Raises PayloadError."""
    found = _decoded(body, _Find).movie_results
    return found[0].id if found else None


def read_problem(body: bytes) -> int | None:
    """TMDB's own code in the body of an error; None where there is none."""
    try:
        return msgspec.json.decode(body, type=_Problem).status_code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(str(error)) from error


def _film(told: _Film) -> Film:
    return Film(
        told.id,
        _storable(told.title),
        _date(told.release_date or ""),
        None if told.overview is None else _storable(told.overview),
        told.popularity,
        told.vote_average,
    )


def _storable(text: str) -> str:
    return text.replace("\0", "")  # which no column can hold


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
