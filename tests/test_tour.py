"""docs/api.md: each curl command of its tour is run, and answered as it is printed there; no endpoint is missing."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.conftest import MakeDatabase, Serve

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
TOUR = PAGE.partition("\n## A tour of the API\n")[2].partition("\n## ")[0]
WITHOUT_TMDB = TOUR.index("\n### Without TMDB\n")
FRESH_SECONDS = 2  # in the tour it is half a minute
END = "the command ended with"

# A block of commands, and the block of answers behind it, if there is one.
_BLOCK = re.compile(r"^```sh\n(?P<commands>.*?)^```\n(?:```\w*\n(?P<answers>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
# What differs from run to run.
_VARIABLE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=\"orderDate\":\")[\d-]+|(?<=\"orderId\":)\d+|(?<=^age: )\d+"
    r"|(?<=^etag: \")\w+|(?<=^x-request-id: )\w+|…",
    re.MULTILINE,
)

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and os.environ.get("CI") != "true", reason="there is no curl on this machine"
)


class Block(NamedTuple):
    commands: list[str]
    answers: list[str]
    is_without_tmdb: bool

    @property
    def name(self) -> str:
        return self.commands[-1].replace("http://127.0.0.1:8000", "")[:60]


def blocks() -> list[Block]:
    return [
        Block(
            found["commands"].replace("\\\n", "").strip().split("\n"),
            re.split(r"\n(?=\{)", found["answers"].strip()) if found["answers"] else [],
            found.start() > WITHOUT_TMDB,
        )
        for found in _BLOCK.finditer(TOUR)
    ]


BLOCKS = blocks()


def looks_like(printed: str) -> re.Pattern[str]:
    """What an answer looks like that is printed so: with line breaks for the reader, and shortened by ``…``."""
    printed = re.sub(r"\n\s+", "", printed) if printed.startswith("{") else printed
    pieces, last = [], 0
    for found in _VARIABLE.finditer(printed):
        kind = ".*?" if found[0] == "…" else r"\d+" if found[0].isdigit() else re.sub(r"\w", r"\\w", found[0])
        pieces += [re.escape(printed[last : found.start()]), kind]
        last = found.end()
    return re.compile("".join([*pieces, re.escape(printed[last:])]), re.DOTALL)


def is_answered(printed: str, outputs: list[str]) -> bool:
    """Headers are lines of the output, in any order; JSON is the whole body."""
    if printed.startswith("{"):
        return any(looks_like(printed).fullmatch(output.rpartition("\n\n")[2]) for output in outputs)
    lines = [looks_like(line) for line in printed.split("\n") if line != "…"]
    return any(all(any(map(line.fullmatch, output.split("\n"))) for line in lines) for output in outputs)


class Shell:
    """A shell in which one command after another is run, as a reader does."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, command: str) -> str:
        """What the command prints; it must succeed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f'{command}\necho; echo "{END} $?"\n')
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith(END):
                assert line.split()[-1] == "0", command
                return "".join(lines).replace("\r", "").strip("\n")
            lines.append(line)
        raise AssertionError(f"the shell ended at {command}")


@contextmanager
def shell(folder: Path) -> Iterator[Shell]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with subprocess.Popen(
        ["sh"],
        cwd=folder,
        env=environment | {"CURL_HOME": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        yield Shell(process)


@pytest.fixture(scope="module")
def outputs(
    make_database: MakeDatabase, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, str]]:
    """What each command of each block printed, at a demo of its own: they are run in order, as the tour tells them."""
    server = serve(make_database(), "--demo", CACHE_DURATION_SECONDS=str(FRESH_SECONDS), TMDB_DEADLINE_SECONDS="5")
    address = f"http://127.0.0.1:{server.port}"
    found = []
    has_tmdb = True
    with shell(tmp_path_factory.mktemp("tour")) as reader:
        for block in BLOCKS:
            if block.is_without_tmdb and has_tmdb:
                printed = re.search(r"`kill (\d+)` ends it", server.output())
                assert printed
                os.kill(int(printed[1]), signal.SIGTERM)
                time.sleep(FRESH_SECONDS + 0.5)  # until what is cached is stale
                has_tmdb = False
            found.append(
                {command: reader.run(command.replace("http://127.0.0.1:8000", address)) for command in block.commands}
            )
    return found


def test_the_tour_has_all_its_commands() -> None:
    assert len(BLOCKS) == 20
    assert sum(command.startswith("curl ") for block in BLOCKS for command in block.commands) == TOUR.count("\ncurl ")
    assert sum(command.startswith("curl ") for block in BLOCKS for command in block.commands) == 35
    assert "\ncurl " not in PAGE.replace(TOUR, ""), "nothing runs what stands outside of the tour"


def test_the_readme_shows_a_command_of_the_tour_and_its_answer() -> None:
    shown = [found for found in _BLOCK.finditer(README) if found["answers"]]
    assert len(shown) == README.count("\ncurl ") == 1
    for found in shown:
        assert found["commands"] in TOUR
        assert found["answers"] in TOUR


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[block.name for block in BLOCKS])
def test_a_step_of_the_tour_is_answered_as_printed(number: int, outputs: list[dict[str, str]]) -> None:
    """Every answer that is printed is given, and a command whose answer is not printed succeeds."""
    block, printed = BLOCKS[number], list(outputs[number].values())
    for answer in block.answers:
        assert is_answered(answer, printed), f"{answer}\nis not among\n" + "\n".join(printed)
    if not any('"success":false' in answer or '"error"' in answer for answer in block.answers):
        for output in printed:
            assert '"success":false' not in output
            assert '"error"' not in output


def test_every_endpoint_is_listed_once(shop: httpx.Client) -> None:
    listed = re.findall(r"^\| `([A-Z]+ /\S+)` \|", PAGE, re.MULTILINE)
    paths = shop.get("/openapi.json").json()["paths"]
    assert sorted(listed) == sorted(f"{method.upper()} {path}" for path, methods in paths.items() for method in methods)
