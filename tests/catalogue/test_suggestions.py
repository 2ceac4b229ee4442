"""GET /api/v1/search/suggestions: films and people while somebody types."""

import random
import re
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

import httpx
import psycopg
import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.oracle import Film, Oracle
from tests.catalogue.random_requests import JUNK, SEARCHES, twist
from tests.catalogue.spoken import runs
from tests.conftest import FILMS, MakeDatabase, ServeHere
from tests.current_edition import connect
from tests.responses import data_of, offences_of

from filmer.catalogue import suggestions
from filmer.catalogue.folding import fold, search_form
from filmer.catalogue.schemas import Suggestion

SUGGESTIONS = "/api/v1/search/suggestions"
BEGINS, BATMAN, BARE_BATMAN, BATMAN_UMLAUT = "tt0372784", "tt0096895", "tt0000005", "tt0000006"
DARK, SHAWSHANK, SPIDER, AMELIE, EIGHT, ATAME = (
    "tt0468569",
    "tt0111161",
    "tt0000010",
    "tt0211915",
    "tt0000011",
    "tt0000007",
)
SUDBA, BACKSLASH, UNDERSCORE, WOLF = "tt0000008", "tt0000004", "tt0000003", "tt0000002"
FREEMAN, BALE, ORSTED, TILDA, TILDA_TOO, TILDA_THREE = (
    "nm0000151",
    "nm0000288",
    "nm9000001",
    "nm9000005",
    "nm9000006",
    "pdy2gahx5i",
)


FIELDS = ("kind", "id", "text", "year")


def suggest(shop: httpx.Client, text: str, **more: Any) -> list[dict[str, Any]]:
    """What is suggested for the text as it was typed, without reasons and marks (tests/catalogue/test_spelling.py)."""
    response = shop.get(SUGGESTIONS, params={"query": text, **more})
    data = data_of(response)
    assert list(data) == ["items"]
    if "x-search-corrected" in response.headers:
        assert data["items"]
        return []
    items = [item for item in data["items"] if not str(item["reason"]).startswith(("with ", "directed by "))]
    return [{name: item[name] for name in FIELDS} for item in items]


def ids(shop: httpx.Client, text: str, **more: Any) -> list[str]:
    return [item["id"] for item in suggest(shop, text, **more)]


class Expected(NamedTuple):
    films: list[Film]
    people: list[dict[str, Any]]

    def first(self, size: int) -> list[dict[str, Any]]:
        """People have three eighths of the places, and each kind what the other leaves."""
        share = round(size * 3 / 8 + 0.001)
        people = min(len(self.people), max(share, size - len(self.films)))
        films = [{"kind": "movie", "id": film.id, "text": film.title, "year": film.year} for film in self.films]
        return films[: size - people] + self.people[:people]


@cache
def words_of(text: str) -> set[str]:
    """Runs of letters and digits; besides, what stands between two spaces is also found written in one."""
    form = search_form(text)
    return {*runs(form), *("".join(runs(part)) for part in form.split(" "))} - {""}


NUMBERS = ("i one", "ii two", "iii three", "iv four", "v five", "vi six", "vii seven", "viii eight", "ix nine", "x ten")
SAME = {word: str(number) for number, names in enumerate(NUMBERS, 1) for word in names.split()}


def as_numbers(text: str) -> list[str]:
    """The words of a text, its numbers in arabic."""
    text = text.replace("&", " and ").replace("+", " and ").replace("'", "")
    return [SAME.get(word, word) for word in runs(search_form(text))]


def titles_of(film: Film) -> list[str]:
    return [film.title, *([film.original] if film.original else [])]


@cache
def wholes_of(title: str) -> set[str]:
    """A title written in one, whatever its marks and numbers look like; also without its article."""
    return {"".join(words) for words in _spelt(title)}


@cache
def beginnings_of(title: str) -> set[str]:
    """The beginnings of a title written in one; a number that the title writes otherwise is never begun."""
    written = runs(search_form(title))
    found = set()
    for spelling in _spelt(title):
        done = ""
        for word in spelling:
            if word in written or not word.isdecimal():
                found |= {done + word[:length] for length in range(1, len(word))}
            done += word
            found.add(done)
    return found


def _spelt(title: str) -> list[list[str]]:
    spellings = [runs(search_form(title)), as_numbers(title)]
    return spellings + [words[1:] for words in spellings if words[:1] in (["the"], ["a"], ["an"]) and len(words) > 1]


