"""Write synthetic data in the format of IMDb's non-commercial data set, for benchmarks.

    python bench/generate_imdb.py OUT_DIR [--titles 12_300_000] [--seed 1] [--plain] [--films]

Five files appear in OUT_DIR: title.basics, title.ratings, title.crew, title.principals and name.basics, each
as .tsv.gz (or .tsv with --plain). Their columns, null marks, id shapes, row order and row counts follow the
real files of early 2026; every title, name and number is made up, from the word lists of bench/imdb. The same
seed and scale give the same bytes.

As in the real files, rows are sorted by id *as text*: tt1000000, tt10000003, tt1000001, ... so the numeric
order breaks where seven-digit and eight-digit ids meet, and the last row starts with tt9.

Needs numpy and isal.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

DEFAULT_TITLES = 12_300_000
MIN_TITLES, MAX_TITLES = 1_000, 30_000_000
MAX_FILMS = 1_200_000  # with their people, who have ids of seven digits or eight


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write synthetic data in the format of IMDb's data set.")
    parser.add_argument("out_dir", type=Path, help="directory to write to; made if it does not exist")
    parser.add_argument("--titles", type=int, default=DEFAULT_TITLES, help="number of titles (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same data (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="write .tsv instead of .tsv.gz")
    parser.add_argument("--films", action="store_true", help="only movies and TV movies, which an import keeps")
    options = parser.parse_args(arguments)
    if not MIN_TITLES <= options.titles <= MAX_TITLES:
        parser.error(f"--titles must be between {MIN_TITLES:,} and {MAX_TITLES:,}")
    if options.films and options.titles > MAX_FILMS:
        parser.error(f"--films goes up to {MAX_FILMS:,} titles")
    if options.seed < 0:
        parser.error("--seed must not be negative")
    return options


def main() -> None:
    """Write the five files and print what they hold."""
    options = parse_options()
    sys.path.insert(0, str(Path(__file__).parents[1]))  # a script finds only what lies beside it
    from bench.imdb.files import Options, write

    write(Options(options.out_dir, options.titles, options.seed, options.plain, options.films))


if __name__ == "__main__":
    main()
