"""Imports that fail, in every way that a test can cause: each says why, and the catalogue is unchanged."""

import gzip
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.connections import fetch_value
from tests.importing.datasets import (
    CURRENT,
    SCHEMAS,
    ImdbFiles,
    environment,
    execute,
    filmer,
    films,
    import_imdb,
    intact,
    tt,
    version,
)

from filmer.importing import imdb, pipeline
from filmer.importing.data_set import ImportFailed, Report
from filmer.importing.progress import Progress

pytestmark = [pytest.mark.proof, pytest.mark.parallel]


def data_set(count: int = 3) -> ImdbFiles:
    data = ImdbFiles()
    for number in range(1, count + 1):
        data.person(number, f"Star {number}")
        data.film(number, f"Film {number}", genres="Drama,Action", rated=(5, number), cast=[number], directors=[1])
    return data


@pytest.fixture
def folder(database_url: str, tmp_path: Path) -> Path:
    """A data set that differs from the catalogue."""
    import_imdb(database_url, data_set(2).write(tmp_path / "before"))
    return data_set(5).write(tmp_path / "data", gz=True)


def cut(packed: bytes) -> bytes:
    return packed[: len(packed) // 2]


def cut_at_the_end(packed: bytes) -> bytes:
    return packed[:-1]


def flip(packed: bytes) -> bytes:
    at = len(packed) // 2
    return packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :]


def flip_the_checksum(packed: bytes) -> bytes:
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


def unpack(packed: bytes) -> bytes:
    return gzip.decompress(packed)


def nothing(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [cut, cut_at_the_end, flip, flip_the_checksum, unpack, nothing])
def test_a_damaged_file_changes_nothing_and_is_named(
    database_url: str, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    before = intact(database_url)
    for name in ("title.basics", "name.basics"):  # the first and the last that is read
        path = folder / f"{name}.tsv.gz"
        sound = path.read_bytes()
        path.write_bytes(damage(sound))
        with pytest.raises(ImportFailed, match=name):
            import_imdb(database_url, folder)
        assert intact(database_url) == before
        path.write_bytes(sound)
    import_imdb(database_url, folder)
    assert len(films(database_url)) == 5


def test_whatever_byte_is_damaged_is_noticed(tmp_path: Path) -> None:
    """Any byte but those of gzip's header, which do not affect the content."""
    folder = data_set(400).write(tmp_path, gz=True)
    path = folder / "name.basics.tsv.gz"
    sound = path.read_bytes()
    draw = random.Random(28)

    def read() -> list[str]:
        data_set = imdb.read_imdb(folder, imdb.TitleFilter(), Report(), Progress(quiet=True))
        return [star.name for star in data_set.people]

    whole = read()
    for at in draw.sample(range(10, len(sound)), 60):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << draw.randrange(8)]) + sound[at + 1 :])
        with pytest.raises(ImportFailed):
            read()
    for at in draw.sample(range(1, len(sound)), 20):
        path.write_bytes(sound[:at])
        with pytest.raises(ImportFailed):
            read()
    path.write_bytes(sound)
    assert read() == whole


