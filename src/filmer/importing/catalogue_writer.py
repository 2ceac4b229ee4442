"""Writes a data set into the tables of the next catalogue: numbered, ranked, indexed, with its lists and counts."""

import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from threading import Semaphore
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int4

from filmer.catalogue import listing
from filmer.catalogue.folding import by_name, fold, search_form
from filmer.catalogue.index_format import KNOWN
from filmer.catalogue.index_words import found_under, letters_of, words_of, written_words
from filmer.catalogue.words import ORIGINAL_MARK, YEAR_MARK, name_words, other_words, title_words
from filmer.importing import queries, sort_orders
from filmer.importing.data_set import DataSet, ImportedFilm, ImportedPerson
from filmer.importing.progress import Progress
from filmer.importing.search_index import IndexedFilm, IndexedPerson, KnownFilm, write_search_index
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
        # Tantivy has a thread of its own. So this is the last, as PostgreSQL may have built all indexes before it ends.
        with progress.step("Building the search index", len(writer.films) + len(writer.people)) as advance:
            write_search_index(conn, writer.indexed_films(), writer.indexed_people(), advance)
        indexer.start("search_index")
        with progress.step("Numbering films"):
            queries.insert_film_numbers(conn)
        with progress.step("Indexing"):
            indexer.finish()
    return len(writer.films), len(writer.stars)


