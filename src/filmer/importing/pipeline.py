"""Makes a data set the catalogue, all of it or nothing, while the old catalogue goes on being served.

The steps: add to the data set what must not be lost, number and rank everything, copy it into new tables, index them,
swap. Whatever fails or is killed before the swap has changed nothing; the next import drops what it left behind.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg

from filmer.audit.log import Actor
from filmer.importing import edit_queries, former_queries, queries
from filmer.importing.catalogue_writer import write_catalogue
from filmer.importing.data_set import (
    DataSet,
    ImportedFilm,
    ImportedPerson,
    ImportFailed,
    Report,
    no_garbage_collection,
    storable,
)
from filmer.importing.film_edits import Edits, People, edited
from filmer.importing.progress import Progress

WhenSwapped = Callable[
    ..., object
]  # called with the connection, and the catalogue's numbers of ``films`` and ``stars``


@contextmanager
def import_connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds the lock of imports.

    Raises ImportFailed while another import runs, and for all errors of the database.
    """
    try:
        with queries.connect(url) as conn:
            if not queries.take_lock(conn):
                raise ImportFailed("Another import is running. Wait until it is done, or stop it, and try again.")
            queries.drop_other_editions(conn)
            try:
                yield conn
            except BaseException:
                if not conn.closed:
                    queries.drop_other_editions(conn)
                raise
    except psycopg.errors.DiskFull as error:
        raise ImportFailed(f"The database is out of disk space: {error.diag.message_primary}") from error
    except psycopg.Error as error:
        raise ImportFailed(f"The database failed: {str(error).strip()}") from error


def import_data_set(
    conn: psycopg.Connection[Any],
    data_set: DataSet,
    *,
    source: str,
    origin: str,
    report: Report,
    actor: Actor,
    progress: Progress,
    keep_others: bool = False,
    when_swapped: WhenSwapped = lambda *_, **__: None,
) -> tuple[int, int]:
    """Make the data set the catalogue. Returns how many films and stars the catalogue has then.

    ``keep_others``: all films of the old catalogue that are not in the data set stay; otherwise only films in use do.
    ``when_swapped``: what else is to be done in the transaction that makes it current.
    """
    if not data_set.films:
        raise ImportFailed("It has no film that can be imported. Nothing was changed.")

    def run(films: int, stars: int) -> queries.ImportRun:
        also = partial(when_swapped, films=films, stars=stars)
        return queries.ImportRun(source, storable(origin), films, stars, report.as_json(), actor, also)

    return _make_current(conn, data_set, report, progress, run, keep_others=keep_others)


def undo(
    conn: psycopg.Connection[Any],
    *,
    actor: Actor,
    progress: Progress,
    when_swapped: WhenSwapped = lambda *_, **__: None,
) -> tuple[int, int]:
    """Make the catalogue what it was before the last import. Returns how many films and stars it has then.

    What was changed by hand stays changed, and films that came into use stay.
    """
    if not former_queries.has_former(conn):
        raise ImportFailed("There is no import to undo: none since the last undo, or it was the first.")
    data_set, report = DataSet(), Report()
    with progress.step("Reading the former catalogue"):
        rows, people, edits = former_queries.select_former(conn)
        _add_films(data_set, [row for row in rows if row[0] not in edits], people)
        from_edits = People(data_set.people)
        data_set.films += [from_edits.imported(film) for film in edits.values() if film]
        terms = queries.select_terms(conn) | former_queries.select_restored(conn)
    for film in data_set.films:
        film.tmdb_id, film.overview = terms.get(film.id, (None, None))

    def run(films: int, stars: int) -> queries.ImportRun:
        also = partial(when_swapped, films=films, stars=stars)
        return queries.ImportRun("undo", "the catalogue before the last import", films, stars, {}, actor, also)

    return _make_current(conn, data_set, report, progress, run, keep_others=False, is_undo=True)


