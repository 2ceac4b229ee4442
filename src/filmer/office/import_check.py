"""Checks an owner's file before it is imported: what would be new, changed or refused, and why. It changes nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import merge
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from filmer.importing import edit_queries, owner_films, pipeline
from filmer.importing.column_names import by_content, is_imdb_list
from filmer.importing.csv_table import CsvTable, Row
from filmer.importing.data_set import DataSet, ImportFailed, Report, storable
from filmer.importing.film_edits import FilmRecord, People, edited
from filmer.importing.owner_films import COLUMNS, has_made_id
from filmer.importing.progress import Advance, Progress
from filmer.office import import_queries, spreadsheet_csv
from filmer.office.exports import film_cells
from filmer.office.import_jobs import Found, Job, Line, Outcome
from filmer.plurals import counted

MAX_COLUMNS = 60  # that can be matched by hand
LISTED = 40  # rows of each outcome on the page; the report has all
_MADE_ID = re.compile(r" \[p[a-z2-7]{9}\]")  # of a person, which says nothing on the page
_AT_ONCE = 2000  # films that are compared with one query
_SHOWN = 300  # characters of a cell on the page


class _FullReport(Report):
    """With every refused row, and not the first thousand alone."""

    refused: list[Line] = msgspec.field(default_factory=list)

    def reject(self, kind: str, file: str, line: int, text: str) -> None:
        super().reject(kind, file, line, text)
        self.refused.append(Line(line, "refused", title=storable(text[:_SHOWN]), detail=kind))


def check(conn: psycopg.Connection[Any], job: Job, path: Path, progress: Progress) -> None:
    """Stores what was found, and the report. Raises ImportFailed for a file that is no table."""
    found, report = Found(), _FullReport()

    def match(table: CsvTable, rows: Sequence[Row]) -> Sequence[str]:
        if len(table.header) > MAX_COLUMNS:
            raise ImportFailed(
                f"{table.name} has {len(table.header):,} columns, and {MAX_COLUMNS} are read at most. Delete those "
                "that say nothing of films, and send it again. Nothing was changed."
            )
        found.header = [storable(name) for name in table.header]
        found.samples = [[storable(cell[:_SHOWN]) for cell in row.cells[:MAX_COLUMNS]] for row in rows]
        chosen = job.choices.fields
        fields = list(chosen) if len(chosen) == len(found.header) else by_content(table.header, [r.cells for r in rows])
        found.names_by = job.choices.names_by or ("," if is_imdb_list(table.header) else "|")
        found.fields, found.formats = fields, table.formats
        found.lines = [row.line for row in rows]
        return fields

    try:
        with progress.step("Reading the file"):
            data_set = owner_films.read_csv(
                path, report, encoding=job.choices.encoding, name=job.name, match=match,
                names_by=job.choices.names_by, any_sheet=True,
            )  # fmt: skip
        found.formats = next(iter(report.formats.values()), found.formats)
        with progress.step("Comparing it with the catalogue", len(data_set.films)) as advance:
            rows = merge(_compared(conn, data_set), report.refused, key=lambda line: line.number)
            lines = _counted(rows, found, advance)
            import_queries.replace_report(conn, job.id, spreadsheet_csv.rows(_COLUMNS, map(_row, lines)))
        found.others, found.in_use = import_queries.count_others(conn, [film.id for film in data_set.films])
        if not data_set.films:
            found.refusal = "It has no film that can be imported."
    except ImportFailed as error:
        if not found.header:
            raise
        found.refusal = str(error)
    found.warnings += report.warnings[:LISTED]
    import_queries.update_found(conn, job.id, found)


_COLUMNS = ("line", "outcome", "id", "title", "detail")


def _row(line: Line) -> tuple[int, str, str, str, str]:
    return line.number, line.outcome, line.film_id, line.title, line.detail


def _counted(lines: Iterable[Line], found: Found, advance: Advance) -> Iterator[Line]:
    """Passes the lines on, and notes them in what was found."""
    counts, changes, twins = Counter[str](), Counter[str](), 0
    for done, line in enumerate(lines):
        counts[line.outcome] += 1
        changes.update(line.changes)
        twins += line.outcome == "new" and bool(line.detail)
        if line.number in found.lines:
            found.first.append(line)
        if line.outcome != "unchanged" and counts[line.outcome] <= LISTED:
            found.listed.append(msgspec.structs.replace(line, cells={}))
        advance(done)
        yield line
    found.counts, found.changes = dict(counts), dict(changes.most_common())
    if twins:
        found.warnings.append(
            f"{counted(twins, 'film')} without an id would be in the catalogue twice: another one has the same title"
            " and year. If they are the same, give its id in a column of the file"
        )


def _compared(conn: psycopg.Connection[Any], data_set: DataSet) -> Iterator[Line]:
    """The films of the file, beside those of the catalogue, as both are shown."""
    people = People(data_set.people)
    first = data_set.films[: owner_films.SHOWN_ROWS]
    cells = [
        {name: _MADE_ID.sub("", cell) for name, cell in _cells(people.record(film), film.price).items()}
        for film in first
    ]
    said = [film.price for film in data_set.films]
    twins = import_queries.select_twins(conn, [film for film in data_set.films if has_made_id(film)])
    pipeline.apply_terms(conn, data_set)
    shown = {film.id: film for film in edited(data_set, edit_queries.select_edits(conn)[1])[0].films}
    for start in range(0, len(data_set.films), _AT_ONCE):
        films = data_set.films[start : start + _AT_ONCE]
        there = import_queries.select_records(conn, [film.id for film in films])
        prices = import_queries.select_prices(conn, [film.id for film in films])
        for place, film in enumerate(films, start):
            now, before = shown.get(film.id), there.get(film.id)
            price, is_by_hand = prices.get(film.id, (None, False))
            after = price if is_by_hand or said[place] is None else said[place]
            changes = _changes(_cells(before, price), _cells(people.record(now), after)) if before and now else {}
            outcome: Outcome = "changed" if changes else "unchanged" if before or not now else "new"
            detail = "; ".join(f"{name}: {change}" for name, change in changes.items())
            if outcome == "new" and film.id in twins:
                detail = f"in the catalogue as {twins[film.id]}, by title and year"
            yield Line(
                data_set.lines[place], outcome, film.id, film.title, detail if now else "hidden by hand",
                list(changes), cells[place] if place < len(cells) else {},
            )  # fmt: skip


def _changes(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """The fields that change, and how."""
    return {name: f"{old[name] or 'none'} → {new[name] or 'none'}" for name in old if old[name] != new[name]}


def _cells(film: FilmRecord, price: Decimal | None) -> dict[str, str]:
    """A film's fields as text, by the names of columns."""
    cells = zip(COLUMNS, film_cells(film, price), strict=True)
    return {name: "" if cell is None else str(cell) for name, cell in cells}
