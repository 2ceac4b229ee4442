"""GET /api/v1/genres: shop-api.md "List Genres", contract §2.4."""

from pathlib import Path

import httpx
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.responses import data_of, not_found

GENRES = "/api/v1/genres"


def test_genres_are_as_the_spec_prints_them(shop: httpx.Client) -> None:
    data = data_of(shop.get(GENRES))
    assert list(data) == ["items"]
    assert all(list(item) == ["id", "name"] for item in data["items"])
    assert all(type(item["id"]) is int and item["id"] >= 1 for item in data["items"])
    assert {item["name"] for item in data["items"]} == {
        "Action",
        "Adventure",
        "Animation",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Family",
        "Romance",
        "Sci-Fi",
        "War",
        "western",
        "Épouvante",
    }


def test_each_genre_has_an_id_of_its_own(shop: httpx.Client) -> None:
    items = data_of(shop.get(GENRES))["items"]
    assert len({item["id"] for item in items}) == len({item["name"] for item in items}) == len(items)


def test_genres_sort_by_folded_name(shop: httpx.Client) -> None:
    """contract §2.4, §2.2: case and accents ignored"""
    assert [item["name"] for item in data_of(shop.get(GENRES))["items"]] == [
        "Action",
        "Adventure",
        "Animation",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Épouvante",
        "Family",
        "Romance",
        "Sci-Fi",
        "War",
        "western",
    ]


def test_parameters_mean_nothing_here(shop: httpx.Client) -> None:
    """contract §1.3: unknown ones are ignored, and this list has none"""
    assert data_of(shop.get(f"{GENRES}?page=0&size=x&size=y&order=%ff")) == data_of(shop.get(GENRES))


def test_a_catalogue_without_films_has_empty_lists(make_database: MakeDatabase, serve_here: ServeHere) -> None:
    """contract §1.2: collections are [], never null"""
    client = serve_here(make_database()).client
    assert data_of(client.get(GENRES)) == {"items": []}
    nothing = {"items": [], "page": 1, "size": 20, "totalItems": 0, "totalPages": 0}
    for path in (
        "movies",
        "stars",
        "stars?name=a",
        "search/movies?query=a",
        "search/movies?title=ab&year=1999",
    ):
        assert data_of(client.get(f"/api/v1/{path}")) == nothing


def test_a_genre_without_films_is_not_listed_and_keeps_its_id(
    tmp_path: Path, make_database: MakeDatabase, serve_here: ServeHere
) -> None:
    def films(genres: str) -> Path:
        path = tmp_path / "films.csv"
        path.write_text(f"id,title,genres\ntt1,One,{genres}\n", encoding="utf-8")
        return path

    url = make_database()
    import_films(url, films("Drama | War"))
    client = serve_here(url, CACHE_DURATION_SECONDS="0").client  # no answer but of the moment
    first = {item["name"]: item["id"] for item in data_of(client.get(GENRES))["items"]}
    assert list(first) == ["Drama", "War"]
    import_films(url, films("Comedy | War"))
    second = {item["name"]: item["id"] for item in data_of(client.get(GENRES))["items"]}
    assert list(second) == ["Comedy", "War"]
    assert second["War"] == first["War"]
    assert second["Comedy"] not in first.values()
    gone = first["Drama"]
    not_found(client.get(f"{GENRES}/{gone}/movies"), f"Genre not found with id: {gone}")
