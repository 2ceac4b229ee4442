"""Two catalogues that differ in every field of every film, and visitors who read while they are swapped."""

import threading
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from tests.importing.datasets import ImdbFiles, nm, tt

FILMS = {"old": 120, "new": 131}
PAGE = "/api/v1/movies?size=100"
FILM = f"/api/v1/movies/{tt(1)}"
FOUND = "/api/v1/search/suggestions?query=originl&size=10"  # misspelt: only a search index finds something
NO_INDEX = "found without an index"  # the new edition's is not open yet


def _year(shop: str, at: int) -> int:
    return (1800 if shop == "old" else 2000) + at


def _votes(shop: str, at: int) -> int:
    return (1 if shop == "old" else 5000) + at


def _rating(shop: str, at: int) -> float:
    return (1 if shop == "old" else 60) / 10 + at % 40 / 10


def _cast(shop: str, at: int) -> list[int]:
    return [(at * 3 + step) % 50 + 1 for step in ((0, 1, 2, 3) if shop == "old" else (7, 6, 5, 4))]


def _director(shop: str, at: int) -> int:
    return 60 + (at if shop == "old" else at + 1) % 5


def write(shop: str, folder: Path) -> Path:
    """The data set of the old or the new catalogue; both have the same ids."""
    data = ImdbFiles()
    for person in range(1, 70):
        data.person(person, f"{shop} person {person}", 1900 + person + 30 * (shop == "new"))
    count = FILMS[shop]
    for number in range(1, count + 1):
        at = number - 1 if shop == "old" else count - number  # the place in title order
        data.film(
            number,
            f"{shop} {at:03d}",
            original=f"original {shop}",
            year=_year(shop, at),
            runtime=90 + 10 * (shop == "new"),
            genres=f"Drama,{shop}",
            rated=(f"{_rating(shop, at):.1f}", _votes(shop, at)),
            directors=[_director(shop, at)],
            cast=_cast(shop, at),
        )
    return data.write(folder)


@cache
def page_of(shop: str) -> dict[str, Any]:
    """The response to PAGE."""
    count = FILMS[shop]
    items = [
        {
            "id": tt(at + 1 if shop == "old" else count - at),
            "title": f"{shop} {at:03d}",
            "year": _year(shop, at),
            "director": f"{shop} person {_director(shop, at)}",
            "rating": round(_rating(shop, at), 1),
            "numVotes": _votes(shop, at),
            "genres": sorted(["Drama", shop]),
            "stars": [{"id": nm(star), "name": f"{shop} person {star}"} for star in _cast(shop, at)[:3]],
        }
        for at in range(100)
    ]
    return {"items": items, "page": 1, "size": 100, "totalItems": count, "totalPages": 2}


def is_film_of(shop: str, film: dict[str, Any]) -> bool:
    """Whether a response to FILM has the data of one shop only."""
    at = 0 if shop == "old" else FILMS["new"] - 1
    cast = [
        {"id": nm(star), "name": f"{shop} person {star}", "birthYear": 1900 + star + 30 * (shop == "new")}
        for star in _cast(shop, at)
    ]
    genres = [genre["name"] for genre in film["genres"]]
    return bool(
        film["title"] == f"{shop} {at:03d}"
        and film["year"] == _year(shop, at)
        and film["director"] == f"{shop} person {_director(shop, at)}"
        and film["numVotes"] == _votes(shop, at)
        and genres == sorted(["Drama", shop])
        and film["stars"] == cast
    )


def found_in(shop: str) -> list[tuple[str, str]]:
    """Id and title of what FOUND finds: the films with the most votes."""
    count = FILMS[shop]
    places = range(count - 1, count - 11, -1)
    return [(tt(at + 1 if shop == "old" else count - at), f"{shop} {at:03d}") for at in places]


def catalogue_in(address: str, response: httpx.Response) -> str:
    """The shop that a response is from; if it is an error or a mixture, a description of it."""
    if response.status_code != httpx.codes.OK:
        return f"{response.status_code} {response.text}"
    data = response.json()["data"]
    if address == FOUND:
        found = [(item["id"], item["text"]) for item in data["items"]]
        return next((shop for shop in FILMS if found == found_in(shop)), f"neither: {found}" if found else NO_INDEX)
    for shop in FILMS:
        if data == page_of(shop) if address == PAGE else is_film_of(shop, data):
            return shop
    return f"neither: {response.text}"


class Visitors:
    """Threads that send requests without a pause, and count which catalogue answered."""

    def __init__(self, port: int, *, count: int = 2) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=[at]) for at in range(count)]
        self.responses: dict[str, int] = {}
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, at: int) -> None:
        with httpx.Client(base_url=self._address, timeout=30, trust_env=False, verify=False) as client:
            while not self._stopping.is_set():
                address = (PAGE, FILM, FOUND)[at % 3]
                at += 1
                try:
                    catalogue = catalogue_in(address, client.get(address))
                except httpx.HTTPError as error:
                    catalogue = repr(error)
                if catalogue == NO_INDEX:
                    continue
                self.responses[catalogue] = self.responses.get(catalogue, 0) + 1
                if catalogue not in FILMS:
                    self.wrong.append(f"{address}: {catalogue[:3000]}")
