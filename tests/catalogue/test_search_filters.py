"""GET /api/v1/search/movies: how filters combine; orders, pages, relevance (contract §2, §3.3, §3.4)."""

import httpx
import pytest
from tests.responses import data_of, ids_of, offences_of, page_of

SEARCH = "/api/v1/search/movies"

SHAWSHANK, BEGINS, DARK, BATMAN = "tt0111161", "tt0372784", "tt0468569", "tt0096895"
INCEPTION, AMELIE, BOOT, SPIRITED = "tt1375666", "tt0211915", "tt0082096", "tt0245429"
BARE_BATMAN, BATMAN_UMLAUT, ATAME, SUDBA = "tt0000005", "tt0000006", "tt0000007", "tt0000008"
ZODIAC, SPIDER, EIGHT, HOME, HOME_TOO = "tt0000009", "tt0000010", "tt0000011", "tt0000012", "tt0000013"
WOLF, ELAN = "tt0000002", "tt0000001"


def get(shop: httpx.Client, query: str) -> httpx.Response:
    return shop.get(f"{SEARCH}?{query}")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("year=2005", [BATMAN_UMLAUT, BEGINS]),
        ("year=1989", [BATMAN, ATAME]),
        ("year=2004", []),
        ("yearFrom=2010", [WOLF, INCEPTION, SUDBA]),
        ("yearFrom=2012", [WOLF, SUDBA]),  # inclusive
        ("yearFrom=2013", [WOLF]),
        ("yearTo=1963", [EIGHT, ELAN]),  # inclusive
        ("yearTo=1962", [ELAN]),
        ("yearFrom=2007&yearTo=2008", [DARK, ZODIAC]),
        ("yearFrom=2007&yearTo=2007", [ZODIAC]),
        ("year=2005&yearFrom=2005&yearTo=2005", [BATMAN_UMLAUT, BEGINS]),
        ("year=2005&yearFrom=2006", []),  # all must hold
        ("year=2005&yearTo=2004", []),
        ("year=2005&yearFrom=1990&yearTo=2010", [BATMAN_UMLAUT, BEGINS]),
        ("yearFrom=2021", []),
        ("year=0", []),
        ("year=9999", []),
        ("yearTo=0", []),
        ("yearFrom=9999", []),
    ],
)
def test_years_are_exact_or_inclusive_bounds(shop: httpx.Client, query: str, expected: list[str]) -> None:
    assert ids_of(get(shop, query)) == expected


def test_a_film_without_a_year_is_in_no_span_of_years(shop: httpx.Client) -> None:
    """22 of 24 films have a year."""
    assert page_of(get(shop, "yearFrom=0"))["totalItems"] == 22
    assert page_of(get(shop, "yearTo=9999"))["totalItems"] == 22
    assert page_of(get(shop, "yearFrom=0&yearTo=9999"))["totalItems"] == 22
    assert ids_of(get(shop, "title=batman&yearFrom=0")) == [BATMAN_UMLAUT, BATMAN, BEGINS]


@pytest.mark.parametrize("query", ["yearFrom=2001&yearTo=2000", "yearFrom=9999&yearTo=0&query=batman"])
def test_year_from_after_year_to_is_400(shop: httpx.Client, query: str) -> None:
    """contract §3.3"""
    assert list(offences_of(get(shop, query))) == ["yearFrom"]


@pytest.mark.parametrize(("genre", "total"), [("Drama", 13), ("Crime", 5), ("Épouvante", 3), ("western", 1)])
def test_genre_id_filters_by_genre(shop: httpx.Client, genres: dict[str, int], genre: str, total: int) -> None:
    found = page_of(get(shop, f"genreId={genres[genre]}&size=100"))
    assert found["totalItems"] == len(found["items"]) == total
    assert all(genre in item["genres"] for item in found["items"])