class Named(NamedTuple):
    """A film or a person, and each text under which all the words that were typed may be found."""

    named: Any
    words: list[tuple[set[str], str]]  # each once more as lines, in which beginnings are found quickly
    beginnings: set[str]
    wholes: set[str]


def named_by(named: Any, texts: list[str], titles: list[str]) -> Named:
    beginnings, wholes = (set().union(*map(of, titles)) for of in (beginnings_of, wholes_of))
    words = [words_of(text) for text in texts]
    return Named(named, [(found, "\n" + "\n".join(found)) for found in words], beginnings, wholes)


@cache
def films_of(oracle: Oracle) -> list[Named]:
    return [
        named_by(film, [film.title, " ".join(titles)] if film.original else titles, titles)
        for film in oracle.best_known_films
        for titles in [titles_of(film)]
    ]


@cache
def people_of(oracle: Oracle) -> list[Named]:
    return [named_by(person, [person.name], []) for person in [*oracle.stars.values(), *oracle.directors.values()]]


def expected(oracle: Oracle, text: str) -> Expected:
    phrase = " ".join(search_form(text).split())
    *whole, last = runs(phrase) or [""]
    if not last:
        return Expected([film for film in oracle.best_known_films if phrase and film.form.startswith(phrase)], [])

    def has_words(entry: Named) -> bool:
        return any(f"\n{last}" in lines and words.issuperset(whole) for words, lines in entry.words)

    typed = "".join(runs(phrase))
    same = "".join(as_numbers(phrase))
    begun, others = [], []
    for entry in films_of(oracle):
        if typed in entry.beginnings or same in entry.wholes:
            begun.append(entry.named)
        elif has_words(entry):
            others.append(entry.named)
    people = oracle.best_known(entry.named for entry in people_of(oracle) if has_words(entry))
    kinds = [("director" if person.id in oracle.directors else "star", person) for person in people]
    return Expected(
        begun + others,
        [{"kind": kind, "id": person.id, "text": person.name, "year": person.born} for kind, person in kinds],
    )


def test_answer_has_every_field_always(shop: httpx.Client) -> None:
    """contract §1.2"""
    (star,) = data_of(shop.get(SUGGESTIONS, params={"query": "ad"}))["items"]
    assert star == {
        "kind": "star", "id": "nm9000002", "text": "Ada Bright", "year": None, "reason": None, "matches": [[0, 2]],
    }  # fmt: skip
    (film,) = data_of(shop.get(SUGGESTIONS, params={"query": "under"}))["items"]
    assert film == {
        "kind": "movie", "id": UNDERSCORE, "text": "Under_score", "year": None, "reason": None, "matches": [[0, 5]],
    }  # fmt: skip
    (star,) = suggest(shop, "christian b")
    assert star == {"kind": "star", "id": BALE, "text": "Christian Bale", "year": 1974}
    assert list(film) == ["kind", "id", "text", "year", "reason", "matches"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bat", [BEGINS, BATMAN, BATMAN_UMLAUT, BARE_BATMAN]),  # by votes; unknown ones last
        ("BATMAN BE", [BEGINS]),
        ("b%C3%A4tm", [BEGINS, BATMAN, BATMAN_UMLAUT, BARE_BATMAN]),
        ("dark kni", [DARK]),
        ("knight dark", [DARK]),
        ("dark the", [DARK]),
        ("kni", [DARK]),
        ("night", []),  # no word begins so
        ("shaw", [SHAWSHANK]),
        ("spider-m", [SPIDER]),
        ("spider m", [SPIDER]),
        ("spiderm", [SPIDER]),
        ("am%C3%A9", [AMELIE]),
        ("ame", [AMELIE]),
        ("atame", [ATAME]),
        ("%C2%A1%C3%A1t", [ATAME]),  # ¡át
        ("8", [EIGHT]),
        ("8%C2%BD", [EIGHT]),
        ("%D1%81%D1%83%D0%B4", [SUDBA]),  # суд
        ("chr+ba", []),  # only the last word may be unfinished
        ("morgan free", [FREEMAN]),
        ("free", [FREEMAN]),
        ("freeman m", [FREEMAN]),
        ("orsted", [ORSTED]),
        ("zo%C3%AB", [ORSTED]),
        ("tilda", [TILDA, TILDA_TOO, TILDA_THREE]),  # of equal votes, stars first
        ("++bat++", [BEGINS, BATMAN, BATMAN_UMLAUT, BARE_BATMAN]),
    ],
)
def test_what_was_typed_begins_a_title_or_a_name(shop: httpx.Client, text: str, found: list[str]) -> None:
    assert ids(shop, unquote_plus(text)) == found


