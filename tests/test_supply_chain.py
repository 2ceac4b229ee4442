"""What filmer stands on: pinned with hashes, installed as pinned, each with a reason and a licence (promise 32)."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
FILES = {"install": 0, "run": 40, "dev": 40, "bench": 40, "oscar": 20}  # more packages than so many are in each
INSTALLERS = {"pip", "setuptools", "wheel", "uv"}
# One of these words is in what each package says of its licence; what they ask of us is in docs/security.md.
LICENCES = re.compile(r"\b(MIT|BSD|Apache|PSF|MPL|LGPL|OFL)\b")


def lines_of(file: str) -> list[str]:
    """Each requirement with its hashes, as one line."""
    text = (ROOT / "requirements" / f"{file}.txt").read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


def pins_of(file: str) -> Iterator[Requirement]:
    """Those that are meant for this Python on this system."""
    for line in lines_of(file):
        requirement = Requirement(line.partition("--hash")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement


def versions_of(file: str) -> dict[str, str]:
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins_of(file)}


def installed() -> dict[str, importlib.metadata.Distribution]:
    return {
        canonicalize_name(distribution.metadata["Name"]): distribution
        for distribution in importlib.metadata.distributions()
    }


def project() -> dict[str, list[str]]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {"run": document["project"]["dependencies"], **document["dependency-groups"]}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_and_hashed_and_names_no_index(file: str) -> None:
    assert len(lines_of(file)) > FILES[file]
    for line in lines_of(file):
        assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.!+]+(\s*;[^#@]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", line), (
            line
        )
        assert "://" not in line


def test_each_file_holds_all_of_the_one_before() -> None:
    for less, more in (("run", "dev"), ("dev", "bench")):
        assert versions_of(less).items() <= versions_of(more).items()


def test_what_is_installed_is_what_is_pinned() -> None:
    here = {name: distribution.version for name, distribution in installed().items()}
    assert {name: here.get(name) for name in versions_of("dev")} == versions_of("dev")
    pinned = versions_of("bench")
    strangers = {name: version for name, version in here.items() if name not in {"filmer", *INSTALLERS}}
    assert strangers.items() <= pinned.items(), "packages that no file names, or in other versions"


def test_every_dependency_has_its_reason_and_is_pinned() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    for file, dependencies in project().items():
        assert dependencies
        for dependency in dependencies:
            (line,) = (line for line in lines if line.strip().startswith(f'"{dependency}"'))
            _, _, reason = line.partition("#")
            assert reason.strip(), f"why {dependency}?"
            assert canonicalize_name(Requirement(dependency).name) in versions_of(file)


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    """All it says of its licence: an expression, a first line, or a classifier; else what its licence file says."""
    metadata = distribution.metadata.json
    classifiers = [classifier for classifier in metadata.get("classifier", []) if classifier.startswith("License ::")]
    licence = " ".join(
        [str(metadata.get("license_expression", "")), str(metadata.get("license", "")).split("\n")[0], *classifiers]
    )
    if licence.strip():
        return licence
    text = distribution.read_text("licenses/LICENSE") or ""
    return "MIT" if "Permission is hereby granted, free of charge" in text else ""


def test_every_package_at_run_time_has_a_licence_that_lets_anybody_use_it() -> None:
    here = installed()
    licences = {name: licence_of(here[name]) for name in versions_of("run")}
    assert {name: licence for name, licence in licences.items() if not LICENCES.search(licence)} == {}
    strict = {name for name, licence in licences.items() if re.search(r"\b(LGPL|MPL)\b", licence)}
    document = (ROOT / "docs" / "security.md").read_text("utf-8").partition("## What filmer stands on")[2]
    assert {name for name in strict if f"`{name}`" not in document} == set(), "docs/security.md says which ask for more"
    assert not [name for name, licence in licences.items() if re.search(r"\bA?GPL\b", licence)]