@pytest.mark.parametrize("genre_id", ["999999", "2147483647"])
@pytest.mark.parametrize("more", ["", "&query=batman", "&title=batman", "&year=2005", "&star=bale&director=nolan"])
def test_a_genre_that_does_not_exist_matches_nothing(shop: httpx.Client, genre_id: str, more: str) -> None:
    """contract §3.3"""
    assert page_of(get(shop, f"genreId={genre_id}{more}"))["totalItems"] == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title=batman&director=nolan", [BEGINS]),
        ("title=batman&star=freeman", [BEGINS]),
        ("star=bale&director=nolan", [BEGINS, DARK]),
        ("star=caine&yearFrom=2006", [INCEPTION, DARK]),
        ("query=batman&year=1989", [BATMAN]),
        ("query=nolan&title=batman&star=neeson&director=christopher&yearFrom=2005&yearTo=2005", [BEGINS]),
        ("query=nolan&title=batman&star=ledger", []),
        ("title=batman&director=burton&year=1990", []),
        ("query=nolan&director=burton", []),
        ("title=home&director=b.", [HOME_TOO]),
        ("title=a&director=a&star=a&yearTo=1995", [BOOT, ELAN, SHAWSHANK, ATAME]),
    ],
)
def test_filters_are_combined_with_and(shop: httpx.Client, query: str, expected: list[str]) -> None:
    assert ids_of(get(shop, query)) == expected


def test_a_genre_narrows_every_other_filter(shop: httpx.Client, genres: dict[str, int]) -> None:
    assert ids_of(get(shop, f"title=batman&genreId={genres['Drama']}")) == [BATMAN_UMLAUT, BEGINS]
    assert ids_of(get(shop, f"query=caine&genreId={genres['Sci-Fi']}")) == [INCEPTION]
    assert ids_of(get(shop, f"star=freeman&genreId={genres['Action']}")) == [BEGINS, DARK]
    assert ids_of(get(shop, f"year=1989&genreId={genres['Comedy']}")) == [ATAME]
    assert ids_of(get(shop, f"yearFrom=2000&yearTo=2009&genreId={genres['War']}")) == []
    assert ids_of(get(shop, f"yearFrom=2000&genreId={genres['War']}")) == [SUDBA]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title=batman", [BARE_BATMAN, BATMAN_UMLAUT, BATMAN, BEGINS]),
        ("title=batman&sortBy=title&order=asc", [BARE_BATMAN, BATMAN_UMLAUT, BATMAN, BEGINS]),
        ("title=batman&order=desc", [BEGINS, BARE_BATMAN, BATMAN_UMLAUT, BATMAN]),
        ("title=batman&sortBy=year", [BATMAN, BATMAN_UMLAUT, BEGINS, BARE_BATMAN]),
        ("title=batman&sortBy=year&order=desc", [BATMAN_UMLAUT, BEGINS, BATMAN, BARE_BATMAN]),
        ("title=batman&sortBy=rating", [BATMAN_UMLAUT, BATMAN, BEGINS, BARE_BATMAN]),
        ("title=batman&sortBy=rating&order=desc", [BEGINS, BATMAN_UMLAUT, BATMAN, BARE_BATMAN]),
        ("title=home&order=desc", [HOME, HOME_TOO]),
        ("title=home&sortBy=rating&order=desc", [HOME, HOME_TOO]),
    ],
)
def test_order_is_key_then_folded_title_then_id_with_nulls_last(
    shop: httpx.Client, query: str, expected: list[str]
) -> None:
    """contract §2.2, §3.4: title ascending unless told otherwise"""
    assert ids_of(get(shop, query)) == expected
    assert ids_of(get(shop, query.replace("title=", "query="))) == expected


