"""A film is found however it is typed: contract §3.1, §3.2, §3.4."""

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.responses import data_of, ids_of
from tests.search_index import wait_for_index

SEARCH = "/api/v1/search/movies"
WIDE = "\uff3aulu \uff2eight"
FILMS = f"""title,year,original_title,votes,stars
Bonnie & Clyde,1967,,120000,
Hannah + Her Sisters,1986,,70000,
"Crosby, Stills & Nash",1991,,10,
R&B Nights,2004,,5,
Pan's Labyrinth,2006,El laberinto del fauno,700000,
Finnegans Wake,1966,,300,
X-Men,2000,,650000,
Wall·E,2008,,1200000,
Spider-Man,2002,,900000,
Spiderman of Istanbul,1973,,90,
Batman,1989,,420000,
9½ Weeks,1986,,45000,
Cube²,2002,,40000,
2ⁿᵈ Chance,1953,,30,
№ 13,1922,,20,
Henry Ⅻ,1989,,33000,
The Prefix of ﬁre,1999,,2,
Rambo: First Blood Part II,1985,,180000,
Creed III,2023,,90000,
Ocean's Twelve,2004,,420000,
Seven,1995,,1800000,
The 7th Seal,1957,Det sjunde inseglet,200000,
11 Minutes,2015,,4000,
X,2022,,190000,
Malcolm X,1992,,100000,
となりのトトロ,1988,,380000,
東京暮色,1957,,5000,
英雄,2002,Ying xiong,190000,
สุริโยไท,2001,,2000,
기생충,2019,Gisaengchung,950000,
The Mirror,1975,Zerkalo,50000,
Mirror of Lies,1998,,35,
The Mirror Crack'd,1980,,12000,
Broken Mirror,2001,,999999,
L'Atalante,1934,,18000,
Die Brücke,1959,,7000,
Brücke am Abend,1965,,40,
Downfall,2004,Der Untergang,380000,
Der Untergang der Welt,1990,,900000,
Untergang,1950,,3,
Star Trek,1979,,95000,
Star Trek,2009,,620000,
1917,2019,,680000,
2001: A Space Odyssey,1968,,730000,
One Eight,2001,,60,
$,1971,,3000,
!!!,2001,,5,
★,2002,,5,
. . .,2003,,5,
🎈 Balloon Day,2017,,5,
Anonymous,2011,,9000,Robert De Niro | Jean-Luc Picard
हिन्दी कहानी,1950,,800,
{WIDE},1931,,70,
Quiet Harbour,1977,,60,Roger Rees II | John Smith (III)
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase, serve_here: ServeHere) -> httpx.Client:
    path = tmp_path_factory.mktemp("spellings") / "films.csv"
    path.write_text(FILMS, encoding="utf-8")
    url = make_database()
    assert not import_films(url, path).bad
    return wait_for_index(serve_here(url).client)


def found(films: httpx.Client, **asked: str) -> list[str]:
    items = data_of(films.get(SEARCH, params={**asked, "size": "100"}))["items"]
    return [f"{item['title']} {item['year']}" for item in items]


def titles(films: httpx.Client, query: str) -> list[str]:
    return [text.rpartition(" ")[0] for text in found(films, query=query, sortBy="relevance")]


def as_typed(films: httpx.Client, query: str) -> list[str]:
    """By relevance, but nothing that is found by a nearer spelling only."""
    return titles(films, query) if found(films, query=query) else []


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("bonnie and clyde", "Bonnie & Clyde"),
        ("bonnie + clyde", "Bonnie & Clyde"),
        ("bonnieandclyde", "Bonnie & Clyde"),
        ("hannah and her sisters", "Hannah + Her Sisters"),
        ("crosby stills and nash", "Crosby, Stills & Nash"),
        ("r and b nights", "R&B Nights"),
        ("r&b", "R&B Nights"),
        ("rb", "R&B Nights"),
    ],
)
def test_and_is_a_word_however_it_is_written(films: httpx.Client, query: str, title: str) -> None:
    assert titles(films, query) == [title]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("pans labyrinth", "Pan's Labyrinth"),
        ("pan's labyrinth", "Pan's Labyrinth"),
        ("pan s labyrinth", "Pan's Labyrinth"),
        ("finnegan's wake", "Finnegans Wake"),
        ("finnegan\u2019s wa", "Finnegans Wake"),
        ("xmen", "X-Men"),
        ("x men", "X-Men"),
        ("walle", "Wall·E"),
        ("wall-e", "Wall·E"),
        ("bat man", "Batman"),
        ("bat-man", "Batman"),
        ("firstblood", "Rambo: First Blood Part II"),
        ("startrek", "Star Trek"),
        ("themirrorcrackd", "The Mirror Crack'd"),
        ("deniro", "Anonymous"),
        ("jean luc picard", "Anonymous"),
    ],
)
def test_words_are_found_apart_and_in_one(films: httpx.Client, query: str, title: str) -> None:
    assert titles(films, query)[0] == title


@pytest.mark.parametrize("query", ["spider-man", "spiderman", "spider man", "Spider Ma"])
def test_the_title_is_the_best_match_however_it_is_parted(films: httpx.Client, query: str) -> None:
    assert titles(films, query) == ["Spider-Man", "Spiderman of Istanbul"]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("9 1/2 weeks", "9½ Weeks"),
        ("9½", "9½ Weeks"),
        ("cube 2", "Cube²"),
        ("cube²", "Cube²"),
        ("2nd chance", "2ⁿᵈ Chance"),
        ("no 13", "№ 13"),
        ("henry xii", "Henry Ⅻ"),
        ("henry 12", "Henry Ⅻ"),
        ("prefix of fire", "The Prefix of ﬁre"),
        ("\uff43\uff52\uff45\uff45\uff44", "Creed III"),
    ],
)
def test_compatibility_forms_are_ignored(films: httpx.Client, query: str, title: str) -> None:
    assert titles(films, query) == [title]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("1/2 we", ["9½ Weeks 1986"]),
        ("9½", ["9½ Weeks 1986"]),
        ("½", ["9½ Weeks 1986"]),
        ("cube2", ["Cube² 2002"]),
        ("no 1", ["№ 13 1922"]),
        ("henry xii", ["Henry Ⅻ 1989"]),
        ("henry 12", []),  # literal: numbers are what they are
        ("bonnie and", []),
        ("spiderman", ["Spiderman of Istanbul 1973"]),
        ("★", ["★ 2002"]),
    ],
)
def test_parts_of_titles_are_literal_but_for_compatibility_forms(
    films: httpx.Client, title: str, expected: list[str]
) -> None:
    assert found(films, title=title) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("first blood part 2", ["Rambo: First Blood Part II"]),
        ("rambo part two", ["Rambo: First Blood Part II"]),
        ("creed 3", ["Creed III"]),
        ("creed three", ["Creed III"]),
        ("creed iii", ["Creed III"]),
        ("creed 4", []),
        ("oceans 12", ["Ocean's Twelve"]),
        ("oceans XII", ["Ocean's Twelve"]),
        ("eleven minutes", ["11 Minutes"]),
        ("seven", ["Seven"]),
        ("7", ["Seven", "The 7th Seal"]),  # 7th begins with it
        ("malcolm ten", ["Malcolm X"]),
        ("one 8", ["One Eight"]),
    ],
)
def test_numbers_are_one_word_in_each_spelling(films: httpx.Client, query: str, expected: list[str]) -> None:
    assert as_typed(films, query) == expected


def test_x_is_a_letter_and_ten(films: httpx.Client) -> None:
    assert titles(films, "x")[0] == "X"
    assert {"X", "X-Men", "Malcolm X"} <= set(titles(films, "x"))  # and 11 to 13, as xi, xii and xiii begin so
    assert set(titles(films, "10")) == {"X", "X-Men", "Malcolm X"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("トトロ", ["となりのトトロ"]),
        ("りのト", ["となりのトトロ"]),
        ("暮色", ["東京暮色"]),
        ("暮色 東", ["東京暮色"]),
        ("雄", ["英雄"]),
        ("ริโย", ["สุริโยไท"]),
        ("生蟲", []),
        ("생충", []),  # Korean has spaces
        ("기생", ["기생충"]),
    ],
)
def test_any_part_is_a_word_in_scripts_without_spaces(films: httpx.Client, query: str, expected: list[str]) -> None:
    assert as_typed(films, query) == expected


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("laberinto del fau", "Pan's Labyrinth"),
        ("det sjunde inseglet", "The 7th Seal"),
        ("zerkalo", "The Mirror"),
        ("yingxiong", "英雄"),
    ],
)
def test_original_titles_are_searched(films: httpx.Client, query: str, title: str) -> None:
    assert titles(films, query) == [title]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("der untergang", ["Downfall", "Der Untergang der Welt"]),
        ("Deruntergang", ["Downfall", "Der Untergang der Welt"]),
        ("untergang", ["Untergang", "Downfall", "Der Untergang der Welt"]),
    ],
)
def test_what_has_the_query_as_its_original_title_comes_after_titles_and_before_what_begins_so(
    films: httpx.Client, query: str, expected: list[str]
) -> None:
    assert titles(films, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("mirror", ["The Mirror", "The Mirror Crack'd", "Mirror of Lies", "Broken Mirror"]),
        ("the mirror", ["The Mirror", "The Mirror Crack'd"]),
        ("atalante", ["L'Atalante"]),
        ("brücke", ["Die Brücke", "Brücke am Abend"]),
    ],
)
def test_a_title_without_its_article_is_the_title(films: httpx.Client, query: str, expected: list[str]) -> None:
    """The title itself, what begins with the query, what contains it; then by votes."""
    assert titles(films, query) == expected


def test_the_order_of_the_specification_stays_by_title(films: httpx.Client) -> None:
    assert [text[:-5] for text in found(films, query="mirror")] == [
        "Broken Mirror",
        "Mirror of Lies",
        "The Mirror",
        "The Mirror Crack'd",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("star trek 1979", ["Star Trek 1979"]),
        ("2009 star tr", ["Star Trek 2009"]),
        ("star trek (2009)", ["Star Trek 2009"]),
        ("star trek 200", []),  # a year is not unfinished
        ("2001", ["2001: A Space Odyssey 1968", "!!! 2001", "One Eight 2001", "สุริโยไท 2001", "Broken Mirror 2001"]),
        ("1917", ["1917 2019"]),
    ],
)
def test_a_word_of_four_digits_is_also_the_year(films: httpx.Client, query: str, expected: list[str]) -> None:
    assert sorted(found(films, query=query)) == sorted(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("$", ["$"]),
        ("!!!", ["!!!"]),
        ("★", ["★"]),
        (". . .", [". . ."]),
        (" .  ", [". . ."]),
        ("🎈", ["🎈 Balloon Day"]),
        ("🎈 balloon", ["🎈 Balloon Day"]),
        ("+", ["Hannah + Her Sisters"]),
        ("&", ["Bonnie & Clyde", "Crosby, Stills & Nash", "R&B Nights"]),
        ("%", []),
        ("_", []),
    ],
)
def test_without_a_letter_or_digit_a_query_is_a_part_of_the_title(
    films: httpx.Client, query: str, expected: list[str]
) -> None:
    assert sorted(titles(films, query)) == sorted(expected)


def suggested(films: httpx.Client, text: str) -> list[str]:
    return [item["text"] for item in data_of(films.get(f"{SEARCH[:-6]}suggestions", params={"query": text}))["items"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$", ["$"]),
        ("!", ["!!!"]),
        ("!!!", ["!!!"]),
        ("★", ["★"]),
        (". .", [". . ."]),
        ("🎈", ["🎈 Balloon Day"]),
        ("🎈 ball", ["🎈 Balloon Day"]),
        ("balloon d", ["🎈 Balloon Day"]),
        ("$$", []),
        ("&", []),  # no title begins with it
    ],
)
def test_without_a_letter_or_digit_titles_are_suggested_as_they_stand(
    films: httpx.Client, text: str, expected: list[str]
) -> None:
    assert suggested(films, text) == expected


@pytest.mark.parametrize("text", ["हिन्दी", "हिन्", "कहानी", "कहा", "कहानी हिन्दी", "हिन्दीकहानी"])
def test_vowel_signs_part_no_word(films: httpx.Client, text: str) -> None:
    assert titles(films, text) == suggested(films, text) == ["हिन्दी कहानी"]


@pytest.mark.parametrize("letter", ["z", "Z", "\uff3a", "*", "a", "q"])
def test_the_letter_that_a_film_is_listed_under_is_the_same_beside_other_filters(
    films: httpx.Client, letter: str
) -> None:
    """contract §2.3, §3.1: full width is ignored where text is searched, and nowhere else."""
    asked = {"startsWith": letter, "size": "100"}
    alone, beside = (films.get("/api/v1/movies", params=asked | more) for more in ({}, {"minVotes": "1"}))
    assert ids_of(beside) == ids_of(alone)
    assert (WIDE in alone.text) is (letter in "\uff3a*")


@pytest.mark.parametrize("name", ["roger rees ii", "John Smith (III)", "ROGER REES II and john smith iii"])
def test_people_with_a_roman_number_are_found_in_sentences(films: httpx.Client, name: str) -> None:
    assert titles(films, f"that film with {name} about sailing") == ["Quiet Harbour"]


def test_numbers_are_one_word_in_sentences_too(films: httpx.Client) -> None:
    assert titles(films, "movies with roger rees 2 about sailing") == []  # a name is as it is written
    assert titles(films, "the one i like about malcolm ten") == ["Malcolm X"]
