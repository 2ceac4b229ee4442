"""Writes a data set into the tables of the next catalogue: numbered, ranked, indexed, with its lists and counts."""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Semaphore
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int4

from filmer.catalogue import listing
from filmer.catalogue.folding import by_name, fold, indexed_words
from filmer.importing import queries, sort_orders
from filmer.importing.data_set import DataSet, ImportedFilm, ImportedStar
from filmer.importing.progress import Progress
from filmer.importing.search_terms import Term, WordPairs, cast_terms, substring_terms, word_terms

BILLED = 3  # stars in a list item (contract §2.4)
REPORT_EVERY = 2000  # rows
PAIRS_AT_ONCE = 500_000
COMMON_NAMES = 100
Ints = npt.NDArray[np.int32]


def write_catalogue(conn: psycopg.Connection[Any], data_set: DataSet, progress: Progress) -> tuple[int, int]:
    """Build the next catalogue beside the current one. Returns how many films and stars it has."""
    with progress.step("Sorting"):
        writer = _CatalogueWriter(conn, data_set)
    queries.create_next(conn)
    with _Indexer(conn) as indexer:
        writer.copy_films(progress)
        indexer.start("film")
        writer.copy_people(progress)
        indexer.start("star", "director")
        with progress.step("Writing lists"):
            writer.copy_listings()
            writer.copy_tally()
        with progress.step("Counting words"):
            writer.copy_terms()
        indexer.start("listing", "listing_size", "tally", "term")
        with progress.step("Indexing"):
            indexer.finish()
    return len(writer.films), len(writer.stars)


