"""pytest plugins for mutants: running engines to share, which test executes which line, and a selection of tests."""

import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pytest


class SharedEngines:
    """Makes the tests use engines that are running already."""

    def __init__(self, engines: object) -> None:
        self._engines = engines

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> object | None:
        if fixturedef.argname != "engines":
            return None
        fixturedef.cached_result = (self._engines, fixturedef.cache_key(request), None)
        return self._engines


class LineRecorder:
    """Records each test's seconds, and which lines of the modules it executes in this process."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = set(modules)  # absolute paths
        self._now: set[tuple[str, int]] = set()
        self.lines: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out tests that start servers: what other processes execute can't be recorded here."""
        items[:] = [item for item in items if "serve" not in getattr(item, "fixturenames", ())]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._now = self.lines[item.nodeid] = set()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.add(report.nodeid)

    def _trace(self, frame: FrameType, _event: str, _arg: object) -> Any:
        if frame.f_code.co_filename not in self._modules:
            return None
        self._now.add((frame.f_code.co_filename, frame.f_lineno))
        return self._trace


class SelectedTests:
    """Runs these tests only, in this order. ``failed``: the test that did; ``is_late``: it timed out."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._places = {test: position for position, test in enumerate(tests)}
        self.failed = ""
        self.is_late = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._places), key=lambda item: self._places[item.nodeid]
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid
            self.is_late |= "Timeout" in str(report.longrepr)
