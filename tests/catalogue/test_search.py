"""GET /api/v1/search/movies: shop-api.md "Search Movies", contract §3."""

import httpx
import pytest
from tests.responses import data_of, error_of, ids_of, offences_of, page_of

SEARCH = "/api/v1/search/movies"

SHAWSHANK, BEGINS, DARK, BATMAN = "tt0111161", "tt0372784", "tt0468569", "tt0096895"
INCEPTION, AMELIE, BOOT, SPIRITED = "tt1375666", "tt0211915", "tt0082096", "tt0245429"
ELAN, WOLF, UNDERSCORE, BACKSLASH = "tt0000001", "tt0000002", "tt0000003", "tt0000004"
BARE_BATMAN, BATMAN_UMLAUT, ATAME, SUDBA = "tt0000005", "tt0000006", "tt0000007", "tt0000008"
ZODIAC, SPIDER, EIGHT, HOME, HOME_TOO = "tt0000009", "tt0000010", "tt0000011", "tt0000012", "tt0000013"
ZERO, SCARECROW, SCARECROW_TOO = "tt0000014", "tt0000015", "tt0000016"
BATMANS = [BARE_BATMAN, BATMAN_UMLAUT, BATMAN, BEGINS]  # by title, then id


def get(shop: httpx.Client, query: str) -> httpx.Response:
    return shop.get(f"{SEARCH}?{query}")


def test_answer_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    page = page_of(get(shop, "query=shawshank"))
    assert page == {
        "items": [
            {
                "id": SHAWSHANK,
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
        ],
        "page": 1,
        "size": 20,
        "totalItems": 1,
        "totalPages": 1,
    }
    names = ["id", "title", "year", "director", "rating", "numVotes", "genres", "stars"]
    assert list(page["items"][0]) == names


def test_no_match_is_an_empty_page(shop: httpx.Client) -> None:
    """contract §2.1"""
    nothing = {"items": [], "page": 1, "size": 20, "totalItems": 0, "totalPages": 0}
    assert page_of(get(shop, "query=nosuchword")) == nothing


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("batman", BATMANS),
        ("BATMAN", BATMANS),
        ("b%C3%A4tman", BATMANS),  # ä
        ("atma", BATMANS),
        ("tman+b", [BEGINS]),
        ("amelie", [AMELIE]),
        ("Am%C3%A9lie", [AMELIE]),
        ("Ame%CC%81lie", [AMELIE]),  # é written in two
        ("%25", [WOLF]),
        ("0%25", [WOLF]),
        ("_", [UNDERSCORE]),
        ("r_s", [UNDERSCORE]),
        ("b_tman", []),
        ("b%25n", []),
        ("%5C", [BACKSLASH]),  # \
        ("k%5Cs", [BACKSLASH]),
        ("%5C%25", []),
        ("%5C_", []),
        ("%27", [SPIDER]),
        ("-", [SPIDER]),
        ("spiderman", []),  # a substring of the title as it is: nothing is removed
        ("spider+man", []),
        ("%C2%A1", [ATAME]),  # ¡
        ("%C2%BD", [EIGHT]),  # ½
        ("8", [EIGHT]),
        ("%D1%81%D1%83%D0%B4", [SUDBA]),  # суд
        ("%D0%96", [SUDBA]),  # Ж
        ("z", [ZERO, ZODIAC]),
        ("+b", [BEGINS, BOOT]),  # the space counts
        ("home+", []),
        ("begins+batman", []),  # one text, not words
        ("nolan", []),  # of the title only
    ],
)
def test_title_is_a_literal_substring_without_case_and_accents(
    shop: httpx.Client, title: str, expected: list[str]
) -> None:
    """contract §3.1"""
    assert ids_of(get(shop, f"title={title}")) == expected


@pytest.mark.parametrize(
    ("director", "expected"),
    [
        ("nolan", [BEGINS, INCEPTION, DARK]),
        ("OLAN", [BEGINS, INCEPTION, DARK]),
        ("rene+clair", [ELAN]),
        ("almod%C3%B3var", [ATAME]),
        ("almodovar", [ATAME]),
        ("odegard", [SPIDER]),  # the second of two
        ("o%27hara", [BACKSLASH]),
        ("ohara", []),
        ("nobody", [HOME, HOME_TOO]),
        ("a.+n", [HOME]),
        ("n.n", []),
        ("%25", []),
        ("_", []),
        ("%5C", []),
        ("batman", []),
    ],
)
def test_director_is_a_literal_substring_without_case_and_accents(
    shop: httpx.Client, director: str, expected: list[str]
) -> None:
    """contract §3.1"""
    assert ids_of(get(shop, f"director={director}")) == expected


