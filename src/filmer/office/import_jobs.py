"""What is known of an import in the browser: what the owner chose, what was found in the file, how far it is."""

from datetime import datetime
from typing import Any, Literal

import msgspec

Step = Literal["check", "import", "undo"]
Outcome = Literal["new", "changed", "unchanged", "refused"]


class Choices(msgspec.Struct, frozen=True):
    """What the owner chose. ``fields``: of each column of the file, "" for one that is not read; (): guessed."""

    encoding: str | None = None
    fields: tuple[str, ...] = ()
    names_by: str = ""
    keep_others: bool = True


class Line(msgspec.Struct, frozen=True):
    """A row of the file. ``detail``: what changes, or why it is refused. ``cells``: by field, as they were read."""

    number: int
    outcome: Outcome
    film_id: str = ""
    title: str = ""
    detail: str = ""
    changes: list[str] = []  # the fields that change
    cells: dict[str, str] = {}


class Found(msgspec.Struct):
    """What a check found. ``refusal``: why nothing of the file can be imported."""

    header: list[str] = []
    samples: list[list[str]] = []  # the first rows, as they are in the file
    lines: list[int] = []  # their numbers
    fields: list[str] = []
    names_by: str = "|"
    formats: list[str] = []
    warnings: list[str] = []
    first: list[Line] = []
    counts: dict[str, int] = {}  # of rows, by outcome
    changes: dict[str, int] = {}  # of films, by field
    listed: list[Line] = []
    others: int = 0  # films that the file does not have
    in_use: int = 0  # of those
    refusal: str = ""


class Job(msgspec.Struct, frozen=True):
    """A file on its way into the catalogue, or an import that is undone. ``outcome``: a sentence."""

    id: int
    name: str
    created: datetime
    step: Step
    state: Literal["new", "working", "checked", "done", "failed"]
    choices: Choices
    progress: list[dict[str, Any]]
    found: Found | None
    outcome: str | None
    size: int


class Undoable(msgspec.Struct, frozen=True):
    """The last import, and what an undo of it does: films that come back, go, and are again what they were."""

    origin: str
    finished: datetime
    back: int
    gone: int
    changed: int


class Order(msgspec.Struct, frozen=True):
    """What a process gets to work on a job. ``account_id``, ``address``: of the owner who began it."""

    database_url: str
    job_id: int
    account_id: int | None
    address: str
