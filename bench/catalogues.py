"""The catalogues that are measured: generated in IMDb's format, imported with the command, kept in bench/out."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import msgspec

OUT = Path(__file__).parent / "out"
TITLES = {"small": 60_000, "default": 600_000, "full": 12_300_000}


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
    """The data set of a scale, generated when it is not there yet."""
    folder = OUT / f"imdb-{chosen}"
    if not (folder / "done").exists():
        generator = str(Path(__file__).parent / "generate_imdb.py")
        command = [sys.executable, generator, str(folder), "--titles", str(TITLES[chosen])]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (folder / "done").touch()
    return folder


def data_dir(chosen: str) -> Path:
    return OUT / f"data-{chosen}"


def run_import(chosen: str) -> Imported:
    """Imports a scale anew, between two readings of the same files by ``gzip -dc``, whose mean is the reference."""
    folder = files(chosen)
    before = _gzip_seconds(folder)
    begun = time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    command = [sys.executable, "-m", "filmer", "import", "imdb", str(folder), "--data-dir", str(data_dir(chosen))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _, said = process.communicate()
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"the import failed:\n{said}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Imported(TITLES[chosen], seconds, (before + _gzip_seconds(folder)) / 2, peak)


def _gzip_seconds(folder: Path) -> float:
    begun = time.perf_counter()
    for path in sorted(folder.glob("*.gz")):
        subprocess.run(["gzip", "-dc", path], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
