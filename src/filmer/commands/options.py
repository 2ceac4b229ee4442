"""Options that several commands have. They load nothing, so that a command may start something first."""

from typing import Annotated

from cyclopts import Parameter

DataDir = Annotated[
    str | None, Parameter(name="--data-dir", help="The data directory, with the embedded database (FILMER_DATA_DIR).")
]
