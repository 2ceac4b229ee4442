"""Brings an arrival in: all of it or nothing, beside the catalogue in use, which answers until the new one is whole.

Order of work: complete the arrival with what must not be lost, number and rank everything, copy it into new tables,
index them, swap. Whatever fails or is killed before the swap has changed nothing; leftovers go at the next import.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from filmer.catalogue import listing
from filmer.catalogue.folding import fold, indexed_words
from filmer.importing import orders, queries
from filmer.importing.arrival import Arrival, ArrivingFilm, ArrivingStar, ImportFailed, Report
from filmer.importing.progress import Progress
from filmer.importing.terms import WordCounter, substring_terms

BILLED = 3  # stars in a list item (contract §2.4)
Ints = npt.NDArray[np.int32]


@contextmanager
def import_connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds the one import lock.

    Raises ImportFailed when another import is under way, and for whatever the database refuses.
    """
    try:
        with psycopg.connect(url, autocommit=True, application_name="filmer import") as conn:
            if not queries.take_lock(conn):
                raise ImportFailed("Another import is under way. Wait for it, or stop it, and try again.")
            queries.drop_leftovers(conn)
            try:
                yield conn
            except BaseException:
                if not conn.closed:
                    queries.drop_leftovers(conn)
                raise
    except psycopg.errors.DiskFull as error:
        raise ImportFailed(f"The database is out of disk space: {error.diag.message_primary}") from error
    except psycopg.Error as error:
        raise ImportFailed(f"The database failed: {str(error).strip()}") from error


def bring_in(
    conn: psycopg.Connection[Any],
    arrival: Arrival,
    *,
    source: str,
    origin: str,
    report: Report,
    now: datetime,
    progress: Progress,
    keep_others: bool = False,
) -> tuple[int, int]:
    """Make the arrival the catalogue; returns how many films and stars it has then.

    ``keep_others``: films of the catalogue in use that did not arrive stay; else only those that are in use.
    """
    said = [(film.id, film.price, film.tmdb_id, film.overview) for film in arrival.films if _says_something(film)]
    while True:
        _carry_over(conn, arrival, only_in_use=not keep_others, report=report)
        _apply_terms(conn, arrival)
        if not arrival.films:
            raise ImportFailed("There is no film in it to take. Nothing was changed.")
        with _no_garbage_collection():
            films, stars = _Writer(conn, arrival, progress).write()
        _index(conn, progress)
        with progress.step("Swapping in"):
            missing = queries.swap(
                conn, said, source=source, origin=origin, films=films, stars=stars, report=report.as_json(), now=now
            )
        if not missing:
            break
        queries.drop_leftovers(conn)  # a film was sold meanwhile that is not in the new catalogue: take it along
    with progress.step("Clearing away the old catalogue"):
        queries.drop_old(conn)
    return films, stars


def _says_something(film: ArrivingFilm) -> bool:
    return film.price is not None or film.tmdb_id is not None or film.overview is not None


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Millions of objects, none in a cycle: looking for cycles among them again and again takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _carry_over(conn: psycopg.Connection[Any], arrival: Arrival, *, only_in_use: bool, report: Report) -> None:
    """Films of the catalogue in use that did not arrive and must stay, with their cast."""
    arrived = {film.id for film in arrival.films}
    rows = [row for row in queries.select_films(conn, only_in_use=only_in_use) if row[0] not in arrived]
    if not rows:
        return
    if only_in_use:
        report.skipped["kept from the old catalogue, as they are in use"] += len(rows)
    known = queries.select_stars(conn, sorted({no for row in rows for no in row[5]}))
    places = {star.id: place for place, star in enumerate(arrival.stars)}
    for star_id, name, birth_year in known.values():
        if star_id not in places:
            places[star_id] = len(arrival.stars)
            arrival.stars.append(ArrivingStar(star_id, name, birth_year))
    for identifier, title, year, directors, genres, star_nos, *rest in rows:
        cast = [places[known[no][0]] for no in star_nos if no in known]
        arrival.films.append(ArrivingFilm(identifier, title, year, directors, tuple(genres), cast, *rest))


def _apply_terms(conn: psycopg.Connection[Any], arrival: Arrival) -> None:
    """What the owner said of a film before holds, where the arrival says nothing else."""
    terms = queries.select_terms(conn)
    if not terms:
        return
    for film in arrival.films:
        if film.id in terms:
            price, tmdb_id, overview = terms[film.id]
            film.price = price if film.price is None else film.price
            film.tmdb_id = tmdb_id if film.tmdb_id is None else film.tmdb_id
            film.overview = overview if film.overview is None else film.overview


