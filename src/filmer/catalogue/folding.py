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
_PIECE = re.compile(r"[^\W_]+")
_MAX_WORD = 100  # characters; PostgreSQL's index takes no lexeme without bound


def fold(text: str) -> str:
    """The form by which text is sorted and searched: ``Amélie`` → ``amelie``, ``Ørsted`` → ``orsted``."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare.translate(_STROKES))


def query_words(text: str) -> list[str]:
    """The words of a search: runs of letters and digits. ``Nolan, bat-man`` → nolan, bat, man."""
    return [piece[:_MAX_WORD] for piece in _PIECE.findall(fold(text))]


def indexed_words(folded: str) -> set[str]:
    """The words under which folded text is found by ``query``.

    Besides its pieces, what stands between two spaces is also found written in one:
    ``spider-man's`` under spider, man, s and spidermans.
    """
    found = set(_PIECE.findall(folded))
    if folded.replace(" ", "").isalnum():  # no punctuation inside: the pieces are all there is
        return {word[:_MAX_WORD] for word in found}
    for chunk in folded.split():
        pieces = _PIECE.findall(chunk)
        if len(pieces) > 1:
            found.add("".join(pieces))
    return {word[:_MAX_WORD] for word in found}


def searchable(folded: str) -> str:
    """The same words, between spaces: the input of a tsvector. Most texts are that already, some words repeated."""
    if len(folded) <= _MAX_WORD and folded.replace(" ", "").isalnum():
        return folded
    return " ".join(sorted(indexed_words(folded)))


def by_name(name: str) -> tuple[str, str]:
    """The key by which names without an id sort: genres."""
    return fold(name), name


def initial(folded: str) -> str:
    """The character under which a folded title is listed by ``startsWith``."""
    return folded[:1]


def is_a_to_z(letter: str) -> bool:
    return "a" <= letter <= "z" and len(letter) == 1
