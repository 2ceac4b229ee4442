"""The five files."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from bench.imdb.credits import Casting, CrewText, PrincipalsText, make_crew
from bench.imdb.distributions import CHUNK, MOVIE, RATED_SHARE, TV_MOVIE
from bench.imdb.generated_world import World
from bench.imdb.names import NamesText
from bench.imdb.titles import BasicsText, RatingsText
from isal import isal_zlib

PROGRESS_SECONDS = 5.0
COMPRESSION_LEVEL = 2
GZIP_WINDOW = 16 + 15

BASICS, RATINGS, CREW = "title.basics", "title.ratings", "title.crew"
PRINCIPALS, NAMES = "title.principals", "name.basics"
HEADERS = {
    BASICS: "tconst titleType primaryTitle originalTitle isAdult startYear endYear runtimeMinutes genres",
    RATINGS: "tconst averageRating numVotes",
    CREW: "tconst directors writers",
    PRINCIPALS: "tconst ordering nconst category job characters",
    NAMES: "nconst primaryName birthYear deathYear primaryProfession knownForTitles",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    out_dir: Path
    titles: int
    seed: int
    plain: bool
    only_films: bool


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What was written to one file."""

    name: str
    rows: int
    text_bytes: int
    file_bytes: int
    seconds: float


class TsvFile:
    """One output file that counts its rows and tells how far it is."""

    def __init__(self, options: Options, table: str, expected: int) -> None:
        """Open the file of a table and write its header; ``expected`` rows are for the progress only."""
        self.path = options.out_dir / f"{table}.tsv{'' if options.plain else '.gz'}"
        self.expected = expected
        self.rows = self.text_bytes = 0
        self.started = self.reported = time.monotonic()
        self.out: BinaryIO = self.path.open("wb")
        # A gzip header written this way holds no name and no time: the same bytes for the same data.
        packer = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
        self.packer = None if options.plain else packer
        self.write("\t".join(HEADERS[table].split()).encode() + b"\n", 0)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        with self.out:
            if self.packer:
                self.out.write(self.packer.flush())

    def write(self, text: bytes | bytearray, rows: int) -> None:
        """Append rows."""
        self.out.write(self.packer.compress(text) if self.packer else text)
        self.rows += rows
        self.text_bytes += len(text)
        if time.monotonic() - self.reported >= PROGRESS_SECONDS:
            self.reported = time.monotonic()
            share = min(self.rows / self.expected, 1.0)
            print(f"{self.path.name}: {self.rows:,} rows ({share:.0%})", file=sys.stderr, flush=True)

    def summary(self) -> FileSummary:
        """Return what was written; call it after closing."""
        seconds = time.monotonic() - self.started
        return FileSummary(self.path.name, self.rows, self.text_bytes, self.path.stat().st_size, seconds)


def write_title_files(options: Options) -> list[FileSummary]:
    """Write title.basics, title.ratings and title.crew."""
    world = World.make(options.titles, options.seed, only_films=options.only_films)
    basics_text, ratings_text, crew_text = BasicsText(world), RatingsText(world), CrewText(world)
    with ExitStack() as stack:
        basics = stack.enter_context(TsvFile(options, BASICS, options.titles))
        ratings = stack.enter_context(TsvFile(options, RATINGS, round(options.titles * RATED_SHARE)))
        crew = stack.enter_context(TsvFile(options, CREW, options.titles))
        for chunk in world.chunks():
            basics.write(basics_text.rows(chunk), len(chunk))
            ratings.write(*ratings_text.rows(chunk))
            crew.write(crew_text.rows(chunk, make_crew(world, chunk)), len(chunk))
    return [file.summary() for file in (basics, ratings, crew)]


def write_people_files(options: Options) -> list[FileSummary]:
    """Write title.principals, and name.basics with the titles people turned out to be known for."""
    world = World.make(options.titles, options.seed, only_films=options.only_films)
    known = np.zeros((world.people.count, 4), dtype=np.int32)
    casting, principals_text = Casting(world), PrincipalsText(world)
    with TsvFile(options, PRINCIPALS, options.titles * 8) as principals:
        for chunk in world.chunks():
            credited = casting.draw(chunk, make_crew(world, chunk))
            people_rows = world.people.rows(credited.places)
            principals.write(principals_text.rows(chunk, credited, people_rows), len(people_rows))
            # One of four slots by the title, so that no title fills two; films last, they stay.
            titles = chunk.first + credited.titles
            films = np.isin(chunk.kinds, (MOVIE, TV_MOVIE))[credited.titles]
            for rows in (np.flatnonzero(~films), np.flatnonzero(films)):
                known[people_rows[rows], titles[rows] % 4] = titles[rows] + 1
    names_text = NamesText(world)
    with TsvFile(options, NAMES, world.people.count) as names:
        for number, first in enumerate(range(0, world.people.count, CHUNK)):
            part = known[first : first + CHUNK]
            names.write(names_text.rows(number, first, part), len(part))
    return [file.summary() for file in (principals, names)]


def write(options: Options) -> None:
    """Write the five files, two processes side by side, and print what they hold."""
    options.out_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ProcessPoolExecutor(max_workers=2) as pool:
        tasks = [pool.submit(task, options) for task in (write_people_files, write_title_files)]
        summaries = [summary for task in reversed(tasks) for summary in task.result()]
    for summary in summaries:
        print(
            f"{summary.name:<24}{summary.rows:>12,} rows {summary.text_bytes:>14,} bytes of text "
            f"{summary.file_bytes:>14,} bytes on disk {summary.seconds:>7.1f} s"
        )
    print(f"{options.titles:,} titles, seed {options.seed}: {time.monotonic() - started:.1f} s")
