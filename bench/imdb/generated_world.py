"""What every file is written from: the ids, the people, and the titles in chunks."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from bench.imdb.columns import text_array
from bench.imdb.distributions import (
    CHUNK,
    EPISODE,
    FIRST_YEAR,
    GENRE_COMBINATIONS,
    GENRE_SETS,
    GENRE_WEIGHTS,
    GENRES,
    KINDS,
    LAST_YEAR,
    MAX_CAST,
    NAME_ID_SPAN,
    NAMES_PER_TITLE,
    NONFICTION,
    RATED_SHARE,
    REAL_TITLES,
    TITLE_ID_SPAN,
    Kind,
)
from bench.imdb.people import People
from bench.imdb.random_draws import (
    STREAM_IDS,
    STREAM_TABLES,
    STREAM_TITLES,
    Bools,
    Choices,
    Ints,
    ids_in_text_order,
    poisson_weights,
    stream,
)


def year_weights(kind: Kind) -> list[float]:
    """Return the weights of no year (choice 0) and of FIRST_YEAR..LAST_YEAR, growing towards today."""
    weights = []
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        weight = math.exp(-max(2023 - year, 0) / kind.year_scale) + 0.012
        weights.append(weight * {2025: 0.9, 2026: 0.35, 2027: 0.03}.get(year, 1.0))
    total = math.fsum(weights)
    return [kind.no_year] + [weight / total * (1 - kind.no_year) for weight in weights]


def runtime_weights(kind: Kind) -> list[float]:
    """Return the weights of no runtime (choice 0) and of 1..255 minutes."""
    spread = kind.runtime * 0.27
    weights = []
    for minutes in range(1, 256):
        weight = math.exp(-(((minutes - kind.runtime) / spread) ** 2) / 2) + 0.015 * math.exp(-minutes / kind.runtime)
        weights.append(weight * (4 if minutes % 30 == 0 else 2 if minutes % 10 == 0 else 1))
    total = math.fsum(weights)
    return [kind.no_runtime] + [weight / total * (1 - kind.no_runtime) for weight in weights]


# Most people never play in a film: films alone need so many more of them to have as many stars each as in a whole set.
NAMES_OF_FILMS = 10
KIND_CHOICES = Choices([kind.share for kind in KINDS])
FILM_CHOICES = Choices([kind.share if kind.name in ("movie", "tvMovie") else 0 for kind in KINDS])
YEAR_CHOICES = Choices(*(year_weights(kind) for kind in KINDS))
RUNTIME_CHOICES = Choices(*(runtime_weights(kind) for kind in KINDS))
CAST_CHOICES = Choices(*(poisson_weights(kind.cast, MAX_CAST + 1) for kind in KINDS))
CREW_CHOICES = Choices(*(poisson_weights(kind.crew, 9) for kind in KINDS))
DIRECTOR_CHOICES = Choices(
    *([kind.no_director, *((1 - kind.no_director) * share for share in (0.9, 0.085, 0.015))] for kind in KINDS)
)
WRITER_CHOICES = Choices(
    *([kind.no_writer, *((1 - kind.no_writer) * share for share in (0.56, 0.25, 0.11, 0.05, 0.03))] for kind in KINDS)
)
ADULT_SHARES = np.array([kind.adult for kind in KINDS])
RATED_SHARES = np.array([kind.rated for kind in KINDS])
RATED_SHARES *= RATED_SHARE / float(np.dot(RATED_SHARES, [kind.share for kind in KINDS]))
SET_NAMES = list(GENRE_SETS)
KIND_GENRES = np.array([SET_NAMES.index(kind.genres) for kind in KINDS])
ADULT_SET = SET_NAMES.index("adult")


class Genres:
    """Combinations of genres, GENRE_COMBINATIONS for each set in GENRE_SETS."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the combinations."""
        combinations: list[list[str]] = []
        for column, fixed in GENRE_SETS.values():
            weights = [genre_weights[column] for genre_weights in GENRE_WEIGHTS.values()]
            with np.errstate(divide="ignore"):
                keys = np.log(weights) + rng.gumbel(size=(GENRE_COMBINATIONS, len(GENRES)))
            ranked = np.argsort(-keys, axis=1)[:, :3].tolist()
            counts = Choices([4, 44, 29, 23]).draw(rng, GENRE_COMBINATIONS).tolist()
            for order, count in zip(ranked, counts, strict=True):
                names = [GENRES[number] for number in order[:count]]
                combinations.append(sorted([fixed, *names[:2]] if fixed else names))
        self.texts = text_array([",".join(names) or r"\N" for names in combinations])
        self.nonfiction: Bools = np.array([not NONFICTION.isdisjoint(names) for names in combinations])

    def draw(self, rng: np.random.Generator, kinds: Ints, adult: Bools) -> Ints:
        """Draw a combination for each title by its kind."""
        sets = np.where(adult, ADULT_SET, KIND_GENRES[kinds])
        return sets * GENRE_COMBINATIONS + rng.integers(0, GENRE_COMBINATIONS, len(kinds))


@dataclass(frozen=True, slots=True)
class Chunk:
    """The titles of one chunk.

    A unit is what shares a cast: a run of episodes of one series, or any other title by itself.
    """

    number: int
    first: int
    ids: Ints
    kinds: Ints
    units: Ints
    unit_kinds: Ints
    unit_adult: Bools
    unit_genres: Ints

    def __len__(self) -> int:
        """Return the number of titles."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class World:
    """What every chunk needs: the ids of all titles and people, and the tables drawn once."""

    seed: int
    titles: npt.NDArray[np.int32]
    people: People
    genres: Genres
    kinds: Choices

    @classmethod
    def make(cls, titles: int, seed: int, *, only_films: bool = False) -> Self:
        """Make the world of ``titles`` titles."""
        rng = stream(seed, STREAM_IDS)
        names = round(titles * NAMES_PER_TITLE * (NAMES_OF_FILMS if only_films else 1))
        title_ids = ids_in_text_order(rng, titles, TITLE_ID_SPAN, TITLE_ID_SPAN / REAL_TITLES)
        name_step = NAME_ID_SPAN / (REAL_TITLES * NAMES_PER_TITLE)
        name_ids = ids_in_text_order(rng, names, NAME_ID_SPAN, name_step)
        kinds = FILM_CHOICES if only_films else KIND_CHOICES
        return cls(seed, title_ids, People(name_ids), Genres(stream(seed, STREAM_TABLES)), kinds)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of titles, in the order of their ids."""
        for number, first in enumerate(range(0, len(self.titles), CHUNK)):
            yield self.chunk(number, first)

    def chunk(self, number: int, first: int) -> Chunk:
        """Make one chunk: kinds, runs of episodes, genres."""
        rng = stream(self.seed, STREAM_TITLES, number)
        ids = self.titles[first : first + CHUNK].astype(np.int64)
        kinds = self.kinds.draw(rng, len(ids))
        episodes = kinds == EPISODE
        runs = np.cumsum(episodes & (rng.random(len(ids)) < 1 / 12))
        others = np.flatnonzero(~episodes)
        units = runs.copy()
        units[others] = runs[-1] + 1 + np.arange(len(others))
        unit_kinds = np.concatenate([np.full(int(runs[-1]) + 1, EPISODE), kinds[others]])
        adult = rng.random(len(unit_kinds)) < ADULT_SHARES[unit_kinds]
        genres = self.genres.draw(rng, unit_kinds, adult)
        return Chunk(number, first, ids, kinds, units, unit_kinds, adult, genres)