def test_an_article_before_the_title_does_not_count(shop: httpx.Client) -> None:
    """The Dark Knight has more votes than any film whose title begins so; Das is no article here."""
    assert ids(shop, "d", size=5)[:2] == [DARK, "tt0082096"]
    assert ids(shop, "boot") == ["tt0082096"]


@pytest.mark.parametrize("text", [" ", "   ", "%", "_", "\\", "'", "--", "...", "\t", "☃", "\u0301", "%_%"])
def test_text_without_letters_and_digits_finds_nothing(shop: httpx.Client, text: str) -> None:
    assert suggest(shop, text) == []


def test_people_who_only_direct_are_found(shop: httpx.Client) -> None:
    (nolan,) = suggest(shop, "nolan")
    assert (nolan["kind"], nolan["text"], nolan["year"]) == ("director", "Christopher Nolan", None)
    assert shop.get(f"/stars/{nolan['id']}").status_code == 200
    assert shop.get(f"/api/v1/stars/{nolan['id']}").status_code == 404, "the API's stars are those of the casts"


def test_an_edition_from_before_directors_suggests_its_stars(
    make_database: MakeDatabase, serve_here: ServeHere
) -> None:
    database = make_database(films=True)
    with connect(database) as conn:
        conn.execute("TRUNCATE director")
        conn.execute("UPDATE star SET votes = NULL")
    client = serve_here(database).client
    assert ids(client, "christian b") == [BALE]
    assert ids(client, "nolan") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b%t", []),
        ("b_tman", []),
        ("100%", [WOLF]),
        ("1%", [WOLF, EIGHT]),  # 8½ is 8 1/2
        ("back\\s", [BACKSLASH]),
        ("under_", [UNDERSCORE]),
        ("batman:*", [BEGINS, BATMAN, BATMAN_UMLAUT, BARE_BATMAN]),  # punctuation parts words
        ("bat & dark", []),
        ("bat | dark", []),
        ("!bat", [BEGINS, BATMAN, BATMAN_UMLAUT, BARE_BATMAN]),
        ("') OR 1=1 --", []),
        ("'; DROP TABLE film; --", []),
        ("{bat,dark}", []),
        ('"dark" k', [DARK]),
    ],
)
def test_text_is_literal(shop: httpx.Client, text: str, found: list[str]) -> None:
    """No wildcard, no operator of a search, no SQL: punctuation only parts words."""
    assert ids(shop, text) == found


def test_size_bounds_the_answer(shop: httpx.Client) -> None:
    assert len(suggest(shop, "m")) == 8
    for size in (1, 2, 9, 10):
        assert len(suggest(shop, "m", size=size)) == size
    assert {item["kind"] for item in suggest(shop, "m", size=2)} == {"movie", "star"}


@pytest.mark.parametrize(
    ("query", "offences"),
    [
        ("", {"query": "must be given"}),
        ("size=8", {"query": "must be given"}),
        ("query=", {"query": "must not be empty"}),
        ("query=a&query=b", {"query": "must be given only once"}),
        ("query=a&size=0", {"size": "must be at least 1"}),
        ("query=a&size=11", {"size": "must be at most 10"}),
        ("query=a&size=1.5", {"size": "must be an integer"}),
        ("query=a&size=%D9%A8", {"size": "must be an integer"}),
        ("query=a&size=", {"size": "must be an integer"}),
        ("query=a%00b", {"query": "must not contain U+0000"}),
        ("query=%FF", {"query": "must be valid UTF-8"}),
        ("size=0&query=", {"query": "must not be empty", "size": "must be at least 1"}),
    ],
)
def test_bad_input_names_every_offence(shop: httpx.Client, query: str, offences: dict[str, str]) -> None:
    """contract §1.3, §1.5"""
    assert offences_of(shop.get(f"{SUGGESTIONS}?{query}")) == offences


@pytest.mark.parametrize("text", ["a" * 3000, "a " * 1500, "é" * 1000, "千" * 800, "batman " * 400, "-a" * 1500])
def test_very_long_text_is_no_failure(shop: httpx.Client, text: str) -> None:
    answer = shop.get(f"{SUGGESTIONS}?query={quote(text)}")
    assert answer.status_code == (200 if len(quote(text)) < 8000 else 414), answer.text


