"""One worker that runs mutants: a copy of the tree and engines of its own, and a pytest process for each mutant."""

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from bench.mutant_plugins import SelectedTests, SharedEngines
from bench.mutations import Mutant, mutated

QUICK = 10.0  # seconds; a test that takes longer is left out
LATE = 30  # seconds, then a test has failed
MOST = 300.0  # seconds for one mutant

Outcome = str  # "killed", "late" or "survived"
_OUTCOMES = {0: "survived", 1: "killed", 2: "late"}
fork = multiprocessing.get_context("fork")  # what is imported here is there in each test process


class BaselineRun(msgspec.Struct):
    """What the tests did without any mutant. ``tests_by_line``: by module, without those that ``failed``."""

    failed: list[str]
    seconds: dict[str, float]
    tests_by_line: dict[str, dict[int, list[str]]]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Tests that execute its statement, the quickest first; that execute its module, if it is in no function."""
        lines = self.tests_by_line[mutant.module]
        chosen = range(mutant.first, mutant.last + 1) if mutant.function else lines
        return self._in_order({test for line in chosen for test in lines.get(line, [])})

    def quickest(self) -> list[str]:
        """One test for each module."""
        return [
            test
            for lines in self.tests_by_line.values()
            for test in self._in_order({test for tests in lines.values() for test in tests})[:1]
        ]

    def _in_order(self, tests: set[str]) -> list[str]:
        return sorted((test for test in tests if self.seconds[test] < QUICK), key=lambda test: self.seconds[test])


class MutantWorker:
    def __init__(self, tree: Path, baseline: BaselineRun, engines: Any) -> None:
        self._tree = tree
        self._baseline = baseline
        self._engines = engines
        self._log = tree.parent / f"{tree.name}.log"  # the output of the last pytest process
        self._kills: Counter[tuple[str, str]] = Counter()  # by function and test

    def check_baseline(self) -> None:
        """Fails unless the tests pass here without any mutant."""
        assert self._test(self._baseline.quickest())[0] == "survived", self._log.read_text("utf-8")[-5000:]

    def run_mutant(self, mutant: Mutant) -> Outcome:
        tests = self._baseline.tests_for(mutant)
        if not tests:
            return "survived"
        path = self._tree / mutant.module
        source = path.read_text("utf-8")
        path.write_text(mutated(source, mutant), encoding="utf-8")
        tests.sort(key=lambda test: -self._kills[mutant.function, test])  # of equals, the quicker one stays the first
        try:
            outcome, failed = self._test(tests)
        finally:
            path.write_text(source, encoding="utf-8")
        self._kills[mutant.function, failed] += 1
        return outcome

    def _test(self, tests: Sequence[str]) -> tuple[Outcome, str]:
        """The outcome, and which test failed."""
        receiver, sender = fork.Pipe(duplex=False)
        process = fork.Process(target=self._in_process, args=(tests, sender))
        process.start()
        sender.close()
        assert process.pid is not None
        process.join(MOST)
        outcome = "late" if process.exitcode is None else _OUTCOMES[process.exitcode]
        with suppress(ProcessLookupError):  # with what it has started
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        failed = ""
        with receiver, suppress(EOFError):  # none where nothing could be imported
            failed = receiver.recv() if outcome == "killed" and receiver.poll() else ""
        self._clear()
        return outcome, failed

    def _in_process(self, tests: Sequence[str], sender: Any) -> None:
        os.setpgrp()
        with self._log.open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        chosen = SelectedTests(tests)
        files = sorted({test.partition("::")[0] for test in tests})
        code = run_pytest(files, [chosen, SharedEngines(self._engines)], "-x", "-o", f"timeout={LATE}")
        sender.send(chosen.failed)
        sys.stdout.flush()
        os._exit(2 if chosen.is_late else int(code != 0))

    def _clear(self) -> None:
        import psycopg
        import redis

        with psycopg.connect(self._engines.database_url, autocommit=True) as conn:
            databases = "SELECT datname FROM pg_database WHERE datname ~ '^(test_|filmer_template)'"
            for (name,) in conn.execute(databases).fetchall():
                conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        with redis.Redis.from_url(self._engines.redis_url) as client:
            client.flushall()


def run_worker(tree: Path, baseline: BaselineRun, mutants: Sequence[Mutant], queue: Any, results: Any) -> None:
    """Runs one mutant after another."""
    use_tree(tree)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    import httpx  # noqa: F401 - once, not in each test process; so is what else takes long and is no part of filmer
    import litestar.openapi  # noqa: F401
    import psycopg_pool  # noqa: F401
    import redis.asyncio  # noqa: F401

    from filmer.store.embedded import running_engines

    folder = tree.parent / f"engines-{tree.name}"
    folder.mkdir(mode=0o711)
    with running_engines(folder) as engines:
        worker = MutantWorker(tree, baseline, engines)
        worker.check_baseline()
        while (position := queue.get()) is not None:
            begun = time.monotonic()
            results.put((position, worker.run_mutant(mutants[position]), time.monotonic() - begun))


def use_tree(tree: Path) -> None:
    """Makes all later imports come from the copy, here and in the processes that tests start."""
    os.chdir(tree)
    os.setpgrp()
    sys.path[:0] = [str(tree / "src"), str(tree)]
    os.environ["PYTHONPATH"] = str(tree / "src")
    tempfile.tempdir = os.environ["TMPDIR"] = str(tree.parent)


def run_pytest(files: Sequence[str], plugins: Sequence[object], *options: str) -> int:
    import pytest
    import pytest_timeout  # type: ignore[import-untyped]

    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer to import than most tests to run
    plain = ["-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    return int(pytest.main([*plain, *options, *files], plugins=[pytest_timeout, *plugins]))
