"""``filmer shelves``: the films that users bring from elsewhere, and take along. Their pages have the same."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from filmer.accounts.address_queries import select_holders
from filmer.accounts.addresses import email_key, read_email
from filmer.audit.log import command_line, record
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import database, err, read_argument, shown
from filmer.community.shelf_export import EXPORTS, export
from filmer.community.shelf_files import MAX_FILE, Shelf
from filmer.community.shelf_import_queries import ImportReport, PlacedRow, select_own_films
from filmer.community.shelf_imports import WORDS
from filmer.components import Components
from filmer.errors import CommandFailed, FilmerError
from filmer.importing.progress import Progress
from filmer.plurals import counted

T = TypeVar("T")
LISTED = 1000  # rows of an outcome

shelves_app = App(name="shelves", help="Bring films to a user's shelves, or write these to a file.")
_User = Annotated[str, Parameter(help="The user's e-mail address.")]


@shelves_app.command(name="import")
def import_shelves(
    file: Path,
    /,
    *,
    user: _User,
    shelf: Annotated[
        Shelf | None, Parameter(name="--as", help="What a list is that does not say it. Default: it is refused.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Bring the films in FILE to a user's favourites, ratings, watchlist, and films that were seen.

    FILE is the export of Letterboxd (ZIP or CSV), ratings, a watchlist or a list of IMDb (CSV), the export of Trakt
    (ZIP or JSON), or of this shop (JSON). Of two ratings the newer one stays. See docs/command-line.md.
    """

    async def work(components: Components) -> tuple[ImportReport, list[PlacedRow]]:
        imports, account_id = components.shelf_imports, await _account(components, user)
        with Progress() as progress:
            with progress.step("Reading the file"), file.open("rb") as content:
                import_id = await imports.receive(account_id, file.name, content, shelf, command_line())
            report = await imports.show(account_id, import_id)
            with progress.step("Looking for the films", report.row_count) as advance:
                while not report.is_done:  # a server may have begun with it
                    if not await imports.work_on(import_id, advance):
                        await asyncio.sleep(0.2)
                    report = await imports.show(account_id, import_id)
        listed = [
            row
            for outcome in ("bad", "several", "missing")
            for row in await imports.list_rows(account_id, import_id, outcome, LISTED)
        ]
        return report, listed

    try:
        if file.is_file() and file.stat().st_size > MAX_FILE:
            raise CommandFailed(f"{file} is too large: {MAX_FILE // 2**20} MiB are read at most. Nothing was changed.")
        report, listed = _with_components(data_dir, work)
    except OSError as error:
        raise CommandFailed(f"{file} can't be read: {error.strerror}. Nothing was changed.") from error
    for row in listed:
        what = f"{row.title or row.film_id} ({row.year})" if row.year else row.title or row.film_id
        which = f": {', '.join(row.candidates)}" if row.candidates else ""
        err.print(
            shown(f"{row.file}, line {row.line}: {row.detail or WORDS[row.outcome]}: {what}{which}"), soft_wrap=True
        )
    for name in report.left_out:
        err.print(shown(f"not read: {name}"), soft_wrap=True)
    counts = [f"{report.counts.get(one, 0):,} {WORDS[one]}" for one in ("taken", "there", "several", "missing", "bad")]
    print(f"{counted(report.row_count, 'row')}: {', '.join(counts)}")


@shelves_app.command(name="export")
def export_shelves(
    kind: Annotated[str, Parameter(help=f"One of {', '.join(EXPORTS)}.")] = EXPORTS[0],
    /,
    *,
    user: _User,
    data_dir: DataDir = None,
) -> None:
    """Write what is on a user's shelves to standard output. ``shelves.json`` has everything, and can be imported."""
    if kind not in EXPORTS:
        raise CommandFailed(f"{kind!r} is not one of {', '.join(EXPORTS)}.")

    async def work(components: Components) -> bytes:
        account_id = await _account(components, user)
        async with components.database.connection() as conn, conn.transaction():
            await record(conn, command_line(), "account.export_shelves", ("account", account_id))
            return export(kind, await select_own_films(conn, account_id))

    sys.stdout.buffer.write(_with_components(data_dir, work))
    sys.stdout.buffer.flush()


async def _account(components: Components, user: str) -> int:
    email = read_argument(read_email, user)
    async with components.database.connection() as conn:
        holders = await select_holders(conn, [email_key(email)])
    if not holders:
        raise CommandFailed(f"There is no user with the address {email}. Nothing was changed.")
    return next(iter(holders.values()))


def _with_components(data_dir: str | None, work: Callable[[Components], Awaitable[T]]) -> T:
    """Does work with the rules of a server."""

    async def run() -> T:
        components = Components(settings, SystemClock())
        await components.database.open()
        components.edition.start()
        try:
            return await work(components)
        finally:
            await components.close()

    with database(data_dir) as settings:
        try:
            return asyncio.run(run())
        except FilmerError as error:
            raise CommandFailed(f"{error.message}. Nothing was changed.") from error
