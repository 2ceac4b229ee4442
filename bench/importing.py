"""An import of the scale, beside ``gzip -dc`` of the same files."""

from bench import catalogues
from bench.results import Limit, Row, Rows

RATIO, MEMORY_MIB = 2, 1_536


def rows(scale: str) -> Rows:
    imported = catalogues.run_import(scale)
    ratio = imported.seconds / imported.gzip_seconds
    yield Row(
        f"import of {imported.titles:,} titles",
        f"{imported.seconds:.1f} s",
        f"{imported.gzip_seconds:.1f} s: gzip -dc of the same files",
        ratio,
        [Limit(ratio, RATIO, "times it")],
        holds_here=scale == "full",  # below, what is done once in any import counts for more
        rounds={"filmer": [imported.seconds], "reference": [imported.gzip_seconds]},
    )
    yield Row(
        "import, peak memory of the process",
        f"{imported.peak_mib:,.0f} MiB",
        limits=[Limit(imported.peak_mib, MEMORY_MIB, "MiB")],
        rounds={"filmer": [imported.peak_mib]},
    )
