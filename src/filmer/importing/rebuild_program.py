"""Builds the catalogue anew where films were edited: a process of its own, as it takes a minute of a large one.

``office/rebuilding.py`` starts it with the database's URL in its environment, and of a large catalogue with NICE.
"""

import os
import sys

from filmer.importing.data_set import ImportFailed
from filmer.importing.pipeline import import_connection, rebuild
from filmer.importing.progress import Progress

NICE = "--nice"


def main() -> None:
    if NICE in sys.argv:
        os.nice(10)  # visitors come first
    try:
        build(os.environ["DATABASE_URL"])
    except ImportFailed as error:
        sys.exit(str(error))


def build(database_url: str) -> None:
    """Raises ImportFailed."""
    with Progress(quiet=True) as progress, import_connection(database_url) as conn:
        rebuild(conn, progress)


if __name__ == "__main__":
    main()
