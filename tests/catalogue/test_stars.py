"""GET /api/v1/stars: shop-api.md "List Stars", contract §2, §3.1."""

import httpx
import pytest
from tests.responses import data_of, ids_of, offences_of, page_of

STARS = "/api/v1/stars"
TOTAL = 38  # in films.csv


def get(shop: httpx.Client, query: str = "") -> httpx.Response:
    return shop.get(f"{STARS}?{query}")


def names(answer: httpx.Response) -> list[str]:
    return [item["name"] for item in data_of(answer)["items"]]


def test_item_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    page = page_of(get(shop, "name=tim+robbins"))
    assert page == {
        "items": [{"id": "nm0000209", "name": "Tim Robbins", "birthYear": 1958, "movieCount": 1}],
        "page": 1,
        "size": 20,
        "totalItems": 1,
        "totalPages": 1,
    }
    assert list(page["items"][0]) == ["id", "name", "birthYear", "movieCount"]


def test_unknown_birth_year_is_null(shop: httpx.Client) -> None:
    """contract §1.2"""
    (item,) = page_of(get(shop, "name=ada"))["items"]
    assert item == {"id": "nm9000002", "name": "Ada Bright", "birthYear": None, "movieCount": 2}


@pytest.mark.parametrize(
    ("name", "count"),
    [("morgan+freeman", 3), ("michael+caine", 3), ("christian+bale", 2), ("rufus", 1), ("ada", 2)],
)
def test_movie_count_counts_the_movies_here(shop: httpx.Client, name: str, count: int) -> None:
    (item,) = page_of(get(shop, f"name={name}"))["items"]
    assert item["movieCount"] == count
    assert len(data_of(shop.get(f"{STARS}/{item['id']}"))["movies"]) == count


def test_defaults_are_page_1_size_20_name_ascending(shop: httpx.Client) -> None:
    page = page_of(shop.get(STARS))
    assert {name: page[name] for name in ("page", "size", "totalItems", "totalPages")} == {
        "page": 1,
        "size": 20,
        "totalItems": TOTAL,
        "totalPages": 2,
    }
    assert [item["name"] for item in page["items"]] == [
        "Ada Bright",
        "Ann O'Hara",
        "Antonio Banderas",
        "Audrey Tautou",
        "Bob Gunton",
        "Christian Bale",
        "Claudia Cardinale",
        "Heath Ledger",
        "Herbert Grönemeyer",
        "Jack Nicholson",
        "Jai Courtney",
        "Jake Gyllenhaal",
        "Joseph Gordon-Levitt",
        "Jürgen Prochnow",
        "Kim Basinger",
        "Klaus Wennemann",
        "Leonardo DiCaprio",
        "Liam Neeson",
        "Marcello Mastroianni",
        "Mari Natsuki",
    ]


@pytest.mark.parametrize("given", ["page=1", "size=20", "sortBy=name", "order=asc", "name="])
def test_a_default_given_changes_nothing(shop: httpx.Client, given: str) -> None:
    assert data_of(get(shop, given)) == data_of(shop.get(STARS))


def test_last_names_in_order(shop: httpx.Client) -> None:
    """contract §2.2: Zoë under Zo, after Victoria and William"""
    page = page_of(get(shop, "page=2"))
    assert len(page["items"]) == TOTAL - 20
    assert [item["name"] for item in page["items"]][-3:] == ["Victoria Abril", "William Sadler", "Zoë Ørsted"]


def test_equal_names_sort_by_id_in_both_orders(shop: httpx.Client) -> None:
    """contract §2.2"""
    assert ids_of(get(shop, "name=tilda+tie&order=asc")) == ["nm9000005", "nm9000006"]
    assert ids_of(get(shop, "name=tilda+tie&order=desc")) == ["nm9000005", "nm9000006"]


def test_descending_is_ascending_backwards_but_for_equal_names(shop: httpx.Client) -> None:
    ascending, descending = names(get(shop, "size=100")), names(get(shop, "order=desc&size=100"))
    assert descending == ascending[::-1]
    assert descending[:2] == ["Zoë Ørsted", "William Sadler"]


