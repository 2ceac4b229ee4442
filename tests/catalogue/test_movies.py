"""GET /api/v1/movies: shop-api.md "List Movies", contract §2."""

import httpx
import pytest
from tests.responses import data_of, ids_of, offences_of, page_of

MOVIES = "/api/v1/movies"
FILMS = 24  # in films.csv

# Every order of films.csv, by the ends of the ids: "0002" is tt0000002.
TITLE = (
    "0002 0011 11915 0004 0005 0006 96895 72784 82096 0001 0015 0016"
    " 0012 0013 75666 0010 45429 68569 11161 0003 0014 0009 0007 0008"
)
TITLE_DESC = (
    "0008 0007 0009 0014 0003 11161 68569 45429 0010 75666 0012 0013"
    " 0015 0016 0001 82096 72784 0005 0006 96895 0004 11915 0011 0002"
)
YEAR = (
    "0001 0011 0015 0016 0014 82096 96895 0007 0012 0013 11161 0004"
    " 11915 45429 0010 0006 72784 0009 68569 75666 0008 0002 0005 0003"
)
YEAR_DESC = (
    "0002 0008 75666 68569 0009 0006 72784 0010 11915 45429 0004 11161"
    " 0012 0013 96895 0007 82096 0015 0016 0014 0011 0001 0005 0003"
)
RATING = (
    "0015 0014 0002 0004 0012 0013 0001 0007 0010 0006 96895 0009"
    " 0008 0011 72784 11915 82096 45429 75666 68569 11161 0005 0016 0003"
)
RATING_DESC = (
    "11161 68569 75666 45429 82096 11915 72784 0011 0008 0009 0006 96895"
    " 0010 0007 0001 0012 0013 0002 0004 0015 0014 0005 0016 0003"
)


def get(shop: httpx.Client, query: str = "") -> httpx.Response:
    return shop.get(f"{MOVIES}?{query}")


def ends(ids: list[str]) -> str:
    """Ids as the orders above write them: the last four digits, or five where they are not made up."""
    return " ".join(one[-4:] if one.startswith("tt00000") else one[-5:] for one in ids)


def test_item_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    (item,) = [item for item in page_of(get(shop, "startsWith=T"))["items"] if item["id"] == "tt0111161"]
    assert item == {
        "id": "tt0111161",
        "title": "The Shawshank Redemption",
        "year": 1994,
        "director": "Frank Darabont",
        "rating": 9.3,
        "numVotes": 2500000,
        "genres": ["Crime", "Drama"],
        "stars": [
            {"id": "nm0000209", "name": "Tim Robbins"},
            {"id": "nm0000151", "name": "Morgan Freeman"},
            {"id": "nm0348409", "name": "Bob Gunton"},
        ],
    }
    assert list(item) == ["id", "title", "year", "director", "rating", "numVotes", "genres", "stars"]


def test_item_has_the_first_three_stars_in_billing_order(shop: httpx.Client) -> None:
    """contract §2.4"""
    items = {item["id"]: item for item in data_of(get(shop, "size=100"))["items"]}
    names = [star["name"] for star in items["tt0468569"]["stars"]]
    assert names == ["Christian Bale", "Heath Ledger", "Michael Caine"]  # and not Morgan Freeman, the fourth
    assert [star["name"] for star in items["tt0000010"]["stars"]] == ["Tobey Maguire", "Tobias Funke"]


def test_what_is_unknown_is_null_and_what_there_is_none_of_is_empty(shop: httpx.Client) -> None:
    """contract §1.2"""
    items = {item["id"]: item for item in data_of(get(shop, "size=100"))["items"]}
    assert items["tt0000003"] == {
        "id": "tt0000003",
        "title": "Under_score",
        "year": None,
        "director": None,
        "rating": None,
        "numVotes": None,
        "genres": ["Documentary"],
        "stars": [],
    }
    assert items["tt0000005"]["genres"] == []


def test_several_directors_are_one_text(shop: httpx.Client) -> None:
    items = {item["id"]: item for item in data_of(get(shop, "size=100"))["items"]}
    assert items["tt0000010"]["director"] == "Sam Raimi, Åse Ødegård"


def test_genres_of_an_item_sort_by_folded_name(shop: httpx.Client) -> None:
    """contract §2.4, §2.2: case and accents ignored"""
    (item,) = [item for item in data_of(get(shop, "startsWith=z"))["items"] if item["id"] == "tt0000014"]
    assert item["genres"] == ["Drama", "Épouvante", "western"]


def test_defaults_are_page_1_size_20_title_ascending(shop: httpx.Client) -> None:
    page = page_of(shop.get(MOVIES))
    assert {name: page[name] for name in ("page", "size", "totalItems", "totalPages")} == {
        "page": 1,
        "size": 20,
        "totalItems": FILMS,
        "totalPages": 2,
    }
    assert ends([item["id"] for item in page["items"]]) == " ".join(TITLE.split()[:20])