class _CatalogueWriter:
    def __init__(self, conn: psycopg.Connection[Any], data_set: DataSet) -> None:
        self._conn = conn
        self.films: list[ImportedFilm]
        self.stars: list[ImportedStar]
        self.films, self._titles, _ = _sorted(data_set.films, lambda film: film.title)
        self._directors = [fold(film.directors) if film.directors else "" for film in self.films]
        credited = sorted({place for film in self.films for place in film.cast})
        self.stars, self._names, sources = _sorted(
            [data_set.stars[place] for place in credited], lambda star: star.name
        )
        others = sorted({place for film in self.films for place in film.directed_by}.difference(credited))
        others_sorted, other_names, other_sources = _sorted(
            [data_set.stars[at] for at in others], lambda star: star.name
        )
        self._people = [*self.stars, *others_sorted]  # the stars, then those who only direct
        self._other_names = other_names
        places = [*(credited[at] for at in sources), *(others[at] for at in other_sources)]
        self._person_index = np.zeros(len(data_set.stars), dtype=np.int32)  # in _people, by index in the data set
        self._person_index[np.array(places, dtype=np.int64)] = np.arange(len(places), dtype=np.int32)
        self._film_orders = sort_orders.film_orders(
            self._titles, [film.year for film in self.films], [film.rating for film in self.films]
        )
        self._star_orders = sort_orders.star_orders(self._names, [star.birth_year for star in self.stars])
        names = {name for film in self.films for name in film.genres}
        self._genre_ids = queries.insert_genres(conn, names)
        self._words = _Words()
        self._star_words = _Lists(self._words.ids(indexed_words(folded)) for folded in self._names)

    def copy_films(self, progress: Progress) -> None:
        with progress.step("Writing films", len(self.films)) as advance, self._conn.transaction():
            self._copy_films(advance)

    def copy_people(self, progress: Progress) -> None:
        with progress.step("Writing stars", len(self.stars)) as advance, self._conn.transaction():
            votes = self._votes_of_people()
            self._copy_stars(votes, advance)
            self._copy_directors(votes)

    def _copy_films(self, advance: Callable[[int], None]) -> None:
        ranks = [sort_orders.ranks(self._film_orders[name]) for name in FILM_RANKS]
        votes = sort_orders.numbers([film.votes for film in self.films])
        by_votes = sort_orders.ranks(sort_orders.order_by(votes, descending=True))
        ranked = zip(*(array("i", rank.tobytes()) for rank in (*ranks, by_votes)), strict=True)
        self._cast, self._directed, self._film_words = _Lists(), _Lists(), _Lists()
        quoted = self._words.quoted
        with queries.copy_into_new(self._conn, "film", queries.FILM_COLUMNS) as copy:
            for index, (film, places) in enumerate(zip(self.films, ranked, strict=True)):
                title, director = self._titles[index], self._directors[index]
                stars = self._person_index[list(film.cast)].tolist() if film.cast else []
                directors = [int(self._person_index[place]) for place in film.directed_by]
                words = self._words.ids(indexed_words(title) | indexed_words(director))
                self._cast.append(stars)
                self._directed.append(directors)
                self._film_words.append(words)
                for star in stars:
                    words += self._star_words[star]
                billed = [self.stars[star] for star in stars[:BILLED]]
                genres = sorted(film.genres, key=by_name)
                copy.write_row((
                    index + 1, *places, film.year, _int_array([self._genre_ids[name] for name in genres]), title,
                    director or None, " ".join([quoted[word] for word in words]), film.id, film.title,
                    film.directors, film.rating, film.votes, _text_array(genres),
                    _int_array([star + 1 for star in stars]), _text_array([star.id for star in billed]),
                    _text_array([star.name for star in billed]), film.original_title, film.release_date,
                    film.runtime_minutes, film.popularity, film.tmdb_id, film.price, film.overview,
                    _int_array([person + 1 for person in directors]),
                ))  # fmt: skip
                if index % REPORT_EVERY == 0:
                    advance(index)

    def _votes_of_people(self) -> npt.NDArray[np.int64]:
        """The votes of all films that a person directed or is in the cast of; a film where both hold counts once."""
        votes = np.array([film.votes or 0 for film in self.films], dtype=np.float64)
        films, stars = self._cast.owners, self._cast.values
        sums = np.bincount(stars, weights=votes[films], minlength=len(self._people))
        for film, person in zip(self._directed.owners.tolist(), self._directed.values.tolist(), strict=True):
            if person >= len(self.stars) or person not in self._cast[film]:
                sums[person] += votes[film]
        return sums.astype(np.int64)

    def _newest_first(self, films: Ints, people: Ints) -> Ints:
        """The numbers of the films, person by person."""
        newest = sort_orders.ranks(self._film_orders["year desc"])
        return (films + 1)[np.lexsort((newest[films], people))].astype(np.int32)

    def _copy_directors(self, votes: npt.NDArray[np.int64]) -> None:
        people = self._directed.values
        film_nos = self._newest_first(self._directed.owners, people)
        directors, counts = np.unique(people, return_counts=True)
        ends = np.cumsum(counts)
        with queries.copy_into_new(self._conn, "director", queries.DIRECTOR_COLUMNS) as copy:
            for index, count, end in zip(directors.tolist(), counts.tolist(), ends.tolist(), strict=True):
                person, is_star = self._people[index], index < len(self.stars)
                folded = self._names[index] if is_star else self._other_names[index - len(self.stars)]
                copy.write_row((
                    index + 1, is_star, person.birth_year, folded, person.id, person.name, int(votes[index]),
                    _int_array(film_nos[end - count : end].tolist()),
                ))  # fmt: skip

    def _copy_stars(self, votes_of_people: npt.NDArray[np.int64], advance: Callable[[int], None]) -> None:
        films, stars = self._cast.owners, self._cast.values
        film_nos = self._newest_first(films, stars)
        counts = np.bincount(stars, minlength=len(self.stars)).astype(np.int32)
        votes = np.array([film.votes or 0 for film in self.films], dtype=np.float64)
        votes_of_star = np.bincount(stars, weights=votes[films], minlength=len(self.stars))
        self._star_orders["known"] = sort_orders.best_known(counts, votes_of_star)
        ranks = [sort_orders.ranks(self._star_orders[name]) for name in STAR_RANKS]
        columns = [*ranks, counts, np.cumsum(counts, dtype=np.int32)]
        ranked = zip(*(array("i", column.tobytes()) for column in columns), strict=True)
        with queries.copy_into_new(self._conn, "star", queries.STAR_COLUMNS) as copy:
            for index, (star, (*places, count, end)) in enumerate(zip(self.stars, ranked, strict=True)):
                copy.write_row((
                    index + 1, *places, star.birth_year, count, self._names[index], star.id, star.name,
                    int(votes_of_people[index]), _int_array(film_nos[end - count : end].tolist()),
                ))  # fmt: skip
                if index % REPORT_EVERY == 0:
                    advance(index)

    def copy_listings(self) -> None:
        ids = [[self._genre_ids[name] for name in film.genres] for film in self.films]
        sizes = {listing.ALL: 0, listing.STARS: 0}
        columns = ("list", "sort", "chunk", "nos")
        self._conn.adapters.register_dumper(np.ndarray, _IntArrayDumper)
        with self._conn.transaction():
            with queries.copy_into_new(self._conn, "listing", columns, binary=True) as copy:
                for name, sort, numbers in self._lists(ids):
                    sizes[name] = len(numbers)
                    for chunk, nos in sort_orders.chunks(numbers):
                        copy.write_row((name, sort, Int4(chunk), nos))
            with queries.copy_into_new(self._conn, "listing_size", ("list", "size")) as copy:
                for row in sizes.items():
                    copy.write_row(row)

    def _lists(self, genre_ids: Sequence[Sequence[int]]) -> Iterator[tuple[str, str, Ints]]:
        yield from sort_orders.film_lists(self._film_orders, self._titles, genre_ids)
        for sort, order in self._star_orders.items():
            yield listing.STARS, sort, order + 1

    def copy_tally(self) -> None:
        counts: dict[tuple[int, int | None], int] = {}
        for film in self.films:
            for genre in (0, *[self._genre_ids[name] for name in film.genres]):
                counts[genre, film.year] = counts.get((genre, film.year), 0) + 1
        with (
            self._conn.transaction(),
            queries.copy_into_new(self._conn, "tally", ("genre_id", "year", "films")) as copy,
        ):
            for (genre, year), films in counts.items():
                copy.write_row((genre, year, films))

    def copy_terms(self) -> None:
        """Must be called last: it drops each list of texts once counted, as counting words needs the memory."""
        columns = ("field", "term", "total", "nos")
        with self._conn.transaction(), queries.copy_into_new(self._conn, "term", columns) as copy:
            for term, total, _ in self._cast_terms():
                copy.write_row(("star", term, total, None))
            for field, texts in (("title", self._titles), ("director", self._directors), ("name", self._names)):
                for term, total, nos in substring_terms(texts):
                    copy.write_row((field, term, total, nos and _int_array(nos)))
                texts.clear()
            for term, total, _ in word_terms(self._words.texts, self._word_pairs(), len(self.films)):
                copy.write_row(("word", term, total, None))

    def _cast_terms(self) -> Iterator[Term]:
        """Counts of the most common words in names, as a search for one of them matches the films of many stars."""
        uses = np.bincount(self._star_words.values, minlength=1)
        common = np.argsort(-uses, kind="stable")[:COMMON_NAMES]
        texts = self._words.texts
        words = [texts[word] for word in common.tolist() if uses[word]]
        return cast_terms(self._names, words, self._cast.values, self._cast.owners, len(self.films))

    def _word_pairs(self) -> npt.NDArray[np.int64]:
        """All words and the films that have them. A film also has the words in its cast's names."""
        films, stars = self._cast.owners, self._cast.values
        lengths, starts, words = self._star_words.lengths, self._star_words.starts, self._star_words.values
        film_words = self._film_words.values
        pairs = WordPairs(len(film_words) + int(lengths[stars].sum()))
        pairs.add(film_words, self._film_words.owners)
        for first in range(0, len(stars), PAIRS_AT_ONCE):
            block = stars[first : first + PAIRS_AT_ONCE]
            counts = lengths[block]
            indices = np.arange(int(counts.sum()), dtype=np.int32)
            indices += np.repeat(starts[block] - np.cumsum(counts, dtype=np.int32) + counts, counts)
            pairs.add(words[indices], np.repeat(films[first : first + PAIRS_AT_ONCE], counts))
        return pairs.column


