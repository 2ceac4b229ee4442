"""The schemas of rentals, and of their endpoints (contract §9, client-api.md)."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filmer.http.body import Body
from filmer.http.bounds import MAX_INTEGER
from filmer.http.query import Query

Way = Literal["watch", "pick up"]
VideoKind = Literal["feature", "trailer"]
State = Literal["unpaid", "waiting", "running", "over", "cancelled"]
SERIES = {"tvSeries", "tvMiniSeries"}  # of IMDb's title types, those with episodes
MAX_SECONDS = 10_000_000  # of a film: sixteen weeks, and more than the longest film

Number = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Seconds = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]


class Rental(msgspec.Struct, frozen=True):
    """One unit sold. ``state``: of the moment it was asked for; what lapsed or ended by then is over."""

    id: int
    order_id: int
    account_id: int
    film_id: str
    way: Way
    state: State
    paid: datetime | None
    start_by: datetime | None
    began: datetime | None
    ends_at: datetime | None
    ended: datetime | None
    returned: datetime | None
    lost: datetime | None
    hours: int  # that it lasts once it has begun

    @property
    def is_out(self) -> bool:
        """Whether its copy was handed out, and neither taken back nor written off."""
        return self.way == "pick up" and self.began is not None and self.returned is None and self.lost is None


class Video(msgspec.Struct, frozen=True):
    """``location``: a path below the media directory, or an http(s) address. ``subtitles``: paths, by language."""

    id: int
    film_id: str
    kind: VideoKind
    location: str
    subtitles: dict[str, str]


class LibraryItem(msgspec.Struct, frozen=True, rename="camel"):
    """A film that is or was rented. ``state``, ``start_by``, ``ends_at``: of the rental that gives access, or the last.

    ``start_by``: until when it must begin; ``ends_at``: null until it began.
    """

    movie_id: str
    title: str
    year: int | None
    title_type: str | None
    last_purchased_at: str
    state: Literal["running", "waiting", "over"]
    start_by: str
    ends_at: str | None


class Library(msgspec.Struct, frozen=True):
    items: list[LibraryItem]


class FilmAccess(msgspec.Struct, frozen=True, rename="camel"):
    movie_id: str
    has_access: bool
    title_type: str | None
    is_series: bool


class Episode(Query):
    """Of a series. They are only given back: which of its videos is played, the player decides."""

    season: Number | None = None
    episode: Number | None = None


class Stream(msgspec.Struct, frozen=True, rename="camel"):
    """Where a film can be played. ``expires_at``: of the link in ``stream_url``."""

    movie_id: str
    title_type: str | None
    season: int | None
    episode: int | None
    provider: str
    stream_url: str
    content_type: str
    embed_url: str | None
    fallback_url: str | None
    expires_at: str


class NewProgress(Body):
    movie_id: Annotated[str, Meta(min_length=1, max_length=10, examples=["tt0111161"])]
    is_series: bool
    season: Number | None = None
    episode: Number | None = None
    position: Seconds | None = None
    duration: Seconds | None = None

    @property
    def reached(self) -> float | None:
        """The position, or the end: players tell a moment behind it when a film is over."""
        return self.position if self.position is None or self.duration is None else min(self.position, self.duration)


class Progress(msgspec.Struct, frozen=True, rename="camel"):
    movie_id: str
    is_series: bool
    season: int | None
    episode: int | None
    position: float | None
    duration: float | None
