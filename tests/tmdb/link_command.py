"""A catalogue that does not know its TMDB ids, ``filmer link tmdb`` on it, and what is linked then."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg
from tests.commands import environment
from tests.conftest import import_films
from tests.current_edition import connect
from tests.sandbox import Sandbox

from filmer.tmdb.sandbox.responses import read_films

KNOWN = {film.id: film.tmdb_id for film in read_films()}  # to the sandbox
IDS = list(KNOWN)
STRANGERS = ("tt9999998", "tt99999999")  # which the sandbox does not know
FAST = {"TMDB_REQUESTS_PER_SECOND": "1000"}
Done = subprocess.CompletedProcess[str]


def stock(database_url: str, folder: Path, films: Iterable[str], tmdb_ids: Mapping[str, int] | None = None) -> None:
    """Makes films the catalogue, by id; the first has most votes, a thousand, and is last in the file."""
    told = tmdb_ids or {}
    rows = [f"{film},Film {film},{1000 - at},{told.get(film, '')}" for at, film in enumerate(films)]
    path = folder / "films.csv"
    path.write_text("\n".join(["id,title,votes,tmdb_id", *reversed(rows)]), "utf-8")
    report = import_films(database_url, path)
    assert report.bad == {}


class LinkCommand:
    """``filmer link tmdb`` on a database, a Valkey and a sandbox. What still runs in the end is killed."""

    def __init__(self, database_url: str, redis_url: str, sandbox: Sandbox) -> None:
        self.url = database_url
        self._ends = ExitStack()
        self._environment = environment(
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            TMDB_BASE_URL=sandbox.url,
            TMDB_API_KEY="any",
            TMDB_DEADLINE_SECONDS="1",  # no second try is begun
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def start(
        self, *arguments: str, command: str = "link tmdb", stderr: int | None = None, **variables: str
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "filmer", *command.split(), *arguments],
            env=self._environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stderr is None else stderr,
            text=True,
        )
        self._ends.callback(_end, process)
        return process

    def run(self, *arguments: str, **variables: str) -> Done:
        return ended(self.start(*arguments, command="link tmdb", stderr=None, **FAST | variables))

    def catalogue(self) -> str:
        return fine(ended(self.start(command="catalogue")))

    def links(self) -> dict[str, int | None]:
        return dict(self.fetch("SELECT film_id, tmdb_id FROM tmdb_link"))

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.url, autocommit=True) as conn:
            return conn.execute(statement.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute(statement.encode())


def _end(process: "subprocess.Popen[str]") -> None:
    with process:
        process.kill()


def ended(process: "subprocess.Popen[str]") -> Done:
    out, err = process.communicate(timeout=60)
    return Done(process.args, process.returncode, out, err)


def fine(done: Done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def failed(done: Done) -> str:
    """What it says on standard error, the summary and the reason: the last lines."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    return done.stderr


def eventually(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def asked(sandbox: Sandbox) -> list[str]:
    """The IMDb ids that were asked for, in order."""
    return [request.path.removeprefix("/3/find/") for request in sandbox.requests()]
