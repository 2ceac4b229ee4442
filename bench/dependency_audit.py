"""Asks databases of known vulnerabilities about every package filmer depends on (promise 32).

``python -m bench.dependency_audit`` has pip-audit look up each pinned package, those filmer runs on and those it is
tested and measured with: first in the database of the package index, then in OSV's. A package that no database could
be asked about counts as not audited, and the promise as not reached. tests/test_supply_chain.py checks that all are
pinned, hashed and installed so.
"""

import subprocess
import sys
from pathlib import Path

import msgspec

PINNED = Path(__file__).parent.parent / "requirements" / "bench.txt"  # all of run.txt and dev.txt is in it
DATABASES = ("pypi", "osv")
LIMIT = 300  # seconds for each database


class Flaw(msgspec.Struct):
    id: str
    fix_versions: list[str] = []


class Audited(msgspec.Struct):
    """``vulns``: None where the database could say nothing of the package."""

    name: str
    version: str = ""
    vulns: list[Flaw] | None = None


class Answer(msgspec.Struct):
    dependencies: list[Audited] = []


def main() -> None:
    pinned, audited = 0, []
    for database in DATABASES:
        packages = _ask(database)
        pinned = max(pinned, len(packages))
        audited = [package for package in packages if package.vulns is not None]
        if audited:
            break
    flawed = [package for package in audited if package.vulns]
    for package in flawed:
        for flaw in package.vulns or []:
            print(
                f"{package.name} {package.version}: {flaw.id}, mended in {', '.join(flaw.fix_versions) or 'none yet'}"
            )
    if not audited:
        print("not audited: no database of known vulnerabilities can be reached from here")
    elif len(audited) < pinned:
        print(
            f"{len(audited)} of {pinned} packages audited, {len(flawed)} with known vulnerabilities; the others unknown"
        )
    else:
        print(f"{len(audited)} packages audited, {len(flawed)} with known vulnerabilities")
    raise SystemExit(0 if audited and len(audited) == pinned and not flawed else 1)


def _ask(database: str) -> list[Audited]:
    """Every package with what is known of it; none if the database can't be reached."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINNED), "--require-hashes", "--disable-pip"]
    command += ["--vulnerability-service", database, "--format", "json", "--progress-spinner", "off"]
    try:
        result = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return []
    try:
        return msgspec.json.decode(result.stdout, type=Answer).dependencies
    except msgspec.DecodeError:
        sys.stderr.write(result.stderr.decode(errors="replace").strip().rpartition("\n")[2] + "\n")
        return []


if __name__ == "__main__":
    main()
