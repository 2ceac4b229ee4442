"""Who made and played what: the rows of title.crew and title.principals."""

from dataclasses import dataclass

import numpy as np
from bench.imdb.columns import IdText, Texts, join_columns, text_array
from bench.imdb.distributions import (
    ACTOR,
    ACTRESS,
    CATEGORIES,
    CREW_WEIGHTS,
    DIRECTOR,
    DIRECTOR_ROLE,
    DIRECTOR_SKEW,
    EPISODE,
    FIRST_CREW,
    JOB_SLOTS,
    JOBS,
    MAX_CAST,
    MAX_DIRECTORS,
    MAX_PRINCIPALS,
    MAX_WRITERS,
    MOVIE,
    OTHER_CREW_SKEW,
    PRINCIPAL_WRITERS,
    ROLES,
    SELF_ROLE,
    SELF_SKEW,
    TV_MOVIE,
    WRITER,
    WRITER_ROLE,
    WRITER_SKEW,
)
from bench.imdb.generated_world import CAST_CHOICES, CREW_CHOICES, DIRECTOR_CHOICES, WRITER_CHOICES, Chunk, World
from bench.imdb.people import is_male, without_repeats
from bench.imdb.random_draws import (
    STREAM_CAST,
    STREAM_CREW,
    STREAM_TABLES,
    Choices,
    Ints,
    skewed_ranks,
    stream,
    zipf_ranks,
)
from bench.imdb.words import CULTURES, LAST_ENDINGS, NAME_CODAS, NAME_ONSETS, NAME_VOWELS, ROLE_NAMES, made_words


@dataclass(frozen=True, slots=True)
class Crew:
    """Directors and writers of a chunk's titles: places of people, -1 beyond each title's count."""

    directors: Ints
    director_counts: Ints
    writers: Ints
    writer_counts: Ints


EPISODE_CHANGES = 0.3


def make_crew(world: World, chunk: Chunk) -> Crew:
    """Draw the directors and writers of a chunk; title.crew and title.principals both use them."""
    rng = stream(world.seed, STREAM_CREW, chunk.number)
    people, kinds = world.people, chunk.unit_kinds
    director_counts = DIRECTOR_CHOICES.draw(rng, len(kinds), kinds)[chunk.units]
    writer_counts = WRITER_CHOICES.draw(rng, len(kinds), kinds)[chunk.units]
    episodes = chunk.kinds == EPISODE
    tables = []
    for role, skew, width in (
        (DIRECTOR_ROLE, DIRECTOR_SKEW, MAX_DIRECTORS),
        (WRITER_ROLE, WRITER_SKEW, MAX_WRITERS),
    ):
        table = people.draw(rng.random((len(kinds), width)), role, skew)[chunk.units]
        changed = np.flatnonzero(episodes & (rng.random(len(chunk)) < EPISODE_CHANGES))
        table[changed] = people.draw(rng.random((len(changed), width)), role, skew)
        tables.append(without_repeats(rng, people, table))
    directors, writers = tables
    own = ~episodes & (director_counts > 0) & (rng.random(len(chunk)) < 0.4)
    writers[own, 0] = directors[own, 0]
    directors[np.arange(MAX_DIRECTORS) >= director_counts[:, None]] = -1
    writers[np.arange(MAX_WRITERS) >= writer_counts[:, None]] = -1
    return Crew(directors, director_counts, writers, writer_counts)


class CrewText:
    """The rows of title.crew."""

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.people = world.people
        self.ids = IdText("tt", "\t")
        self.first, self.later = IdText("nm"), IdText(",nm")
        self.null = np.array([rb"\N", b""])

    def rows(self, chunk: Chunk, crew: Crew) -> bytearray:
        """Return the text of one chunk."""
        columns: list[Texts | bytes] = [
            *self.ids.columns(chunk.ids),
            *self._list(crew.directors, crew.director_counts),
            b"\t",
            *self._list(crew.writers, crew.writer_counts),
            b"\n",
        ]
        return join_columns(len(chunk), columns)

    def _list(self, places: Ints, counts: Ints) -> list[Texts]:
        numbers = np.where(places < 0, -1, self.people.ids[self.people.rows(places)].astype(np.int64))
        columns = [self.null[np.minimum(counts, 1)], *self.first.columns(numbers[:, 0])]
        for place in range(1, places.shape[1]):
            columns += self.later.columns(numbers[:, place])
        return columns


