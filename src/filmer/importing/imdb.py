"""``filmer import imdb``: IMDb's non-commercial data set, of which a few per cent are imported.

Ids are numbers here (``tt0111161`` is 111161), so that a hundred million rows are filtered in a few seconds: pyarrow
and numpy filter whole columns, and only the rows that remain become Python objects.
"""

import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filmer.catalogue.folding import fold
from filmer.importing.data_set import (
    DataSet,
    ImportedFilm,
    ImportedPerson,
    ImportFailed,
    Report,
    no_garbage_collection,
    require_indexable,
    require_short,
    require_title,
)
from filmer.importing.imdb_files import NULL, ImdbFile, find_file
from filmer.importing.imdb_ids import NONE, Ints, name_id, parse_ids, parse_numbers, title_id
from filmer.importing.progress import Progress

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
MAX_YEAR = 9999
BAD_TITLE_ID = "an id that is not tt and 7 or 8 digits"
BAD_NAME_ID = "an id that is not nm and 7 or 8 digits"


class TitleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which titles to import."""

    types: Sequence[str] = FILM_TYPES
    min_votes: int = 0
    adult: bool = False


def read_imdb(folder: Path, wanted: TitleFilter, report: Report, progress: Progress) -> DataSet:
    """Read the films of the data set in a folder that the filter lets through.

    Raises ImportFailed when ``title.basics`` is missing or a file is damaged.
    """
    with no_garbage_collection():
        return _ImdbReader(folder, wanted, report, progress).read()


class _Ratings(msgspec.Struct):
    """The ratings of all titles, in columns sorted by title."""

    titles: Ints
    ratings: npt.NDArray[np.float64]
    votes: Ints


class _ImdbReader:
    def __init__(self, folder: Path, wanted: TitleFilter, report: Report, progress: Progress) -> None:
        self._folder = folder
        self._wanted = wanted
        self._report = report
        self._progress = progress

    def read(self) -> DataSet:
        basics = self._file("title.basics")
        if basics is None:
            raise ImportFailed(
                f"{self._folder} has no title.basics.tsv.gz (nor .tsv), which every import needs. Nothing was changed."
            )
        ratings = self._ratings()
        titles, films = self._films(basics, ratings)
        lookup = _Lookup(titles)
        crew = self._file("title.crew")
        directors = None
        if crew is None:
            self._report.warnings.append("title.crew is missing: directors are taken from title.principals")
        else:
            directors = self._crew(crew, lookup)
        cast, principal_directors = self._principals(lookup, with_directors=directors is None)
        return self._with_people(films, cast, principal_directors if directors is None else directors)

    def _file(self, name: str) -> ImdbFile | None:
        path = find_file(self._folder, name)
        return ImdbFile(path, COLUMNS[name], self._report) if path else None

    def _ratings(self) -> _Ratings:
        file = self._file("title.ratings")
        columns: list[tuple[Ints, npt.NDArray[np.float64], Ints]] = []
        if file is None:
            self._report.warnings.append("title.ratings is missing: no film has a rating")
        else:
            for batch in file.batches(COLUMNS["title.ratings"], self._progress):
                titles, votes = parse_ids(batch["tconst"], b"tt"), parse_numbers(batch["numVotes"])
                ratings = _decimals(batch["averageRating"])
                valid = (titles != NONE) & (votes != NONE) & (ratings >= 0) & (ratings <= 10)
                file.reject_rows("not a rating", batch, ~valid)
                columns.append((titles[valid], ratings[valid].round(1), votes[valid]))
        titles, ratings, votes = (_concatenated([column[place] for column in columns]) for place in range(3))
        order = np.argsort(titles, kind="stable")
        return _Ratings(titles[order].astype(np.int32), ratings[order], votes[order].astype(np.int32))

    def _films(self, file: ImdbFile, ratings: _Ratings) -> tuple[Ints, list[ImportedFilm]]:
        """The wanted films, sorted by id, and their ids."""
        skipped = self._report.skipped
        types = pa.array([kind.encode() for kind in self._wanted.types], pa.binary())
        genres: dict[bytes, tuple[str, ...]] = {}
        films: dict[int, ImportedFilm] = {}
        columns = [name for name in COLUMNS["title.basics"] if name != "endYear"]
        for batch in file.batches(columns, self._progress):
            numbers = file.parse_ids(batch, "tconst", b"tt", BAD_TITLE_ID)
            is_type = pc.is_in(batch["titleType"], value_set=types).to_numpy(zero_copy_only=False)
            skipped["titles of other types"] += int((~is_type & (numbers != NONE)).sum())
            is_type &= numbers != NONE
            for number, row in zip(numbers[is_type].tolist(), _rows(batch.filter(pa.array(is_type))), strict=True):
                if row[4] == b"1" and not self._wanted.adult:
                    skipped["adult titles"] += 1
                elif number in films:
                    file.reject("a title given twice", row)
                else:
                    try:
                        films[number] = _film(number, row, genres)
                    except ValueError as error:
                        file.reject(str(error), row)
        return self._with_ratings(films, ratings)

    def _with_ratings(self, films: dict[int, ImportedFilm], ratings: _Ratings) -> tuple[Ints, list[ImportedFilm]]:
        """Give films their ratings, and leave out those with too few votes."""
        titles = np.array(sorted(films), dtype=np.int32)
        votes = np.zeros(len(titles), dtype=np.int32)
        rows, places = _Lookup(ratings.titles).find(titles)
        votes[rows] = ratings.votes[places]
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            film = films[int(titles[row])]
            film.rating, film.votes = float(ratings.ratings[place]), int(ratings.votes[place])
        enough = votes >= self._wanted.min_votes
        self._report.skipped["titles with too few votes"] += int(len(titles) - enough.sum())
        titles = titles[enough]
        return titles, [films[number] for number in titles.tolist()]

    def _crew(self, file: ImdbFile, lookup: "_Lookup") -> tuple[Ints, Ints]:
        """Films (indices of the wanted films) and their directors (ids), in the file's order of directors."""
        found = _Credits()
        for batch in file.batches(("tconst", "directors"), self._progress):
            rows, places = lookup.find(file.parse_ids(batch, "tconst", b"tt", BAD_TITLE_ID))
            directors = batch["directors"].take(pa.array(rows))
            lists = pc.split_pattern(pc.cast(directors, pa.string(), safe=False), ",")
            ids, counts = pc.list_flatten(lists), pc.list_value_length(lists)
            numbers = parse_ids(pc.cast(ids, pa.binary()), b"nm")
            valid = numbers != NONE
            null = pc.equal(ids, NULL.decode()).to_numpy(zero_copy_only=False)
            for person in ids.filter(pa.array(~valid & ~null)).to_pylist():
                file.reject(BAD_NAME_ID, (str(person).encode(),))
            found.add(np.repeat(places, counts.to_numpy()), numbers, np.zeros_like(numbers), valid)
        return found.sorted()  # the file has tt10000001 before tt1000001

    def _principals(self, lookup: "_Lookup", *, with_directors: bool) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """The cast and the directors in billing order: films (indices of the wanted films) and people (ids)."""
        file = self._file("title.principals")
        cast, directors = _Credits(), _Credits()
        if file is None:
            self._report.warnings.append("title.principals is missing: no film has a cast")
            return cast.sorted(), directors.sorted()
        actors = pa.array([b"actor", b"actress"], pa.binary())
        for batch in file.batches(("tconst", "ordering", "nconst", "category"), self._progress):
            rows, places = lookup.find(file.parse_ids(batch, "tconst", b"tt", BAD_TITLE_ID))
            credit = batch.take(pa.array(rows))
            category = credit["category"]
            is_cast = pc.is_in(category, value_set=actors).to_numpy(zero_copy_only=False)
            is_director = pc.equal(category, b"director").to_numpy(zero_copy_only=False) & with_directors
            used = is_cast | is_director
            people, ordering = parse_ids(credit["nconst"], b"nm"), parse_numbers(credit["ordering"])
            file.reject_rows(BAD_NAME_ID, credit, used & (people == NONE))
            file.reject_rows("an ordering that is no number", credit, used & (people != NONE) & (ordering == NONE))
            valid = (people != NONE) & (ordering != NONE)
            cast.add(places, people, ordering, is_cast & valid)
            directors.add(places, people, ordering, is_director & valid)
        return cast.sorted(), directors.sorted()

    def _with_people(self, films: list[ImportedFilm], cast: tuple[Ints, Ints], directors: tuple[Ints, Ints]) -> DataSet:
        needed = np.unique(np.concatenate((cast[1], directors[1])))
        names, births = self._names(needed)
        data_set = DataSet(films=films)
        in_film, place = cast[0], np.searchsorted(needed, cast[1])
        named = np.array([name is not None for name in names], dtype=bool)
        if unknown := int(len(place) - named[place].sum()):
            self._report.skipped["credits of people that name.basics does not have"] += unknown
        in_film, place = in_film[named[place]], place[named[place]]
        index = np.cumsum(named, dtype=np.int32) - 1  # in the data set
        for at in np.flatnonzero(named).tolist():
            born = int(births[at])
            data_set.people.append(
                ImportedPerson(name_id(int(needed[at])), names[at] or "", None if born == NONE else born)
            )
        for film, members in _by_film(films, in_film, index[place]):
            film.cast = array("i", dict.fromkeys(members))  # a person who plays two parts is billed once
        in_film, place = directors[0], np.searchsorted(needed, directors[1])
        for film, members in _by_film(films, in_film[named[place]], index[place[named[place]]]):
            film.directed_by = array("i", dict.fromkeys(members))
            film.directors = ", ".join(data_set.people[at].name for at in film.directed_by)
        return data_set

    def _names(self, needed: Ints) -> tuple[list[str | None], npt.NDArray[np.int16]]:
        """Names and years of birth of the needed people, where name.basics has them."""
        names: list[str | None] = [None] * len(needed)
        births = np.full(len(needed), NONE, dtype=np.int16)
        file = self._file("name.basics")
        if file is None:
            self._report.warnings.append("name.basics is missing: there are no names, so neither stars nor directors")
            return names, births
        lookup = _Lookup(needed)
        for batch in file.batches(("nconst", "primaryName", "birthYear"), self._progress):
            rows, places = lookup.find(file.parse_ids(batch, "nconst", b"nm", BAD_NAME_ID))
            person = batch.take(pa.array(rows))
            years = parse_numbers(person["birthYear"])
            null = pc.equal(person["birthYear"], NULL).to_numpy(zero_copy_only=False)
            bad = ~null & ((years == NONE) | (years > MAX_YEAR))
            file.reject_rows("a birth year that is not a number up to 9999", person, bad)
            births[places[~bad]] = years[~bad]
            for place, is_bad, raw in zip(
                places.tolist(), bad.tolist(), person["primaryName"].to_pylist(), strict=True
            ):
                if is_bad:
                    continue
                try:
                    names[place] = _text(raw, "no name")
                except ValueError as error:
                    file.reject(str(error), (name_id(int(needed[place])).encode(), raw))
        return names, births


