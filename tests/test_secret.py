"""The key outside the database: made once, kept to ourselves, and never mixed up with another."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from tests.commands import filmer
from tests.conftest import SECRET_KEY
from tests.users import put_card

from filmer.secret import FILE, SecretKey, require_known_key
from filmer.settings import Settings, SettingsError, load_settings

ASK = """
import sys
from filmer.secret import SecretKey
from filmer.settings import Settings
sys.stdin.readline()
print(SecretKey(Settings(data_dir=sys.argv[1])).fingerprint.hex())
"""


def fingerprint(data_dir: Path) -> bytes:
    return SecretKey(Settings(data_dir=str(data_dir))).fingerprint


def test_the_file_is_made_at_first_need_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "not" / "there" / FILE
        made = fingerprint(path.parent)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(path.read_text())) == 32
    assert [file.name for file in path.parent.iterdir()] == [FILE]
    assert fingerprint(path.parent) == made
    assert fingerprint(tmp_path / "another") != made


def test_however_many_ask_at_once_there_is_one_key(tmp_path: Path) -> None:
    """Processes and threads."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    keys: list[str] = []
    barrier = threading.Barrier(16)

    def ask() -> None:
        barrier.wait()
        keys.append(fingerprint(tmp_path).hex())

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    keys += [process.communicate("now\n", timeout=60)[0].strip() for process in asking]
    for thread in threads:
        thread.join()
    assert len(keys) == 20
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_a_digest_is_of_its_purpose_and_key(tmp_path: Path) -> None:
    key, other_key = SecretKey(Settings(secret_key=SECRET_KEY)), SecretKey(Settings(data_dir=str(tmp_path)))
    digests = {
        k.digest(purpose, text) for k in (key, other_key) for purpose in ("card", "guess") for text in ("a", "b")
    }
    assert len(digests) == 8
    assert {len(digest) for digest in digests} == {32}
    assert key.digest("card", "a") == SecretKey(Settings(secret_key=SECRET_KEY)).digest("card", "a")
    assert SECRET_KEY.encode() not in key.fingerprint


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_file_that_holds_no_key_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SettingsError, match=r"is not a secret key: it is too short"):
        fingerprint(tmp_path)


def test_a_place_where_no_file_can_be_is_told() -> None:
    with pytest.raises(SettingsError, match=r"can't be read from /dev/null/secret\.key.*FILMER_SECRET_KEY"):
        fingerprint(Path(os.devnull))


@pytest.mark.parametrize("short_key", ["x" * 31, "hunter2"])
def test_a_key_that_is_too_short_is_refused_and_never_shown(short_key: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"FILMER_SECRET_KEY": short_key})
    assert str(raised.value).startswith("FILMER_SECRET_KEY can't be used: ")
    assert short_key not in str(raised.value)
    result = filmer("serve", FILMER_SECRET_KEY=short_key)
    assert result.returncode == 1
    assert short_key not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_another_key_than_the_cards_were_put_on_file_with_is_told(database_url: str) -> None:
    put_card(database_url)
    require_known_key(Settings(database_url=database_url, secret_key=SECRET_KEY))
    require_known_key(Settings(database_url=database_url, secret_key=SECRET_KEY))
    with pytest.raises(SettingsError, match=r"another secret key.*filmer card remove --all"):
        require_known_key(Settings(database_url=database_url, secret_key="x" * 32))


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("card", "remove")])
def test_with_another_key_nothing_starts(arguments: tuple[str, ...], database_url: str) -> None:
    put_card(database_url)
    require_known_key(Settings(database_url=database_url, secret_key=SECRET_KEY))
    other_key = "another secret key than the one before"
    settings = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0", "FILMER_SECRET_KEY": other_key}
    result = filmer(*arguments, typed="4242424242424242\n", **settings)
    assert result.returncode == 1
    assert "another secret key" in result.stderr
    assert "Traceback" not in result.stderr
    assert other_key not in result.stdout + result.stderr
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT FROM secret_key").rowcount == 1
