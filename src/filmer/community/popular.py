"""Popular films: TMDB's list where TMDB is set up, else the catalogue's own (contract §14.1)."""

from filmer.catalogue import listing
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.queries import select_popular
from filmer.clock import Clock
from filmer.tmdb.cache import CacheResult, TmdbCache
from filmer.tmdb.payloads import MAX_PAGE, MAX_RESULTS, Popular, TmdbFilm

SIZE = 20  # films a page, as TMDB has them


class PopularFilms:
    def __init__(self, catalogue: Catalogue, tmdb_cache: TmdbCache, clock: Clock) -> None:
        self._catalogue = catalogue
        self._tmdb_cache = tmdb_cache
        self._clock = clock

    @property
    def is_own(self) -> bool:
        """Whether the list is the catalogue's."""
        return not self._tmdb_cache.is_set_up

    async def page(self, page: int) -> CacheResult[Popular]:
        """Raises ExternalApiError where TMDB sends none, and none is cached."""
        if not self.is_own:
            return await self._tmdb_cache.popular(page)
        async with self._catalogue.reading() as conn:
            total, films = await select_popular(conn, listing.span(page, SIZE))
        total = min(total, MAX_RESULTS)
        pages = min(listing.pages(total, SIZE), MAX_PAGE)
        popular = Popular(page, pages, total, [TmdbFilm(*film) for film in films])
        return CacheResult(popular, self._clock.now().timestamp(), "miss")
