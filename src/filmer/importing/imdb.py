"""``filmer import imdb``: IMDb's non-commercial data set, of which a few per cent are kept.

Identifiers are numbers here (``tt0111161`` is 111161), so that a hundred million rows can be told apart in a few
seconds: columns are filtered in C++ and only what is kept becomes Python objects.
"""

import re
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filmer.catalogue.folding import fold
from filmer.importing.arrival import Arrival, ArrivingFilm, ArrivingStar, ImportFailed, Report
from filmer.importing.progress import Progress
from filmer.importing.tsv import NULL, Table, find

COLUMNS = {
    "title.basics": (
        "tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear", "runtimeMinutes",
        "genres",
    ),
    "title.ratings": ("tconst", "averageRating", "numVotes"),
    "title.crew": ("tconst", "directors", "writers"),
    "title.principals": ("tconst", "ordering", "nconst", "category", "job", "characters"),
    "name.basics": ("nconst", "primaryName", "birthYear", "deathYear", "primaryProfession", "knownForTitles"),
}  # fmt: skip
FILM_TYPES = ("movie", "tvMovie")
MAX_TITLE = 1000  # characters
_TITLE_ID = re.compile(rb"tt[0-9]{7,8}")
_NAME_ID = re.compile(rb"nm[0-9]{7,8}")
_DIGITS = re.compile(rb"[0-9]{1,9}")
Ints = npt.NDArray[np.int32]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which titles to take."""

    types: Sequence[str] = FILM_TYPES
    min_votes: int = 0
    adult: bool = False


def read_imdb(folder: Path, wanted: Wanted, report: Report, progress: Progress) -> Arrival:
    """The wanted films of a data set in a folder.

    Raises ImportFailed when ``title.basics`` is missing or a file is damaged.
    """
    return _Reader(folder, wanted, report, progress).read()


class _Reader:
    def __init__(self, folder: Path, wanted: Wanted, report: Report, progress: Progress) -> None:
        self._folder = folder
        self._wanted = wanted
        self._report = report
        self._progress = progress
        self._films: list[ArrivingFilm] = []
        self._ids: Ints = np.zeros(0, dtype=np.int32)  # of the films, sorted as they are
        self._directors: dict[int, tuple[int, ...]] = {}  # people, by place of the film

    def read(self) -> Arrival:
        basics = self._table("title.basics")
        if basics is None:
            raise ImportFailed(f"{self._folder} has no title.basics.tsv.gz (nor .tsv), without which nothing can be.")
        ratings = self._ratings()
        self._read_films(basics, ratings)
        crew = self._table("title.crew")
        if crew is None:
            self._report.warnings.append("title.crew is missing: directors are taken from title.principals")
        else:
            self._read_directors(crew)
        cast = self._read_principals(with_directors=crew is None)
        return self._with_people(cast)

    def _table(self, name: str) -> Table | None:
        path = find(self._folder, name)
        return Table(path, COLUMNS[name], self._report) if path else None

    def _ratings(self) -> tuple[Ints, npt.NDArray[np.float64], Ints] | None:
        """Ids, ratings and votes of all rated titles, sorted by id."""
        table = self._table("title.ratings")
        if table is None:
            self._report.warnings.append("title.ratings is missing: no film has a rating")
            return None
        ids, ratings, votes = array("i"), array("d"), array("i")
        for batch in table.batches(COLUMNS["title.ratings"], self._progress):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number = _title_number(row[0])
                try:
                    rating, vote = float(row[1]), int(row[2])
                except ValueError:
                    number = None
                if number is None or not 0 <= rating <= 10 or not 0 <= vote < 2**31:
                    table.reject("not a rating", row)
                    continue
                ids.append(number)
                ratings.append(round(rating, 1))
                votes.append(vote)
        order = np.argsort(np.array(ids, dtype=np.int32), kind="stable")
        return (
            np.array(ids, dtype=np.int32)[order],
            np.array(ratings, dtype=np.float64)[order],
            np.array(votes, dtype=np.int32)[order],
        )

    def _read_films(self, table: Table, ratings: tuple[Ints, npt.NDArray[np.float64], Ints] | None) -> None:
        skipped = self._report.skipped
        types = pa.array([kind.encode() for kind in self._wanted.types], pa.binary())
        genres: dict[bytes, tuple[str, ...]] = {}
        seen: set[int] = set()
        found: list[tuple[int, ArrivingFilm]] = []
        wanted = [name for name in COLUMNS["title.basics"] if name != "endYear"]
        for batch in table.batches(wanted, self._progress):
            is_type = pc.is_in(batch["titleType"], value_set=types)
            skipped["titles of other types"] += batch.num_rows - (pc.sum(is_type).as_py() or 0)
            for row in zip(*(column.to_pylist() for column in batch.filter(is_type).columns), strict=True):
                if row[4] == b"1" and not self._wanted.adult:
                    skipped["adult titles"] += 1
                    continue
                try:
                    number, film = _film(row, genres)
                except ValueError as error:
                    table.reject(str(error), row)
                    continue
                if number in seen:
                    table.reject("a title given twice", row)
                    continue
                seen.add(number)
                found.append((number, film))
        self._keep(found, ratings)

    def _keep(
        self,
        found: list[tuple[int, ArrivingFilm]],
        ratings: tuple[Ints, npt.NDArray[np.float64], Ints] | None,
    ) -> None:
        """Give films their ratings, and leave out those with too few votes."""
        found.sort(key=lambda one: one[0])
        ids = np.array([number for number, _ in found], dtype=np.int32)
        votes = np.zeros(len(ids), dtype=np.int32)
        if ratings is not None and len(ratings[0]):
            place = np.minimum(np.searchsorted(ratings[0], ids), len(ratings[0]) - 1)
            rated = ratings[0][place] == ids
            votes[rated] = ratings[2][place[rated]]
            for index in np.flatnonzero(rated).tolist():
                film = found[index][1]
                film.rating = float(ratings[1][place[index]])
                film.votes = int(votes[index])
        enough = votes >= self._wanted.min_votes
        self._report.skipped["titles with too few votes"] += int(len(ids) - enough.sum())
        self._films = [found[index][1] for index in np.flatnonzero(enough).tolist()]
        self._ids = ids[enough]

    def _read_directors(self, table: Table) -> None:
        kept = self._kept_ids()
        for batch in table.batches(("tconst", "directors"), self._progress):
            place = pc.index_in(batch["tconst"], value_set=kept)
            directed = batch["directors"].filter(place.is_valid())
            for index, people in zip(place.drop_null().to_pylist(), directed.to_pylist(), strict=True):
                if people == NULL:
                    continue
                try:
                    self._directors[index] = tuple(_name_number(person) for person in people.split(b","))
                except ValueError as error:
                    table.reject(str(error), (self._films[index].id.encode(), people))

    def _read_principals(self, *, with_directors: bool) -> tuple[Ints, Ints]:
        """Films (by place) and people (by number) of the billed cast, in billing order."""
        table = self._table("title.principals")
        if table is None:
            self._report.warnings.append("title.principals is missing: no film has a cast")
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
        kept = self._kept_ids()
        categories = pa.array([b"actor", b"actress", *[b"director"] * with_directors], pa.binary())
        films, people, billing = array("i"), array("i"), array("i")
        for batch in table.batches(("tconst", "ordering", "nconst", "category"), self._progress):
            batch = batch.filter(pc.is_in(batch["category"], value_set=categories))
            place = pc.index_in(batch["tconst"], value_set=kept)
            batch = batch.filter(place.is_valid())
            columns = (place.drop_null().to_pylist(), *(column.to_pylist() for column in batch.columns))
            for index, title, ordering, person, category in zip(*columns, strict=True):
                try:
                    number, at = _name_number(person), _small(ordering)
                except ValueError as error:
                    table.reject(str(error), (title, ordering, person, category))
                    continue
                if category == b"director":
                    self._directors[index] = (*self._directors.get(index, ()), number)
                    continue
                films.append(index)
                people.append(number)
                billing.append(at)
        in_film, in_people = np.array(films, dtype=np.int32), np.array(people, dtype=np.int32)
        order = np.lexsort((np.array(billing, dtype=np.int32), in_film))
        return in_film[order], in_people[order]

    def _with_people(self, cast: tuple[Ints, Ints]) -> Arrival:
        films, people = cast
        directors = {number for numbers in self._directors.values() for number in numbers}
        needed = np.unique(np.concatenate((people, np.array(sorted(directors), dtype=np.int32))))
        known = self._names(needed)
        star_place = np.full(int(needed.max(initial=0)) + 1, -1, dtype=np.int32)
        arrival = Arrival(films=self._films)
        for number in np.unique(people).tolist():
            if number in known:
                star_place[number] = len(arrival.stars)
                arrival.stars.append(known[number])
        places = star_place[people] if len(people) else people
        if unknown := int((places < 0).sum()):
            self._report.skipped["credits of people that name.basics does not have"] += unknown
        self._give_cast(films[places >= 0], places[places >= 0])
        for index, numbers in self._directors.items():
            names = [known[number].name for number in dict.fromkeys(numbers) if number in known]
            self._films[index].directors = ", ".join(names) or None
        return arrival

    def _give_cast(self, films: Ints, places: Ints) -> None:
        """Hand each film its cast; whoever plays two parts is billed once."""
        bounds = np.searchsorted(films, np.arange(len(self._films) + 1))
        for index, film in enumerate(self._films):
            cast = places[bounds[index] : bounds[index + 1]].tolist()
            film.cast = array("i", dict.fromkeys(cast))

    def _names(self, needed: Ints) -> dict[int, ArrivingStar]:
        table = self._table("name.basics")
        if table is None:
            self._report.warnings.append("name.basics is missing: there are no names, so neither stars nor directors")
            return {}
        wanted = pa.array([_name_id(number).encode() for number in needed.tolist()], pa.binary())
        known: dict[int, ArrivingStar] = {}
        for batch in table.batches(("nconst", "primaryName", "birthYear"), self._progress):
            batch = batch.filter(pc.is_in(batch["nconst"], value_set=wanted))
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                try:
                    number, name = _name_number(row[0]), _text(row[1], "no name")
                    known[number] = ArrivingStar(_name_id(number), name, _year(row[2], "a birth year"))
                except ValueError as error:
                    table.reject(str(error), row)
        return known

    def _kept_ids(self) -> pa.Array:
        return pa.array([film.id.encode() for film in self._films], pa.binary())


def _film(row: Sequence[bytes], genres: dict[bytes, tuple[str, ...]]) -> tuple[int, ArrivingFilm]:
    """A row of title.basics. Raises ValueError with the kind of fault."""
    identifier, _, primary, original, adult, year, runtime, listed = row
    number = _title_number(identifier)
    if number is None:
        raise ValueError("an id that is not tt and 7 or 8 digits")
    if adult not in {b"0", b"1"}:
        raise ValueError("isAdult is neither 0 nor 1")
    title = _text(primary, "no title")
    if listed not in genres:
        genres[listed] = () if listed == NULL else tuple(dict.fromkeys(_genres(listed)))
    film = ArrivingFilm(
        id=identifier.decode(),
        title=title,
        year=_year(year, "a year"),
        genres=genres[listed],
        runtime_minutes=None if runtime == NULL else _small(runtime) or None,
        original_title=None if original in {primary, NULL, b""} else _text(original, "no original title"),
    )
    return number, film


def _genres(listed: bytes) -> Iterable[str]:
    for name in _decoded(listed).split(","):
        if not 0 < len(name) <= 100:
            raise ValueError("a genre without a name, or of over 100 characters")
        yield name


def _title_number(identifier: bytes) -> int | None:
    return int(identifier[2:]) if _TITLE_ID.fullmatch(identifier) and _is_canonical(identifier) else None


def _name_number(identifier: bytes) -> int:
    if not _NAME_ID.fullmatch(identifier) or not _is_canonical(identifier):
        raise ValueError("an id that is not nm and 7 or 8 digits")
    return int(identifier[2:])


def _is_canonical(identifier: bytes) -> bool:
    """Whether a number has one spelling: seven digits, or eight that do not start with 0."""
    return len(identifier) == 9 or identifier[2:3] != b"0"


def _name_id(number: int) -> str:
    return f"nm{number:07d}"


def _text(raw: bytes, missing: str) -> str:
    text = " ".join(_decoded(raw).split())
    if raw == NULL or not fold(text):
        raise ValueError(missing)
    if "\0" in text:
        raise ValueError("a character U+0000")
    if len(text) > MAX_TITLE:
        raise ValueError(f"text of over {MAX_TITLE} characters")
    return text


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("text that is not UTF-8") from None


def _year(raw: bytes, what: str) -> int | None:
    if raw == NULL:
        return None
    if not _DIGITS.fullmatch(raw) or int(raw) > 9999:
        raise ValueError(f"{what} that is not a number up to 9999")
    return int(raw)


def _small(raw: bytes) -> int:
    if not _DIGITS.fullmatch(raw):
        raise ValueError("a number that is none")
    return int(raw)