def rebuild(conn: psycopg.Connection[Any], progress: Progress) -> bool:
    """Build the current catalogue anew, if films were edited since it was built: False where that is not so."""
    if not edit_queries.is_rebuild_owed(conn):
        return False
    _make_current(conn, DataSet(), Report(), progress, lambda _, __: None, keep_others=True)
    return True


def _make_current(
    conn: psycopg.Connection[Any],
    data_set: DataSet,
    report: Report,
    progress: Progress,
    run: Callable[[int, int], queries.ImportRun | None],
    *,
    keep_others: bool,
    is_undo: bool = False,
) -> tuple[int, int]:
    saying = [] if is_undo else filter(_has_terms, data_set.films)
    new_terms = [(film.id, film.price, film.tmdb_id, film.overview) for film in saying]
    while True:
        number, edits = edit_queries.select_edits(conn)
        _add_old_films(conn, data_set, edits, only_in_use=not keep_others, report=report)
        if not is_undo:
            apply_terms(conn, data_set)
        shown, said = edited(data_set, edits)
        with no_garbage_collection():
            films, stars = write_catalogue(conn, shown, progress)
        done = run(films, stars)
        if done and not is_undo:
            with progress.step("Keeping the former catalogue"):
                former_queries.write_former(conn)
        with progress.step("Swapping in"):
            version = queries.swap(
                conn, new_terms, said, edits=number, keep_others=keep_others, run=done, is_undo=is_undo
            )
        if version is not None:
            break
        queries.drop_other_editions(conn)  # films that it lacks came into use meanwhile: add them
    # The import is done: whatever fails now, the next one drops what is left.
    with progress.step("Dropping the old catalogue"), suppress(psycopg.Error):
        queries.wait_for_processes(conn, version)
        queries.drop_other_editions(conn)
    return films, stars


def _has_terms(film: ImportedFilm) -> bool:
    return film.price is not None or film.tmdb_id is not None or film.overview is not None


def _add_old_films(
    conn: psycopg.Connection[Any], data_set: DataSet, edits: Edits, *, only_in_use: bool, report: Report
) -> None:
    """Add the films of the old catalogue that must stay and are not in the data set, with their cast and directors.

    Of films that were edited, as imports have them. The shop's own films are added with the edits.
    """
    imported = {film.id for film in data_set.films}
    rows = [row for row in queries.select_films(conn, only_in_use=only_in_use) if row[0] not in imported]
    kept = [edits[row[0]].imported for row in rows if row[0] in edits]
    rows = [row for row in rows if row[0] not in edits]
    from_edits = People(data_set.people)
    data_set.films += [from_edits.imported(film) for film in kept if film]
    if not rows:
        return
    if only_in_use:
        report.skipped["kept from the old catalogue, as they are in use"] += len(rows)
    _add_films(
        data_set,
        rows,
        queries.select_people(conn, sorted({no for row in rows for nos in row[5:7] for no in nos or ()})),
    )


def _add_films(data_set: DataSet, rows: list[tuple[Any, ...]], people: dict[int, tuple[str, str, int | None]]) -> None:
    """``people``: of an edition, by their numbers."""
    places = {person.id: place for place, person in enumerate(data_set.people)}
    for person_id, name, birth_year in people.values():
        if person_id not in places:
            places[person_id] = len(data_set.people)
            data_set.people.append(ImportedPerson(person_id, name, birth_year))
    for identifier, title, year, directors, genres, star_nos, director_nos, *rest in rows:
        film = ImportedFilm(identifier, title, year, directors, tuple(genres), (), *rest)
        film.cast = [places[people[no][0]] for no in star_nos if no in people]
        film.directed_by = [places[people[no][0]] for no in director_nos or () if no in people]
        data_set.films.append(film)


def apply_terms(conn: psycopg.Connection[Any], data_set: DataSet) -> None:
    """TMDB ids and overviews from earlier imports hold where the data set has none."""
    terms = queries.select_terms(conn)
    for film in data_set.films:
        if film.id in terms:
            tmdb_id, overview = terms[film.id]
            film.tmdb_id = tmdb_id if film.tmdb_id is None else film.tmdb_id
            film.overview = overview if film.overview is None else film.overview
