"""The schemas of the community's endpoints (community-api.txt; contract §7)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from filmer.clock import timestamp
from filmer.errors import FieldError, InvalidRating, InvalidRequest
from filmer.http.body import Body, ReceivedBody
from filmer.http.query import Query
from filmer.tmdb.payloads import MAX_ID, MAX_PAGE

MAX_RATING = 5
_OUT_OF_RANGE = {"must be at least 0", f"must be at most {MAX_RATING}"}

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # as both APIs print it (contract §1.1)
MovieId = Annotated[int, Meta(ge=1, le=MAX_ID, description="TMDB's id of the film.", examples=[278])]
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


class FavoriteList(Query):
    sort: Annotated[
        Literal["release_date", "rating"], Meta(description="By the film's release date, or the user's rating.")
    ] = "release_date"
    order: Annotated[Literal["asc", "desc"], Meta(description="Films without one come last in both.")] = "desc"


class NewFavorite(Body, rename=None):
    movie_id: MovieId


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
