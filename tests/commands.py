"""The command line in a process of its own, with no settings but those a test gives."""

import os
import subprocess
import sys

from tests.conftest import SECRET_KEY

Done = subprocess.CompletedProcess[str]


def is_setting(variable: str) -> bool:
    named = {"DATABASE_URL", "REDIS_URL", "REDIS_PASSWORD", "CACHE_DURATION_SECONDS"}
    return variable in named or variable.startswith(("FILMER_", "TMDB_"))


def environment(**settings: str) -> dict[str, str]:
    """Never the data or the key of whoever runs the tests; so wide that no line is broken."""
    others = {name: value for name, value in os.environ.items() if not is_setting(name)}
    ours = {"FILMER_DATA_DIR": os.devnull, "FILMER_SECRET_KEY": SECRET_KEY, "COLUMNS": "1000"}
    return others | ours | settings


def filmer(*arguments: object, typed: str | bytes = "", **settings: str) -> Done:
    """``filmer …`` with something on its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "filmer", *map(str, arguments)],
        env=environment(**settings),
        input=typed.encode() if isinstance(typed, str) else typed,
        capture_output=True,
        check=False,
        timeout=90,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
