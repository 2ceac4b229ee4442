"""``make test`` brings a browser in where it may; where it can't, it says so and goes on."""

import os
import shutil
from pathlib import Path

import pytest
from tests.browser.chromium import find_chromium, require_chromium
from tests.browser.install_chromium import ensure_chromium

INSTALLS = 'for it in "$@"; do case "$it" in chromium*) : > "$it"; chmod +x "$it"; esac; done'


class Machine:
    """Programs in a folder that is all of PATH, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"

    def has(self, name: str, does: str = "") -> None:
        program = self.folder / name
        shell_script = f'PATH=/usr/bin:/bin; cd "$(dirname "$0")"; echo "{name} $*" >> calls; {does}'
        program.write_text(f"#!/bin/sh\n{shell_script}\n")
        program.chmod(0o755)

    def called(self, name: str) -> list[str]:
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        return [call for call in calls if call.startswith(f"{name} ")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Nothing is there; who asks is root."""
    folder = tmp_path / "with space"
    folder.mkdir()
    for name in ("env", "timeout"):
        (folder / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("FILMER_CHROMIUM", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Machine(folder)


@pytest.mark.parametrize("name", ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"])
def test_nothing_happens_where_one_is(name: str, machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.has(name)
    machine.has("apt-get", INSTALLS)
    ensure_chromium()
    assert find_chromium() == str(machine.folder / name)
    assert machine.called("apt-get") == []
    assert capfd.readouterr() == ("", "")


def test_one_that_is_named_comes_first(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("chromium")
    machine.has("chromium-headless-shell")
    machine.has("mine")
    monkeypatch.setenv("FILMER_CHROMIUM", str(machine.folder / "mine"))
    assert find_chromium() == require_chromium() == str(machine.folder / "mine")


def test_one_without_windows_is_preferred(machine: Machine) -> None:
    machine.has("chromium")
    machine.has("chromium-headless-shell")
    assert find_chromium() == str(machine.folder / "chromium-headless-shell")


def test_where_there_is_none_without_windows_one_with_them_will_do(machine: Machine) -> None:
    machine.has("apt-get", f'case "$*" in *headless*) echo unable to locate package; exit 100; esac; {INSTALLS}')
    ensure_chromium()
    assert find_chromium() == str(machine.folder / "chromium")
    assert len(machine.called("apt-get")) == 3


def test_root_installs_it_quietly(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.has("apt-get", f"echo lots of words; echo $DEBIAN_FRONTEND >> frontends; {INSTALLS}")
    ensure_chromium()
    assert find_chromium() == str(machine.folder / "chromium-headless-shell")
    update, install = machine.called("apt-get")
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends chromium-headless-shell fonts-liberation")
    assert (machine.folder / "frontends").read_text().split() == ["noninteractive"] * 2
    assert capfd.readouterr() == ("", "installing chromium for the browser tests ...\n")


def test_it_tries_twice(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.has("apt-get", f"[ -e tried ] || {{ : > tried; echo mirror is away; exit 100; }}; {INSTALLS}")
    ensure_chromium()
    assert find_chromium()
    assert len(machine.called("apt-get")) == 3
    assert "mirror" not in capfd.readouterr().err


def test_what_fails_twice_is_told(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.has("apt-get", "echo the mirror is away; exit 100")
    ensure_chromium()
    stderr = capfd.readouterr().err
    assert len(machine.called("apt-get")) == 2
    assert "SKIPPED" in stderr
    assert "the mirror is away" in stderr
    assert "FILMER_CHROMIUM=" in stderr
    assert len(stderr.splitlines()) > 5, "loud"


def test_it_does_not_wait_for_ever(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.has("apt-get", "exec sleep 60")
    ensure_chromium(seconds=1)
    assert "ended with 124" in capfd.readouterr().err


def test_sudo_without_a_password_will_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.has("apt-get", INSTALLS)
    machine.has("sudo", 'shift; PATH="$PWD"; exec "$@"')
    machine.has("true")
    ensure_chromium()
    assert find_chromium()
    assert len(machine.called("sudo")) == 3


@pytest.mark.parametrize("sudo", ["", "echo a password is required; exit 1"])
def test_nobody_else_installs(
    sudo: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine.has("apt-get", INSTALLS)
    if sudo:
        machine.has("sudo", sudo)
    ensure_chromium()
    assert machine.called("apt-get") == []
    assert "Only root" in capfd.readouterr().err


def test_other_systems_are_left_alone(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    ensure_chromium()
    assert "no apt-get" in capfd.readouterr().err
    assert not machine.calls.exists()


def test_a_wrong_name_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.has("apt-get", INSTALLS)
    machine.has("chromium")
    monkeypatch.setenv("FILMER_CHROMIUM", "chromjum")
    ensure_chromium()
    assert machine.called("apt-get") == []
    assert "FILMER_CHROMIUM=chromjum" in capfd.readouterr().err


def test_without_a_browser_tests_are_skipped(machine: Machine) -> None:
    assert not machine.called("chromium")
    with pytest.raises(pytest.skip.Exception, match="NO BROWSER"):
        require_chromium()


def test_in_ci_they_fail(machine: Machine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="NO BROWSER"):
        require_chromium()
    ensure_chromium()
    assert "will FAIL, as CI=true" in capfd.readouterr().err
    assert not machine.called("chromium")
