"""What the specifications' own files print: endpoints, examples, statuses, codes.

They are no part of this repository. ``FILMER_SPECIFICATIONS`` names the folder that has shop-api.md, community-api.txt
and contract.md; then what the tests hold of them is compared with the files.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from filmer.settings import Settings, variable_of

FOLDER = os.environ.get("FILMER_SPECIFICATIONS")


class Specification(NamedTuple):
    """By endpoint, such as "GET /api/v1/movies/{movieId}"; answers also by status."""

    responses: dict[tuple[str, int], Any]
    bodies: dict[str, Any]
    statuses: set[tuple[str, int]]
    codes: set[str]


def _read(name: str) -> str:
    assert FOLDER is not None
    return (Path(FOLDER) / name).read_text("utf-8")


def shop_api() -> Specification:
    specification = Specification(
        {}, {}, set(), set(re.findall(r"(?m)^\| `([A-Z_]+)` \| \d{3} \|", _read("shop-api.md")))
    )
    for section in re.split(r"(?m)^#### ", _read("shop-api.md"))[1:]:
        url, method = (re.findall(rf"\*\*{name}\*\* \| `([^`]+)`", section)[0] for name in ("URL", "Method"))
        endpoint = f"{method} {url}"
        specification.statuses.update((endpoint, int(status)) for status in re.findall(r"(?m)^\| `(\d{3}) ", section))
        for title, example in re.findall(r"(?ms)^\*\*([^*]+)\*\*\n\n```json\n(.*?)```", section):
            status = re.search(r"\((\d{3})\)", title)
            if status:
                specification.responses[endpoint, int(status[1])] = json.loads(example)
            else:
                specification.bodies[endpoint] = json.loads(example)
    specification.codes.update(
        response["error"]["code"] for response in specification.responses.values() if "error" in response
    )
    return specification


def community_api() -> Specification:
    """Its statuses are not listed by endpoint: they have the key ""."""
    text = _read("community-api.txt")
    ends, _, rest = text.partition("All endpoints return errors")
    specification = Specification(
        {}, {}, set(), set(re.findall(r"(?:TheMovieDB)?([A-Z]+_[A-Z_]+)\n: ", rest.partition("HTTP Status")[0]))
    )
    specification.statuses.update(("", int(status)) for status in re.findall(r"(?m)^- (\d{3}): ", rest))
    for section in re.split(r"(?m)^(?=(?:GET|POST|PUT|DELETE) /)", ends)[1:]:
        endpoint, _, section_text = section.partition("\n")
        for response in re.finditer(r"(?m)^Response(?: \((\d{3}) [^)]*\))?:?$", section_text):
            specification.responses[endpoint, int(response[1] or 200)] = _example(section_text[response.end() :])
        for body in re.finditer(r"(?m)^Request Body:$", section_text):
            specification.bodies[endpoint] = _example(section_text[body.end() :])
    return specification


def _example(text: str) -> Any:
    """The JSON that stands there; None for none."""
    text = text.lstrip()
    return json.JSONDecoder().raw_decode(text)[0] if text.startswith("{") else None


def codes_of_contract() -> set[str]:
    """Those it names besides."""
    settings = {variable_of(field) for field in Settings.__struct_fields__}
    return set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|CONFLICT|FORBIDDEN)`", _read("contract.md"))) - settings