@dataclass(frozen=True, slots=True)
class Credits:
    """The principals of a chunk, row by row."""

    titles: Ints
    slots: Ints
    places: Ints
    categories: Ints


class Casting:
    """Draws the principals: cast first, then directors, writers and the other crew."""

    FICTION, NONFICTION = [0, 0.97, 0.02, 0.01], [0, 0.07, 0.88, 0.05]

    def __init__(self, world: World) -> None:
        """Make the tables of choices."""
        self.world = world
        self.cast_kinds = Choices(self.FICTION, self.NONFICTION)
        self.crew_categories = Choices(CREW_WEIGHTS)

    def draw(self, chunk: Chunk, crew: Crew) -> Credits:
        """Draw the principals of a chunk."""
        rng = stream(self.world.seed, STREAM_CAST, chunk.number)
        cast = CAST_CHOICES.draw(rng, len(chunk.unit_kinds), chunk.unit_kinds)[chunk.units]
        directors, writers = crew.director_counts, np.minimum(crew.writer_counts, PRINCIPAL_WRITERS)
        named = cast + directors + writers
        others = CREW_CHOICES.draw(rng, len(chunk), chunk.kinds)
        others = np.maximum(np.minimum(others, MAX_PRINCIPALS - named), (named == 0).astype(np.int64))
        counts = named + others
        titles = np.repeat(np.arange(len(chunk)), counts)
        slots = np.arange(len(titles)) - np.repeat(np.cumsum(counts) - counts, counts)
        places, categories = np.empty_like(titles), np.empty_like(titles)

        as_cast = np.flatnonzero(slots < cast[titles])
        places[as_cast], categories[as_cast] = self._cast(rng, chunk, titles[as_cast], slots[as_cast])
        before = cast
        for category, table, size in ((DIRECTOR, crew.directors, directors), (WRITER, crew.writers, writers)):
            offsets = slots - before[titles]
            rows = np.flatnonzero((offsets >= 0) & (offsets < size[titles]))
            places[rows], categories[rows] = table[titles[rows], offsets[rows]], category
            before = before + size
        as_crew = np.flatnonzero(slots >= named[titles])
        places[as_crew], categories[as_crew] = self._other_crew(rng, titles[as_crew])
        self._redraw_repeats(rng, titles, places, np.concatenate([as_cast, as_crew]))
        men = as_cast[(categories[as_cast] == ACTRESS) & is_male(places[as_cast])]
        categories[men] = ACTOR
        return Credits(titles, slots, places, categories)

    def _cast(self, rng: np.random.Generator, chunk: Chunk, titles: Ints, slots: Ints) -> tuple[Ints, Ints]:
        """Draw places and categories (ACTRESS for all who act) of the cast.

        A run of episodes has the same cast but for some changes from episode to episode.
        """
        kinds, units = chunk.kinds[titles], chunk.units[titles]
        uniform = rng.random((len(chunk.unit_kinds), MAX_CAST))[units, slots]
        changed = np.flatnonzero((kinds == EPISODE) & (rng.random(len(titles)) < EPISODE_CHANGES))
        uniform[changed] = rng.random(len(changed))
        people = self.world.people
        nonfiction = self.world.genres.nonfiction[chunk.unit_genres[units]]
        actors = people.draw_actors(uniform, (kinds == MOVIE) | (kinds == TV_MOVIE))
        places = np.where(nonfiction, people.draw(uniform, SELF_ROLE, SELF_SKEW), actors)
        return places, self.cast_kinds.draw(rng, len(titles), nonfiction.astype(np.int64))

    def _other_crew(self, rng: np.random.Generator, titles: Ints) -> tuple[Ints, Ints]:
        """Draw places and categories of the other crew, in each title in the order of the categories."""
        keys = titles * len(CATEGORIES) + FIRST_CREW + self.crew_categories.draw(rng, len(titles))
        keys.sort()
        categories = keys % len(CATEGORIES)
        people = self.world.people
        roles = categories + (ROLES.index(CATEGORIES[FIRST_CREW]) - FIRST_CREW)
        ranks = skewed_ranks(rng.random(len(titles)), people.sizes[roles], OTHER_CREW_SKEW)
        return people.starts[roles] + ranks, categories

    def _redraw_repeats(self, rng: np.random.Generator, titles: Ints, places: Ints, rows: Ints) -> None:
        """Redraw who stands twice among the cast and other crew of one title."""
        for _ in range(2):
            keys = titles[rows] * self.world.people.count + places[rows]
            order = np.argsort(keys)
            again = rows[order[1:][np.diff(keys[order]) == 0]]
            places[again] = self.world.people.redraw(rng, places[again])


