"""Words of titles, names and queries: contract §3.2, §3.4."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmer.catalogue.folding import search_form
from filmer.catalogue.index_words import written_words
from filmer.catalogue.words import (
    ORIGINAL_MARK,
    YEAR_MARK,
    name_words,
    original_words,
    pieces_of,
    query_keys,
    query_words,
    title_words,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SAID = "the iv 4 four & and spider-man R&B cube² 千と千尋 l'été é $ x ii twelve"
PHRASE = st.lists(st.sampled_from(SAID.split()), max_size=6)
unhurried = settings(deadline=None)  # a busy machine is no defect


def is_found(query: str, words: set[str]) -> bool:
    return all(
        any(text in words or (unfinished and any(word.startswith(text) for word in words)) for text, unfinished in word)
        for word in query_words(query)
    )


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Nolan, bat-man", ["nolan", "bat", "man"]),
        ("  Amélie   Poulain ", ["amelie", "poulain"]),
        ("100% Wolf", ["100", "wolf"]),
        ("under_score", ["under", "score"]),
        ("back\\slash", ["back", "slash"]),
        ("O'Hara's", ["o", "hara", "s"]),
        ("8½", ["8", "1", "2"]),
        ("千と千尋", ["千と千尋"]),
        ("हिन्दी", ["हनद"]),
        ("a a", ["a", "a"]),
        ("Thelma & Louise", ["thelma", "and", "louise"]),
        ("R&B", ["r", "b"]),
        ("%-!", []),
        ("", []),
    ],
)
def test_pieces_are_runs_of_letters_and_digits(text: str, pieces: list[str]) -> None:
    assert pieces_of(text) == pieces


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("the dark knight", {"the", "dark", "knight", "thedark", "darkknight"}),
        ("spider-man's day", {"spider", "man", "s", "spidermans", "day", "spidermansday"}),
        ("o'hara", {"o", "hara", "ohara"}),
        ("e.t.", {"e", "t", "et"}),
        ("under_score", {"under", "score", "underscore"}),
        ("back\\slash", {"back", "slash", "backslash"}),
        ("100% wolf", {"100", "wolf", "100wolf"}),
        ("malcolm x", {"malcolm", "x", "10", "ten", "malcolmx", "malcolm10", "malcolmten"}),
        ("1/2", {"1", "i", "one", "2", "ii", "two", "12"}),  # two numbers, and no twelve
        ("r&b", {"r", "b", "rb", "and"}),
        ("東京 x", {"東京", "京", "x", "10", "ten", *(a + b for a in ("東京", "京") for b in ("x", "10", "ten"))}),
        ("- ! -", set()),
        ("", set()),
    ],
)
def test_words_of_a_name(form: str, words: set[str]) -> None:
    assert name_words(form) == words


@pytest.mark.parametrize(
    ("title", "key", "bare_key", "in_one"),
    [
        ("The Matrix", "thematrix", "matrix", {"thematrix", "matrix"}),
        ("A Few Good Men", "afewgoodmen", "fewgoodmen", {"afewgoodmen", "fewgoodmen"}),
        ("L'Avventura", "lavventura", "avventura", {"lavventura", "avventura"}),
        ("L\u2019Été", "lete", "ete", {"lete", "ete"}),
        ("Das Boot", "dasboot", "boot", {"dasboot", "boot"}),
        ("The", "the", None, {"the"}),
        ("Therapy", "therapy", None, {"therapy"}),
        ("I, Robot", "irobot", None, {"irobot", "1robot"}),
        ("The Godfather Part II", "thegodfatherpartii", "godfatherpartii", {"godfatherpartii", "godfatherpart2"}),
        ("Mr. & Mrs. Smith", "mrandmrssmith", None, {"mrandmrssmith"}),
        ("R&B", "randb", None, {"randb", "rb"}),
        ("$", "", None, set()),
        ("&", "and", None, {"and"}),
    ],
)
def test_keys_of_a_title(title: str, key: str, bare_key: str | None, in_one: set[str]) -> None:
    found = title_words(search_form(title))
    assert (found.key, found.bare_key) == (key, bare_key)
    assert in_one <= found.words


@pytest.mark.parametrize(
    ("title", "keys"),
    [("Der Untergang", {"=deruntergang", "=untergang"}), ("Léon", {"=leon"}), ("$", set()), ("", set())],
)
def test_words_of_an_original_title_are_a_titles_and_its_keys(title: str, keys: set[str]) -> None:
    assert original_words(search_form(title)) == title_words(search_form(title)).words | keys


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("Matrix", {"matrix"}),
        ("rocky 4", {"rocky4", "rockyiv", "rockyfour"}),
        ("thelma & louise", {"thelmaandlouise"}),
        (
            "1 2 3 4",
            {f"{a}{b}{c}4" for a in ("1", "i", "one") for b in ("2", "ii", "two") for c in ("3", "iii", "three")},
        ),
        ("x-men", {"xmen"}),
    ],
)
def test_keys_of_a_query(query: str, keys: set[str]) -> None:
    assert set(query_keys(query)) == keys


def test_a_word_of_a_query_is_found_by_itself_or_in_one_with_a_neighbour() -> None:
    assert query_words("spider-man 1977") == (
        (("spider", False), ("spiderman", False), ("spiderman1977", True)),
        (("man", False), ("spiderman", False), ("spiderman1977", True)),
        (("1977", True), ("spiderman1977", True), (f"{YEAR_MARK}1977", False)),
    )
    assert query_words("batman") == ((("batman", True),),)
    assert query_words("千尋 x")[0] == (("千尋", True), ("千尋x", True))
    assert len(query_words("batman " * 50)) == 3  # first, in the middle, last
    assert query_words("%-!") == query_words("&") == ()


@unhurried
@given(TEXT)
def test_every_text_is_found_by_itself(text: str) -> None:
    assert is_found(text, name_words(search_form(text)))
    assert is_found(text, title_words(search_form(text)).words)


@unhurried
@given(TEXT.filter(lambda text: not {*search_form(text)} & {"&", "+"}))
def test_the_search_index_has_the_same_words(text: str) -> None:
    assert written_words(text) == pieces_of(text)


@unhurried
@given(PHRASE)
def test_every_title_is_found_written_in_one_and_is_the_title_that_it_is(title: list[str]) -> None:
    found = title_words(search_form(" ".join(title)))
    assert is_found("".join(title).replace("&", "and"), found.words | {"and"})
    assert found.key in query_keys(" ".join(title))


@unhurried
@given(TEXT)
def test_words_are_letters_and_digits(text: str) -> None:
    """So nothing in them has a meaning in a tsquery."""
    assert all(word.isalnum() for word in [*pieces_of(text), *title_words(search_form(text)).words])
    assert all(word.removeprefix(ORIGINAL_MARK).isalnum() for word in original_words(search_form(text)))
    for alternatives in query_words(text):
        assert all(alternative.text.removeprefix(YEAR_MARK).isalnum() for alternative in alternatives)


def test_nothing_is_longer_than_an_index_takes() -> None:
    for text in ("x" * 2400, "a&" * 1200, "千" * 800, "ab " * 800):
        found = title_words(text)
        assert max(map(len, found.words)) <= 100
        assert max(len(word.encode()) for word in original_words(text)) < 2046  # bytes of a lexeme
        assert len(found.key) <= 500
        assert sum(len(word.encode()) for word in found.words) < 2**19  # of the 2**20 that a tsvector has
