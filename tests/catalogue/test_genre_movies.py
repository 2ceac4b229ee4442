"""GET /api/v1/genres/{genreId}/movies: shop-api.md "Browse Movies by Genre", contract §2."""

import httpx
import pytest
from tests.responses import data_of, ids_of, not_found, offences_of


def get(shop: httpx.Client, genre_id: int | str, query: str = "") -> httpx.Response:
    return shop.get(f"/api/v1/genres/{genre_id}/movies?{query}")


def test_list_is_as_the_spec_prints_it(shop: httpx.Client, genres: dict[str, int]) -> None:
    data = data_of(get(shop, genres["Romance"]))
    assert data == {
        "genre": {"id": genres["Romance"], "name": "Romance"},
        "items": [
            {
                "id": "tt0211915",
                "title": "Amélie",
                "year": 2001,
                "director": "Jean-Pierre Jeunet",
                "rating": 8.3,
            }
        ],
        "page": 1,
        "size": 20,
        "totalItems": 1,
        "totalPages": 1,
    }
    assert list(data) == ["genre", "items", "page", "size", "totalItems", "totalPages"]
    assert list(data["items"][0]) == ["id", "title", "year", "director", "rating"]


def test_what_is_unknown_is_null(shop: httpx.Client, genres: dict[str, int]) -> None:
    """contract §1.2"""
    items = data_of(get(shop, genres["Documentary"]))["items"]
    assert items == [{"id": "tt0000003", "title": "Under_score", "year": None, "director": None, "rating": None}]


@pytest.mark.parametrize(
    ("genre", "total"),
    [("Drama", 13), ("Action", 5), ("Crime", 5), ("Comedy", 3), ("Épouvante", 3), ("western", 1), ("War", 2)],
)
def test_every_film_of_the_genre_is_there(shop: httpx.Client, genres: dict[str, int], genre: str, total: int) -> None:
    data = data_of(get(shop, genres[genre], "size=100"))
    assert data["genre"] == {"id": genres[genre], "name": genre}
    assert data["totalItems"] == len(data["items"]) == total
    films = data_of(shop.get("/api/v1/movies?size=100"))["items"]
    assert [item["id"] for item in data["items"]] == [film["id"] for film in films if genre in film["genres"]]


BEGINS, DARK, BATMAN, INCEPTION, SPIDER = "tt0372784", "tt0468569", "tt0096895", "tt1375666", "tt0000010"
SCARECROW, SCARECROW_TOO, ZERO = "tt0000015", "tt0000016", "tt0000014"


@pytest.mark.parametrize(
    ("genre", "query", "expected"),
    [
        ("Action", "", [BATMAN, BEGINS, INCEPTION, SPIDER, DARK]),
        ("Action", "order=desc", [DARK, SPIDER, INCEPTION, BEGINS, BATMAN]),
        ("Action", "sortBy=year", [BATMAN, SPIDER, BEGINS, DARK, INCEPTION]),
        ("Action", "sortBy=year&order=desc", [INCEPTION, DARK, BEGINS, SPIDER, BATMAN]),
        ("Action", "sortBy=rating", [SPIDER, BATMAN, BEGINS, INCEPTION, DARK]),
        ("Action", "sortBy=rating&order=desc", [DARK, INCEPTION, BEGINS, BATMAN, SPIDER]),
        ("Épouvante", "", [SCARECROW, SCARECROW_TOO, ZERO]),
        ("Épouvante", "order=desc", [ZERO, SCARECROW, SCARECROW_TOO]),
        ("Épouvante", "sortBy=year", [SCARECROW, SCARECROW_TOO, ZERO]),
        ("Épouvante", "sortBy=year&order=desc", [SCARECROW, SCARECROW_TOO, ZERO]),
        ("Épouvante", "sortBy=rating", [SCARECROW, ZERO, SCARECROW_TOO]),
        ("Épouvante", "sortBy=rating&order=desc", [SCARECROW, ZERO, SCARECROW_TOO]),
    ],
)
def test_order_is_key_then_folded_title_then_id_with_nulls_last(
    shop: httpx.Client, genres: dict[str, int], genre: str, query: str, expected: list[str]
) -> None:
    """contract §2.2"""
    assert ids_of(get(shop, genres[genre], query)) == expected


def test_pages_join_without_gap_or_repeat(shop: httpx.Client, genres: dict[str, int]) -> None:
    drama, wanted = genres["Drama"], "sortBy=rating&order=desc"
    pages = [ids_of(get(shop, drama, f"{wanted}&size=4&page={page}")) for page in (1, 2, 3, 4)]
    assert [one for page in pages for one in page] == ids_of(get(shop, drama, f"{wanted}&size=13"))
    assert data_of(get(shop, drama, "size=4"))["totalPages"] == 4


def test_a_page_past_the_end_still_names_the_genre(shop: httpx.Client, genres: dict[str, int]) -> None:
    """contract §2.1"""
    assert data_of(get(shop, genres["War"], "page=3&size=2")) == {
        "genre": {"id": genres["War"], "name": "War"},
        "items": [],
        "page": 3,
        "size": 2,
        "totalItems": 2,
        "totalPages": 1,
    }


@pytest.mark.parametrize("genre_id", ["999999", "2147483647", "2147483648", "9223372036854775808", "1" + "0" * 30])
def test_an_unknown_genre_is_404(shop: httpx.Client, genre_id: str) -> None:
    not_found(get(shop, genre_id), f"Genre not found with id: {genre_id}")


@pytest.mark.parametrize(
    "genre_id",
    ["abc", "1.5", "1.0", "1e0", "%D9%A1", "1_0", "%2B1", "%201", "1%20", "true", "0x1", "%00", "%FF"],
)
def test_a_genre_id_that_is_no_integer_is_400(shop: httpx.Client, genre_id: str) -> None:
    """contract §2.5, §1.3"""
    assert offences_of(get(shop, genre_id)) == {"genreId": "must be an integer"}


@pytest.mark.parametrize("genre_id", ["0", "-1", "-2147483649", "-9223372036854775809"])
def test_a_genre_id_below_one_is_400(shop: httpx.Client, genre_id: str) -> None:
    """contract §2.5"""
    assert offences_of(get(shop, genre_id)) == {"genreId": "must be at least 1"}


def test_every_offence_is_told_that_of_the_path_too(shop: httpx.Client) -> None:
    """contract §1.5"""
    assert set(offences_of(get(shop, 0, "page=0&size=101"))) == {"genreId", "page", "size"}


def test_bad_parameters_of_an_unknown_genre_are_400(shop: httpx.Client) -> None:
    assert list(offences_of(get(shop, 999999, "page=0"))) == ["page"]


@pytest.mark.parametrize("query", ["sortBy=name", "sortBy=relevance", "sortBy=", "order=DESC", "order="])
def test_sort_and_order_take_the_values_of_the_spec_only(
    shop: httpx.Client, genres: dict[str, int], query: str
) -> None:
    assert list(offences_of(get(shop, genres["Drama"], query))) == [query.partition("=")[0]]


def test_starts_with_is_no_parameter_of_this_list(shop: httpx.Client, genres: dict[str, int]) -> None:
    """contract §1.3: unknown ones are ignored"""
    drama = genres["Drama"]
    assert data_of(get(shop, drama, "startsWith=toolong")) == data_of(get(shop, drama))
