"""The documents: every path, link, anchor, command and make target that they name is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from filmer.cli import app

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "filmer"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# The changelog tells of versions before, whose files may have gone.
OF_TODAY = [document for document in DOCUMENTS if document.name != "CHANGELOG.md"]

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
_NAMES_A_FILE = re.compile(r"[\w*{},./-]+(?:\.(?:py|html|css|js|md|toml|csv)|/)")


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def paths_named_in(text: str) -> Iterator[str]:
    """What stands in backquotes and looks like a file or a folder of the project, and not like an address."""
    for quoted in re.findall(r"`([^`\n]+)`", _FENCED.sub("", text)):
        if _NAMES_A_FILE.fullmatch(quoted) and not quoted.startswith(("/", ".")):
            yield quoted
    for block in _FENCED.findall(text):  # of the map: a module's name has no other meaning
        yield from re.findall(r"(?<![\w/.-])\w+\.py\b", block)


def is_there(path: str) -> bool:
    """Paths begin at the project's folder or at src/filmer; a name alone may be anywhere. ``*`` stands for anything."""
    path = path.rstrip("/")
    if any(any(folder.glob(path)) for folder in (ROOT, PACKAGE)):
        return True
    return "/" not in path and any(any((ROOT / name).rglob(path)) for name in ("src", "tests", "docs", "bench"))


def anchors_of(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ +(.+)$", _FENCED.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_in(document: Path, program: str) -> list[list[str]]:
    """The arguments of each command of a document's shell blocks that runs ``program``. ``[…]`` may be left out."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", document.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = re.split(r"\n|&&|>", re.sub(r"\\\n|\[[^\]\n]*\]", "", "\n".join(blocks)))
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip().startswith(f"{program} ")]


@pytest.mark.parametrize("document", OF_TODAY, ids=name_of)
def test_every_path_that_a_document_names_is_there(document: Path) -> None:
    missing = [path for path in paths_named_in(document.read_text("utf-8")) if not is_there(path)]
    assert missing == []


def test_the_architecture_names_many_paths() -> None:
    assert len(set(paths_named_in(ARCHITECTURE.read_text("utf-8")))) > 80


def test_the_map_has_every_folder_and_every_module_beside_the_folders() -> None:
    """A line of the map begins with the names that it describes."""
    drawn = re.search(r"^```\n(src/filmer/\n.*?)^```$", ARCHITECTURE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert drawn
    named = set(re.findall(r"(?<![\w/])(\w+/|\w+\.py)(?![\w/])", drawn[1]))
    there = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.name for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert there - named == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for target in _LINK.findall(_FENCED.sub("", document.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("document", OF_TODAY, ids=name_of)
def test_the_command_line_understands_every_filmer_command(document: Path) -> None:
    for words in commands_in(document, "filmer"):
        app.parse_args(words, exit_on_error=False)


def test_commands_are_found_in_the_documents() -> None:
    assert len(commands_in(ROOT / "docs" / "shop.md", "filmer")) > 20
    with pytest.raises(CycloptsError, match="nonsense"):
        app.parse_args(["nonsense"], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("document", OF_TODAY, ids=name_of)
def test_every_make_target_is_there(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    quoted = re.findall(r"`make ([a-z]+)\b", document.read_text("utf-8"))
    assert {words[0] for words in commands_in(document, "make") if words} | set(quoted) <= targets


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
