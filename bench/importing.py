"""An import of the scale, beside ``gzip -dc`` of the same files."""

from bench import catalogues
from bench.results import Limit, Row, Rows

RATIO, MEMORY_MIB = 3, 1_536


def rows(scale: str) -> Rows:
    done = catalogues.run_import(scale)
    ratio = done.seconds / done.gzip_seconds
    yield Row(
        f"import of {done.titles:,} titles",
        f"{done.seconds:.1f} s",
        f"{done.gzip_seconds:.1f} s: gzip -dc of the same files",
        ratio,
        [Limit(ratio, RATIO, "times it")],
        holds_here=scale == "full",  # below, what is done once in any import counts for more
        rounds={"filmer": [done.seconds], "reference": [done.gzip_seconds]},
    )
    yield Row(
        "import, peak memory of the process",
        f"{done.peak_mib:,.0f} MiB",
        limits=[Limit(done.peak_mib, MEMORY_MIB, "MiB")],
        rounds={"filmer": [done.peak_mib]},
    )
