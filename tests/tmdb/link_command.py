"""A catalogue without TMDB ids, and ``filmer link tmdb`` on it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg
from tests.commands import environment, filmer
from tests.conftest import import_films
from tests.current_edition import connect
from tests.sandbox import Sandbox

from filmer.tmdb.sandbox.responses import read_films

KNOWN = {film.id: film.tmdb_id for film in read_films()}  # to the sandbox
IDS = list(KNOWN)
UNKNOWN = ("tt9999998", "tt99999999")  # which the sandbox does not know
FAST = {"TMDB_REQUESTS_PER_SECOND": "1000"}
Result = subprocess.CompletedProcess[str]


def import_catalogue(
    database_url: str, folder: Path, films: Iterable[str], tmdb_ids: Mapping[str, int] | None = None
) -> None:
    """Import films by their ids. The first has most votes, a thousand, and is last in the file."""
    ids = tmdb_ids or {}
    rows = [f"{film},Film {film},{1000 - at},{ids.get(film, '')}" for at, film in enumerate(films)]
    path = folder / "films.csv"
    path.write_text("\n".join(["id,title,votes,tmdb_id", *reversed(rows)]), "utf-8")
    report = import_films(database_url, path)
    assert report.bad == {}


class LinkCommand:
    """``filmer link tmdb`` on a database, a Valkey and a sandbox. What still runs in the end is killed."""

    def __init__(self, database_url: str, redis_url: str, sandbox: Sandbox) -> None:
        self.url = database_url
        self._ends = ExitStack()
        self._settings = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "TMDB_BASE_URL": sandbox.url,
            "TMDB_API_KEY": "any",
            "TMDB_DEADLINE_SECONDS": "1",  # no second try is begun
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def start(self, *, stderr: int | None = None, **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "filmer", "link", "tmdb"],
            env=environment(**self._settings | variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stderr is None else stderr,
            text=True,
        )
        self._ends.callback(_end, process)
        return process

    def run(self, *arguments: str, **variables: str) -> Result:
        """In this process, which takes a tenth of the time of one of its own."""
        return filmer("link", "tmdb", *arguments, **self._settings | FAST | variables)

    def catalogue(self) -> str:
        return stdout_of(filmer("catalogue", **self._settings))

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


def result_of(process: "subprocess.Popen[str]") -> Result:
    out, err = process.communicate(timeout=60)
    return Result(process.args, process.returncode, out, err)


def stdout_of(result: Result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def stderr_of(result: Result) -> str:
    """Its output on standard error, which ends with the summary and the reason."""
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    return result.stderr


def eventually(holds: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def requested_ids(sandbox: Sandbox) -> list[str]:
    """The IMDb ids of the requests, in order."""
    return [request.path.removeprefix("/3/find/") for request in sandbox.requests()]