class _Writer:
    """Numbers, ranks and copies one arrival into the next catalogue's tables."""

    def __init__(self, conn: psycopg.Connection[Any], arrival: Arrival, progress: Progress) -> None:
        self._conn = conn
        self._progress = progress
        with progress.step("Sorting"):
            self._films = _by_folded(arrival.films, lambda film: film.title)
            self._titles = [folded for folded, _, _ in self._films]
            self._directors = [fold(film.directors) if film.directors else None for _, _, film in self._films]
            used = {place for film in arrival.films for place in film.cast}
            cast = [(place, arrival.stars[place]) for place in used]
            stars = _by_folded([star for _, star in cast], lambda star: star.name)
            number = {star.id: no for no, (_, _, star) in enumerate(stars)}
            self._stars = stars
            self._star_no = np.zeros(len(arrival.stars), dtype=np.int32)  # from 0, by place in the arrival
            for place, star in cast:
                self._star_no[place] = number[star.id]
            self._orders = orders.film_orders(
                self._titles, [film.year for _, _, film in self._films], [film.rating for _, _, film in self._films]
            )

    def write(self) -> tuple[int, int]:
        """Films and stars written."""
        with self._conn.transaction():  # tables made in the transaction that fills them need no write-ahead log
            genre_ids = queries.insert_genres(self._conn, {name for *_, film in self._films for name in film.genres})
            queries.create_next(self._conn)
            credited = self._copy_films(genre_ids)
            self._copy_stars(*credited)
            self._copy_listings(genre_ids)
            self._copy_tally(genre_ids)
            self._copy_terms(*credited)
        return len(self._films), len(self._stars)

    def _copy_films(self, genre_ids: dict[str, int]) -> tuple[Ints, Ints]:
        """Returns who plays in what: star and film, from 0, as two columns."""
        ranks = {name: orders.ranks(order).tolist() for name, order in self._orders.items()}
        votes = orders.numbers([film.votes for _, _, film in self._films])
        votes_desc = orders.ranks(orders.order_by(votes, descending=True)).tolist()
        star_words = [_lexemes(indexed_words(folded)) for folded, _, _ in self._stars]
        in_star: list[Ints] = []
        lengths = np.zeros(len(self._films), dtype=np.int32)
        with (
            self._progress.step("Writing films", len(self._films)) as advance,
            queries.copy_rows(self._conn, "film", queries.FILM_COLUMNS) as copy,
        ):
            for index, (folded, identifier, film) in enumerate(self._films):
                director = self._directors[index]
                cast = self._star_no[list(film.cast)] if film.cast else _NOBODY
                in_star.append(cast)
                lengths[index] = len(cast)
                nos = cast.tolist()
                billed = [self._stars[no][2] for no in nos[:BILLED]]
                genres = sorted(film.genres)
                words = _lexemes(indexed_words(folded) | (indexed_words(director) if director else set()))
                copy.write_row((
                    index + 1, ranks["title desc"][index], ranks["year asc"][index], ranks["year desc"][index],
                    ranks["rating asc"][index], ranks["rating desc"][index], votes_desc[index], film.year,
                    _int_array(genre_ids[name] for name in genres), folded, director,
                    " ".join([words, *[star_words[no] for no in nos]]), identifier, film.title, film.directors,
                    film.rating, film.votes, _text_array(genres), _int_array(no + 1 for no in nos),
                    _text_array([star.id for star in billed]), _text_array([star.name for star in billed]),
                    film.original_title, film.release_date, film.runtime_minutes, film.popularity, film.tmdb_id,
                    film.price, film.overview,
                ))  # fmt: skip
                if index % 1000 == 0:
                    advance(index)
        stars = np.concatenate(in_star) if in_star else _NOBODY
        return stars, np.repeat(np.arange(len(self._films), dtype=np.int32), lengths)

    def _copy_stars(self, stars: Ints, films: Ints) -> None:
        newest = orders.ranks(self._orders["year desc"])
        by_star = np.lexsort((newest[films], stars))
        plays = films[by_star] + 1
        counts = np.bincount(stars, minlength=len(self._stars))
        ends = np.cumsum(counts).tolist()
        by_name = orders.star_orders(
            [folded for folded, _, _ in self._stars], [star.birth_year for *_, star in self._stars]
        )
        ranks = {name: orders.ranks(order).tolist() for name, order in by_name.items()}
        with (
            self._progress.step("Writing stars", len(self._stars)) as advance,
            queries.copy_rows(self._conn, "star", queries.STAR_COLUMNS) as copy,
        ):
            start = 0
            for index, (folded, identifier, star) in enumerate(self._stars):
                end = ends[index]
                copy.write_row((
                    index + 1, ranks["name desc"][index], ranks["birthYear asc"][index],
                    ranks["birthYear desc"][index], star.birth_year, end - start, folded, identifier, star.name,
                    _int_array(plays[start:end].tolist()),
                ))  # fmt: skip
                start = end
                if index % 1000 == 0:
                    advance(index)
        self._star_orders = by_name

    def _copy_listings(self, genre_ids: dict[str, int]) -> None:
        ids = [[genre_ids[name] for name in film.genres] for *_, film in self._films]
        sizes: dict[str, int] = {listing.ALL: 0, listing.STARS: 0}
        with (
            self._progress.step("Writing lists"),
            queries.copy_rows(self._conn, "listing", ("list", "sort", "chunk", "nos")) as copy,
        ):
            for name, sort, numbers in orders.film_lists(self._orders, self._titles, ids):
                sizes[name] = len(numbers)
                for chunk, nos in orders.chunks(numbers):
                    copy.write_row((name, sort, chunk, nos))
            for sort, order in self._star_orders.items():
                sizes[listing.STARS] = len(order)
                for chunk, nos in orders.chunks(order + 1):
                    copy.write_row((listing.STARS, sort, chunk, nos))
        with queries.copy_rows(self._conn, "listing_size", ("list", "size")) as copy:
            for row in sizes.items():
                copy.write_row(row)

    def _copy_tally(self, genre_ids: dict[str, int]) -> None:
        counts: dict[tuple[int, int | None], int] = {}
        for *_, film in self._films:
            for genre in (0, *[genre_ids[name] for name in film.genres]):
                counts[genre, film.year] = counts.get((genre, film.year), 0) + 1
        with queries.copy_rows(self._conn, "tally", ("genre_id", "year", "films")) as copy:
            for (genre, year), films in counts.items():
                copy.write_row((genre, year, films))

    def _copy_terms(self, stars: Ints, films: Ints) -> None:
        with (
            self._progress.step("Counting words"),
            queries.copy_rows(self._conn, "term", ("field", "term", "total", "nos")) as copy,
        ):
            texts = {
                "title": self._titles,
                "director": [director or "" for director in self._directors],
                "name": [folded for folded, _, _ in self._stars],
            }
            for field, folded in texts.items():
                for term, total, nos in substring_terms(folded):
                    copy.write_row((field, term, total, nos and _int_array(nos)))
            for term, total, _ in self._word_terms(stars, films):
                copy.write_row(("word", term, total, None))

    def _word_terms(self, stars: Ints, films: Ints) -> Iterator[tuple[str, int, Any]]:
        counter = WordCounter()
        own = _Pairs()
        for index, (folded, *_) in enumerate(self._films):
            director = self._directors[index]
            own.add(index, counter.ids(indexed_words(folded) | (indexed_words(director) if director else set())))
        names = _Pairs()
        for index, (folded, *_) in enumerate(self._stars):
            names.add(index, counter.ids(indexed_words(folded)))
        through_cast = names.joined(stars, films, len(self._stars))
        words = np.concatenate((own.words, through_cast[0]))
        owners = np.concatenate((own.owners, through_cast[1]))
        yield from counter.terms(words, owners, len(self._films))


