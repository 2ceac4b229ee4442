"""``make bench``: figures of this machine, each beside a limit or a reference measured in the same run.

SCALE=small, default or full (the size of IMDb). ``make bench ARGS="growth login"`` runs parts by their names. Prints a
table. All parts together leave it in bench/out, as bench-<scale>.json with pictures beside, in which parts that are
measured again replace their rows; ``python -m bench.report`` brings them into docs.
"""

import sys
import time
import traceback

from bench import (
    bare_sql,
    cached_reads,
    carts,
    catalogues,
    checkouts,
    cold_reads,
    datasette_comparison,
    favorites,
    growth,
    importing,
    login,
    memory,
    mix_comparison,
    oscar_comparison,
    popular,
    recommendations,
    search_quality,
    startup,
    uncached_reads,
    videos,
    worker_scaling,
)
from bench.charts import draw
from bench.machine import machine, today
from bench.results import Part, Row
from bench.results_table import Run, read, show, stored, write

PARTS: dict[str, Part] = {
    "import": importing.rows,
    "reads": uncached_reads.rows,
    "sql": bare_sql.rows,
    "cold": cold_reads.rows,
    "hot": cached_reads.rows,
    "growth": growth.rows,
    "mix": mix_comparison.rows,
    "peer": datasette_comparison.rows,
    "cart": carts.rows,
    "checkout": checkouts.rows,
    "oscar": oscar_comparison.rows,
    "login": login.rows,
    "popular": popular.rows,
    "favourites": favorites.rows,
    "recommendations": recommendations.rows,
    "search": search_quality.rows,
    "videos": videos.rows,
    "startup": startup.rows,
    "memory": memory.rows,
    "workers": worker_scaling.rows,
}
MINUTES = {"small": 15, "default": 40, "full": 120}  # after which no further part is begun


def main() -> None:
    scale = catalogues.scale()
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        raise SystemExit(f"bench has no part {', '.join(sorted(unknown))}. Its parts: {', '.join(PARTS)}")
    catalogues.OUT.mkdir(exist_ok=True)
    run = Run(scale, catalogues.TITLES[scale], today(), machine(), {}, [])
    end = time.monotonic() + MINUTES[scale] * 60
    for name in (name for name in PARTS if name in wanted):
        begun = time.monotonic()
        if begun > end:
            _add(run, name, Row("not begun", f"the {MINUTES[scale]} minutes are over", failed=True))
        else:
            _measure(run, name)
        run.seconds[name] = time.monotonic() - begun
        print(f"{name}: {run.seconds[name]:.0f} s", file=sys.stderr, flush=True)
    show(run)
    is_whole = set(wanted) == set(PARTS)
    if is_whole or stored(scale).exists():
        kept = run if is_whole else read(scale).with_parts_of(run)
        write(kept)
        draw(kept, catalogues.OUT)
        print(f"written to bench/out/bench-{scale}.json, with pictures beside", file=sys.stderr)
    raise SystemExit(any(row.failed for row in run.rows))


def _measure(run: Run, name: str) -> None:
    """A part that fails is a row that says so; the others go on."""
    try:
        for row in PARTS[name](run.scale):
            _add(run, name, row)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is
        traceback.print_exc()
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        _add(run, name, Row(f"{name} could not be measured", message[:200], failed=True))


def _add(run: Run, name: str, row: Row) -> None:
    row.part = name
    run.rows.append(row)


if __name__ == "__main__":
    main()
