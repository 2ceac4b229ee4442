"""``filmer log``: who changed what."""

import sys
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from cyclopts.validators import Number

from filmer.audit.queries import Entry, LogFilter, select_entries
from filmer.audit.sentences import sentence
from filmer.commands.options import DataDir
from filmer.commands.terminal import err, in_database, shown
from filmer.importing.spreadsheet_csv import Cell, rows
from filmer.settings import Settings
from filmer.store.postgres import Connection


def log(
    text: Annotated[str, Parameter(help="Only entries with this text: a title, a name, an order's number.")] = "",
    /,
    *,
    account: Annotated[int | None, Parameter(help="Only what this account did.")] = None,
    limit: Annotated[int, Parameter(help="At most so many entries.", validator=Number(gte=1, lte=1_000_000))] = 50,
    as_csv: Annotated[bool, Parameter(name="--csv", negative="", help="Every value, as CSV.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show who changed what, the latest first: in the office, on the command line, and with owners' tokens."""

    async def work(conn: Connection, _: Settings) -> list[Entry]:
        return await select_entries(conn, LogFilter(text=text, account=account), size=limit)

    entries = in_database(data_dir, work)
    if as_csv:
        for chunk in rows(Entry.__struct_fields__, (list(map(_cell, msgspec.structs.astuple(one))) for one in entries)):
            sys.stdout.buffer.write(chunk)
        return
    if not entries:
        err.print("There is no such entry.", style="yellow")
    for entry in entries:
        line = sentence(entry, str)
        values = "".join(f"; {one.name.lower()}: {one.before or ''} → {one.after or ''}" for one in line.changes)
        print(shown(f"{entry.at:%Y-%m-%d %H:%M}  {line}{values}  ({line.where})"))


def _cell(value: Any) -> Cell:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
