"""What the search index stores of a text, and looks up: its words, their letters in one, and pieces of three letters.

The importer writes the index with these functions, and a search reads it with the same.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from filmer.catalogue.folding import search_form, without_marks

_PIECE = re.compile(r"[^\W_]+")
MAX_KEY = 120  # letters of a title or name that the index knows
MAX_START = 10  # letters: longer beginnings are found among the keys
ARTICLES = frozenset({"the", "a", "an"})
# Words that say nothing about which film is meant. A sentence is searched without them.
STOP_WORDS = frozenset({
    "a", "about", "actor", "actress", "all", "an", "and", "any", "as", "at", "by", "cinema", "did", "directed",
    "director", "film", "films", "for", "from", "he", "her", "him", "his", "i", "in", "is", "it", "its", "like",
    "made", "me", "movie", "movies", "my", "of", "on", "one", "or", "out", "she", "so", "some", "starring", "stars",
    "that", "the", "them", "there", "they", "this", "to", "was", "we", "what", "when", "where", "which", "who",
    "with", "year"
})  # fmt: skip
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii",
    "xviii", "xix", "xx")  # fmt: skip
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")  # fmt: skip
_SAME = {word: str(number) for words in (_ROMAN, _NAMES) for number, word in enumerate(words, 1)}


def written_words(text: str) -> list[str]:
    """The words of a text as it writes them, in order."""
    return _pieces(without_marks(search_form(text)))


def _pieces(form: str) -> list[str]:
    words = form.split() if form.replace(" ", "").isalnum() else _PIECE.findall(form)  # which takes twice as long
    return words if len(form) <= MAX_KEY else [word[:MAX_KEY] for word in words]


def found_under(text: str) -> set[str]:
    """The words under which suggestions find a title: also what stands between two spaces, written in one."""
    form = without_marks(search_form(text))
    found = set(_pieces(form))
    if not form.replace(" ", "").isalnum():
        found.update(["".join(_PIECE.findall(chunk))[:MAX_KEY] for chunk in form.split()])
        found.discard("")
    return found


def words_of(text: str) -> list[str]:
    """The words of a title or a query in one spelling (contract §3.2): ``Rocky II & Co`` → rocky 2 and co."""
    return forms_of(text)[0]


def forms_of(text: str) -> list[list[str]]:
    """The words of a text in one spelling, and as they are written where that differs: ``Rocky II`` may go on."""
    folded = without_marks(search_form(text))
    written = _pieces(folded)
    is_plain = folded.replace(" ", "").isalnum()
    if is_plain and _SAME.keys().isdisjoint(written):
        return [written]
    if not is_plain:
        folded = folded.replace("&", " and ").replace("+", " and ").replace("'", "").replace("\u2019", "")
        words = [_SAME.get(word, word) for word in _pieces(folded)]
    else:
        words = [_SAME.get(word, word) for word in written]
    return [words] if words == written else [words, written]


def letters_of(words: Iterable[str]) -> str:
    """The words written in one, as two spellings of a title are compared."""
    return "".join(words)[:MAX_KEY]


def spellings_of(*titles: str | None) -> list[list[str]]:
    """The forms of each different title, and of each without its leading article."""
    found: list[list[str]] = []
    for title in titles:
        for words in forms_of(title) if title else ():
            found.append(words)
            if len(words) > 1 and words[0] in ARTICLES:
                found.append(words[1:])
    return [words for at, words in enumerate(found) if words and words not in found[:at]]


def starts_of(words: Sequence[str], written: Collection[str]) -> Iterable[str]:
    """The beginnings of the words written in one, up to ``MAX_START`` letters.

    ``written``: the words as the title writes them. A number that it writes otherwise is never begun: 1 is no X.
    """
    letters = "".join(words)
    found = {letters[:length] for length in range(1, min(len(letters), MAX_START) + 1)}
    if letters.isalpha():
        return found
    done = 0
    for word in words:
        if word.isdecimal() and word not in written:
            found -= {letters[:length] for length in range(done + 1, done + len(word))}
        done += len(word)
    return found


def pieces_of(letters: str) -> set[str]:
    """Three letters in a row each, where ``^`` is before the first letter and ``$`` after the last."""
    marked = f"^{letters}$"
    return {marked[at : at + 3] for at in range(len(marked) - 2)}