@pytest.mark.parametrize(
    ("star", "expected"),
    [
        ("freeman", [BEGINS, DARK, SHAWSHANK]),  # billed fourth in one of them
        ("FREEMAN", [BEGINS, DARK, SHAWSHANK]),
        ("orsted", [ELAN]),
        ("zo%C3%ab+%C3%98", [ELAN]),
        ("gronemeyer", [BOOT]),
        ("tilda", [SCARECROW, SCARECROW_TOO, ZERO]),  # two stars of one name in one of them: found once
        ("n-l", [INCEPTION]),
        ("jr.", [ZODIAC]),
        ("robbins+morgan", []),  # within one name
        ("%25", []),
        ("_", []),
        ("nolan", []),
    ],
)
def test_star_is_a_literal_substring_without_case_and_accents(
    shop: httpx.Client, star: str, expected: list[str]
) -> None:
    """contract §3.1"""
    assert ids_of(get(shop, f"star={star}")) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("batman", BATMANS),
        ("batm", BATMANS),  # the last word may be unfinished
        ("bo", [BOOT, SHAWSHANK]),  # Das Boot, Bob Gunton
        ("atman", []),  # but not without its beginning
        ("nolan+batman", [BEGINS]),
        ("batman+nolan", [BEGINS]),
        ("nolan+batm", [BEGINS]),
        ("nola+batman", []),  # only the last may be unfinished
        ("nolan+freeman", [BEGINS, DARK]),
        ("caine+nolan+bale", [BEGINS, DARK]),
        ("amelie+tautou", [AMELIE]),
        ("AM%C3%89LIE", [AMELIE]),
        ("orsted+clair", [ELAN]),
        ("spider+man", [SPIDER]),
        ("spider-man", [SPIDER]),
        ("spider-man%27s", [SPIDER]),
        ("spidermans+day", [SPIDER]),  # what stands between two spaces is also found written in one
        ("spiderman", [SPIDER]),
        ("spiderman+day", []),  # whole words but the last: it is "spidermans"
        ("ohara", [BACKSLASH]),
        ("o%27hara", [BACKSLASH]),
        ("gordonlevitt", [INCEPTION]),
        ("levitt", [INCEPTION]),
        ("back%5Cslash", [BACKSLASH]),
        ("100%25", [WOLF]),
        ("under_score", [UNDERSCORE]),  # letters and digits only: _ parts words
        ("score+under", [UNDERSCORE]),
        ("8%C2%BD", [EIGHT]),
        ("%D0%B6%D0%B8%D0%B7%D0%BD%D1%8C", [SUDBA]),  # жизнь
        ("%2C%3Bbatman%21%3F", BATMANS),  # punctuation parts words and is no word
        ("robert+downey+jr", [ZODIAC]),
        ("mononoke", []),
        ("le+fabuleux", [AMELIE]),  # the original title
    ],
)
def test_query_finds_every_word_in_title_director_or_stars(shop: httpx.Client, query: str, expected: list[str]) -> None:
    """contract §3.2"""
    assert sorted(ids_of(get(shop, f"query={query}"))) == sorted(expected)


def test_query_without_a_letter_or_digit_is_a_part_of_the_title(shop: httpx.Client) -> None:
    """contract §3.2"""
    assert ids_of(get(shop, "query=%25")) == [WOLF]
    assert ids_of(get(shop, "query=%5C")) == [BACKSLASH]
    assert ids_of(get(shop, "query=%25&title=wolf")) == [WOLF]
    assert page_of(get(shop, "query=%25-%21"))["totalItems"] == 0
    assert page_of(get(shop, "query=%25-%21&title=batman"))["totalItems"] == 0


def test_query_takes_as_many_words_as_an_address_holds(shop: httpx.Client) -> None:
    assert page_of(get(shop, "query=" + "+".join(["batman"] * 1000)))["totalItems"] == 4
    assert page_of(get(shop, "query=" + "x" * 7000))["totalItems"] == 0
    assert page_of(get(shop, "query=" + "+".join("abcdefghij" * 350)))["totalItems"] == 0


@pytest.mark.parametrize("name", ["title", "director", "star"])
def test_long_text_finds_nothing(shop: httpx.Client, name: str) -> None:
    assert page_of(get(shop, f"{name}=" + "x" * 7000))["totalItems"] == 0
    assert page_of(get(shop, f"{name}=" + "%25" * 2000))["totalItems"] == 0


@pytest.mark.parametrize("query", ["query=", "query=+", "query=%20%09", "query=&title=batman"])
def test_an_empty_query_is_400(shop: httpx.Client, query: str) -> None:
    """contract §3.3; the spec: "Min 1 char if provided" """
    assert list(offences_of(get(shop, query))) == ["query"]


@pytest.mark.parametrize("blank", ["title=", "director=+", "star=%20%20", "title=%09&director=&star=%C2%A0"])
def test_other_text_filters_when_blank_are_ignored(shop: httpx.Client, blank: str) -> None:
    """contract §3.3"""
    given = data_of(get(shop, "year=2005"))
    assert data_of(get(shop, f"year=2005&{blank}")) == given
    assert given["totalItems"] == 2


@pytest.mark.parametrize(
    "query",
    ["", "title=", "title=&director=+&star=%20", "page=1&size=5", "order=desc", "unknown=1", "Title=x"],
)
def test_nothing_to_search_for_is_400_at_least_one(shop: httpx.Client, query: str) -> None:
    """contract §3.3"""
    error = error_of(get(shop, query), 400, "VALIDATION_ERROR")
    assert "at least one" in str(error)