class _CatalogueWriter:
    def __init__(self, conn: psycopg.Connection[Any], data_set: DataSet) -> None:
        self._conn = conn
        self.films: list[ImportedFilm]
        self.stars: list[ImportedPerson]
        self.films, self._titles, _ = _sorted(data_set.films, lambda film: film.title)
        self._title_forms = _search_forms([film.title for film in self.films], self._titles)
        self._directors = [search_form(film.directors) if film.directors else "" for film in self.films]
        cast = _Lists.of([film.cast for film in self.films])
        is_credited = np.zeros(len(data_set.people), dtype=bool)
        is_credited[cast.values] = True
        credited = np.flatnonzero(is_credited)
        self.stars, folded_names, sources = _sorted(
            [data_set.people[place] for place in credited.tolist()], lambda star: star.name
        )
        directed = _Lists.of([film.directed_by for film in self.films])
        is_other = np.zeros(len(data_set.people), dtype=bool)
        is_other[directed.values] = True
        others = np.flatnonzero(is_other & ~is_credited)
        other_people, folded_others, other_sources = _sorted(
            [data_set.people[place] for place in others.tolist()], lambda person: person.name
        )
        self.people = [*self.stars, *other_people]  # the stars, then those who only direct
        index = np.zeros(len(data_set.people), dtype=np.int32)  # in self.people, by index in the data set
        index[np.concatenate((credited[sources], others[other_sources]))] = np.arange(len(self.people), dtype=np.int32)
        self._cast = _Lists(index[cast.values], cast.ends)
        self._directed = _Lists(index[directed.values], directed.ends)
        self._film_orders = sort_orders.film_orders(self._titles, self.films)
        self._star_orders = sort_orders.star_orders(folded_names, [star.birth_year for star in self.stars])
        kinds = {film.genres for film in self.films}  # far fewer than films
        self._genre_ids = queries.insert_genres(conn, {name for genres in kinds for name in genres})
        self._genres_of = {genres: tuple(self._genre_ids[name] for name in genres) for genres in kinds}
        self._names = _search_forms([star.name for star in self.stars], folded_names)
        self._other_names = _search_forms([person.name for person in other_people], folded_others)
        self._star_words = [" ".join(name_words(form)) for form in self._names]
        self._film_words: list[str] = []
        self._known_words: dict[int, str] = {}  # of the best known films, with those of their casts

    def copy_films(self, progress: Progress) -> None:
        with progress.step("Writing films", len(self.films)) as advance, self._conn.transaction():
            self._copy_films(advance)

    def copy_people(self, progress: Progress) -> None:
        with progress.step("Writing stars", len(self.stars)) as advance, self._conn.transaction():
            self._votes = self._votes_of_people()
            self._copy_stars(advance)
            self._copy_directors()

    def _copy_films(self, advance: Callable[[int], None]) -> None:
        ranks = [sort_orders.ranks(self._film_orders[name]) for name in FILM_RANKS]
        votes = sort_orders.numbers([film.votes for film in self.films])
        self._by_votes = sort_orders.order_by(votes, descending=True)
        by_votes = sort_orders.ranks(self._by_votes)
        ranked = zip(*(array("i", rank.tobytes()) for rank in (*ranks, by_votes)), strict=True)
        genres_of = {genres: _genre_arrays(genres, self._genre_ids) for genres in self._genres_of}
        columns = (*_from_one(self._cast), *_from_one(self._directed))
        star_nos, ends, director_nos, directed_ends = (array("i", column.tobytes()) for column in columns)
        with queries.copy_into_new(self._conn, "film", queries.FILM_COLUMNS) as copy:
            for index, (film, places) in enumerate(zip(self.films, ranked, strict=True)):
                nos = star_nos[ends[index] : ends[index + 1]].tolist()
                billed = [self.stars[no - 1] for no in nos[:BILLED]]
                genre_ids, genres = genres_of[film.genres]
                title, director = self._title_forms[index], self._directors[index]
                title_is = title_words(title)
                own = title_is.words | other_words(film.title, film.original_title, director, film.year)
                self._film_words.append(" ".join(own))
                words = " ".join([self._film_words[index], *[self._star_words[no - 1] for no in nos]])
                if places[-1] <= KNOWN:
                    self._known_words[index] = words
                copy.write_row((
                    index + 1, *places, film.year, genre_ids, title, title_is.key, title_is.bare_key, director or None,
                    words, film.id, film.title, film.directors, film.rating, film.votes, genres, _int_array(nos),
                    _text_array([star.id for star in billed]),
                    _text_array([star.name for star in billed]), film.original_title, film.release_date,
                    film.runtime_minutes, film.popularity, film.tmdb_id, film.overview, film.title_type,
                    film.certificate, film.country, film.language,
                    _int_array(director_nos[directed_ends[index] : directed_ends[index + 1]].tolist()),
                ))  # fmt: skip
                if index % REPORT_EVERY == 0:
                    advance(index)

    def _votes_of_people(self) -> npt.NDArray[np.int64]:
        """The votes of all films that a person directed or is in the cast of; a film where both hold counts once."""
        votes = np.array([film.votes or 0 for film in self.films], dtype=np.float64)
        films, stars = self._cast.owners, self._cast.values
        directed, directors = self._directed.owners, self._directed.values
        size = len(self.people)
        directs = np.zeros(size, dtype=bool)
        directs[directors] = True
        both = directs[stars]  # the credits of the cast among which those are who direct the same film
        is_cast = np.isin(
            directed.astype(np.int64) * size + directors, films[both].astype(np.int64) * size + stars[both]
        )
        directed, directors = directed[~is_cast], directors[~is_cast]
        sums = np.bincount(stars, weights=votes[films], minlength=size)
        return (sums + np.bincount(directors, weights=votes[directed], minlength=size)).astype(np.int64)

    def _newest_first(self, films: Ints, people: Ints) -> Ints:
        """The numbers of the films, person by person."""
        newest = sort_orders.ranks(self._film_orders["year desc"])
        return (films + 1)[np.lexsort((newest[films], people))].astype(np.int32)

    def _copy_directors(self) -> None:
        people = self._directed.values
        film_nos = self._newest_first(self._directed.owners, people)
        directors, counts = np.unique(people, return_counts=True)
        ends = np.cumsum(counts)
        with queries.copy_into_new(self._conn, "director", queries.DIRECTOR_COLUMNS) as copy:
            for index, count, end in zip(directors.tolist(), counts.tolist(), ends.tolist(), strict=True):
                person, is_star = self.people[index], index < len(self.stars)
                folded = self._names[index] if is_star else self._other_names[index - len(self.stars)]
                copy.write_row((
                    index + 1, is_star, person.birth_year, folded, person.id, person.name, int(self._votes[index]),
                    _int_array(film_nos[end - count : end].tolist()),
                ))  # fmt: skip

    def _copy_stars(self, advance: Callable[[int], None]) -> None:
        films, stars = self._cast.owners, self._cast.values
        film_nos = self._newest_first(films, stars)
        counts = np.bincount(stars, minlength=len(self.stars)).astype(np.int32)
        directing = np.bincount(self._directed.values, minlength=len(self.people))[len(self.stars) :]
        self._best_known = sort_orders.best_known(self._votes, np.concatenate((counts, directing)))
        self._star_orders["known"] = self._best_known[self._best_known < len(self.stars)]
        ranks = [sort_orders.ranks(self._star_orders[name]) for name in STAR_RANKS]
        columns = [*ranks, counts, np.cumsum(counts, dtype=np.int32)]
        ranked = zip(*(array("i", column.tobytes()) for column in columns), strict=True)
        with queries.copy_into_new(self._conn, "star", queries.STAR_COLUMNS) as copy:
            for index, (star, (*places, count, end)) in enumerate(zip(self.stars, ranked, strict=True)):
                copy.write_row((
                    index + 1, *places, star.birth_year, count, self._names[index], star.id, star.name,
                    int(self._votes[index]), _int_array(film_nos[end - count : end].tolist()),
                ))  # fmt: skip
                if index % REPORT_EVERY == 0:
                    advance(index)

    def copy_listings(self) -> None:
        ids = [self._genres_of[film.genres] for film in self.films]
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
        for (genres, year), films in Counter((film.genres, film.year) for film in self.films).items():
            for genre in (0, *self._genres_of[genres]):
                counts[genre, year] = counts.get((genre, year), 0) + films
        with (
            self._conn.transaction(),
            queries.copy_into_new(self._conn, "tally", ("genre_id", "year", "films")) as copy,
        ):
            for (genre, year), films in counts.items():
                copy.write_row((genre, year, films))

    def indexed_films(self) -> Iterator[IndexedFilm]:
        """All films as the search index stores them, most votes first. To be called when films and stars are copied."""
        for place, index in enumerate(self._by_votes.tolist()):
            film = self.films[index]
            words = found_under(self._titles[index] if film.title.isascii() else film.title)
            if film.original_title and film.original_title != film.title:
                words |= found_under(film.original_title)
            known = self._known_film(index, words) if place < KNOWN else None
            titles = (film.title, film.original_title)
            yield IndexedFilm(index + 1, titles, film.votes or 0, film.year, words, known)

    def _known_film(self, index: int, title_words: set[str]) -> KnownFilm:
        film = self.films[index]
        stars = self._cast.values[self._cast.ends[index] : self._cast.ends[index + 1]].tolist()
        directors = film.directors.split(", ") if film.directors else []
        words = title_words.union(self._known_words[index].split())
        return KnownFilm(
            {word for word in words if not word.startswith((YEAR_MARK, ORIGINAL_MARK))},  # which are no misspelt words
            [*(f"d{letters_of(written_words(name))}" for name in directors), *(f"p{star + 1}" for star in stars)],
            [*directors, *(self.stars[star].name for star in stars)],
            [letters_of(words_of(genre)) for genre in film.genres],
            words_of(film.overview) if film.overview else (),
        )

    def indexed_people(self) -> Iterator[IndexedPerson]:
        """All stars and directors as the search index stores them, those whose films have the most votes first."""
        votes, names = self._votes.tolist(), [*self._names, *self._other_names]
        for index in self._best_known.tolist():
            name, born = names[index], self.people[index].birth_year
            yield IndexedPerson(index + 1, name, votes[index], born, found_under(name))

    def copy_terms(self) -> None:
        """Must be called when films and stars are copied: it drops texts once counted, as counting needs the memory."""
        columns = ("field", "term", "total", "nos")
        with self._conn.transaction(), queries.copy_into_new(self._conn, "term", columns) as copy:
            vocabulary, (of_films, of_stars) = _numbered_words(self._film_words, self._star_words)
            self._film_words.clear()
            self._star_words.clear()
            for term, total, _ in self._cast_terms(vocabulary, of_stars):
                copy.write_row(("star", term, total, None))
            for field, texts in (("title", self._title_forms), ("director", self._directors), ("name", self._names)):
                for term, total, nos in substring_terms(texts):
                    copy.write_row((field, term, total, nos and _int_array(nos)))
                if field != "name":  # the search index has names, too
                    texts.clear()
            for term, total, _ in word_terms(vocabulary, self._word_pairs(of_films, of_stars), len(self.films)):
                copy.write_row(("word", term, total, None))

    def _cast_terms(self, vocabulary: Sequence[str], of_stars: "_Lists") -> Iterator[Term]:
        """Counts of the most common words in names, as a search for one of them matches the films of many stars."""
        uses = np.bincount(of_stars.values, minlength=1)
        common = np.argsort(-uses, kind="stable")[:COMMON_NAMES]
        words = [vocabulary[word] for word in common.tolist() if uses[word]]
        return cast_terms(self._names, words, self._cast.values, self._cast.owners, len(self.films))

    def _word_pairs(self, of_films: "_Lists", of_stars: "_Lists") -> npt.NDArray[np.int64]:
        """All words and the films that have them. A film also has the words in its cast's names."""
        films, stars = self._cast.owners, self._cast.values
        lengths, starts, words = of_stars.lengths, of_stars.ends[:-1], of_stars.values
        pairs = WordPairs(len(of_films.values) + int(lengths[stars].sum()))
        pairs.add(of_films.values, of_films.owners)
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
        self._idle: list[psycopg.Connection[Any]] = []  # connections that build nothing at this moment
        self._is_closed = False
        self._futures: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        for conn in self._idle:
            conn.close()

    def start(self, *tables: str) -> None:
        statements = [statement for table in tables for statement in queries.index_statements(self._conn, table)]
        self._futures += [self._pool.submit(self._run, queries.create_index, statement) for statement in statements]
        self._futures += [self._pool.submit(self._run, queries.analyze_next, table) for table in tables]

    def finish(self) -> None:
        self._slots.release()
        for future in self._futures:
            future.result()

    def _run(self, action: Callable[[psycopg.Connection[Any], str], None], argument: str) -> None:
        info = self._conn.info
        with self._slots:
            if self._is_closed:
                return
            conn = self._idle.pop() if self._idle else queries.connect(info.dsn, info.password)
            try:
                action(conn, argument)
            finally:
                self._idle.append(conn)


