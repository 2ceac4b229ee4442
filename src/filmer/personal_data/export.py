"""A person's own data as one ZIP file: each table as JSON for programs, and as CSV for spreadsheets (contract §12)."""

import codecs
import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from filmer.clock import timestamp
from filmer.importing import spreadsheet_csv
from filmer.personal_data import queries
from filmer.personal_data.queries import ExportedTable
from filmer.store.postgres import Connection

FILE = "my-data.zip"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
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
    return codecs.BOM_UTF8 + b"".join(spreadsheet_csv.rows(table.columns, table.rows))  # by it spreadsheets know UTF-8


def _exported(value: Any) -> Any:
    return timestamp(value) if isinstance(value, datetime) else value
