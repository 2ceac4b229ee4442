"""``filmer import …``: a catalogue from IMDb's data set, from a file of the owner's, or from the demo.

``filmer account import`` reads an owner's file by the same rules, and so is here too.
"""

import codecs
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import psycopg
from cyclopts import App, Parameter

from filmer.accounts.address_conflicts import settle_addresses
from filmer.accounts.address_queries import select_holders
from filmer.accounts.queries import insert_accounts
from filmer.audit.log import command_line, record
from filmer.commands.options import DataDir
from filmer.commands.terminal import confirm, database, in_database, shown
from filmer.errors import CommandFailed
from filmer.importing import imdb, owner_accounts, owner_films, pipeline
from filmer.importing.data_set import Report, storable
from filmer.importing.demo import import_demo
from filmer.importing.download import download
from filmer.importing.progress import Progress
from filmer.plurals import counted
from filmer.settings import Settings
from filmer.store.postgres import Connection

Separator = Annotated[str | None, Parameter(help='The character between two columns, or "tab". Default: detected.')]
Encoding = Annotated[str | None, Parameter(help="Encoding of FILE, such as cp1250. Default: detected.")]

import_app = App(name="import", help="Import a catalogue, as a whole: if an import fails, nothing is changed.")


@import_app.command(name="imdb")
def import_imdb(
    path: Path,
    /,
    *,
    types: Annotated[str, Parameter(help="Title types to import, separated by commas.")] = ",".join(imdb.FILM_TYPES),
    min_votes: Annotated[int, Parameter(help="Import only titles with at least this many votes.")] = 0,
    adult: Annotated[bool, Parameter(negative="", help="Import adult titles, too.")] = False,
    download_first: Annotated[
        bool, Parameter(name="--download", negative="", help="Download the files from IMDb into PATH first.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Replace the catalogue with IMDb's non-commercial data set, in the folder PATH.

    Information courtesy of IMDb (https://www.imdb.com). Used with permission. Personal and non-commercial use only.
    """
    wanted = imdb.TitleFilter(types=tuple(kind.strip() for kind in types.split(",")), min_votes=min_votes, adult=adult)
    report = Report()
    with _reported(report), _importing(data_dir) as (conn, progress):
        if download_first:
            download(path, progress)
        data_set = imdb.read_imdb(path, wanted, report, progress)
        counts = pipeline.import_data_set(
            conn, data_set, source="imdb", origin=str(path), report=report, actor=command_line(), progress=progress
        )
    _say_imported(counts)


@import_app.command(name="csv")
def import_csv(
    file: Path,
    /,
    *,
    replace: Annotated[
        bool, Parameter(negative="", help="Remove films that are not in FILE, except those in carts, orders and so on.")
    ] = False,
    separator: Separator = None,
    encoding: Encoding = None,
    data_dir: DataDir = None,
) -> None:
    """Add the films in FILE to the catalogue, and update those that it has already.

    FILE is CSV, or a workbook: .xlsx or .ods. Columns: id, title (the only one required), original_title, year,
    release_date, runtime_minutes, directors, genres, stars, rating, votes, popularity, tmdb_id, price, overview,
    title_type, certificate, country, language.
    Several directors, genres or stars are separated by "|"; a star is "Name (birth year) [id]". See docs/importing.md.
    """
    report = Report(list_all=True)
    with _reported(report):
        data_set = owner_films.read_csv(
            file, report, separator=_separator(separator), encoding=_encoding(encoding), confirm=confirm
        )
        with _importing(data_dir) as (conn, progress):
            counts = pipeline.import_data_set(
                conn, data_set, source="csv", origin=str(file), report=report, actor=command_line(),
                progress=progress, keep_others=not replace,
            )  # fmt: skip
    _say_imported(counts)


def _separator(text: str | None) -> str | None:
    separator = "\t" if text in {"tab", "\\t"} else text
    if separator is not None and (len(separator) != 1 or separator in '"|\r\n'):
        raise CommandFailed(f"--separator {text!r} can't be used: it must be tab, or one character but not \" or |.")
    return separator


def _encoding(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        codec = codecs.lookup(text)
        "title".encode(codec.name)
    except (LookupError, ValueError):
        raise CommandFailed(f"--encoding {text!r} is not a known encoding of text, such as utf-8 or cp1250.") from None
    return codec.name


@import_app.command(name="demo")
def import_demo_films(*, data_dir: DataDir = None) -> None:
    """Replace the catalogue with the demo's well-known films."""
    report = Report()
    with _reported(report), _importing(data_dir) as (conn, progress):
        counts = import_demo(conn, report, progress)
    _say_imported(counts)


@import_app.command(name="undo")
def undo_import(*, data_dir: DataDir = None) -> None:
    """Make the catalogue what it was before the last import. What was changed by hand stays, and films in use do."""
    with _importing(data_dir) as (conn, progress):
        counts = pipeline.undo(conn, actor=command_line(), progress=progress)
    _say_imported(counts)


def import_accounts(
    file: Path,
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what would be done.")] = False,
    separator: Separator = None,
    encoding: Encoding = None,
    data_dir: DataDir = None,
) -> None:
    """Open an account for each row of FILE, without a password: each user chooses one by a link (/forgotten).

    FILE is CSV, or a workbook: .xlsx or .ods. Columns: e-mail, first name, last name, and role if not all are
    customers. Accounts that there are already stay as they are. Each row is reported. See docs/command-line.md.
    """
    report = Report()
    with _reported(report):
        rows = owner_accounts.read_accounts(
            file, report, separator=_separator(separator), encoding=_encoding(encoding), confirm=confirm
        )
    accounts = [row.account for row in rows if row.account]

    async def work(conn: Connection, _: Settings) -> tuple[dict[str, int], set[str]]:
        await settle_addresses(conn)
        holders = await select_holders(conn, [account.key for account in accounts])
        missing = [account for account in accounts if account.key not in holders]
        if dry_run:
            return holders, {account.key for account in missing}
        actor = command_line()
        created = await insert_accounts(conn, missing, actor.at)
        if created:
            after = {"created": len(created), "from": storable(str(file))}
            await record(conn, actor, "account.import", ("accounts", "all"), after=after)
        return holders, created

    _say_accounts(rows, *in_database(data_dir, work))
    if dry_run:
        print("This was a dry run: nothing was changed.")


def _say_accounts(rows: list[owner_accounts.AccountRow], holders: dict[str, int], created: set[str]) -> None:
    """Prints what became of each row."""
    outcomes = Counter[str]()
    for row in rows:
        there = row.account and holders.get(row.account.key)
        is_new = row.account and row.account.key in created
        outcome = "created" if is_new else "already there" if row.account else "refused"
        outcomes[outcome] += 1
        detail = f": {row.refusal}" if row.refusal else f" (account {there})" if there else ""
        print(shown(f"line {row.line}: {outcome}: {row.email}{detail}"))
    counts = ", ".join(f"{outcomes[outcome]:,} {outcome}" for outcome in ("created", "already there", "refused"))
    print(f"{counted(len(rows), 'row')}: {counts}")


@contextmanager
def _importing(data_dir: str | None) -> Iterator[tuple[psycopg.Connection[tuple[object, ...]], Progress]]:
    """The connection of an import, and its progress bars."""
    with (
        Progress() as progress,
        database(data_dir) as settings,
        pipeline.import_connection(settings.database_url or "") as conn,
    ):
        yield conn, progress


@contextmanager
def _reported(report: Report) -> Iterator[None]:
    """Prints the report of an import, also if it fails."""
    try:
        yield
    finally:
        _say_report(report)


def _say_imported(counts: tuple[int, int]) -> None:
    films, stars = counts
    print(f"{counted(films, 'film')} and {counted(stars, 'star')} are in the catalogue.")


def _say_report(report: Report) -> None:
    """Prints what was read, and what was left out and why."""
    lines = [
        f"read {rows:>12,} {'row' if rows == 1 else 'rows'} of {', '.join([name, *report.formats.get(name, [])])}"
        for name, rows in report.rows.items()
    ]
    lines += [f"left {count:>12,}: {reason}" for reason, count in sorted(report.skipped.items()) if count]
    lines += [f"warning: {warning}" for warning in report.warnings]
    for kind, count in sorted(report.bad.items()):
        first = report.first[kind]
        where = first.file + (f", line {first.line}" if first.line else "")
        lines += [f"bad  {count:>12,} {kind}; the first, in {where}:", f"     {first.text}"]
    lines += [f"{bad.file}, line {bad.line}: {bad.kind}: {bad.text}" for bad in report.bad_rows]
    for line in lines:
        sys.stderr.write(shown(line) + "\n")
