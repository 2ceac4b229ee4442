"""The machine that was measured on, and what filmer ran on: figures mean little without."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from filmer import __version__
from filmer.store.embedded import find_postgres


class Machine(msgspec.Struct):
    cores: int
    processor: str
    memory_gib: float
    system: str
    python: str
    postgresql: str
    filmer: str
    load_before: float  # the mean number of processes that wanted to run, in the minute before


def machine() -> Machine:
    version_output = subprocess.run(
        [find_postgres() / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        postgresql=version_output.stdout.split()[2],
        filmer=__version__,
        load_before=round(os.getloadavg()[0], 2),
    )


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
