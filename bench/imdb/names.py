"""The rows of name.basics."""

import numpy as np
import numpy.typing as npt
from bench.imdb.columns import IdText, Texts, join_columns, text_array
from bench.imdb.distributions import ACTING_ROLE, PROFESSION_COMBINATIONS, ROLES, SIDE_PROFESSIONS, THIS_YEAR
from bench.imdb.generated_world import World
from bench.imdb.people import is_male
from bench.imdb.random_draws import STREAM_NAMES, STREAM_TABLES, Bools, Choices, Ints, stream, zipf_ranks
from bench.imdb.words import CULTURES, FIRST_ENDINGS, LAST_ENDINGS, NAME_CODAS, NAME_ONSETS, NAME_VOWELS, made_words


class NameLists:
    """First names and last names of all cultures, followed by made ones."""

    MADE_FIRST, MADE_LAST = 6_000, 60_000
    MADE_FIRST_SHARE, MADE_LAST_SHARE = 0.28, 0.58
    LISTED_SHIFT, MADE_FIRST_SHIFT, MADE_LAST_SHIFT = 10.0, 60.0, 300.0

    def __init__(self, rng: np.random.Generator) -> None:
        """Put the lists together; ``ranges[kind]`` holds start and size for each culture."""
        firsts: list[str] = []
        lasts: list[str] = []
        ranges: tuple[list[tuple[int, int]], ...] = ([], [], [])
        for culture in CULTURES:
            for kind, names in enumerate((culture.men, culture.women, culture.families)):
                target = lasts if kind == 2 else firsts
                ranges[kind].append((len(target), len(names)))
                target.extend(names)
        self.ranges = [np.array(pairs, dtype=np.int64) for pairs in ranges]
        self.cultures = Choices([culture.share for culture in CULTURES])
        self.made_first, self.made_last = len(firsts), len(lasts)
        parts = (NAME_ONSETS, NAME_VOWELS, NAME_CODAS)
        firsts += made_words(rng, self.MADE_FIRST, parts, FIRST_ENDINGS)
        lasts += made_words(rng, self.MADE_LAST, parts, LAST_ENDINGS)
        self.firsts = text_array(firsts)
        self.lasts = text_array([f" {name}" for name in lasts])
        initials = [f" {letter}." for letter in "JMALRESDCPKTBGHFNWV"]
        self.middles = text_array(["", *initials, *(f" {name}" for name in firsts[:120])])
        self.endings = text_array(
            ["", " Jr.", " Sr.", " III", " II", "-Smith", "-Martin", "-García", " Müller", "-Lee"]
        )
        self.ending_choices = Choices([9850, 50, 8, 10, 4, 25, 18, 18, 9, 8])

    def columns(self, rng: np.random.Generator, male: Bools) -> list[Texts]:
        """Draw names as columns: first, middle, last, ending."""
        count = len(male)
        cultures = self.cultures.draw(rng, count)
        first_names = np.where(male[:, None], self.ranges[0][cultures], self.ranges[1][cultures])
        first = first_names[:, 0] + zipf_ranks(rng.random(count), first_names[:, 1], self.LISTED_SHIFT)
        rows = np.flatnonzero(rng.random(count) < self.MADE_FIRST_SHARE)
        first[rows] = self.made_first + zipf_ranks(rng.random(len(rows)), self.MADE_FIRST, self.MADE_FIRST_SHIFT)
        family = self.ranges[2][cultures]
        last = family[:, 0] + zipf_ranks(rng.random(count), family[:, 1], self.LISTED_SHIFT)
        rows = np.flatnonzero(rng.random(count) < self.MADE_LAST_SHARE)
        last[rows] = self.made_last + zipf_ranks(rng.random(len(rows)), self.MADE_LAST, self.MADE_LAST_SHIFT)
        middle = np.where(rng.random(count) < 0.13, rng.integers(1, len(self.middles), count), 0)
        ending = self.ending_choices.draw(rng, count)
        columns = [self.firsts[first], self.middles[middle], self.lasts[last], self.endings[ending]]
        alone = np.flatnonzero(rng.random(count) < 0.015)
        for column in columns[1:]:
            column[alone] = b""
        return columns


