"""One lane of mutants: a copy of the tree and engines of its own, and a process of pytest for each mutant."""

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
from bench.mutant_plugins import Chosen, Warm
from bench.mutations import Mutant, mutated

QUICK = 10.0  # seconds; a test that takes longer is left out
LATE = 30  # seconds, then a test has failed
MOST = 300.0  # seconds for one mutant

Fate = str  # "killed", "late" or "survived"
_FATES = {0: "survived", 1: "killed", 2: "late"}
fork = multiprocessing.get_context("fork")  # what is imported here is there in each test process


class Noted(msgspec.Struct):
    """What the tests do as things are. ``passes``: those through each line, by module, without any that ``failed``."""

    failed: list[str]
    seconds: dict[str, float]
    passes: dict[str, dict[int, list[str]]]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Those that pass through its statement, the quickest first; through its module, if it is in no function."""
        lines = self.passes[mutant.module]
        chosen = range(mutant.first, mutant.last + 1) if mutant.function else lines
        return self._in_order({test for line in chosen for test in lines.get(line, [])})

    def quickest(self) -> list[str]:
        """One through each module."""
        return [
            test
            for lines in self.passes.values()
            for test in self._in_order({test for tests in lines.values() for test in tests})[:1]
        ]

    def _in_order(self, tests: set[str]) -> list[str]:
        return sorted((test for test in tests if self.seconds[test] < QUICK), key=lambda test: self.seconds[test])


class Lane:
    def __init__(self, tree: Path, noted: Noted, engines: Any) -> None:
        self._tree = tree
        self._noted = noted
        self._engines = engines
        self._log = tree.parent / f"{tree.name}.log"  # what pytest said last
        self._bites: Counter[tuple[str, str]] = Counter()  # by function and test

    def must_pass(self) -> None:
        """As things are, the tests pass here."""
        assert self._test(self._noted.quickest())[0] == "survived", self._log.read_text("utf-8")[-5000:]

    def try_out(self, mutant: Mutant) -> Fate:
        tests = self._noted.tests_of(mutant)
        if not tests:
            return "survived"
        path = self._tree / mutant.module
        source = path.read_text("utf-8")
        path.write_text(mutated(source, mutant), encoding="utf-8")
        tests.sort(key=lambda test: -self._bites[mutant.function, test])  # of equals, the quicker one stays the first
        try:
            fate, failed = self._test(tests)
        finally:
            path.write_text(source, encoding="utf-8")
        self._bites[mutant.function, failed] += 1
        return fate

    def _test(self, tests: Sequence[str]) -> tuple[Fate, str]:
        """What comes of it, and which test failed."""
        hears, tells = fork.Pipe(duplex=False)
        process = fork.Process(target=self._in_process, args=(tests, tells))
        process.start()
        tells.close()
        assert process.pid is not None
        process.join(MOST)
        fate = "late" if process.exitcode is None else _FATES[process.exitcode]
        with suppress(ProcessLookupError):  # with what it has started
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        failed = ""
        with hears, suppress(EOFError):  # none where nothing could be imported
            failed = hears.recv() if fate == "killed" and hears.poll() else ""
        self._clear()
        return fate, failed

    def _in_process(self, tests: Sequence[str], tells: Any) -> None:
        os.setpgrp()
        with self._log.open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        chosen = Chosen(tests)
        files = sorted({test.partition("::")[0] for test in tests})
        code = run_pytest(files, [chosen, Warm(self._engines)], "-x", "-o", f"timeout={LATE}")
        tells.send(chosen.failed)
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


def run_lane(tree: Path, noted: Noted, mutants: Sequence[Mutant], queue: Any, results: Any) -> None:
    """Tries one mutant after another."""
    enter(tree)
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
        lane = Lane(tree, noted, engines)
        lane.must_pass()
        while (place := queue.get()) is not None:
            begun = time.monotonic()
            results.put((place, lane.try_out(mutants[place]), time.monotonic() - begun))


def enter(tree: Path) -> None:
    """What is imported from now on is the copy's, here and in the processes that tests start."""
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