FILM_RANKS = (
    "title desc", "year asc", "year desc", "rating asc", "rating desc", "popularity asc", "popularity desc",
)  # fmt: skip
STAR_RANKS = ("name desc", "birthYear asc", "birthYear desc", "known")


class _Lists(NamedTuple):
    """A list of numbers for each owner (from 0), in two columns to save memory."""

    values: Ints
    ends: Ints  # in ``values``; the first is 0

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Self:
        ends = np.zeros(len(lists) + 1, dtype=np.int32)
        np.cumsum([len(numbers) for numbers in lists], out=ends[1:])
        return cls(np.fromiter(chain.from_iterable(lists), np.int32, int(ends[-1])), ends)

    @property
    def lengths(self) -> Ints:
        return np.diff(self.ends)

    @property
    def owners(self) -> Ints:
        return np.repeat(np.arange(len(self.ends) - 1, dtype=np.int32), self.lengths)


def _from_one(lists: _Lists) -> tuple[Ints, Ints]:
    """The numbers from 1 that stand for values from 0, and the lists' ends."""
    return lists.values + 1, lists.ends


def _numbered_words(*columns: Sequence[str]) -> tuple[list[str], list[_Lists]]:
    """The vocabulary of texts whose words stand between spaces, and for each column the numbers of its texts' words.

    Arrow would be quicker, but takes half a second to be imported: longer than a small catalogue is built.
    """
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    lists = []
    for column in columns:
        words, ends = array("i"), array("i", [0])
        for text in column:
            words.extend(map(numbers.__getitem__, filter(None, text.split(" "))))
            ends.append(len(words))
        lists.append(_Lists(np.array(words, np.int32), np.array(ends, np.int32)))
    return list(numbers), lists


