"""A person's own data as one ZIP file: each table as JSON for programs, and as CSV for spreadsheets (contract §12)."""

import csv
import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from filmer.clock import timestamp
from filmer.personal_data import queries
from filmer.personal_data.queries import ExportedTable
from filmer.store.postgres import Connection

FILE = "my-data.zip"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a text begins that a spreadsheet would take for a formula
_READ_ME = """\
This is everything that this shop holds of you, as of {now}.

Each table is there twice: the .json is for programs, the .csv opens in any spreadsheet. Times are in UTC. In the .csv
files a text that a spreadsheet would run as a formula has an apostrophe before it.

The shop has no password of yours, and no number of a card: only digests, from which they can't be read.
"""


async def export(conn: Connection, account_id: int, *, now: datetime) -> bytes | None:
    """The ZIP file; None if there is no such account. To be the first of a transaction."""
    tables = await queries.select_personal_data(conn, account_id)
    if not tables["profile"].rows:
        return None
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        contents = {"read-me.txt": _READ_ME.format(now=f"{now:%Y-%m-%d %H:%M} UTC").encode()}
        for name, table in tables.items():
            contents[f"{name}.json"] = _as_json(table)
            contents[f"{name}.csv"] = _as_csv(table)
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _as_json(table: ExportedTable) -> bytes:
    rows = [dict(zip(table.columns, map(_exported, row), strict=True)) for row in table.rows]
    return msgspec.json.format(_ENCODER.encode(rows)) + b"\n"


def _as_csv(table: ExportedTable) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return text.getvalue().encode("utf-8-sig")  # with the mark by which spreadsheets know UTF-8


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else _exported(value)


def _exported(value: Any) -> Any:
    return timestamp(value) if isinstance(value, datetime) else value
