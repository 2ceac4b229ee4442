"""The filters of a search, in the form in which they are compared."""

import msgspec

from filmer.catalogue.folding import search_form
from filmer.catalogue.words import QueryWord, query_keys, query_words

TALLIED = ("year_from", "year_to", "genre_id")  # the importer counts films by these
SCALARS = (*TALLIED, "initial", "types", "min_rating", "min_votes", "min_runtime", "max_runtime")
PARTS = ("literal", "title", "director", "star")  # filters that are parts of a text


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a search beforehand, from what the importer counted."""

    total: int | None = None  # of all matches
    rare_terms: dict[str, list[int]] = {}  # by text: the few places where a short term occurs
    common_starts: tuple[QueryWord, ...] = ()  # beginnings so common that films which others find are tested for them
    is_common: bool = False  # each word is in very many films, so all of them together may be


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
    initial: str | None = None  # of the folded title; "*": any but a to z
    types: tuple[str, ...] | None = None  # IMDb's title types, any of which will do
    min_rating: float | None = None
    min_votes: int | None = None
    min_runtime: int | None = None  # minutes
    max_runtime: int | None = None

    @property
    def texts(self) -> list[str]:
        return [name for name in PARTS if getattr(self, name)] + ["words"] * bool(self.words)

    @property
    def has_scalars(self) -> bool:
        return any(getattr(self, name) is not None for name in SCALARS)

    @property
    def is_tallied(self) -> bool:
        """Whether the importer has counted what the scalars ask for."""
        return all(getattr(self, name) is None for name in SCALARS if name not in TALLIED)


def with_query(filters: Filters, text: str) -> Filters:
    """The same filters with another ``query``. Blank text is no filter."""
    words, form = query_words(text), text_filter(text)
    return msgspec.structs.replace(
        filters,
        words=words,
        literal="" if words else form.strip(),
        phrase=" ".join(form.split()),
        keys=query_keys(text) if text else (),
    )


def text_filter(text: str | None) -> str:
    """A text filter as it is compared; "" for a blank one, which is none."""
    form = search_form(text or "")
    return form if form.strip() else ""
