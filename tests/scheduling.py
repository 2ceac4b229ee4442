"""Which tests run when: the longest files first, and those that need the machine to themselves in a run of their own.

Files none of whose tests a run wants are not even loaded, and the others not in the same order by each process: in a
new checkout each file has to be compiled, which then one process does and not all at once.

The workers of pytest-xdist take file after file. Where the longest come last, the others have nothing to do at the
end; so they come first, by the seconds that ``durations.json`` has of each. ``make test ARGS=--record-durations``
measures anew. A file that is not in it yet comes first of all. Tests of a file stay in random order.
"""

import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
DURATIONS = Path(__file__).with_name("durations.json")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write {DURATIONS.name} from this run")


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "proof: takes long, or loads, kills or times something: it runs in `make proof`",
        "parallel: a proof that neither loads the machine nor judges times: it runs beside others, before the rest",
    ):
        config.addinivalue_line("markers", marker)
    is_worker = hasattr(config, "workerinput")
    if config.getoption("--record-durations") and not is_worker:
        config.pluginmanager.register(_Recorder())


_MARK = re.compile(r"pytest\.mark\.(proof|parallel)\b")
_MARKS_OF_ALL = re.compile(r"^pytestmark = (?:\[.*?\]|.*?$)", re.MULTILINE | re.DOTALL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return is_left_out(collection_path.read_text("utf-8"), config.getoption("markexpr")) or None


def is_left_out(text: str, wanted: str) -> bool:
    """Whether the marks in a file's text leave none of its tests to a run of those ``wanted``."""
    some = set(_MARK.findall(text))
    all_ = {mark for marks in _MARKS_OF_ALL.findall(text) for mark in _MARK.findall(marks)}
    return {
        "not proof": "proof" in all_,
        "proof and parallel": not {"proof", "parallel"} <= some,
        "proof and not parallel": "proof" not in some or "parallel" in all_,
    }.get(wanted, False)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker and [Path(arg).resolve() for arg in session.config.args] == [TESTS]:
        parts = sorted(path for path in TESTS.iterdir() if has_tests(path))
        first = len(parts) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        session.config.args = [str(path) for path in parts[first:] + parts[:first]]


def has_tests(path: Path) -> bool:
    return any(path.rglob("test_*.py")) if path.is_dir() else path.match("test_*.py")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    items.sort(key=lambda item: item.path)  # as in every process, before pytest-randomly shuffles them
    yield
    seconds: defaultdict[str, float] = defaultdict(float)
    known = recorded()
    for file in {file_of(item.nodeid) for item in items}:
        seconds[run_together(file)] += known.get(file, float("inf"))
    items.sort(key=lambda item: -seconds[run_together(file_of(item.nodeid))])


def recorded() -> dict[str, float]:
    """Seconds by file, relative to the checkout."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text("utf-8"))
    return seconds


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@functools.cache
def run_together(file: str) -> str:
    """What one process runs, one after another: a file, or all that need the catalogue of thousands of films.

    To make that catalogue takes a process ten seconds.
    """
    return "with catalogue" if "catalogue: Catalogue" in (ROOT / file).read_text("utf-8") else file


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return run_together(file_of(nodeid))


@pytest.hookimpl(optionalhook=True)  # a run without pytest-xdist, such as each of bench/mutants.py, has no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling:
    return _Scheduling(config, log)


class _Recorder:
    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[file_of(report.nodeid)] += report.duration  # type: ignore[assignment]

    def pytest_sessionfinish(self) -> None:
        """Of files that did not run, what is known already stays."""
        known = {name: seconds for name, seconds in recorded().items() if (ROOT / name).exists()}
        known |= {name: round(seconds, 1) for name, seconds in self._seconds.items()}
        DURATIONS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", "utf-8")
