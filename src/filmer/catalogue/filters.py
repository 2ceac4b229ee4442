"""The filters of a search, folded for comparison."""

import msgspec

from filmer.catalogue.folding import fold, query_words

RareTerms = dict[str, list[int]]  # by text: the few places where a short term occurs


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """The folded filters of a search. An empty text is no filter."""

    words: tuple[str, ...] | None = None  # of ``query``; the last may be unfinished. (): no word at all
    phrase: str = ""  # ``query`` as given, for relevance
    title: str = ""
    director: str = ""
    star: str = ""
    year_from: int | None = None
    year_to: int | None = None
    genre_id: int | None = None

    @property
    def texts(self) -> list[str]:
        return [name for name in ("title", "director", "star") if getattr(self, name)] + ["words"] * bool(self.words)

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
    return Filters(
        words=None if query is None else tuple(query_words(query)),
        phrase=" ".join(fold(query or "").split()),
        title=_folded(title),
        director=_folded(director),
        star=_folded(star),
        year_from=max(lower, default=None),
        year_to=min(upper, default=None),
        genre_id=genre_id,
    )


def with_query(filters: Filters, text: str) -> Filters:
    """The same filters with another ``query``."""
    return msgspec.structs.replace(filters, words=tuple(query_words(text)), phrase=" ".join(fold(text).split()))


def _folded(text: str | None) -> str:
    folded = fold(text or "")
    return folded if folded.strip() else ""