def test_birth_year_order_then_name_with_nulls_last(shop: httpx.Client) -> None:
    """contract §2.2"""
    items = data_of(get(shop, "sortBy=birthYear&size=100"))["items"]
    assert [(item["birthYear"], item["name"]) for item in items[:5]] == [
        (1901, "Zoë Ørsted"),
        (1924, "Marcello Mastroianni"),
        (1933, "Michael Caine"),
        (1937, "Jack Nicholson"),
        (1937, "Morgan Freeman"),
    ]
    assert [(item["birthYear"], item["name"]) for item in items[-4:]] == [
        (None, "Ada Bright"),
        (None, "Klaus Wennemann"),
        (None, "Tilda Tie"),
        (None, "Tobias Funke"),
    ]


def test_birth_year_descending_keeps_ties_by_name_and_nulls_last(shop: httpx.Client) -> None:
    """contract §2.2"""
    items = data_of(get(shop, "sortBy=birthYear&order=desc&size=100"))["items"]
    years = [item["birthYear"] for item in items]
    assert years[:4] == [1992, 1988, 1987, 1986]
    assert years[-4:] == [None] * 4
    assert [item["name"] for item in items if item["birthYear"] == 1937] == [
        "Jack Nicholson",
        "Morgan Freeman",
    ]
    assert [item["name"] for item in items[-4:]] == [
        "Ada Bright",
        "Klaus Wennemann",
        "Tilda Tie",
        "Tobias Funke",
    ]


@pytest.mark.parametrize("sort", ["name", "birthYear"])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("size", [1, 4, 20])
def test_pages_of_an_order_join_without_gap_or_repeat(shop: httpx.Client, sort: str, order: str, size: int) -> None:
    wanted = f"sortBy={sort}&order={order}"
    pages = range(1, -(-TOTAL // size) + 1)
    joined = [one for page in pages for one in ids_of(get(shop, f"{wanted}&size={size}&page={page}"))]
    assert joined == ids_of(get(shop, f"{wanted}&size=100"))
    assert len(set(joined)) == TOTAL


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("freeman", ["Morgan Freeman"]),
        ("FREE", ["Morgan Freeman"]),
        ("n+f", ["Morgan Freeman"]),
        ("grone", ["Herbert Grönemeyer"]),
        ("GR%C3%96NE", ["Herbert Grönemeyer"]),
        ("gro%CC%88ne", ["Herbert Grönemeyer"]),  # ö written in two
        ("orsted", ["Zoë Ørsted"]),
        ("%C3%98rsted", ["Zoë Ørsted"]),
        ("n-l", ["Joseph Gordon-Levitt"]),
        ("o%27h", ["Ann O'Hara"]),
        ("ohara", []),  # nothing is removed
        ("jr.", ["Robert Downey Jr."]),
        ("jr", ["Robert Downey Jr."]),
        ("freeman+morgan", []),  # a substring, not words
        ("%25", []),  # literal
        ("_", []),
        ("%5C", []),
        ("x", []),
        ("tim+robbins+", []),  # a space is a space
    ],
)
def test_name_is_a_literal_substring_without_case_and_accents(
    shop: httpx.Client, name: str, expected: list[str]
) -> None:
    """contract §3.1"""
    page = page_of(get(shop, f"name={name}"))
    assert [item["name"] for item in page["items"]] == expected
    assert (page["totalItems"], page["totalPages"]) == (len(expected), 1 if expected else 0)


def test_name_keeps_order_and_pages(shop: httpx.Client) -> None:
    wanted = "name=j&sortBy=birthYear&order=desc&size=3"  # Jr. and Jai, Jake, Jack, Joseph, Jürgen
    assert names(get(shop, wanted)) == ["Jai Courtney", "Joseph Gordon-Levitt", "Jake Gyllenhaal"]
    assert names(get(shop, f"{wanted}&page=2")) == ["Robert Downey Jr.", "Jürgen Prochnow", "Jack Nicholson"]
    assert data_of(get(shop, wanted))["totalItems"] == 6


@pytest.mark.parametrize("blank", ["", "+", "%20%20", "%09", "%C2%A0"])
def test_a_blank_name_asks_nothing(shop: httpx.Client, blank: str) -> None:
    """contract §3.3"""
    assert page_of(get(shop, f"name={blank}"))["totalItems"] == TOTAL


@pytest.mark.parametrize("value", ["title", "year", "birthyear", "", "rating"])
def test_sort_by_takes_name_and_birth_year_only(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(get(shop, f"sortBy={value}"))) == ["sortBy"]


@pytest.mark.parametrize("value", ["DESC", "", "random"])
def test_order_takes_asc_and_desc_only(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(get(shop, f"order={value}"))) == ["order"]
