"""Search: the number of films that match, and one page of them (contract §3).

There are two ways to find a page:

- **few matches, an unknown number of matches, or a page far back**: the indexes find all matches, they are counted, and
  the page is cut from them;
- **many matches, and their number is known**: films are read in the requested order and tested until the page is full.

The importer counts the matches of common terms (``term``, ``tally``). Other numbers are remembered
here once they were counted, for as long as the edition lives.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from filmer.catalogue import facet_queries, facets, listing
from filmer.catalogue import search_queries as queries
from filmer.catalogue.filters import PARTS, Filters, Known, with_query
from filmer.catalogue.index_follower import IndexFollower
from filmer.catalogue.index_queries import select_films_by_no
from filmer.catalogue.queries import select_size
from filmer.catalogue.schemas import MovieItem, StarItem
from filmer.catalogue.words import QueryWord
from filmer.store.postgres import Connection

if TYPE_CHECKING:
    from filmer.catalogue.search_index import SearchIndex

DENSE = 2000  # with as many matches, their number is remembered, and testing films in order may be quicker
# The costs of testing a film (by its stars), of collecting a match by its stars, and of reading a film without an
# index, as multiples of collecting a match by index (measured on 700,000 films; decision 0005). Tests count double,
# because matches can stand close together.
TEST_COST, STAR_TEST_COST, STAR_MATCH_COST, READ_COST = 1.5, 5.0, 4.0, 0.1
MAX_STAR_FILMS = 17_000  # up to here the films of the stars are looked up before the walk, instead of testing each film
START_TEST_COST = 4.0  # of testing whether a film has a word that starts so, where collecting one that has costs 1
MANY = 20_000  # where each of several words is in as many films, all matches are counted before they are ranked
SHORT = 3  # characters: the importer counts terms up to this length, for which indexes are of little use
MAX_TOTALS = 20_000


class Totals:
    """Totals that were expensive to count, by edition and search. The oldest are dropped first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, int] = OrderedDict()

    def get(self, edition: str, search: Any) -> int | None:
        return self._known.get(_digest(edition, search))

    def put(self, edition: str, search: Any, total: int) -> None:
        if total >= DENSE:
            self._known[_digest(edition, search)] = total
            if len(self._known) > MAX_TOTALS:
                self._known.popitem(last=False)


def _digest(edition: str, search: Any) -> bytes:
    """A key of fixed size for any search."""
    return hashlib.blake2b(msgspec.msgpack.encode((edition, search)), digest_size=16).digest()


class Found(msgspec.Struct, frozen=True):
    """The number of films that a query finds, and one page of them."""

    total: int
    items: list[MovieItem]
    corrected: str | None = None  # what was searched for in place of the query, which finds nothing
    is_settled: bool = True  # False while the index is being opened, which may find more


class Search:
    """The searches of one process."""

    def __init__(self, indexes: IndexFollower | None = None) -> None:
        self._totals = Totals()
        self._indexes = indexes

    def index(self, conn: Connection) -> "tuple[SearchIndex | None, bool]":
        """The search index of the edition that the connection reads, and whether that is settled."""
        return self._indexes.of(conn) if self._indexes else (None, True)

    async def movies_or_nearest(
        self, conn: Connection, query: str | None, filters: Filters, *, sort: str, first: int, size: int
    ) -> Found:
        """What the filters find, else the query's nearest spelling, or what the sentence describes (contract §3.5).

        ``query``: what may be corrected; None where nothing may.
        """
        total, items = await self.movies(conn, filters, sort=sort, first=first, size=size)
        if total or not query or not filters.words:
            return Found(total, items)
        index, is_settled = self.index(conn)
        if index is None:
            return Found(0, [], None, is_settled)
        from filmer.catalogue import spelling  # needs what the index needs

        for text in await asyncio.to_thread(spelling.corrections, index, query):
            near = with_query(filters, text)
            total, items = await self.movies(conn, near, sort=sort, first=first, size=size)
            if total:
                return Found(total, items, text)
        if filters.has_scalars or filters.texts != ["words"]:
            return Found(0, [])
        nos, meant = await asyncio.to_thread(spelling.films_meant, index, query)
        return Found(len(nos), await select_films_by_no(conn, nos, sort, first, size), meant)

    async def movies(
        self, conn: Connection, filters: Filters, *, sort: str, first: int, size: int
    ) -> tuple[int, list[MovieItem]]:
        """The number of films that match, and those from position ``first`` (from 0) on, at most ``size``."""
        if _matches_nothing(filters):
            return 0, []
        known = await self._look_up(conn, filters)
        known_total = known.total
        if known_total is None and known.is_common:
            known_total = await queries.count_matches(conn, filters, known)
            self._totals.put(conn.edition, filters, known_total)
        if known_total is not None and first >= known_total:
            return known_total, []
        if known_total is not None and sort != "relevance":
            if await _is_walk_shorter(conn, filters, listing.ALL, known_total, first + size):
                few_stars = _has_few_stars(filters, known_total)
                return known_total, await queries.select_in_order(conn, filters, sort, first, size, few_stars=few_stars)
        elif known_total is not None and known_total >= DENSE and filters.texts == ["words"]:
            # The titles of the best of many matches start with the query, and an index finds these.
            items = await queries.select_titled(conn, filters, first, size)
            if len(items) == size or first + len(items) == known_total:
                return known_total, items
        total, items = await queries.select_matches(conn, filters, known, sort, first, size)
        self._totals.put(conn.edition, filters, total)
        return total, items

    async def stars(
        self, conn: Connection, name: str, *, sort: str, first: int, size: int
    ) -> tuple[int, list[StarItem]]:
        """The number of stars whose name contains ``name``, and those from position ``first`` on."""
        filters = Filters(star=name)
        known = await self._look_up(conn, filters, alone="star")
        known_total = known.total
        if known_total is not None and first >= known_total:
            return known_total, []
        if known_total is not None and await _is_walk_shorter(conn, filters, listing.STARS, known_total, first + size):
            return known_total, await queries.select_stars_in_order(conn, name, sort, first, size)
        total, items = await queries.select_star_matches(conn, name, known, sort, first, size)
        self._totals.put(conn.edition, (name, "stars"), total)
        return total, items

    async def facets(self, conn: Connection, filters: Filters) -> facets.Facets:
        """How many of the films that match lie in each decade, genre and so on: estimates, where very many match."""
        if _matches_nothing(filters):
            return facets.Facets()
        others = facet_queries.without_facets(filters)
        known = await self._look_up(conn, others)
        total = known.total
        if total is None and not others.texts:
            total = await select_size(conn, listing.ALL)
        percent = None if total is None else facets.sampled_percent(total)
        return await facet_queries.select_facets(conn, filters, known, percent)

    async def _look_up(self, conn: Connection, filters: Filters, *, alone: str | None = None) -> Known:
        """``alone``: the name of the only text, whose matches are the total."""
        known_total = self._totals.get(conn.edition, (filters.star, "stars") if alone else filters)
        starts = _short_starts(filters)
        if known_total is not None and not starts:
            return Known(total=known_total)
        if not filters.texts:
            return Known(total=await queries.select_tally(conn, filters) if filters.is_tallied else None)
        terms = _terms(filters)
        words = [("word", text) for word in filters.words for text, _ in word] if starts else []
        counted = await queries.select_terms(conn, [*terms.values(), *words]) if terms or words else {}
        for key in terms.values():
            if key not in counted and key[0] in {"title", "director", "name"} and len(key[1]) < SHORT:
                return Known(total=0)  # the importer lists every pair of letters that occurs
        if alone is None and len(filters.texts) == 1 and not filters.has_scalars:
            alone = "cast" if filters.star else filters.texts[0]
        term = counted.get(terms[alone]) if alone in terms else None
        totals = {text: total for (field, text), (total, _) in counted.items() if field == "word"}
        return Known(
            total=known_total if known_total is not None else term and term[0],
            rare_terms={name: nos for name, key in terms.items() if (nos := counted.get(key, (0, None))[1])},
            common_starts=_common_starts(filters, starts, totals),
            is_common=bool(starts) and all(_films_with(word, totals) >= MANY for word in filters.words),
        )


