"""What a word is to a search by ``query``, and when a title is the one asked for (contract §3.2, §3.4).

Importer and query share these rules. Text is taken in its search form (``folding.search_form``).

- **Chunks** stand between spaces. Marks inside a chunk part it into **pieces**, runs of letters and digits:
  ``spider-man's`` is spider, man and s. A chunk without any letter or digit is no word, but a lone ``&`` or ``+`` is
  the chunk "and". Combining marks that folding left (vowel signs, tones) are ignored. A piece may be a number.
- A text is found **under** its pieces; its chunks, and each two chunks that are neighbours, written in one; and "and"
  where a chunk has a ``&`` or ``+`` inside. A title also as a whole, with and without its article. Numbers are found in
  each spelling. So are chunks that are a number, where two are written in one; in a whole title as they are, or all in
  digits.
- In scripts without spaces a word is also found from each of its characters on.
- A **query** is found if each of its pieces is: by itself, or in its chunk written in one, or in that and a neighbour
  written in one. A piece of four digits is also found by the film's year. What ends with the query may be unfinished,
  and so may any word with a character of a script without spaces. A query without a letter or digit has no words.
- The **key** of a title is all of it written in one, ``&`` and ``+`` as "and". A title is the one asked for if its key,
  with or without its article, is the query's, in any spelling of the query's first three chunks that are numbers. The
  keys of an original title are words with a mark.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import NamedTuple

from filmer.catalogue.folding import search_form, without_marks

_MAX_WORD = 100  # characters; PostgreSQL's index takes no lexeme without bound
_MAX_KEY = 500  # characters, for the same reason
_MAX_NUMBERS = 3  # in a query, of which each spelling makes another key
YEAR_MARK, ORIGINAL_MARK = "@", "="  # before a year, and the key of an original title, among the words: no word has one
_PIECE = re.compile(r"[^\W_]+")
_LONE_AND = re.compile(r"(?<!\S)[&+](?!\S)")
_YEAR = re.compile("[0-9]{4}")
# Thai, Lao, Tibetan, Burmese, Khmer, kana and Chinese characters. Korean has spaces.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_NUMBERS = (
    "0 zero, 1 i one, 2 ii two, 3 iii three, 4 iv four, 5 v five, 6 vi six, 7 vii seven, 8 viii eight, 9 ix nine,"
    " 10 x ten, 11 xi eleven, 12 xii twelve, 13 xiii thirteen, 14 xiv fourteen, 15 xv fifteen, 16 xvi sixteen,"
    " 17 xvii seventeen, 18 xviii eighteen, 19 xix nineteen, 20 xx twenty"
)
SPELLINGS = {spelling: tuple(number.split()) for number in _NUMBERS.split(",") for spelling in number.split()}
# Of English, German, French, Spanish, Italian, Portuguese and Dutch; but not those that are more often another word.
_ARTICLES = "the a an der die das ein eine le la les un une el los las una il lo gli uno o os um uma de het een"
_IS_ARTICLE = frozenset(_ARTICLES.split())
_ELIDED = re.compile(r"(l|un)['\u2019\u02bc](?=\w)")


class Alternative(NamedTuple):
    """A text that a word of a query may be found under. ``unfinished``: or anything that begins with it."""

    text: str
    unfinished: bool


QueryWord = tuple[Alternative, ...]


class TitleWords(NamedTuple):
    """``bare_key``: without the leading article; None for a title without one."""

    words: set[str]
    key: str
    bare_key: str | None


def name_words(form: str) -> set[str]:
    """The words under which a name is found. ``form``: its search form."""
    return _completed(form, _read(form))


def title_words(form: str) -> TitleWords:
    """The words under which a title is found, and its keys. ``form``: its search form."""
    read = _read(form)
    words, chunks, numbers = read
    if "&" in form or "+" in form:
        chunks = ["".join(_PIECE.findall(_and_inside(chunk))) for chunk in _chunks(form) if _PIECE.search(chunk)]
    key, article = "".join(chunks), 0  # characters of the article
    if len(chunks) > 1 and chunks[0] in _IS_ARTICLE:
        article = len(chunks[0])
    elif elided := _ELIDED.match(form):
        article = len(elided[1])
    words |= {key, key[article:]} - {""}
    if numbers:
        in_digits = "".join(
            SPELLINGS.get(chunk, (chunk,))[0] if at in numbers else chunk for at, chunk in enumerate(chunks)
        )
        words |= {in_digits, in_digits[article:]}
    bare_key = key[article:][:_MAX_KEY] if article else None
    return TitleWords(_completed(form, read), key[:_MAX_KEY], bare_key)


def year_word(year: int) -> str:
    return f"{YEAR_MARK}{year:04}"


def original_words(form: str) -> set[str]:
    """The words under which an original title is found, and its keys with their mark. ``form``: its search form."""
    words, key, bare_key = title_words(form)
    return words | {ORIGINAL_MARK + one for one in (key, bare_key) if one}


def other_words(title: str, original_title: str | None, director: str, year: int | None) -> set[str]:
    """The words under which a film is found, but those of its title and its cast. ``director``: the search form."""
    words = set[str]()
    if original_title and original_title != title:
        words |= original_words(search_form(original_title))
    for name in director.split(", ") if director else ():
        words |= name_words(name)
    if year is not None:
        words.add(year_word(year))
    return words


def pieces_of(text: str) -> list[str]:
    """The runs of letters and digits of a text, each of which is one of its words."""
    return [piece for pieces in _pieces(search_form(text)) for piece in pieces]


def query_words(text: str) -> tuple[QueryWord, ...]:
    """Each word of a query with its alternatives, no word twice. None in a text without any letter or digit."""
    form = search_form(text)
    parts = _pieces(form) if _PIECE.search(form) else []
    chunks = ["".join(pieces) for pieces in parts]
    last = len(parts) - 1
    found: dict[QueryWord, None] = {}
    for at, pieces in enumerate(parts):
        in_one = [(chunks[at], at == last)]
        if at > 0:
            in_one.append((chunks[at - 1] + chunks[at], at == last))
        if at < last:
            in_one.append((chunks[at] + chunks[at + 1], at + 1 == last))
        for place, piece in enumerate(pieces, start=1):
            alternatives = [(piece, at == last and place == len(pieces)), *in_one]
            word = dict.fromkeys(_alternative(text, unfinished) for text, unfinished in alternatives)
            if _YEAR.fullmatch(piece):
                word[Alternative(YEAR_MARK + piece, unfinished=False)] = None
            found[tuple(word)] = None
    return tuple(found)


def query_keys(text: str) -> tuple[str, ...]:
    """The keys of the titles that a query is the title of: several, if it has numbers."""
    spelled, numbers = [], 0
    for chunk in _chunks(search_form(text)):
        pieces = _PIECE.findall(_and_inside(chunk)) if _PIECE.search(chunk) else []
        is_number = numbers < _MAX_NUMBERS and len(pieces) == 1 and pieces[0] in SPELLINGS
        spelled.append(SPELLINGS[pieces[0]] if is_number else ("".join(pieces),))
        numbers += is_number
    return tuple("".join(chunks)[:_MAX_KEY] for chunks in product(*spelled))


def _alternative(text: str, unfinished: bool) -> Alternative:  # noqa: FBT001 - the struct's own order
    return Alternative(text[:_MAX_WORD], unfinished or (not text.isascii() and bool(_UNSPACED.search(text))))


class _Read(NamedTuple):
    """Of a text: its pieces, chunks and "and", numbers in each spelling; its chunks; which of them are numbers."""

    words: set[str]
    chunks: list[str]
    numbers: Sequence[int]


def _read(form: str) -> _Read:
    if form.isascii() and form.replace(" ", "").isalnum():  # most texts: the pieces are all there is
        chunks = form.split()
        words = set(chunks)
        if SPELLINGS.keys().isdisjoint(words):
            return _Read(words, chunks, ())
        parts = [[chunk] for chunk in chunks]
    else:
        parts = _pieces(form)
        chunks = ["".join(pieces) for pieces in parts]
        words = {piece for pieces in parts for piece in pieces}
    if "&" in form or "+" in form:
        words.update("and" for chunk in _chunks(form) if _and_inside(chunk) != chunk and _PIECE.search(chunk))
    words.update([spelling for piece in words & SPELLINGS.keys() for spelling in SPELLINGS[piece]])
    words.update(chunks)
    return _Read(words, chunks, [at for at, pieces in enumerate(parts) if len(pieces) == 1 and pieces[0] in SPELLINGS])


def _completed(form: str, read: _Read) -> set[str]:
    """The words, with neighbours written in one, and those of unspaced scripts from each character on."""
    words, chunks, numbers = read
    words.update([one + other for one, other in pairwise(chunks)])
    if numbers:
        spelled = [SPELLINGS[chunk] if at in numbers else (chunk,) for at, chunk in enumerate(chunks)]
        words.update(one + other for pair in pairwise(spelled) for one, other in product(*pair))
    if not form.isascii() and _UNSPACED.search(form):
        words.update([end for word in words for end in _ends(word)])
    if len(form) > _MAX_WORD:
        return {word[:_MAX_WORD] for word in words}
    return words


def _ends(word: str) -> Iterable[str]:
    """A word from each of its characters on that is of an unspaced script, or follows one."""
    places = {place for match in _UNSPACED.finditer(word) for place in (match.start(), match.end())}
    return [word[place : place + _MAX_WORD] for place in places if place < len(word)]


def _chunks(form: str) -> list[str]:
    return _LONE_AND.sub("and", without_marks(form)).split()


def _pieces(form: str) -> list[list[str]]:
    """The pieces of each chunk that has any."""
    return [pieces for chunk in _chunks(form) if (pieces := _PIECE.findall(chunk))]


def _and_inside(chunk: str) -> str:
    return chunk.replace("&", " and ").replace("+", " and ")