class _Indexer:
    """Builds indexes on its own connections while other tables are still being written, two at a time.

    With one or two cores, only one at a time until all tables are written, so that the writer is not slowed down.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._pool = ThreadPoolExecutor(2)
        self._slots = Semaphore(1 if (os.cpu_count() or 1) <= 2 else 2)
        self._is_closed = False
        self._futures: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, *tables: str) -> None:
        statements = [statement for table in tables for statement in queries.index_statements(self._conn, table)]
        self._futures += [self._pool.submit(self._run, queries.execute, statement) for statement in statements]
        self._futures += [self._pool.submit(self._run, queries.analyze_next, table) for table in tables]

    def finish(self) -> None:
        self._slots.release()
        for future in self._futures:
            future.result()

    def _run(self, action: Callable[[psycopg.Connection[Any], str], None], argument: str) -> None:
        info = self._conn.info
        with self._slots:
            if not self._is_closed:
                with queries.connect(info.dsn, info.password) as conn:
                    action(conn, argument)


FILM_RANKS = ("title desc", "year asc", "year desc", "rating asc", "rating desc")
STAR_RANKS = ("name desc", "birthYear asc", "birthYear desc", "known")


class _Words:
    """Numbers words from 0, each different word once."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self.quoted: list[str] = []  # as in the literal of a tsvector

    def ids(self, words: Iterable[str]) -> list[int]:
        ids = []
        for word in words:
            number = self._ids.get(word)
            if number is None:
                number = self._ids[word] = len(self._ids)
                self.quoted.append(f"'{word}'")
            ids.append(number)
        return ids

    @property
    def texts(self) -> list[str]:
        return list(self._ids)