@pytest.mark.parametrize("filters", ["title=a", "query=b", "star=a", "yearFrom=1980", "director=n&title=e"])
@pytest.mark.parametrize("order", ["", "&sortBy=rating&order=desc", "&sortBy=year"])
def test_pages_join_without_gap_or_repeat(shop: httpx.Client, filters: str, order: str) -> None:
    wanted = f"{filters}{order}"
    everything = page_of(get(shop, f"{wanted}&size=100"))
    whole = [item["id"] for item in everything["items"]]
    pages = [page_of(get(shop, f"{wanted}&size=3&page={page}")) for page in range(1, len(whole) // 3 + 2)]
    assert [item["id"] for page in pages for item in page["items"]] == whole
    assert {page["totalItems"] for page in pages} == {len(whole)} == {everything["totalItems"]}
    assert {page["totalPages"] for page in pages} == {-(-len(whole) // 3)}


def test_relevance_puts_the_best_first(shop: httpx.Client) -> None:
    """contract §3.4: the title itself, the better known first; then what begins with it"""
    best = [BATMAN, BATMAN_UMLAUT, BARE_BATMAN, BEGINS]
    assert ids_of(get(shop, "query=batman&sortBy=relevance")) == best


def test_relevance_prefers_the_title_to_the_people(shop: httpx.Client) -> None:
    """contract §3.4"""
    found = ids_of(get(shop, "query=bo&sortBy=relevance"))
    assert found == [BOOT, SHAWSHANK]  # "boot" in the title before the better known film with a Bob in it
    assert found != ids_of(get(shop, "query=bo&sortBy=rating&order=desc"))


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_relevance_is_best_first_whatever_the_order(shop: httpx.Client, order: str) -> None:
    """contract §3.4"""
    assert data_of(get(shop, f"query=batman&sortBy=relevance&order={order}")) == data_of(
        get(shop, "query=batman&sortBy=relevance")
    )


def test_relevance_keeps_filters_and_pages(shop: httpx.Client, genres: dict[str, int]) -> None:
    wanted = f"query=batman&sortBy=relevance&genreId={genres['Action']}"
    assert ids_of(get(shop, wanted)) == [BATMAN, BEGINS]
    assert ids_of(get(shop, f"{wanted}&size=1&page=2")) == [BEGINS]


@pytest.mark.parametrize("query", ["title=batman", "star=bale", "year=2005", "genreId=1"])
def test_relevance_without_query_is_400(shop: httpx.Client, query: str) -> None:
    """contract §3.4"""
    assert list(offences_of(get(shop, f"{query}&sortBy=relevance"))) == ["sortBy"]


@pytest.mark.parametrize("value", ["name", "votes", "", "Relevance", "titel"])
def test_sort_by_takes_the_known_values_only(shop: httpx.Client, value: str) -> None:
    assert list(offences_of(get(shop, f"query=a&sortBy={value}"))) == ["sortBy"]


@pytest.mark.parametrize("name", ["year", "yearFrom", "yearTo", "genreId"])
@pytest.mark.parametrize(
    "value",
    ["", "abc", "1.5", "1_0", "%D9%A1%D9%A2", "%2B1", "+1", "1+", "true", "-1", "2147483648", "9" * 20],
)
def test_numbers_are_plain_and_in_range(shop: httpx.Client, name: str, value: str) -> None:
    """contract §1.3, §2.5"""
    assert list(offences_of(get(shop, f"query=a&{name}={value}"))) == [name]


def test_a_genre_id_below_one_is_400(shop: httpx.Client) -> None:
    """contract §2.5"""
    assert offences_of(get(shop, "genreId=0")) == {"genreId": "must be at least 1"}


@pytest.mark.parametrize("name", ["year", "yearFrom", "yearTo"])
def test_a_year_has_four_digits_at_most(shop: httpx.Client, name: str) -> None:
    """contract §1.3: out of range of its column"""
    assert offences_of(get(shop, f"{name}=10000")) == {name: "must be at most 9999"}


def test_every_offence_is_told(shop: httpx.Client) -> None:
    """contract §1.5"""
    numbers = "year=x&yearFrom=2001&yearTo=2000&genreId=0&page=0&size=101"
    texts = "query=&title=%00&star=%FF&director=a&director=b&sortBy=y&order=z"
    assert set(offences_of(get(shop, f"{numbers}&{texts}"))) == {
        "query",
        "year",
        "yearFrom",
        "genreId",
        "page",
        "size",
        "sortBy",
        "order",
        "title",
        "star",
        "director",
    }


def test_nothing_to_search_for_is_told_beside_other_offences(shop: httpx.Client) -> None:
    """contract §1.5, §3.3"""
    offences = offences_of(get(shop, "title=&page=0"))
    assert offences.pop("page") == "must be at least 1"
    assert "at least one" in str(offences)
