"""GET /api/v1/stars/{starId}: shop-api.md "Get Star Details", contract §2."""

import httpx
import pytest
from tests.responses import data_of, not_found


def get(shop: httpx.Client, star_id: str) -> httpx.Response:
    return shop.get(f"/api/v1/stars/{star_id}")


def test_star_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    star = data_of(get(shop, "nm0000209"))
    assert star == {
        "id": "nm0000209",
        "name": "Tim Robbins",
        "birthYear": 1958,
        "movies": [
            {
                "id": "tt0111161",
                "title": "The Shawshank Redemption",
                "year": 1994,
                "director": "Frank Darabont",
            }
        ],
    }
    assert list(star) == ["id", "name", "birthYear", "movies"]
    assert list(star["movies"][0]) == ["id", "title", "year", "director"]


def test_movies_come_newest_first(shop: httpx.Client) -> None:
    """contract §2.4"""
    movies = data_of(get(shop, "nm0000323"))["movies"]
    assert [(movie["year"], movie["title"]) for movie in movies] == [
        (2010, "Inception"),
        (2008, "The Dark Knight"),
        (2005, "Batman Begins"),
    ]


def test_movies_without_a_year_come_last(shop: httpx.Client) -> None:
    """contract §2.2"""
    star = data_of(get(shop, "nm9000002"))
    assert star["birthYear"] is None
    assert star["movies"] == [
        {"id": "tt0000001", "title": "Élan vital", "year": 1931, "director": "René Clair"},
        {"id": "tt0000005", "title": "batman", "year": None, "director": None},
    ]


def test_movies_of_one_year_sort_by_folded_title_then_id(shop: httpx.Client) -> None:
    """contract §2.2"""
    movies = data_of(get(shop, "nm9000005"))["movies"]
    assert [movie["id"] for movie in movies] == ["tt0000015", "tt0000016", "tt0000014"]


def test_stars_of_one_name_are_two_stars(shop: httpx.Client) -> None:
    star = data_of(get(shop, "nm9000006"))
    assert (star["name"], star["birthYear"]) == ("Tilda Tie", 1950)
    assert [movie["id"] for movie in star["movies"]] == ["tt0000015"]


def test_a_fourth_billed_star_has_the_movie_too(shop: httpx.Client) -> None:
    movies = data_of(get(shop, "nm0000151"))["movies"]
    assert [movie["id"] for movie in movies] == ["tt0468569", "tt0372784", "tt0111161"]


def test_unknown_star_is_404(shop: httpx.Client) -> None:
    not_found(get(shop, "nm9999999"), "Star not found with id: nm9999999")


@pytest.mark.parametrize("star_id", ["nm00002090", "NM0000209", "0000209", "tt0111161", "nm000020_", "nm%25"])
def test_an_id_is_matched_whole_and_to_the_letter(shop: httpx.Client, star_id: str) -> None:
    not_found(get(shop, star_id), f"Star not found with id: {star_id.replace('%25', '%')}")


@pytest.mark.parametrize("star_id", ["nm000020911", "n" * 100, "%C3%A9" * 11])
def test_an_id_over_ten_characters_is_404(shop: httpx.Client, star_id: str) -> None:
    """contract §2.5"""
    not_found(get(shop, star_id), f"Star not found with id: {star_id.replace('%C3%A9', 'é')}")


@pytest.mark.parametrize("star_id", ["%00", "nm%00", "%FF", "%ED%A0%80", "a%2Fb", "'"])
def test_an_id_no_column_could_hold_is_404(shop: httpx.Client, star_id: str) -> None:
    """contract §1.3, §2.5"""
    answer = get(shop, star_id)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_every_listed_star_has_its_details(shop: httpx.Client) -> None:
    for item in data_of(shop.get("/api/v1/stars?size=100"))["items"]:
        star = data_of(get(shop, item["id"]))
        assert (star["name"], star["birthYear"]) == (item["name"], item["birthYear"])
        assert len(star["movies"]) == item["movieCount"] > 0