def test_the_command_line_says_what_is_damaged(database_url: str, folder: Path) -> None:
    before = intact(database_url)
    path = folder / "title.crew.tsv.gz"
    path.write_bytes(flip(path.read_bytes()))
    result = filmer(database_url, "import", "imdb", folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert "filmer: title.crew.tsv.gz is damaged" in result.stderr
    assert "Traceback" not in result.stderr
    assert intact(database_url) == before


@pytest.mark.parametrize("in_use", [False, True])
@pytest.mark.parametrize(
    "wanted", [imdb.TitleFilter(types=("moive",)), imdb.TitleFilter(min_votes=10**6), imdb.TitleFilter(types=())]
)
def test_an_import_without_a_film_is_refused(
    database_url: str, folder: Path, wanted: imdb.TitleFilter, *, in_use: bool
) -> None:
    """A typing error must not leave a shop with nothing but the films in use."""
    if in_use:
        execute(database_url, f"INSERT INTO film_in_use VALUES ('{tt(1)}')")
    before = intact(database_url)
    with pytest.raises(ImportFailed, match="no film"):
        import_imdb(database_url, folder, wanted)
    assert intact(database_url) == before


@contextmanager
def when(database_url: str, tag: str, then: str) -> Iterator[None]:
    """Runs a statement in the middle of an import, before each DDL command with a tag."""
    execute(
        database_url,
        f"CREATE FUNCTION staged() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {then}; END $$",
        f"CREATE EVENT TRIGGER staged ON ddl_command_start WHEN TAG IN ('{tag}') EXECUTE FUNCTION staged()",
    )
    try:
        yield
    finally:
        execute(database_url, "DROP EVENT TRIGGER staged", "DROP FUNCTION staged")


STAGES = ["CREATE SCHEMA", "CREATE TABLE", "CREATE INDEX", "ALTER SCHEMA"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_changes_nothing(database_url: str, folder: Path, stage: str) -> None:
    """With PostgreSQL's error; no disk is really full here."""
    before = intact(database_url)
    full = "RAISE 'no space left on device' USING ERRCODE = 'disk_full'"
    with when(database_url, stage, full), pytest.raises(ImportFailed, match=r"disk space.*no space left"):
        import_imdb(database_url, folder)
    assert intact(database_url) == before
    import_imdb(database_url, folder)
    assert (len(films(database_url)), fetch_value(database_url, SCHEMAS)) == (5, fetch_value(database_url, CURRENT))


@pytest.mark.parametrize("stage", STAGES)
def test_a_lost_database_changes_nothing(database_url: str, folder: Path, stage: str) -> None:
    before = intact(database_url)
    lost = "PERFORM pg_terminate_backend(pg_backend_pid()) WHERE current_setting('application_name') <> ''"
    with when(database_url, stage, lost), pytest.raises(ImportFailed, match="database failed"):
        import_imdb(database_url, folder)
    after = intact(database_url)
    assert set(after.pop("schemas")) - set(before.pop("schemas")) <= {"catalogue_next"}
    assert after == before
    import_imdb(database_url, folder)
    assert (len(films(database_url)), fetch_value(database_url, SCHEMAS)) == (5, fetch_value(database_url, CURRENT))


def test_ctrl_c_changes_nothing(database_url: str, folder: Path) -> None:
    before = intact(database_url)
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    with (
        when(database_url, "CREATE SCHEMA", "PERFORM pg_sleep(60)"),  # far longer than the interruption takes
        subprocess.Popen(
            [sys.executable, "-m", "filmer", "import", "imdb", folder],
            env=environment(database_url),
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        while not fetch_value(database_url, asleep):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert intact(database_url) == before


def test_a_second_import_at_the_same_time_is_refused(database_url: str, folder: Path) -> None:
    before = intact(database_url)
    with pipeline.import_connection(database_url):
        result = filmer(database_url, "import", "imdb", folder)
    assert result.returncode == 1
    assert "Another import is running" in result.stderr
    assert intact(database_url) == before
    assert filmer(database_url, "import", "imdb", folder).returncode == 0


def test_an_import_may_start_as_soon_as_another_has_ended(database_url: str) -> None:
    for _ in range(40):
        with pipeline.import_connection(database_url):
            pass


def test_what_a_killed_import_left_goes_at_the_next(database_url: str, folder: Path) -> None:
    execute(
        database_url,
        "CREATE SCHEMA catalogue_next CREATE TABLE film (id text)",
        "CREATE SCHEMA catalogue_old CREATE TABLE film (id text)",
    )
    import_imdb(database_url, folder)
    assert fetch_value(database_url, SCHEMAS) == fetch_value(database_url, CURRENT)
    assert (len(films(database_url)), version(database_url)) == (5, 2)


def test_each_import_adds_one_to_the_version_and_a_failed_one_does_not(database_url: str, folder: Path) -> None:
    assert version(database_url) == 1
    import_imdb(database_url, folder)
    assert version(database_url) == 2
    with pytest.raises(ImportFailed):
        import_imdb(database_url, folder, imdb.TitleFilter(types=("none",)))
    import_imdb(database_url, folder)
    assert version(database_url) == 3
    assert fetch_value(database_url, "SELECT array_agg(version ORDER BY id) FROM import_run") == [1, 2, 3]
    assert fetch_value(database_url, SCHEMAS) == fetch_value(database_url, CURRENT)
