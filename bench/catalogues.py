"""The catalogues that are measured: generated in IMDb's format, imported with the command, kept in bench/out."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import filmer
from filmer.settings import Settings, load_settings
from filmer.store.engines import engines

OUT = Path(__file__).parent / "out"
TITLES = {"small": 60_000, "default": 600_000, "full": 12_300_000}
ROUNDS = {"small": 3, "default": 7, "full": 9}
# Of films alone, by how many they come near: what is generated has some for adults too, which imports leave out.
FILMS = {f"films-{size}": round(size * 1.015) for size in (1_000, 10_000, 100_000, 700_000)}
# What decides how an imported catalogue looks.
_SHAPING = (
    "importing/*.py", "importing/*.sql", "catalogue/folding.py", "catalogue/words.py", "catalogue/index_format.py",
    "catalogue/index_words.py", "store/migrations/*.sql",
)  # fmt: skip


class Imported(msgspec.Struct):
    """An import, and what it is measured by."""

    titles: int
    seconds: float
    gzip_seconds: float
    peak_mib: float


def scale() -> str:
    chosen = os.environ.get("SCALE", "default")
    if chosen not in TITLES:
        raise SystemExit(f"SCALE is one of {', '.join(TITLES)}")
    return chosen


def files(chosen: str) -> Path:
    """The data set of a scale or a number of films, generated when it is not there yet."""
    folder = OUT / f"imdb-{chosen}"
    if not (folder / "done").exists():
        generator = str(Path(__file__).parent / "generate_imdb.py")
        size = ["--titles", str(TITLES[chosen])] if chosen in TITLES else ["--titles", str(FILMS[chosen]), "--films"]
        subprocess.run([sys.executable, generator, str(folder), *size], check=True, stdout=subprocess.DEVNULL)
        (folder / "done").touch()
    return folder


def data_dir(chosen: str) -> Path:
    return OUT / f"data-{chosen}"


@contextmanager
def running(chosen: str) -> Iterator[Settings]:
    """Settings that name the engines of a catalogue, which is imported first if that was not done by this code."""
    prepare(chosen)
    with engines(load_settings({}, data_dir=str(data_dir(chosen)))) as settings:
        yield settings


def prepare(chosen: str) -> None:
    mark = OUT / f"imported-{chosen}"
    if not (mark.exists() and mark.read_text() == _shape()):
        import_files(chosen)


def import_files(chosen: str) -> float:
    """Imports anew; the peak of its memory in MiB."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    folder, into = str(files(chosen)), str(data_dir(chosen))
    command = [sys.executable, "-m", "filmer", "import", "imdb", folder, "--data-dir", into]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"the import failed:\n{errors.read()}")
    (OUT / f"imported-{chosen}").write_text(_shape())
    return used.ru_maxrss / 1024


def run_import(chosen: str) -> Imported:
    """Imports a scale anew, between two readings of the same files by ``gzip -dc``, whose mean is the reference."""
    folder = files(chosen)
    before = _gzip_seconds(folder)
    begun = time.perf_counter()
    peak = import_files(chosen)
    seconds = time.perf_counter() - begun
    return Imported(TITLES[chosen], seconds, (before + _gzip_seconds(folder)) / 2, peak)


def _gzip_seconds(folder: Path) -> float:
    begun = time.perf_counter()
    for path in sorted(folder.glob("*.gz")):
        subprocess.run(["gzip", "-dc", path], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def _shape() -> str:
    root = Path(filmer.__file__).parent
    digest = hashlib.sha256()
    for pattern in _SHAPING:
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