def profession_texts(rng: np.random.Generator) -> Texts:
    """Make PROFESSION_COMBINATIONS professions for each role, those of men and of women who act first."""
    firsts = ["actor", "actress", "", *ROLES[2:-1], ""]
    texts = []
    for first in firsts:
        side = zipf_ranks(rng.random((PROFESSION_COMBINATIONS, 2)), len(SIDE_PROFESSIONS)).tolist()
        extra = Choices([58, 24, 18]).draw(rng, PROFESSION_COMBINATIONS).tolist()
        bare = (rng.random(PROFESSION_COMBINATIONS) < 0.12).tolist()
        for picks, count, none in zip(side, extra, bare, strict=True):
            sides = [SIDE_PROFESSIONS[pick] for pick in picks[: count or (0 if first else 1)]]
            names = dict.fromkeys(([first] if first else []) + sides)
            if first in ("actor", "actress"):
                names.pop("actor" if first == "actress" else "actress", None)
            texts.append(("" if none else ",".join(names)) or r"\N")
    return text_array(texts)


class NamesText:
    """The rows of name.basics."""

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.lists = NameLists(stream(world.seed, STREAM_TABLES, 3))
        self.professions = profession_texts(stream(world.seed, STREAM_TABLES, 4))
        self.ids, self.first, self.later = IdText("nm", "\t"), IdText("tt"), IdText(",tt")
        self.years = text_array(["\\N\t"] + [f"{year}\t" for year in range(1840, THIS_YEAR + 1)])
        self.null = np.array([rb"\N", b""])

    def rows(self, number: int, first: int, known: npt.NDArray[np.int32]) -> bytearray:
        """Return the text of a chunk; ``known`` holds up to four titles (row + 1) for each person, or 0."""
        rng = stream(self.world.seed, STREAM_NAMES, number)
        people, count = self.world.people, len(known)
        places = people.places(np.arange(first, first + count))
        roles = np.searchsorted(people.bounds, places, side="right") - 1
        male = is_male(places)
        table = np.where(roles == ACTING_ROLE, np.where(male, 0, 1), roles + 1)
        picks = rng.integers(0, PROFESSION_COMBINATIONS, count)
        columns: list[Texts | bytes] = [
            *self.ids.columns(people.ids[first : first + count].astype(np.int64)),
            *self.lists.columns(rng, male),
            b"\t",
            *self._years(rng, places, roles),
            self.professions[table * PROFESSION_COMBINATIONS + picks],
            b"\t",
            *self._known_for(rng, known.astype(np.int64)),
            b"\n",
        ]
        return join_columns(count, columns)

    def _years(self, rng: np.random.Generator, places: Ints, roles: Ints) -> list[Texts]:
        """Return the columns of birth and death years, known for the busy people rather than for the rest."""
        people, count = self.world.people, len(places)
        busy = places - people.starts[roles] < 0.03 * people.sizes[roles]
        born = np.minimum(rng.normal(1962, 27, count).astype(np.int64), THIS_YEAR - 4)
        born = np.maximum(born, 1845)
        died = born + np.clip(rng.normal(74, 14, count).astype(np.int64), 3, 108)
        known_birth = rng.random(count) < np.where(busy, 0.6, 0.033)
        known_death = (died <= THIS_YEAR) & (rng.random(count) < np.where(known_birth, 0.8, 0.008))
        return [
            self.years[np.where(known, years - 1839, 0)] for known, years in ((known_birth, born), (known_death, died))
        ]

    def _known_for(self, rng: np.random.Generator, known: Ints) -> list[Texts]:
        """Return the columns of knownForTitles; most people without credits get some title all the same."""
        idle = np.flatnonzero(~known.any(axis=1) & (rng.random(len(known)) < 0.85))
        known[idle, 0] = rng.integers(1, len(self.world.titles) + 1, len(idle))
        some = np.flatnonzero(rng.random(len(idle)) < 0.3)
        known[idle[some], 1] = rng.integers(1, len(self.world.titles) + 1, len(some))
        repeated = known[:, 1] == known[:, 0]
        known[repeated, 1] = 0
        known = -np.sort(-known, axis=1)
        ids = np.where(known > 0, self.world.titles[known - 1].astype(np.int64), -1)
        columns = [self.null[(known[:, 0] > 0).astype(np.int64)], *self.first.columns(ids[:, 0])]
        for place in range(1, known.shape[1]):
            columns += self.later.columns(ids[:, place])
        return columns
