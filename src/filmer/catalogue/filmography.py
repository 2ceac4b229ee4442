"""A person's filmography: films by decade, main genres, frequent colleagues, and a timeline drawn as bars."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import msgspec

from filmer.catalogue.schemas import FilmographyEntry, Genre

MAX_COLLEAGUES = 6
MAX_GENRES = 6
MIN_FILMS_FOR_GENRE = 3  # with fewer films there is no leading genre
WIDTH, HEIGHT = 640, 96  # of the timeline, at most; SVG units
MAX_BAR_WIDTH, MAX_FILM_HEIGHT = 28, 32  # of a year's bar, and of one film in it


class Decade(msgspec.Struct, frozen=True):
    """``start``: its first year; None for films of unknown year."""

    start: int | None
    films: list[FilmographyEntry]


class YearBar(msgspec.Struct, frozen=True):
    """The bar that stands for the films of one year. SVG units."""

    year: int
    films: int
    x: float
    y: float
    width: float
    height: float


class Filmography(msgspec.Struct, frozen=True):
    """``first``, ``last``: its years; None where no film's year is known."""

    films: int
    first: int | None
    last: int | None
    rating: float | None  # the films' average
    genres: list[tuple[Genre, int]]  # with the number of films, most first
    decades: list[Decade]  # newest first
    bars: list[YearBar]
    height: float  # of the drawing

    @property
    def busiest(self) -> YearBar | None:
        """The year with more films than any other; None if there is no single one."""
        most = max((bar.films for bar in self.bars), default=0)
        leading = [bar for bar in self.bars if bar.films == most]
        return leading[0] if len(leading) == 1 and len(self.bars) > 1 else None

    @property
    def leading_genre(self) -> Genre | None:
        """The genre with more films than any other; None if there is no single one, or too few films."""
        if (
            self.films < MIN_FILMS_FOR_GENRE
            or not self.genres
            or (len(self.genres) > 1 and self.genres[0][1] == self.genres[1][1])
        ):
            return None
        return self.genres[0][0]


def filmography(films: Sequence[FilmographyEntry]) -> Filmography:
    """Make a filmography of films sorted newest first, those without a year last."""
    years = [film.year for film in films if film.year is not None]
    ratings = [film.rating for film in films if film.rating is not None]
    genres = {genre.id: genre for film in films for genre in film.genres}
    counted = Counter(genre.id for film in films for genre in film.genres)
    height, bars = _bars(years)
    return Filmography(
        films=len(films),
        first=min(years, default=None),
        last=max(years, default=None),
        rating=sum(ratings) / len(ratings) if ratings else None,
        genres=[(genres[number], count) for number, count in counted.most_common(MAX_GENRES)],
        decades=[Decade(start, list(group)) for start, group in groupby(films, _decade)],
        bars=bars,
        height=height,
    )


def colleagues(films: Sequence[FilmographyEntry], person_no: int) -> list[tuple[int, int]]:
    """Those who play in or direct most of a person's films, at least two: their numbers, and how many films."""
    counted = Counter(no for film in films for no in dict.fromkeys(film.star_nos + film.director_nos))
    del counted[person_no]
    return [(no, count) for no, count in counted.most_common(MAX_COLLEAGUES) if count > 1]


def _decade(film: FilmographyEntry) -> int | None:
    return None if film.year is None else film.year // 10 * 10


def _bars(years: Sequence[int]) -> tuple[float, list[YearBar]]:
    """Return the height of the timeline, and its bars from left to right."""
    if not years:
        return 0, []
    counted = Counter(years)
    first, most = min(counted), max(counted.values())
    span = max(counted) - first + 1
    width = min(max(WIDTH / span * 0.7, 1), MAX_BAR_WIDTH)
    step = (WIDTH - width) / max(span - 1, 1)  # the first bar is at the left end, the last one at the right
    unit = min(HEIGHT / most, MAX_FILM_HEIGHT)
    return most * unit, [
        YearBar(
            year=year,
            films=films,
            x=round((year - first) * step, 1),
            y=round((most - films) * unit, 1),
            width=round(width, 1),
            height=round(films * unit, 1),
        )
        for year, films in sorted(counted.items())
    ]
