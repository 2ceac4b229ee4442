"""Asking for metrics, and reading what is told."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.conftest import Server
from tests.users import visitor

TOKEN = "canary-of-whoever-scrapes-4471-6620"
BEARER = {"authorization": f"Bearer {TOKEN}"}


class Scrape:
    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}

    @property
    def samples(self) -> Iterator[Sample]:
        for family in self.families.values():
            yield from family.samples

    @property
    def names(self) -> set[str]:
        """As queries name them."""
        return {sample.name for sample in self.samples}

    def value(self, name: str, **labels: str) -> float:
        """The sum over those samples that carry the labels."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    def labels(self, name: str, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if sample.name == name}


def scrape(server: Server) -> Scrape:
    with visitor(server.client) as scraper:  # a connection of its own: whichever worker takes it
        answer = scraper.get("/metrics", headers=BEARER)
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)