class _Lookup:
    """Finds the rows of a long column that have one of a few wanted numbers."""

    def __init__(self, numbers: Ints) -> None:
        """``numbers`` must be sorted."""
        self._numbers = numbers
        self._above = int(numbers[-1]) + 1 if len(numbers) else 0
        self._wanted = np.zeros(self._above + 1, dtype=bool)  # the last entry is for NONE and all larger numbers
        self._wanted[numbers] = True

    def find(self, column: Ints) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The rows of the column that have a wanted number, and the index of each among the wanted numbers."""
        rows = np.flatnonzero(self._wanted[np.minimum(column, self._above)])
        return rows, np.searchsorted(self._numbers, column[rows])


class _Credits:
    """Films, people and billing order, collected in three columns."""

    def __init__(self) -> None:
        self._films, self._people, self._ordering = array("i"), array("i"), array("i")

    def add(self, films: Any, people: Ints, ordering: Ints, which: npt.NDArray[np.bool_]) -> None:
        self._films.frombytes(films[which].astype(np.int32).tobytes())
        self._people.frombytes(people[which].tobytes())
        self._ordering.frombytes(ordering[which].tobytes())

    def sorted(self) -> tuple[Ints, Ints]:
        """Films and people, sorted by film and billing order; those in the same place as they were added."""
        order = np.lexsort((_ints(self._ordering), _ints(self._films)))
        return _ints(self._films)[order], _ints(self._people)[order]


def _by_film(films: list[ImportedFilm], in_film: Ints, values: Any) -> Iterator[tuple[ImportedFilm, list[int]]]:
    """Each film with its values; ``in_film`` is sorted."""
    bounds = np.searchsorted(in_film, np.arange(len(films) + 1)).tolist()
    for index, film in enumerate(films):
        if bounds[index] < bounds[index + 1]:
            yield film, values[bounds[index] : bounds[index + 1]].tolist()


def _film(number: int, row: Sequence[bytes], genres: dict[bytes, tuple[str, ...]]) -> ImportedFilm:
    """The film in a row of title.basics. Raises ValueError, with what is wrong, for a bad row."""
    _, kind, primary, original, adult, year, runtime, listed = row
    if adult not in {b"0", b"1"}:
        raise ValueError("isAdult that is neither 0 nor 1")
    if listed not in genres:
        genres[listed] = () if listed == NULL else _genres(listed)
    title = _text(primary, "no title")
    require_title(title)
    require_indexable(title, genres[listed])
    return ImportedFilm(
        id=title_id(number),
        title=title,
        year=_number(year, "a year", MAX_YEAR),
        genres=genres[listed],
        runtime_minutes=_number(runtime, "a runtime", 10**6) or None,
        original_title=None if original in {primary, NULL, b""} else _text(original, "no original title"),
        title_type=sys.intern(kind.decode()),  # one of the few that were asked for
    )


def _genres(listed: bytes) -> tuple[str, ...]:
    names = _decoded(listed).split(",")
    if not all(0 < len(name) <= 100 and name.isprintable() for name in names):
        raise ValueError("a genre without a name, or of over 100 characters")
    return tuple(dict.fromkeys(names))


def _number(raw: bytes, what: str, maximum: int) -> int | None:
    if raw == NULL:
        return None
    if not (raw.isdigit() and len(raw) < 10 and int(raw) <= maximum):
        raise ValueError(f"{what} that is not a number up to {maximum}")
    return int(raw)


def _text(raw: bytes, missing: str) -> str:
    text = _decoded(raw)
    if not text.isprintable() or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    if not text or raw == NULL or not (raw.isascii() or fold(text)):
        raise ValueError(missing)
    if "\0" in text:
        raise ValueError("a character U+0000")
    require_short([text])
    return text


def _decoded(raw: bytes) -> str:
    text = raw.decode()
    if "\ufffd" in text:  # what imdb_files.py puts in place of invalid bytes
        raise ValueError("text that is not UTF-8")
    return text


def _decimals(column: pa.BinaryArray) -> npt.NDArray[np.float64]:
    """Decimal numbers such as 7.5; NaN where a value is not a number."""
    try:
        return np.asarray(pc.cast(pc.cast(column, pa.string()), pa.float64()), dtype=np.float64)
    except pa.ArrowInvalid:
        return np.array([_float(raw) for raw in column.to_pylist()], dtype=np.float64)


def _float(raw: bytes) -> float:
    try:
        return float(raw)
    except ValueError:
        return float("nan")


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[bytes, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _ints(numbers: "array[int]") -> Ints:
    return np.frombuffer(numbers, dtype=np.int32) if len(numbers) else np.zeros(0, dtype=np.int32)


def _concatenated(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(columns) if columns else np.zeros(0)
