"""Films for a user, from their own shelves: what is near to films they liked, and what others like who like the same.

Decision 0038: what is recommended never tells of a single person, and is made anew after each change of the shelves.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from filmer.catalogue.film_queries import select_films_by_no
from filmer.catalogue.index_follower import index_key
from filmer.catalogue.index_queries import AlikeFilm, select_alike
from filmer.catalogue.schemas import Film
from filmer.catalogue.search import Search
from filmer.community import recommendation_queries as queries
from filmer.community.queries import select_version
from filmer.community.recommendation_queries import LIKED
from filmer.store.postgres import Connection
from filmer.store.valkey import SharedCache, unpack

if TYPE_CHECKING:
    from filmer.catalogue.search_index import SearchIndex

LATEST, SEEDS = 60, 12  # liked films that others are compared by; the best liked of them are what films are near to
SIZE = 36  # films that are found
PER_SEED = 4  # films in a row for the same liked film, as long as there are others
CACHE_SECONDS = 1800
RANK, OTHERS = 20, 3.0  # how steeply a place in a list counts, and what others' likes are worth beside likeness


class Because(msgspec.Struct, array_like=True, frozen=True):
    """A film by its number in the edition, and the title of the liked film for which it is recommended.

    ``others``: whether others like both, rather than that the two are alike.
    """

    no: int
    liked: str
    others: bool


class Recommended(msgspec.Struct, frozen=True):
    film: AlikeFilm
    because: Because


class Recommendations:
    def __init__(self, search: Search, shared: SharedCache, *, is_cached: bool) -> None:
        """``is_cached``: whether what was found is kept, for as long as the shelves stay as they are."""
        self._search = search
        self._shared = shared
        self._is_cached = is_cached

    async def of(self, conn: Connection, account_id: int) -> list[Recommended]:
        """At most ``SIZE`` films that are on none of the account's shelves, the best first; none without a like."""
        version = await select_version(conn, account_id)
        if version is None:
            return []
        key = f"filmer:recommended:{version}:{index_key(conn)}"
        found = unpack(await self._shared.get(key), list[Because]) if self._is_cached else None
        if found is None:
            index, is_settled = self._search.index(conn)
            found = await find(conn, index, account_id)
            if self._is_cached and is_settled:
                self._shared.put_in_background(key, msgspec.msgpack.encode(found), seconds=CACHE_SECONDS)
        because = {reason.no: reason for reason in found}
        return [Recommended(film, because[film.no]) for film in await select_alike(conn, list(because))]


async def find(
    conn: Connection, index: "SearchIndex | None", account_id: int, *, others: float = OTHERS
) -> list[Because]:
    """At most ``SIZE`` films. Without an index those alone that others like; with ``others=0`` those that are near."""
    shelved = await queries.select_shelved(conn, account_id)
    liked = [film for film in shelved if film.stars is not None and film.stars >= LIKED][:LATEST]
    films = {film.no: film for film in await select_films_by_no(conn, [film.no for film in liked])}
    numbers = {film.movie_id: film.no for film in liked if film.no in films}
    if not numbers:
        return []
    common = await queries.select_common_likes(conn, account_id, list(numbers)) if others else []
    together = [Because(like.no, films[numbers[like.liked]].title, others=True) for like in common]
    seeds = sorted(liked, key=lambda film: -(film.stars or 0))[:SEEDS]
    near = (
        await asyncio.to_thread(_near, index, [films[film.no] for film in seeds if film.no in films]) if index else []
    )
    return _varied(_ranked(near, together, others, known={film.no for film in shelved}))


def _near(index: "SearchIndex", seeds: Sequence[Film]) -> list[Because]:
    """Films that are like the liked ones, the likest first."""
    from filmer.catalogue import more_like  # needs what the index needs

    scores: dict[int, float] = defaultdict(float)
    nearest: dict[int, tuple[float, Because]] = {}
    for seed in seeds:
        for score, no in more_like.candidates(index, seed):
            scores[no] += score**2  # one film that is very near says more than several that are a little
            if no not in nearest or nearest[no][0] < score:
                nearest[no] = score, Because(no, seed.title, others=False)
    return [nearest[no][1] for no in sorted(scores, key=lambda no: (-scores[no], no))]


def _ranked(near: Sequence[Because], together: Sequence[Because], others: float, known: set[int]) -> list[Because]:
    """All films that are found, the best first, by their places in both lists (reciprocal rank fusion).

    ``others``: what a place among those that others like is worth, in places among those that are near.
    """
    total: dict[int, float] = defaultdict(float)
    reasons: dict[int, tuple[float, Because]] = {}
    for found, weight in ((near, 1.0), (together, others)):
        for place, because in enumerate(each for each in found if each.no not in known):
            worth = weight / (RANK + place)
            total[because.no] += worth
            if because.no not in reasons or reasons[because.no][0] < worth:
                reasons[because.no] = worth, because
    return [reasons[no][1] for no in sorted(total, key=lambda no: (-total[no], no))]


def _varied(found: Sequence[Because]) -> list[Because]:
    """The first, but at most ``PER_SEED`` for the same liked film before the others had their turn."""
    first, later = list[Because](), list[Because]()
    counts: dict[str, int] = defaultdict(int)
    for because in found:
        counts[because.liked] += 1
        (first if counts[because.liked] <= PER_SEED else later).append(because)
    return [*first, *later][:SIZE]
