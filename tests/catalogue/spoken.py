"""The oracle's notion of words (contract §3.2, §3.4): what a film is found under, and what a query wants."""

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from itertools import pairwise, product

from filmer.catalogue.folding import search_form

ENGLISH = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty
"""
ARTICLES = """
    the a an der die das ein eine le la les un une el los las una il lo gli uno o os um uma de het een
"""
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
LONGEST = 100
Way = tuple[str, bool]  # a text under which a word may be found, and whether it may be only its beginning


def roman(number: int) -> str:
    text = "i" * number
    for many, one in (("iiiii", "v"), ("vv", "x"), ("viiii", "ix"), ("iiii", "iv")):
        text = text.replace(many, one)
    return text


NUMBERS = [{"0", "zero"}, *({str(n), roman(n), word} for n, word in enumerate(ENGLISH.split(), start=1))]


def each_way(word: str) -> set[str]:
    """A number in all its spellings; any other word as it is."""
    return next((number for number in NUMBERS if word in number), {word})


def runs(text: str) -> list[str]:
    """The runs of letters and digits of a text."""
    return re.findall(r"[^\W_]+", text)


def parts(text: str) -> list[str]:
    """What stands between two spaces and has a letter or digit; a lone & or + is "and"."""
    form = "".join(c for c in search_form(text) if not unicodedata.category(c).startswith("M"))
    return [part for part in ("and" if part in {"&", "+"} else part for part in form.split()) if runs(part)]


def joined(part: str) -> str:
    return "".join(runs(part))


def ways_of_part(part: str) -> set[str]:
    return each_way(joined(part)) if len(runs(part)) == 1 else {joined(part)}


@cache
def is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").startswith(UNSPACED)


def of_name(text: str) -> set[str]:
    """The words under which a text is found."""
    return with_ends(_words(text))


def of_title(text: str) -> set[str]:
    """The words under which a title is found: besides, as a whole, and without its article."""
    wholes = set()
    for title in (text, without_article(text)):
        if title and parts(title):
            wholes |= {in_one(title), "".join(_in_digits(part) for part in _with_and(title))}
    return with_ends(_words(text) | wholes)


def _words(text: str) -> set[str]:
    pieces = parts(text)
    words = {spelled for part in pieces for run in runs(part) for spelled in each_way(run)} | set(map(joined, pieces))
    for one, other in pairwise(pieces):
        words |= {"".join(pair) for pair in product(ways_of_part(one), ways_of_part(other))}
        words.add(joined(one) + joined(other))
    if any(mark in part for part in pieces for mark in "&+"):
        words.add("and")
    return words


def with_ends(words: set[str]) -> set[str]:
    ends = {word[at:] for word in words for at in range(1, len(word)) if any(map(is_unspaced, word[at - 1 : at + 1]))}
    return {word[:LONGEST] for word in words | ends}


def _with_and(text: str) -> list[str]:
    return [part.replace("&", " and ").replace("+", " and ") for part in parts(text)]


def _in_digits(part: str) -> str:
    return min(ways_of_part(part), key=lambda spelling: not spelling.isdecimal())


@cache
def in_one(text: str) -> str:
    """All of a text, written in one."""
    return "".join(map(joined, _with_and(text)))


def in_one_each_way(text: str) -> set[str]:
    """The same, in each spelling of its first three numbers."""
    found, numbers = [""], 0
    for part in _with_and(text):
        ways = ways_of_part(part) if numbers < 3 else {joined(part)}
        numbers += len(ways) > 1
        found = [begun + way for begun in found for way in ways]
    return set(found) if found != [""] else {in_one(text)}


@cache
def without_article(text: str) -> str | None:
    """A title without its leading article; None if it has none, or nothing else."""
    form = search_form(text)
    elided = re.match(r"(l|un)['\u2019\u02bc](?=\w)", form)
    if elided:
        return form[elided.end() :]
    pieces = parts(text)
    return " ".join(pieces[1:]) if len(pieces) > 1 and joined(pieces[0]) in ARTICLES.split() else None


def wanted(query: str) -> list[list[Way]]:
    """The words of a query, each with the texts under which it may be found."""
    pieces = parts(query) if runs(search_form(query)) else []
    words = []
    for at, part in enumerate(pieces):
        is_last = at == len(pieces) - 1
        around = [(joined(part), is_last)]
        if at:
            around.append((joined(pieces[at - 1]) + joined(part), is_last))
        if not is_last:
            around.append((joined(part) + joined(pieces[at + 1]), at == len(pieces) - 2))
        for place, run in enumerate(runs(part)):
            words.append([(run, is_last and place == len(runs(part)) - 1), *around])
    return words


def has(words: Collection[str], year: int | None, ways: list[Way]) -> bool:
    """Whether a film with these words and this year has a wanted word."""
    for way, is_beginning in ways:
        text = way[:LONGEST]
        if text in words:
            return True
        if (is_beginning or any(map(is_unspaced, text))) and any(word.startswith(text) for word in words):
            return True
    return year is not None and ways[0][0] == f"{year:04}"
