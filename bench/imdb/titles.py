"""The rows of title.basics and title.ratings."""

import numpy as np
from bench.imdb.columns import IdText, Texts, join_columns, text_array
from bench.imdb.distributions import EPISODE, FIRST_YEAR, KINDS, LAST_YEAR, MAX_WORDS, MOVIE, SERIES_KINDS, TV_MOVIE
from bench.imdb.generated_world import RATED_SHARES, RUNTIME_CHOICES, YEAR_CHOICES, Chunk, World
from bench.imdb.random_draws import STREAM_RATINGS, STREAM_TABLES, STREAM_TEXT, Ints, stream, zipf_ranks
from bench.imdb.vocabulary import (
    EPISODE_PREFIX,
    EPISODE_PREFIXES,
    EPISODES,
    PREFIX_CHOICES,
    PREFIXES,
    QUOTE_PREFIX,
    QUOTE_SUFFIX,
    SEASONS,
    SUFFIX_CHOICES,
    SUFFIXES,
    Vocabulary,
)


class BasicsText:
    """The rows of title.basics."""

    ORIGINAL_DIFFERS, EPISODE_ORIGINAL_DIFFERS = 0.15, 0.06

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.vocabulary = Vocabulary(stream(world.seed, STREAM_TABLES, 1))
        self.ids = IdText("tt", "\t")
        self.kinds = text_array([f"{kind.name}\t" for kind in KINDS])
        self.prefixes = text_array(PREFIXES)
        episodes = [f"{season}.{episode}" for season in range(1, SEASONS + 1) for episode in range(1, EPISODES + 1)]
        self.suffixes = text_array([f"{suffix}\t" for suffix in SUFFIXES + episodes])
        self.adult = text_array(["0\t", "1\t"])
        self.years = text_array(["\\N\t"] + [f"{year}\t" for year in range(FIRST_YEAR, LAST_YEAR + 1)])
        self.runtimes = text_array(["\\N\t"] + [f"{minutes}\t" for minutes in range(1, 256)])

    def rows(self, chunk: Chunk) -> bytearray:
        """Return the text of one chunk."""
        rng = stream(self.world.seed, STREAM_TEXT, chunk.number)
        columns: list[Texts | bytes] = [*self.ids.columns(chunk.ids), self.kinds[chunk.kinds]]
        for prefix, words, suffix in self._titles(rng, chunk):
            columns += [self.prefixes[prefix], self.vocabulary.texts[words], self.suffixes[suffix]]
        columns.append(self.adult[chunk.unit_adult[chunk.units].astype(np.int64)])
        columns += self._years(rng, chunk)
        columns.append(self.runtimes[RUNTIME_CHOICES.draw(rng, len(chunk), chunk.kinds)])
        columns += [self.world.genres.texts[chunk.unit_genres[chunk.units]], b"\n"]
        return join_columns(len(chunk), columns)

    def _titles(self, rng: np.random.Generator, chunk: Chunk) -> list[tuple[Ints, Ints, Ints]]:
        """Draw the primary and the original titles, each as prefix, words and suffix."""
        count = len(chunk)
        words = np.zeros((count, MAX_WORDS), dtype=np.int64)
        prefix = np.full(count, EPISODE_PREFIX)
        suffix = self._episode_numbers(rng, chunk)
        style = rng.random(count)
        worded = np.flatnonzero((chunk.kinds != EPISODE) | (style < 0.33))
        words[worded], prefix[worded], suffix[worded] = self._worded(rng, len(worded), 0.06, 0.02)
        dated = np.flatnonzero((chunk.kinds == EPISODE) & (style > 0.90))
        words[dated], prefix[dated], suffix[dated] = self.vocabulary.dated_episodes(rng, len(dated)), 0, 0

        original_words, original_prefix, original_suffix = words.copy(), prefix.copy(), suffix.copy()
        rows = worded[rng.random(len(worded)) < self.ORIGINAL_DIFFERS]
        original_words[rows], original_prefix[rows], original_suffix[rows] = self._worded(rng, len(rows), 0.35, 0.06)
        rows = np.flatnonzero((prefix == EPISODE_PREFIX) & (rng.random(count) < self.EPISODE_ORIGINAL_DIFFERS))
        original_prefix[rows] += rng.integers(1, len(EPISODE_PREFIXES), len(rows))
        return [(prefix, words, suffix), (original_prefix, original_words, original_suffix)]

    def _worded(
        self, rng: np.random.Generator, count: int, accented: float, other_script: float
    ) -> tuple[Ints, Ints, Ints]:
        """Draw titles of words with their punctuation; of the opening quotes half are closed."""
        words = self.vocabulary.titles(rng, count, accented, other_script)
        prefix, suffix = PREFIX_CHOICES.draw(rng, count), SUFFIX_CHOICES.draw(rng, count)
        suffix[(prefix == QUOTE_PREFIX) & (rng.random(count) < 0.5)] = QUOTE_SUFFIX
        return words, prefix, suffix

    def _episode_numbers(self, rng: np.random.Generator, chunk: Chunk) -> Ints:
        """Return the suffixes of "Episode #": a season for each run, episodes counted up within it."""
        units = len(chunk.unit_kinds)
        seasons = zipf_ranks(rng.random((units,)), SEASONS)
        starts = zipf_ranks(rng.random((units,)), EPISODES)
        is_episode = (chunk.kinds == EPISODE).astype(np.int64)
        counted = np.cumsum(is_episode)
        before = np.zeros(units, dtype=np.int64)
        before[chunk.units[::-1]] = counted[::-1]
        number: Ints = (starts[chunk.units] + counted - before[chunk.units]) % EPISODES
        return number + seasons[chunk.units] * EPISODES + len(SUFFIXES)

    def _years(self, rng: np.random.Generator, chunk: Chunk) -> list[Texts]:
        """Return the columns of start and end years; only series end, about half of them."""
        start = YEAR_CHOICES.draw(rng, len(chunk), chunk.kinds)
        end = np.zeros(len(chunk), dtype=np.int64)
        rows = np.flatnonzero(np.isin(chunk.kinds, SERIES_KINDS) & (start > 0) & (rng.random(len(chunk)) < 0.5))
        end[rows] = np.minimum(start[rows] + rng.geometric(0.4, len(rows)) - 1, LAST_YEAR - FIRST_YEAR + 1)
        return [self.years[start], self.years[end]]


