"""``make test`` brings Debian's chromium in where it may, and says loudly where it can't."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.browser.chromium import CHOSEN, WITHOUT_WINDOWS, find_chromium, is_required

BROWSERS = (WITHOUT_WINDOWS, "chromium")  # whichever there is a package of
FONTS = "fonts-liberation"  # without any no text is drawn
SECONDS = 300  # for all of it
TRIES = 2


def ensure_chromium(*, seconds: float = SECONDS) -> None:
    if find_chromium():
        return
    why = _install(seconds)
    if why:
        print(_note(why), file=sys.stderr)  # noqa: T201


def _install(seconds: float) -> str:
    """Why there is no browser now; empty if there is one."""
    if os.environ.get(CHOSEN):
        return f"{CHOSEN}={os.environ[CHOSEN]} is no program that can be run."
    if not shutil.which("apt-get"):
        return "There is no apt-get here to install one with."
    if not _may_install():
        return "Only root, or somebody with sudo that asks for no password, can install one."
    print("installing chromium for the browser tests ...", file=sys.stderr)  # noqa: T201
    deadline = time.monotonic() + seconds
    error = ""
    for _ in range(TRIES):
        error = _apt_get(("update",), deadline)
        for browser in () if error else BROWSERS:
            error = _apt_get(("install", "-y", "--no-install-recommends", browser, FONTS), deadline)
            if not error:
                break
        if not error:
            break
    if error:
        return f"apt-get could not install it:\n{error}"
    return "" if find_chromium() else f"apt-get installed {' or '.join(BROWSERS)}, but none is on PATH."


def _may_install() -> bool:
    return _is_root() or (shutil.which("sudo") is not None and not _failure(("sudo", "-n", "true")))


def _is_root() -> bool:
    return os.geteuid() == 0


def _apt_get(arguments: Sequence[str], deadline: float) -> str:
    """The output of apt-get if it failed, else an empty text."""
    left = max(1, round(deadline - time.monotonic()))
    as_root = () if _is_root() else ("sudo", "-n")
    # Bounded by a program that root runs, too: who called sudo can't stop what it started.
    bounded = (
        *as_root,
        "timeout",
        "--foreground",
        "--kill-after=10",
        str(left),
        "env",
        "DEBIAN_FRONTEND=noninteractive",
    )
    return _failure((*bounded, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=60", *arguments))


def _failure(command: Sequence[str]) -> str:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode == 0:
        return ""
    last = "\n".join(result.stdout.splitlines()[-15:])
    return f"{last}\n(`{' '.join(command)}` ended with {result.returncode})".lstrip()


def _note(why: str) -> str:
    fate = "FAIL, as CI=true" if is_required() else "be SKIPPED"
    rule = "*" * 78
    text = (
        f"NO BROWSER: the browser tests (tests/browser) will {fate}.\n{why}\n\n"
        f"To have them run: `apt-get install {BROWSERS[0]} {FONTS}` as root,\n"
        f"or name a Chromium or Chrome that is there: {CHOSEN}=/path/to/chrome make test"
    )
    return "\n".join(["", rule, *(f"* {line}".rstrip() for line in text.splitlines()), rule, ""])


if __name__ == "__main__":
    ensure_chromium()