class _Pairs:
    """(owner, word) in two columns, in order of owners."""

    def __init__(self) -> None:
        from array import array

        self._owners, self._words = array("i"), array("i")

    def add(self, owner: int, words: list[int]) -> None:
        self._words.extend(words)
        self._owners.extend([owner] * len(words))

    @property
    def owners(self) -> Ints:
        return np.frombuffer(self._owners, dtype=np.int32)

    @property
    def words(self) -> Ints:
        return np.frombuffer(self._words, dtype=np.int32)

    def joined(self, via: Ints, to: Ints, count: int) -> tuple[Ints, Ints]:
        """The words of each owner ``via[i]``, as words of ``to[i]``: (words, to)."""
        lengths = np.bincount(self.owners, minlength=count)
        starts = np.cumsum(lengths) - lengths
        each = lengths[via]
        within = np.arange(int(each.sum()), dtype=np.int64) - np.repeat(np.cumsum(each) - each, each)
        return self.words[np.repeat(starts[via], each) + within], np.repeat(to, each)


_NOBODY: Ints = np.zeros(0, dtype=np.int32)


def _by_folded(things: Sequence[Any], text: Callable[[Any], str]) -> list[tuple[str, str, Any]]:
    """(folded text, id, thing), sorted."""
    return sorted(((fold(text(thing)), thing.id, thing) for thing in things), key=lambda one: one[:2])


def _lexemes(words: Iterable[str]) -> str:
    return " ".join([f"'{word}'" for word in words])


def _int_array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _text_array(values: Iterable[str]) -> str:
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"


def _index(conn: psycopg.Connection[Any], progress: Progress) -> None:
    """Builds the indexes, two at a time: the large ones first."""
    statements = queries.index_statements(conn)
    url = conn.info.dsn
    password = conn.info.password

    def build(statement: str) -> None:
        with psycopg.connect(url, password=password, autocommit=True, application_name="filmer import") as other:
            queries.build_index(other, statement)

    with progress.step("Indexing", len(statements)) as advance, ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(pool.map(build, statements), start=1):
            advance(done)
    with progress.step("Gathering statistics"):
        queries.analyze_next(conn)
