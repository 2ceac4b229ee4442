"""The filters of a search, in the form in which they are compared."""

import msgspec

from filmer.catalogue.folding import search_form
from filmer.catalogue.words import QueryWord, query_keys, query_words

RareTerms = dict[str, list[int]]  # by text: the few places where a short term occurs


PARTS = ("literal", "title", "director", "star")  # filters that are parts of a text


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of a search; texts in their search form. An empty text is no filter."""

    words: tuple[QueryWord, ...] = ()  # of ``query``
    literal: str = ""  # ``query`` without a letter or digit: a part of the title
    phrase: str = ""  # ``query`` as given, and the keys of the titles that it is, for relevance
    keys: tuple[str, ...] = ()
    title: str = ""
    director: str = ""
    star: str = ""
    year_from: int | None = None
    year_to: int | None = None
    genre_id: int | None = None

    @property
    def texts(self) -> list[str]:
        return [name for name in PARTS if getattr(self, name)] + ["words"] * bool(self.words)

    @property
    def has_scalars(self) -> bool:
        return any(value is not None for value in (self.year_from, self.year_to, self.genre_id))


def make_filters(
    *,
    query: str | None,
    title: str | None,
    director: str | None,
    star: str | None,
    year: int | None,
    year_from: int | None,
    year_to: int | None,
    genre_id: int | None,
) -> Filters:
    """Make filters from the request's parameters. Blank text is no filter."""
    lower = [bound for bound in (year, year_from) if bound is not None]
    upper = [bound for bound in (year, year_to) if bound is not None]
    words, form = query_words(query or ""), _form(query)
    return Filters(
        words=words,
        literal="" if words else form.strip(),
        phrase=" ".join(form.split()),
        keys=query_keys(query) if query else (),
        title=_form(title),
        director=_form(director),
        star=_form(star),
        year_from=max(lower, default=None),
        year_to=min(upper, default=None),
        genre_id=genre_id,
    )


def _form(text: str | None) -> str:
    form = search_form(text or "")
    return form if form.strip() else ""
