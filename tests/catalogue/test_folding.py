"""Folding: case and accents ignored, nothing else removed (contract §2.2, §3.1)."""

import sys
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filmer.catalogue.folding import fold, initial, is_a_to_z, search_form

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PIECES = st.text(st.sampled_from("aeéEÉ -ñçß1"), max_size=8)
unhurried = settings(deadline=None)  # a busy machine is no defect


def characters() -> Iterator[str]:
    """All there are, but of the million that this Python does not know as such those alone that change.

    A thousand at a time: where a text of them stays as it is, so does each.
    """
    rest = ""
    for code in (*range(0xD800), *range(0xE000, sys.maxunicode + 1)):
        if unicodedata.category(chr(code)) not in {"Cn", "Co"}:
            yield chr(code)
            continue
        rest += chr(code)
        if len(rest) == 1000 or code == sys.maxunicode:
            yield from "" if fold(rest) == fold(rest.upper()) == search_form(rest) == rest else rest
            rest = ""


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Batman", "batman"),
        ("BATMÄN", "batman"),
        ("Amélie", "amelie"),
        ("Ame\u0301lie", "amelie"),
        ("Élan Vital", "elan vital"),
        ("İstanbul", "istanbul"),
        ("\u0131I\u0131", "iii"),  # the i without a dot
        ("Smørrebrød", "smorrebrod"),
        ("Łódź", "lodz"),
        ("Đurđević", "durdevic"),
        ("Ærø", "aero"),
        ("Œuvre", "oeuvre"),
        ("Þór", "thor"),
        ("Straße", "strasse"),
        ("STRASSE", "strasse"),
        ("Việt Nam", "viet nam"),
        ("Ёлки", "елки"),
        ("Καλημέρα", "καλημερα"),
        ("ΚΑΛΗΜΈΡΑΣ", "καλημερασ"),
        ("καλημέρας", "καλημερασ"),  # the final sigma is a sigma
        ("ﬁlm", "film"),
        ("Å", "a"),
        ("\u212b", "a"),  # the sign for ångström
        ("\u1e9e", "ss"),  # the capital ß
    ],
)
def test_case_and_accents_are_ignored(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    "text",
    [
        "spider-man's day",
        "100% wolf",
        "under_score",
        "back\\slash",
        "8½",
        "¡atame!",
        "e.t. (1982) [uncut] & more, #1: “so”?",
        "  two  spaces ",
        "千と千尋の神隠し",
        "がぎぐ",  # the voicing is part of the letter
        "हिन्दी",  # and so are vowel signs
        "한국어",
        "the ²",
        "🎬",
        "",
    ],
)
def test_nothing_else_is_removed(text: str) -> None:
    assert fold(text) == text


@pytest.mark.parametrize("text", ["がぎぐ", "हिन्दी", "한국어", "\u1100\u1161"])
def test_composed_and_decomposed_text_fold_alike(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_every_character_folds_alike_in_both_cases_and_both_forms_and_only_once() -> None:
    for character in characters():
        folded = fold(character)
        alike = {fold(character.upper()), fold(character.lower()), fold(folded)}
        alike.add(fold(unicodedata.normalize("NFD", character)))
        assert alike == {folded}, f"U+{ord(character):04X}"


def test_every_letter_of_latin_1_folds_to_ascii() -> None:
    letters = [chr(code) for code in range(0xC0, 0x100) if chr(code).isalpha()]
    assert len(letters) == 62
    assert all(fold(letter).isascii() and fold(letter).isalpha() for letter in letters)


@unhurried
@given(TEXT)
@example("Ἀ\u0345\u0301")
@example("e\u0323\u0301")
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@unhurried
@given(TEXT)
def test_composed_and_decomposed_text_are_the_same(text: str) -> None:
    forms = {fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {fold(text)}


@unhurried
@given(st.text(st.characters(max_codepoint=127), max_size=50))
def test_of_ascii_only_the_case_goes(text: str) -> None:
    assert fold(text) == text.lower()


@unhurried
@given(PIECES, PIECES)
def test_a_part_of_a_text_is_found_in_it(before: str, after: str) -> None:
    assert fold(before) in fold(before + after)
    assert fold(after) in fold(before + after)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("8½", "8 1/2"),
        ("½", "1/2"),
        ("Alien³", "alien3"),
        ("7ᵗʰ Week", "7th week"),
        ("Nº 7", "no 7"),
        ("№ 7", "no 7"),
        ("Episode Ⅳ", "episode iv"),
        ("ﬁlm", "film"),
        ("\uff26\uff55\uff4c\uff4c\u3000\uff57\uff49\uff44\uff54\uff48", "full width"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("wait…", "wait..."),
        ("rock\u00b4n\u00b4roll", "rock\u00b4n\u00b4roll"),  # an accent of its own is no space
        ("Amélie's “Été”", "amelie's “ete”"),
        ("", ""),
    ],
)
def test_the_search_form_ignores_compatibility_forms_as_well(text: str, form: str) -> None:
    """contract §3.1"""
    assert search_form(text) == form


def test_every_character_has_one_search_form_which_is_its_own() -> None:
    for character in characters():
        form = search_form(character)
        assert {search_form(form), search_form(character.upper()), search_form(fold(character))} == {form}
        assert form.strip() or not fold(character).strip() or character in "\u309b\u309c", f"U+{ord(character):04X}"


@unhurried
@given(TEXT)
def test_composed_and_decomposed_text_have_one_search_form(text: str) -> None:
    assert {search_form(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")} == {search_form(text)}


@pytest.mark.parametrize(
    ("folded", "letter"), [("elan", "e"), ("100% wolf", "1"), ("¡atame!", "¡"), ("жизнь", "ж"), ("", "")]
)
def test_initial_is_the_first_character(folded: str, letter: str) -> None:
    """contract §2.3"""
    assert initial(folded) == letter


def test_a_to_z_are_26_characters() -> None:
    """contract §2.3"""
    assert "".join(filter(is_a_to_z, map(chr, range(0x3000)))) == "abcdefghijklmnopqrstuvwxyz"
    assert not is_a_to_z("")
    assert not is_a_to_z("ab")
