"""docs/metrics.md and the dashboard tell of what is there: all of it, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.metrics.scraping import TOKEN, Scrape, scrape
from tests.server_processes import eventually

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text("utf-8")
DASHBOARD: dict[str, Any] = json.loads((DOCS / "dashboards" / "filmer.json").read_text("utf-8"))
ROW = re.compile(r"^\| `(filmer_\w+)` \|([^|]*)\|([^|]*)\|", re.MULTILINE)
FROM_PROMETHEUS = {"job", "instance"}


@pytest.fixture(scope="module")
def told(make_database: MakeDatabase, serve: Serve) -> Scrape:
    database = make_database(films=True)
    server: Server = serve(database, FILMER_METRICS_TOKEN=TOKEN)
    server.client.get("/api/v1/movies")
    assert eventually(lambda: "filmer_orders" in scrape(server).names)
    return scrape(server)


def documented() -> dict[str, tuple[str, set[str]]]:
    """Its kind and labels, by name."""
    rows = ROW.findall(PAGE)
    assert len(rows) > 20
    assert len({name for name, _, _ in rows}) == len(rows)
    return {name: (kind.split(",")[0].strip(), set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    rules = re.findall(r"```yaml\ngroups:.*?```", PAGE, re.DOTALL)
    assert len(rules) == 1
    yield from re.findall(r"expr: (?:\|\n)?(.*?)(?=\n {6,8}(?:for:|- alert)|\n```)", rules[0], re.DOTALL)


def test_every_metric_is_documented_and_every_documented_metric_is_there(told: Scrape) -> None:
    found = {}
    for family in told.families.values():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)
        assert family.documentation
        assert family.samples, name
    assert found == documented()


def test_labels_are_told_with_all_their_values(told: Scrape) -> None:
    for name in documented():
        for label in {"outcome", "reason", "cache", "part"} & documented()[name][1]:
            sampled = f"{name}_count" if name.endswith("_seconds") else name
            for value in told.labels(sampled, label):
                assert f"`{value}`" in PAGE, (name, label, value)


def test_every_expression_names_what_is_there(told: Scrape) -> None:
    found = list(expressions())
    assert len(found) > 30
    for expression in found:
        assert set(re.findall(r"\bfilmer_\w+", expression)) <= told.names, expression
        for name, matchers in re.findall(r"\b(filmer_\w+)\{([^}]*)\}", expression):
            labels = {label for sample in told.samples if sample.name == name for label in sample.labels}
            for label, operator, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
                assert label in labels | FROM_PROMETHEUS, (expression, label)
                if label not in FROM_PROMETHEUS | {"status", "api"}:
                    values = told.labels(name, label)
                    assert set(value.split("|") if operator == "=~" else [value]) <= values, expression


def test_every_metric_is_drawn() -> None:
    drawn = {name for panel in DASHBOARD["panels"] for name in re.findall(r"\bfilmer_\w+", json.dumps(panel))}
    for name in documented():
        assert any(one in {name, f"{name}_bucket", f"{name}_count"} for one in drawn), name


def test_the_dashboard_can_be_imported() -> None:
    """What Grafana wants of a file: a title, panels with ids of their own that stand beside each other."""
    assert DASHBOARD["title"]
    assert DASHBOARD["schemaVersion"] >= 30
    assert "id" not in DASHBOARD, "it is the importing Grafana's to give"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in places, f"{panel['title']} covers another"
                places.add((x, y))
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
        refs = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(refs)) == len(refs)
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource", "job"]
