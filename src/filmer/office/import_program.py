"""Works on one step of an import in the browser, in a process of its own. Its ``Order`` comes on standard input.

Whatever fails or is killed has changed nothing: the catalogue and the job's outcome change in one transaction.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from filmer.audit.log import Actor
from filmer.clock import SystemClock
from filmer.errors import CommandFailed
from filmer.importing import owner_films, pipeline, queries
from filmer.importing.data_set import DataSet, Report
from filmer.importing.progress import Advance, Progress
from filmer.office import import_check, import_queries
from filmer.office.import_jobs import Job, Order
from filmer.plurals import counted
from filmer.store.connecting import USE_CURRENT_EDITION

_STORED_EVERY_SECONDS = 0.5  # between two times that progress is stored
_TRIES = 3
_REPLACED = "The catalogue was replaced meanwhile. Please check the file again."
_OURS = "Something went wrong on our side. Nothing was changed."


def main() -> None:
    os.nice(10)  # visitors come first
    carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))


def carry_out(order: Order) -> None:
    """Works on the job's next step, unless another process does."""
    with queries.connect(order.database_url) as conn:
        if not import_queries.take_lock(conn, order.job_id):
            return
        job = import_queries.read_job(conn, order.job_id)
        if job is None:
            return
        try:
            _work(conn, job, order)
        except CommandFailed as error:
            import_queries.update_outcome(conn, job.id, "failed", str(error))
        except Exception:
            import_queries.update_outcome(conn, job.id, "failed", _OURS)
            raise


def _work(conn: psycopg.Connection[Any], job: Job, order: Order) -> None:
    progress = _StoredProgress(conn, job.id)
    if job.step == "undo":
        _change(job, order, progress, None, Report())
        return
    with tempfile.NamedTemporaryFile(prefix="filmer-") as file:
        import_queries.copy_file(conn, job.id, file)
        file.flush()
        path = Path(file.name)
        if job.step == "check":
            _check(conn, job, path)
            return
        report = Report(list_all=True)
        with progress.step("Reading the file"):
            data_set = owner_films.read_csv(
                path, report, encoding=job.choices.encoding, name=job.name, match=lambda *_: job.choices.fields,
                names_by=job.choices.names_by, any_sheet=True,
            )  # fmt: skip
    _change(job, order, progress, data_set, report)


def _check(conn: psycopg.Connection[Any], job: Job, path: Path) -> None:
    """From the beginning again where the edition that is read goes away, as after an edit of a film."""
    for _ in range(_TRIES):
        with suppress(psycopg.errors.UndefinedTable):
            return import_check.check(conn, job, path, _StoredProgress(conn, job.id))
        conn.execute(USE_CURRENT_EDITION)
    raise CommandFailed(_REPLACED)


def _change(job: Job, order: Order, progress: Progress, data_set: DataSet | None, report: Report) -> None:
    """Imports the data set; without one, undoes the last import."""
    actor = Actor("office", SystemClock().now(), order.account_id, order.address)

    def when_swapped(conn: psycopg.Connection[Any], *, films: int, stars: int) -> None:
        has_now = f"The catalogue has {counted(films, 'film')} and {counted(stars, 'star')} now."
        import_queries.update_outcome(conn, job.id, "done", has_now)

    with pipeline.import_connection(order.database_url) as conn:
        if data_set is None:
            pipeline.undo(conn, actor=actor, progress=progress, when_swapped=when_swapped)
            return
        pipeline.import_data_set(
            conn, data_set, source="csv", origin=job.name, report=report, actor=actor, progress=progress,
            keep_others=job.choices.keep_others, when_swapped=when_swapped,
        )  # fmt: skip


class _StoredProgress(Progress):
    """Steps in the job's row, where pages read them."""

    def __init__(self, conn: psycopg.Connection[Any], job_id: int) -> None:
        super().__init__(quiet=True)
        self._conn = conn
        self._job_id = job_id
        self._steps: list[dict[str, Any]] = []
        self._stored_at = 0.0

    @contextmanager
    def step(self, name: str, total: int | None = None, *, unit: str = "rows") -> Iterator[Advance]:
        step = {"name": name, "done": 0, "total": total, "unit": unit, "is_done": False}
        self._steps.append(step)
        self._store()

        def advance(done: int, _rows: int | None = None) -> None:
            step["done"] = done
            if time.monotonic() > self._stored_at + _STORED_EVERY_SECONDS:
                self._store()

        yield advance
        step["is_done"] = True
        self._store()

    def _store(self) -> None:
        self._stored_at = time.monotonic()
        import_queries.update_progress(self._conn, self._job_id, self._steps)


if __name__ == "__main__":
    main()