class _IntArrayDumper(Dumper):
    """numpy's integers as PostgreSQL's ``integer[]``, in its binary format."""

    format = Format.BINARY

    def dump(self, obj: Ints) -> Buffer:
        head = np.array([1, 0, 23, len(obj), 1], dtype=">i4")  # dimensions, nulls, type, length, first index
        body = np.empty((len(obj), 2), dtype=">i4")
        body[:, 0] = 4  # bytes of each
        body[:, 1] = obj
        return head.tobytes() + body.tobytes()


T = TypeVar("T", ImportedFilm, ImportedPerson)


def _sorted(rows: Sequence[T], text: Callable[[T], str]) -> tuple[list[T], list[str], list[int]]:
    """Films or stars sorted by folded text, then id; these texts; and the index in ``rows`` of each."""
    folded = [fold(text(row)) for row in rows]
    ids = [row.id for row in rows]
    order = sorted(range(len(rows)), key=ids.__getitem__)
    order.sort(key=folded.__getitem__)
    return [rows[index] for index in order], [folded[index] for index in order], order


def _genre_arrays(genres: Sequence[str], ids: dict[str, int]) -> tuple[str, str]:
    """The ids and the names of a film's genres, by name."""
    names = sorted(genres, key=by_name)
    return _int_array([ids[name] for name in names]), _text_array(names)


def _search_forms(texts: Sequence[str], folded: Sequence[str]) -> list[str]:
    return [fold_of if text.isascii() else search_form(text) for text, fold_of in zip(texts, folded, strict=True)]


def _int_array(numbers: list[int]) -> str:
    return "{" + str(numbers)[1:-1] + "}"


def _text_array(values: Sequence[str]) -> str:
    joined = "".join(values)
    if '"' in joined or "\\" in joined:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}' if values else "{}"