class RatingsText:
    """The rows of title.ratings."""

    MAX_VOTES, LEAST_VOTES = 3_100_000, 5
    FILM_TAIL, OTHER_TAIL = 0.68, 0.95

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.seed = world.seed
        self.ids = IdText("tt", "\t")
        self.ratings = text_array([f"{tenths / 10:.1f}\t" for tenths in range(101)])

    def rows(self, chunk: Chunk) -> tuple[bytearray, int]:
        """Return the text and the number of rows of one chunk."""
        rng = stream(self.seed, STREAM_RATINGS, chunk.number)
        rated = np.flatnonzero(rng.random(len(chunk)) < RATED_SHARES[chunk.kinds])
        kinds = chunk.kinds[rated]
        tenths = np.clip(np.round(rng.normal(70, 13.5, len(rated))), 10, 100).astype(np.int64)
        tails = np.where((kinds == MOVIE) | (kinds == TV_MOVIE), self.FILM_TAIL, self.OTHER_TAIL)
        votes = self.LEAST_VOTES * (1 - rng.random(len(rated))) ** (-1 / tails)
        votes = np.minimum(votes, self.MAX_VOTES * (0.3 + 0.7 * rng.random(len(rated))))
        counts = votes.astype(np.int64).astype("S7")
        columns: list[Texts | bytes] = [
            *self.ids.columns(chunk.ids[rated]),
            self.ratings[tenths],
            counts,
            b"\n",
        ]
        return join_columns(len(rated), columns), len(rated)
