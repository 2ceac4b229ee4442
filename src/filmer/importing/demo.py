"""The demo catalogue: well-known films, shipped as readable rows in the format of ``filmer import csv``."""

import io
from importlib import resources

from filmer.importing.arrival import Arrival, Report
from filmer.importing.own import read_rows

FILE = "demo.csv"


def read_demo(report: Report) -> Arrival:
    text = (resources.files("filmer.importing") / FILE).read_text("utf-8")
    return read_rows(io.StringIO(text, newline=""), FILE, report)