def test_answer_is_kept_and_has_an_etag(shop: httpx.Client) -> None:
    """contract §1.7"""
    answer = shop.get(f"{SUGGESTIONS}?query=bat")
    assert answer.headers["cache-control"].startswith("public")
    again = shop.get(f"{SUGGESTIONS}?query=bat", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def beginnings(oracle: Oracle, chance: random.Random) -> list[str]:
    """What somebody types on the way to a film or a star, and what nobody means."""
    named = [film.title for film in oracle.films] + [star.name for star in oracle.stars.values()]
    letters = sorted({fold(text)[0] for text in named})
    drawn = []
    for _ in range(SEARCHES):
        words = chance.choice(named).split()
        text = " ".join(words[chance.randrange(len(words)) :])
        drawn.append(twist(chance, text[: chance.choice([1, 2, 3, 4, 6, 9, 99])]))
    return [*letters, *(text for text in JUNK if text.strip()), *drawn]


def test_films_csv_is_suggested_as_the_oracle_does(shop: httpx.Client) -> None:
    oracle = Oracle(FILMS)
    chance = random.Random(29)
    for text in beginnings(oracle, chance):
        size = chance.randint(1, 10)
        assert suggest(shop, text, size=size) == expected(oracle, text).first(size), text


@pytest.mark.proof
@pytest.mark.parallel
def test_thousands_of_films_are_suggested_as_the_oracle_does(catalogue: Catalogue) -> None:
    """More films fit than the best known thousand has, and fewer: all ways to an answer are taken."""
    client, oracle, *_ = catalogue
    chance = random.Random(30)
    known = {film.id for film in oracle.best_known_films[:1000]}
    ways = set()
    for text in beginnings(oracle, chance):
        size = chance.randint(1, 10)
        wanted = expected(oracle, text)
        assert suggest(client, text, size=size) == wanted.first(size), text
        ways.add((len(wanted.films) >= size, all(film.id in known for film in wanted.films[:size])))
    assert ways == {(True, True), (True, False), (False, True), (False, False)}


@pytest.mark.parametrize(
    ("films", "stars", "size", "mixed"),
    [
        (10, 10, 10, (6, 4)),
        (10, 10, 8, (5, 3)),
        (10, 10, 2, (1, 1)),
        (10, 10, 1, (1, 0)),
        (0, 10, 8, (0, 8)),
        (10, 0, 8, (8, 0)),
        (2, 10, 8, (2, 6)),
        (10, 1, 8, (7, 1)),
        (0, 1, 1, (0, 1)),
        (3, 2, 8, (3, 2)),
    ],
)
def test_people_get_three_eighths_and_nobody_s_place_stays_empty(
    films: int, stars: int, size: int, mixed: tuple[int, int]
) -> None:
    movies = [Suggestion(kind="movie", id=f"tt{at}", text="", year=None) for at in range(films)]
    people = [Suggestion(kind="star", id=f"nm{at}", text="", year=None) for at in range(stars)]
    assert suggestions.mix(movies, people, size) == movies[: mixed[0]] + people[: mixed[1]]


def test_the_database_parts_words_where_we_do(database_url: str) -> None:
    """Each character of Unicode's first plane and some beyond, between two letters: parts them for both, or neither."""
    codes = [*range(1, 0xD800), *range(0xE000, 0x10000), 0x1F600, 0x20000, 0x10FFFF]
    texts = [search_form(f"x{chr(code)}y") for code in codes]
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            "SELECT tsvector_to_array(words_of(text)) FROM unnest(%s::text[]) WITH ORDINALITY u(text, at) ORDER BY at",
            [texts],
        ).fetchall()
    for text, (theirs,) in zip(texts, rows, strict=True):
        ours = suggestions.read(text).words
        assert set(theirs) - set(ours) <= {"".join(ours)}, f"{text!a}: {theirs}"  # written in one
        assert set(ours) <= set(theirs), f"{text!a}: {theirs}"


def test_a_title_of_any_length_is_indexed(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        for text in ("千" * 5000, "a" * 5000, "ab " * 3000, "x-" * 3000, " ", "", "-", "\n\t"):
            (words,) = conn.execute("SELECT tsvector_to_array(words_of(%s))", [text]).fetchone() or ([],)
            assert all(re.fullmatch(r"\S{1,300}", word) for word in words)
