"""The command line, with no settings but those a test gives: in this process, or in one of its own."""

import io
import logging
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tests.conftest import SECRET_KEY, log_as_in_tests

from filmer import cli

CommandResult = subprocess.CompletedProcess[str]


def is_setting(variable: str) -> bool:
    named = {"DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD", "CACHE_DURATION_SECONDS"}
    return variable in named or variable.startswith(("FILMER_", "TMDB_"))


def environment(**settings: str) -> dict[str, str]:
    """Never the data or the key of the user who runs the tests; so wide that no line is broken."""
    others = {name: value for name, value in os.environ.items() if not is_setting(name)}
    ours = {"FILMER_DATA_DIR": os.devnull, "FILMER_SECRET_KEY": SECRET_KEY, "COLUMNS": "1000"}
    return others | ours | settings


def filmer(*arguments: object, typed: str | bytes = "", **settings: str) -> CommandResult:
    """``filmer …`` in this process, with something on its standard input.

    A process of its own takes a second to start: ``filmer_process`` is for what only that can show.
    """
    command = ["filmer", *map(str, arguments)]
    out, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    stdin = io.TextIOWrapper(io.BytesIO(typed.encode() if isinstance(typed, str) else typed), "utf-8")
    with (
        mock.patch.dict(os.environ, environment(**settings), clear=True),
        mock.patch.object(sys, "argv", command),
        mock.patch.object(sys, "stdin", stdin),
        _process_state_restored(),
        redirect_stdout(out),
        redirect_stderr(error),
    ):
        status = _run()
    return CommandResult(command, status, _text_of(out), _text_of(error))


def filmer_process(
    *arguments: object, typed: str | bytes = "", at: Path | None = None, **settings: str
) -> CommandResult:
    """``filmer …`` in a process of its own, whose working directory is ``at``."""
    completed = subprocess.run(
        [sys.executable, "-m", "filmer", *map(str, arguments)],
        env=environment(**settings),
        input=typed.encode() if isinstance(typed, str) else typed,
        capture_output=True,
        check=False,
        cwd=at,
        timeout=90,
    )
    return CommandResult(completed.args, completed.returncode, completed.stdout.decode(), completed.stderr.decode())


def _run() -> int:
    """The exit code, as the interpreter would have it."""
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:  # noqa: BLE001 - a test looks for it in what was printed
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _process_state_restored() -> Iterator[None]:
    """What a command sets up for its process: where logs go, and what a signal does."""
    root = logging.getLogger()
    handlers, level, hang_up = root.handlers[:], root.level, signal.getsignal(signal.SIGHUP)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        log_as_in_tests()
        signal.signal(signal.SIGHUP, hang_up)


def _text_of(stream: io.TextIOWrapper) -> str:
    written = stream.buffer
    assert isinstance(written, io.BytesIO)
    return written.getvalue().decode()
