"""The schemas of the community's endpoints (community-api.txt; contract §7)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from filmer.clock import timestamp
from filmer.errors import FieldError, InvalidRating, InvalidRequest
from filmer.http.body import Body, ReceivedBody
from filmer.http.bounds import MAX_INTEGER
from filmer.http.query import Query
from filmer.tmdb.payloads import MAX_PAGE

MAX_RATING = 5
MIN_RATINGS = 3  # before their average is told: a single one would be somebody's own
FIRST_DAY = date(1900, 1, 1)  # on which somebody may have seen a film
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OUT_OF_RANGE = {"must be at least 0", f"must be at most {MAX_RATING}"}

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # as both APIs print it (contract §1.1)
MovieId = Annotated[
    int, Meta(ge=1, le=MAX_INTEGER, description="TMDB's id of the film, or the shop's own number.", examples=[278])
]
Stars = Annotated[
    float,
    Meta(
        ge=0,
        le=MAX_RATING,
        description="In steps of 0.5.",
        extra_json_schema={"multipleOf": 0.5},
        examples=[4],
    ),
]


class PopularList(Query):
    page: Annotated[int, Meta(ge=1, le=MAX_PAGE, description="Which page, from 1.")] = 1


Order = Annotated[Literal["asc", "desc"], Meta(description="Films without one come last in both.")]


class FavoriteList(Query):
    sort: Annotated[
        Literal["release_date", "rating"], Meta(description="By the film's release date, or the user's rating.")
    ] = "release_date"
    order: Order = "desc"


class Watchlist(Query):
    sort: Annotated[
        Literal["created_at", "release_date", "rating"],
        Meta(description="By when the film was put on it, its release date, or the user's rating."),
    ] = "created_at"
    order: Order = "desc"


class SeenList(Query):
    sort: Annotated[
        Literal["seen_on", "release_date", "rating"],
        Meta(description="By when the user saw the film, its release date, or the user's rating."),
    ] = "seen_on"
    order: Order = "desc"


ShelfList = FavoriteList | Watchlist | SeenList


class NewFavorite(Body, rename=None):
    movie_id: MovieId


def read_day(text: str) -> date:
    """Raises ValueError. That it is not in the future is checked where the time is known."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError("must be a date as 2024-01-31")
    if day < FIRST_DAY:
        raise ValueError(f"must not be before {FIRST_DAY}")
    return day


class NewSeen(NewFavorite, rename=None):
    seen_on: Annotated[
        date | None,
        Meta(
            description="The day. Left out, or null: a day that is stored already stays.",
            extra={"read": read_day},
        ),
    ] = None


class _Rated(Body, rename=None):
    @classmethod
    def cross_check(cls, values: dict[str, Any]) -> Iterator[FieldError]:
        if values.get("rating", 0) * 2 % 1:
            yield FieldError("rating", "must be in steps of 0.5")


class NewRating(_Rated, rename=None):
    movie_id: MovieId
    rating: Stars


class ChangedRating(_Rated, rename=None):
    rating: Stars


R = TypeVar("R", bound=_Rated)


def read_rating(body: ReceivedBody, struct: type[R], errors: Sequence[FieldError] = ()) -> R:
    """Raises InvalidRating if the only error is a rating out of range (contract §7.2), else what ``read`` raises."""
    try:
        return body.read(struct, errors)
    except InvalidRequest as error:
        field_errors = error.field_errors
        if field_errors and all(each.field == "rating" and each.reason in _OUT_OF_RANGE for each in field_errors):
            raise InvalidRating(field_errors) from None
        raise


class Favorite(msgspec.Struct, frozen=True):
    id: int
    movie_id: int
    created_at: Moment

    @classmethod
    def of(cls, favorite_id: int, movie_id: int, created: datetime) -> "Favorite":
        return cls(favorite_id, movie_id, timestamp(created))


class FavoriteFilm(msgspec.Struct, frozen=True):
    """A favourite with what TMDB tells of the film, and what its user thinks of it."""

    id: int
    movie_id: int
    title: str
    release_date: date | None
    overview: str | None
    popularity: float | None
    vote_average: float | None
    user_rating: float | None
    created_at: Moment


class Favorites(msgspec.Struct, frozen=True):
    favorites: list[FavoriteFilm]


class WatchlistFilms(msgspec.Struct, frozen=True):
    watchlist: list[FavoriteFilm]


class Seen(Favorite, frozen=True):
    """A film that was seen, perhaps on a day that its user remembers."""

    seen_on: date | None


class SeenFilm(FavoriteFilm, frozen=True):
    seen_on: date | None


class SeenFilms(msgspec.Struct, frozen=True):
    seen: list[SeenFilm]


class HalfStars(msgspec.Struct, frozen=True):
    """How many people gave a film that many stars."""

    rating: float
    count: int


class FilmRatings(msgspec.Struct, frozen=True):
    """What the shop's users think of a film. Nothing is told until ``MIN_RATINGS`` of them have rated it."""

    movie_id: int
    average: float | None
    count: int | None
    histogram: list[HalfStars]

    @classmethod
    def of(cls, movie_id: int, counts: Mapping[Decimal, int]) -> "FilmRatings":
        count = sum(counts.values())
        if count < MIN_RATINGS:
            return cls(movie_id, None, None, [])
        average = sum((rating * number for rating, number in counts.items()), Decimal()) / count
        steps = [Decimal(step) / 2 for step in range(2 * MAX_RATING + 1)]
        histogram = [HalfStars(stars(step), counts.get(step, 0)) for step in steps]
        return cls(movie_id, stars(round(average, 2)), count, histogram)


class Rating(msgspec.Struct, frozen=True):
    id: int
    movie_id: int
    rating: float
    created_at: Moment


class RatedFilm(msgspec.Struct, frozen=True):
    """A rating as the page of ratings lists it."""

    id: int
    movie_id: int
    title: str
    rating: float
    updated: datetime


class UpdatedRating(msgspec.Struct, frozen=True):
    id: int
    movie_id: int
    rating: float
    updated_at: Moment


def stars(rating: Decimal) -> float:
    """A rating as JSON prints it: whole numbers without a fraction (contract §7.2)."""
    return int(rating) if rating == int(rating) else float(rating)