@pytest.mark.parametrize("name", ["page=1", "size=20", "sortBy=title", "order=asc"])
def test_a_default_given_changes_nothing(shop: httpx.Client, name: str) -> None:
    assert data_of(get(shop, name)) == data_of(shop.get(MOVIES))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sortBy=title&order=asc", TITLE),
        ("sortBy=title&order=desc", TITLE_DESC),
        ("sortBy=year&order=asc", YEAR),
        ("sortBy=year&order=desc", YEAR_DESC),
        ("sortBy=rating&order=asc", RATING),
        ("sortBy=rating&order=desc", RATING_DESC),
        ("order=desc", TITLE_DESC),
        ("sortBy=year", YEAR),
        ("sortBy=rating", RATING),
    ],
)
def test_order_is_key_then_folded_title_then_id_with_nulls_last(shop: httpx.Client, query: str, expected: str) -> None:
    """contract §2.2"""
    assert ends(ids_of(get(shop, f"{query}&size=100"))) == expected


@pytest.mark.parametrize("sort", ["title", "year", "rating"])
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_pages_of_an_order_join_without_gap_or_repeat(shop: httpx.Client, sort: str, order: str, size: int) -> None:
    wanted = f"sortBy={sort}&order={order}"
    pages = range(1, -(-FILMS // size) + 1)
    joined = [one for page in pages for one in ids_of(get(shop, f"{wanted}&size={size}&page={page}"))]
    assert joined == ids_of(get(shop, f"{wanted}&size=100"))
    assert len(joined) == FILMS


@pytest.mark.parametrize(("size", "pages"), [(1, 24), (5, 5), (23, 2), (24, 1), (25, 1), (100, 1)])
def test_total_pages_round_up(shop: httpx.Client, size: int, pages: int) -> None:
    page = page_of(get(shop, f"size={size}"))
    assert (page["size"], page["totalItems"], page["totalPages"]) == (size, FILMS, pages)
    assert len(page["items"]) == min(size, FILMS)


def test_the_last_page_holds_the_rest(shop: httpx.Client) -> None:
    page = page_of(get(shop, "page=2"))
    assert page["page"] == 2
    assert ends([item["id"] for item in page["items"]]) == " ".join(TITLE.split()[20:])


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        ("B", "0004 0005 0006 96895 72784"),
        ("b", "0004 0005 0006 96895 72784"),
        ("E", "0001 0015 0016"),
        ("e", "0001 0015 0016"),
        ("%C3%89", "0001 0015 0016"),  # É
        ("%C3%A9", "0001 0015 0016"),  # é
        ("E%CC%81", "0001 0015 0016"),  # É written in two, still one character
        ("Z", "0014 0009"),
        ("*", "0002 0011 0007 0008"),
        ("%2A", "0002 0011 0007 0008"),
        ("8", "0011"),
        ("%D0%B6", "0008"),  # ж
        ("%C2%A1", "0007"),  # ¡
        ("Q", ""),
        ("%25", ""),  # %, which stands for itself
        ("_", ""),
        ("%D9%A1", ""),  # an Arabic digit
        ("+", ""),  # a space
    ],
)
def test_starts_with_is_one_character_matched_on_the_folded_title(
    shop: httpx.Client, letter: str, expected: str
) -> None:
    """contract §2.3"""
    page = page_of(get(shop, f"startsWith={letter}"))
    assert ends([item["id"] for item in page["items"]]) == expected
    assert page["totalItems"] == len(expected.split())
    assert page["totalPages"] == (1 if expected else 0)


def test_the_letters_and_the_rest_are_all_titles(shop: httpx.Client) -> None:
    totals = [page_of(get(shop, f"startsWith={one}&size=1"))["totalItems"] for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZ*"]
    assert sum(totals) == FILMS


def test_starts_with_keeps_order_and_pages(shop: httpx.Client) -> None:
    wanted = "startsWith=b&sortBy=year&order=desc&size=2"
    assert ends(ids_of(get(shop, wanted))) == "0006 72784"
    assert ends(ids_of(get(shop, f"{wanted}&page=2"))) == "0004 96895"
    assert ends(ids_of(get(shop, f"{wanted}&page=3"))) == "0005"
    assert data_of(get(shop, wanted))["totalPages"] == 3


@pytest.mark.parametrize("letter", ["", "ab", "**", "%C3%89a", "++", "%F0%9F%8E%AC%F0%9F%8E%AC", "a" * 300])
def test_starts_with_of_another_length_is_refused(shop: httpx.Client, letter: str) -> None:
    """contract §2.3"""
    assert list(offences_of(get(shop, f"startsWith={letter}"))) == ["startsWith"]


@pytest.mark.parametrize("value", ["name", "Title", "", "relevance", "title%20", "title,year", "birthYear"])
def test_sort_by_takes_title_year_rating_only(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(get(shop, f"sortBy={value}"))) == ["sortBy"]


@pytest.mark.parametrize("value", ["ASC", "", "up", "descending", "1"])
def test_order_takes_asc_and_desc_only(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(get(shop, f"order={value}"))) == ["order"]
