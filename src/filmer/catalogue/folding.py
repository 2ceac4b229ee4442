"""How titles and names are compared: case and accents ignored, nothing else removed (contract §2.2, §3.1)."""

import re
import unicodedata

# Letters that carry their stroke or ligature inside, which no Unicode decomposition takes apart.
_STROKES = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
# Combining marks that are accents on Latin, Greek and Cyrillic letters. The marks of other scripts
# (Devanagari vowels, Japanese voicing) make another letter, so they stay.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# Characters that Unicode takes apart into a space and an accent of its own: they stay as they are.
_SPACING_ACCENTS = (
    "\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u037a\u0384\u0385\u1fbd-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf\u1fed\u1fee\u1ffd\u1ffe"
    "\u2017\u203e\ufe49-\ufe4c\uffe3"
)
_OTHERS = re.compile(f"[^{_SPACING_ACCENTS}]+")
_NO_ASCII_WORD = re.compile(r"[^\w\s\x00-\x7f]")
A_TO_Z = "abcdefghijklmnopqrstuvwxyz"
_AFTER_DIGIT = re.compile("(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215f\u2189])")  # 8½ is 8 1/2, not 81/2


def fold(text: str) -> str:
    """The form by which text is sorted: ``Amélie`` → ``amelie``, ``Ørsted`` → ``orsted``."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare.translate(_STROKES))


def search_form(text: str) -> str:
    """The form in which text is searched: folded, and Unicode's compatibility forms (NFKD) are ignored as well.

    ``8½`` → ``8 1/2``, ``Alien³`` → ``alien3``, ``Nº 7`` → ``no 7``, ``Ⅳ`` → ``iv``. Sorting does without it.
    """
    if text.isascii():
        return text.lower()
    apart = _AFTER_DIGIT.sub(" ", text)
    plain = _OTHERS.sub(lambda match: unicodedata.normalize("NFKD", match[0]), apart).replace("\u2044", "/")
    return fold(plain)


def by_name(name: str) -> tuple[str, str]:
    """The key by which names without an id sort: genres."""
    return fold(name), name


def initial(folded: str) -> str:
    """The character under which a folded title is listed by ``startsWith``."""
    return folded[:1]


def is_a_to_z(letter: str) -> bool:
    return letter in A_TO_Z and len(letter) == 1


def without_marks(form: str) -> str:
    """The text without the combining marks that folding left (vowel signs, tones): no word has them."""
    if form.isascii():
        return form
    return _NO_ASCII_WORD.sub(lambda mark: "" if unicodedata.category(mark[0])[0] == "M" else mark[0], form)
