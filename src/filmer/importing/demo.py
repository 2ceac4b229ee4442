"""The demo catalogue: well-known films, shipped as readable rows in the format of ``filmer import csv``."""

import io
from importlib import resources
from typing import TYPE_CHECKING

from filmer.importing.data_set import DataSet, Report
from filmer.importing.owner_films import read_rows

if TYPE_CHECKING:
    import psycopg

    from filmer.importing.progress import Progress

FILE = "demo.csv"


def read_demo(report: Report) -> DataSet:
    text = (resources.files("filmer.importing") / FILE).read_text("utf-8")
    return read_rows(io.StringIO(text, newline=""), FILE, report)


def import_demo(
    conn: "psycopg.Connection[tuple[object, ...]]", report: Report, progress: "Progress"
) -> tuple[int, int]:
    """Make the demo the catalogue. Returns how many films and stars the catalogue has then."""
    # These take 0.2 s to import, and the TMDB sandbox only reads the demo.
    from filmer.audit.log import command_line
    from filmer.importing import pipeline

    return pipeline.import_data_set(
        conn, read_demo(report), source="demo", origin=FILE, report=report, actor=command_line(), progress=progress
    )