class _Lists:
    """A list of numbers for each owner (from 0), stored in two arrays to save memory."""

    def __init__(self, lists: Iterable[Sequence[int]] = ()) -> None:
        self._values, self._ends = array("i"), array("i", [0])
        for numbers in lists:
            self.append(numbers)

    def append(self, numbers: Sequence[int]) -> None:
        self._values.extend(numbers)
        self._ends.append(len(self._values))

    def __getitem__(self, owner: int) -> "array[int]":
        return self._values[self._ends[owner] : self._ends[owner + 1]]

    @property
    def values(self) -> Ints:
        return np.array(self._values, dtype=np.int32)

    @property
    def starts(self) -> Ints:
        return np.array(self._ends[:-1], dtype=np.int32)

    @property
    def lengths(self) -> Ints:
        ends = np.array(self._ends, dtype=np.int32)
        return ends[1:] - ends[:-1]

    @property
    def owners(self) -> Ints:
        return np.repeat(np.arange(len(self._ends) - 1, dtype=np.int32), self.lengths)


class _IntArrayDumper(Dumper):
    """numpy's integers as PostgreSQL's ``integer[]``, in its binary format."""

    format = Format.BINARY

    def dump(self, obj: Ints) -> Buffer:
        head = np.array([1, 0, 23, len(obj), 1], dtype=">i4")  # dimensions, nulls, type, length, first index
        body = np.empty((len(obj), 2), dtype=">i4")
        body[:, 0] = 4  # bytes of each
        body[:, 1] = obj
        return head.tobytes() + body.tobytes()


T = TypeVar("T", ImportedFilm, ImportedStar)


def _sorted(rows: Sequence[T], text: Callable[[T], str]) -> tuple[list[T], list[str], list[int]]:
    """Films or stars sorted by folded text, then id; these texts; and the index in ``rows`` of each."""
    folded = [fold(text(row)) for row in rows]
    ids = [row.id for row in rows]
    order = sorted(range(len(rows)), key=ids.__getitem__)
    order.sort(key=folded.__getitem__)
    return [rows[index] for index in order], [folded[index] for index in order], order


def _int_array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _text_array(values: Iterable[str]) -> str:
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"
