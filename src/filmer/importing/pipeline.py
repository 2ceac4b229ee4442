"""Brings an arrival in: all of it or nothing, beside the catalogue in use, which answers until the new one is whole.

Order of work: complete the arrival with what must not be lost, number and rank everything, copy it into new tables,
index them, swap. Whatever fails or is killed before the swap has changed nothing; leftovers go at the next import.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from filmer.importing import queries
from filmer.importing.data_set import (
    DataSet,
    ImportedFilm,
    ImportedStar,
    ImportFailed,
    Report,
    no_garbage_collection,
    storable,
)
from filmer.importing.progress import Progress
from filmer.importing.writer import write_next


@contextmanager
def import_connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds the one import lock.

    Raises ImportFailed when another import is under way, and for whatever the database refuses.
    """
    try:
        with queries.connect(url) as conn:
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
    data_set: DataSet,
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
    if not data_set.films:
        raise ImportFailed("There is no film in it to take. Nothing was changed.")
    said = [(film.id, film.price, film.tmdb_id, film.overview) for film in data_set.films if _says_something(film)]
    while True:
        _carry_over(conn, data_set, only_in_use=not keep_others, report=report)
        _apply_terms(conn, data_set)
        with no_garbage_collection():
            films, stars = write_next(conn, data_set, progress)
        with progress.step("Swapping in"):
            missing = queries.swap(
                conn,
                said,
                source=source,
                origin=storable(origin),
                films=films,
                stars=stars,
                report=report.as_json(),
                now=now,
            )
        if not missing:
            break
        queries.drop_leftovers(conn)  # a film was sold meanwhile that is not in the new catalogue: take it along
    with progress.step("Clearing away the old catalogue"):
        queries.wait_until_seen(conn)
        queries.drop_old(conn)
    return films, stars


def _says_something(film: ImportedFilm) -> bool:
    return film.price is not None or film.tmdb_id is not None or film.overview is not None


def _carry_over(conn: psycopg.Connection[Any], data_set: DataSet, *, only_in_use: bool, report: Report) -> None:
    """Films of the catalogue in use that did not arrive and must stay, with their cast."""
    arrived = {film.id for film in data_set.films}
    rows = [row for row in queries.select_films(conn, only_in_use=only_in_use) if row[0] not in arrived]
    if not rows:
        return
    if only_in_use:
        report.skipped["kept from the old catalogue, as they are in use"] += len(rows)
    known = queries.select_stars(conn, sorted({no for row in rows for no in row[5]}))
    places = {star.id: place for place, star in enumerate(data_set.stars)}
    for star_id, name, birth_year in known.values():
        if star_id not in places:
            places[star_id] = len(data_set.stars)
            data_set.stars.append(ImportedStar(star_id, name, birth_year))
    for identifier, title, year, directors, genres, star_nos, *rest in rows:
        cast = [places[known[no][0]] for no in star_nos if no in known]
        data_set.films.append(ImportedFilm(identifier, title, year, directors, tuple(genres), cast, *rest))


def _apply_terms(conn: psycopg.Connection[Any], data_set: DataSet) -> None:
    """What the owner said of a film before holds, where the arrival says nothing else."""
    terms = queries.select_terms(conn)
    if not terms:
        return
    for film in data_set.films:
        if film.id in terms:
            price, tmdb_id, overview = terms[film.id]
            film.price = price if film.price is None else film.price
            film.tmdb_id = tmdb_id if film.tmdb_id is None else film.tmdb_id
            film.overview = overview if film.overview is None else film.overview