class PrincipalsText:
    """The rows of title.principals."""

    CHARACTERS = 65_536

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.title_ids, self.name_ids = IdText("tt", "\t"), IdText("nm", "\t")
        self.orderings = text_array([f"{number}\t" for number in range(1, MAX_PRINCIPALS + 1)])
        jobs = []
        for category in CATEGORIES:
            named = JOBS[category].split("|") if category in JOBS else []
            jobs += [f"{category}\t{job}\t" for job in named + [r"\N"] * (JOB_SLOTS - len(named))]
        self.jobs = text_array(jobs)
        self.characters = text_array([*character_texts(stream(world.seed, STREAM_TABLES, 2), self.CHARACTERS), "\\N\n"])

    def rows(self, chunk: Chunk, credited: Credits, people_rows: Ints) -> bytearray:
        """Return the text of one chunk; ``people_rows`` are the credited people's rows in name.basics."""
        mixed = credited.places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= (chunk.units[credited.titles] + 1).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        picks = (mixed >> np.uint64(44)).astype(np.int64)
        characters = np.where(credited.categories <= ACTRESS, picks % self.CHARACTERS, self.CHARACTERS)
        columns: list[Texts | bytes] = [
            self.title_ids.whole(chunk.ids)[credited.titles],
            self.orderings[credited.slots],
            *self.name_ids.columns(self.world.people.ids[people_rows].astype(np.int64)),
            self.jobs[credited.categories * JOB_SLOTS + (picks >> 16) % JOB_SLOTS],
            self.characters[characters],
        ]
        return join_columns(len(credited.titles), columns)


def character_texts(rng: np.random.Generator, count: int) -> list[str]:
    """Make the characters column of acting rows: JSON lists of one name, rarely of two, some null."""
    firsts = [name for culture in CULTURES for name in (*culture.men, *culture.women)]
    lasts = [name for culture in CULTURES for name in culture.families]
    lasts += made_words(rng, 4000, (NAME_ONSETS, NAME_VOWELS, NAME_CODAS), LAST_ENDINGS)
    first = rng.integers(0, len(firsts), count).tolist()
    last = rng.integers(0, len(lasts), count).tolist()
    role = zipf_ranks(rng.random((count,)), len(ROLE_NAMES)).tolist()
    texts = []
    for number, style in enumerate(rng.random(count).tolist()):
        name, family, part = firsts[first[number]], lasts[last[number]], ROLE_NAMES[role[number]]
        if style < 0.12:
            texts.append("\\N\n")
        elif style < 0.40:
            texts.append(f'["{name}"]\n')
        elif style < 0.70:
            texts.append(f'["{name} {family}"]\n')
        elif style < 0.95:
            texts.append(f'["{part}"]\n')
        elif style < 0.98:
            texts.append(f'["{name}","{part}"]\n')
        else:
            texts.append(f'["{name} \\"{family[:6]}\\" {family}"]\n')
    return texts