async def _is_walk_shorter(conn: Connection, filters: Filters, list_name: str, known_total: int, last: int) -> bool:
    """Whether it is quicker to test a listing in order, up to the ``last`` match, than to collect all matches."""
    if known_total < DENSE:
        return False
    by_stars = filters.star and list_name == listing.ALL
    size = await select_size(conn, list_name)
    has_index = filters.words or any(len(getattr(filters, name)) >= SHORT for name in PARTS)
    collecting = known_total * (STAR_MATCH_COST if by_stars else 1)
    if not has_index:
        collecting = max(collecting, size * READ_COST)
    test = STAR_TEST_COST if by_stars and not _has_few_stars(filters, known_total) else TEST_COST
    return last * size / known_total * test < collecting


def _has_few_stars(filters: Filters, known_total: int) -> bool:
    return filters.texts == ["star"] and not filters.has_scalars and known_total <= MAX_STAR_FILMS


def _short_starts(filters: Filters) -> tuple[QueryWord, ...]:
    """Of several words, those that may be the beginning of very many: the last one, of up to three letters."""
    if len(filters.words) == 1:
        return ()
    return tuple(word for word in filters.words if any(start and len(text) <= SHORT for text, start in word))


def _common_starts(filters: Filters, starts: Sequence[QueryWord], totals: Mapping[str, int]) -> tuple[QueryWord, ...]:
    """Those of ``starts`` for which it is quicker to test what the other words find.

    The index of words collects all films of a beginning first, however few films have the other words.
    """
    others = [_films_with(word, totals) for word in filters.words if word not in starts]
    if not starts or not others:
        return ()
    is_quicker = min(others) * START_TEST_COST < max(_films_with(word, totals) for word in starts)
    return tuple(starts) if is_quicker else ()


def _films_with(word: QueryWord, totals: Mapping[str, int]) -> int:
    """How many films have the word, or one that starts with it, about: the importer counts common ones."""
    return sum(totals.get(text, 0) for text, _ in word) or DENSE


def _terms(filters: Filters) -> dict[str, tuple[str, str]]:
    """The terms that the importer may have counted: by text, the field and term of ``term``."""
    fields = {"literal": "title", "star": "name"}
    terms = {
        name: (fields.get(name, name), text)
        for name in PARTS
        if (text := getattr(filters, name)) and len(text) <= SHORT
    }
    if filters.star:
        terms["cast"] = ("star", filters.star)
    if len(filters.words) == 1 and len(filters.words[0]) == 1:
        terms["words"] = ("word", filters.words[0][0].text)
    return terms


def _matches_nothing(filters: Filters) -> bool:
    """Whether no film can match: the letter has no form, or the years exclude each other."""
    no_year = filters.year_from is not None and filters.year_to is not None and filters.year_from > filters.year_to
    return filters.initial == "" or no_year
