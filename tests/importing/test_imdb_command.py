"""The commands ``filmer import imdb`` and ``filmer catalogue``: options, output and memory."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

from tests import commands
from tests.importing.datasets import (
    environment,
    filmer,
    films,
    import_imdb,
    line,
    titles_of_all_kinds,
    tt,
)


def test_the_command_line_says_which_titles_are_taken(database_url: str, tmp_path: Path) -> None:
    folder = titles_of_all_kinds().write(tmp_path)
    result = filmer(database_url, "import", "imdb", folder, "--types", "movie, short", "--min-votes=100", "--adult")
    assert result.stdout == "3 films and 0 stars are in the catalogue.\n", result.stderr
    assert sorted(films(database_url)) == [tt(1), tt(6), tt(7)]


def test_the_command_line_shows_counts_warnings_and_bad_lines(database_url: str, tmp_path: Path) -> None:
    data = titles_of_all_kinds()
    data.lines["title.basics"] += [b"tt0000021\tmovie\tthe first", b"tt0000022\tmovie\tthe second"]
    data.film(23, "no [b]year[/b]", year="MCMXC")
    result = filmer(database_url, "import", "imdb", data.write(tmp_path, without=["title.crew"]))
    messages = " ".join(result.stderr.split())
    assert result.returncode == 0, result.stderr
    assert "read 8 rows of title.basics.tsv" in messages
    assert "warning: title.crew is missing" in messages
    assert "2 too few fields; the first, in title.basics.tsv" in messages
    assert "tt0000021 movie the first" in messages
    assert "the second" not in messages
    assert "no [b]year[/b]" in messages
    assert "Reading title.basics.tsv: done" in messages  # not a terminal: a line per step

    shown = filmer(database_url, "catalogue").stdout.split()
    for words in ["version 1", "films 4", "stars 0", f"from {tmp_path}", "source imdb"]:
        assert any(shown[at : at + 2] == words.split() for at in range(len(shown))), (words, shown)
    assert "UTC" in shown


def test_where_it_is_from_is_never_cut_short(database_url: str, tmp_path: Path) -> None:
    """Even if the terminal is narrow."""
    folder = titles_of_all_kinds().write(tmp_path / ("long" * 20) / ("name" * 20))
    import_imdb(database_url, folder)
    shown = commands.filmer("catalogue", DATABASE_URL=database_url, COLUMNS="80")
    assert str(folder) in shown.stdout


def test_an_empty_catalogue_is_said_to_be_empty(database_url: str) -> None:
    result = filmer(database_url, "catalogue")
    assert (result.returncode, "empty" in result.stdout) == (0, True)


def test_a_terminal_shows_a_progress_bar(database_url: str, tmp_path: Path) -> None:
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "filmer", "import", "imdb", str(titles_of_all_kinds().write(tmp_path))]
    variables = {**environment(database_url), "TERM": "xterm-256color", "COLUMNS": "160"}
    with subprocess.Popen(command, env=variables, stderr=end, stdout=end, stdin=end) as process:
        os.close(end)
        output = b""
        try:
            while block := os.read(terminal, 65536):
                output += block
        except OSError:
            pass  # the other end is closed
        assert process.wait(60) == 0
    os.close(terminal)
    assert "━" in output.decode()
    assert "Reading title.basics.tsv" in output.decode()
    assert "7 rows" in output.decode()


def test_no_file_is_ever_held_in_memory(database_url: str, tmp_path: Path) -> None:
    """480 MB more of credits of unknown titles, in the largest file, take less than half of that in memory."""
    data = titles_of_all_kinds()
    small = peak_kib(database_url, data.write(tmp_path / "small", gz=True))
    start, end = line("tt7654321", 1, "nm7654321", "actor", None, '["' + "x" * 128), b'"]\n'
    rows = [start + os.urandom(16).hex().encode() + end for _ in range(10 * 2**20 // (len(start) + 35))]
    block = gzip.compress(b"".join(rows), 1)
    path = data.write(tmp_path / "large", gz=True) / "title.principals.tsv.gz"
    path.write_bytes(path.read_bytes() + block * 48)
    assert peak_kib(database_url, tmp_path / "large") - small < 240 * 1024


def peak_kib(database_url: str, folder: Path) -> int:
    """The peak memory of importing a folder."""
    code = (
        "import resource\nfrom filmer.cli import main\ntry:\n    main()\nfinally:\n"
        "    print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "import", "imdb", folder],
        env=environment(database_url),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout.split("peak")[1])
