"""The pages of a film and of a person."""

from collections.abc import Collection, Mapping, Sequence

from litestar.params import FromPath

from filmer.catalogue import film_queries as queries
from filmer.catalogue import filmography
from filmer.catalogue.connections import Catalogue
from filmer.catalogue.index_queries import AlikeFilm
from filmer.catalogue.prices import Prices
from filmer.catalogue.schemas import Film, Person, is_identifier
from filmer.catalogue.search import Search
from filmer.community.queries import select_film_ratings
from filmer.community.shelves import Shelves
from filmer.errors import NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.office.identity import ShopIdentity
from filmer.rentals.counter_queries import select_stock
from filmer.rentals.videos import film_videos
from filmer.rentals.watching import Watching
from filmer.store.postgres import Connection
from filmer.storefront import linked_data
from filmer.storefront.pages import HtmlResponse, Pages
from filmer.storefront.players import trailer_player

LEADING = 5  # members of the cast whose other films are shown
MORE = 12  # films a list
MAX_DESCRIPTION = 300  # characters
SHORTEST = 3  # characters of a director's name in ASCII whose other films are shown


class FilmPages(Handlers):
    def __init__(
        self,
        pages: Pages,
        catalogue: Catalogue,
        search: Search,
        shelves: Shelves,
        prices: Prices,
        watching: Watching,
        *,
        shop: ShopIdentity,
        public_url: str | None,
    ) -> None:
        """``public_url``: this server's origin, where it is configured."""
        self._pages = pages
        self._catalogue = catalogue
        self._search = search
        self._shelves = shelves
        self._prices = prices
        self._watching = watching
        self._shop = shop
        self._origin = public_url or ""

    async def show_film(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            film = await queries.select_film(conn, film_id) if is_identifier(film_id) else None
            if film is None:
                raise NotFound(f"There is no film {film_id}")
            people = {
                person.no: person for person in await queries.select_people(conn, film.star_nos + film.director_nos)
            }
            cast, directors = _known(people, film.star_nos), _known(people, film.director_nos)
            alike = await queries.select_films_with(conn, film.star_nos[:LEADING], but=film.no, size=MORE)
            directed = []
            if directors and _is_telling(directors[0].name):
                known = {film.id for film in alike}
                films = await queries.select_films_by(conn, directors[0].no, but=film.no, size=2 * MORE)
                directed = [film for film in films if film.id not in known][:MORE]
            shown = {card.id for card in (*alike, *directed)}
            more_like, is_settled = await self._more_like(conn, film, cast, shown)
            prices = await self._prices.of(conn, [film], alike, directed, more_like)
            found = await film_videos(conn, film.id)
            now = self._watching.now()
            stock = (await select_stock(conn, [film.id], now=now))[film.id] if found.is_limited else None
            own = await self._watching.own(conn, visitor.user.id, film.id) if visitor else []
            ratings = await select_film_ratings(conn, film.number) if film.number else None
        shelf_entry = None
        if visitor is not None and film.number is not None:
            shelf_entry = await self._shelves.entry(visitor.user.id, film.number)
        return self._pages.public(
            "film.html",
            request,
            visitor,
            is_cacheable=is_settled and stock is None,  # stock changes all the time
            film=film,
            cast=cast,
            directors=directors,
            prices=prices,
            shelf_entry=shelf_entry,
            ratings=ratings,
            trailer=trailer_player(found.trailers[0]) if found.trailers else None,
            can_be_watched=bool(found.features),
            stock=stock,
            own=own,
            now=now,
            alike=alike,
            directed=directed,
            more_like=more_like,
            runtime=_runtime(film.runtime_minutes),
            description=_description(film, cast),
            linked_data=linked_data.describe_film(
                film, cast, prices[film.id], origin=self._origin, currency=self._shop.formats.code, directors=directors
            ),
        )

    async def _more_like(
        self, conn: Connection, film: Film, cast: Sequence[Person], shown: Collection[str]
    ) -> tuple[list[AlikeFilm], bool]:
        """Films like this one, but for those that are shown already; and whether these are all."""
        index, is_settled = self._search.index(conn)
        if index is None:
            return [], is_settled
        from filmer.catalogue import more_like  # needs what the index needs

        films = await more_like.find(conn, index, film, cast, 3 * MORE)
        return [other for other in films if other.id not in shown][:MORE], True

    async def show_star(self, star_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            row = await queries.select_filmography(conn, star_id) if is_identifier(star_id) else None
            if row is None:
                raise NotFound(f"There is no star {star_id}")
            star, films = row
            counted = dict(filmography.colleagues(films, star.no))
            nos = dict.fromkeys(no for film in films for no in film.director_nos)
            people = {person.no: person for person in await queries.select_people(conn, list(counted | nos))}
            prices = await self._prices.of(conn, films)
        return self._pages.public(
            "star.html",
            request,
            visitor,
            star=star,
            prices=prices,
            career=filmography.filmography(films),
            credits=[
                (name, filmography.filmography(part))
                for name, part in (
                    ("Acting", [film for film in films if film.acts]),
                    ("Directing", [film for film in films if film.directs]),
                )
                if part
            ],
            directors={film.id: _known(people, film.director_nos) for film in films},
            colleagues=[(people[no], count) for no, count in counted.items() if no in people],
            linked_data=linked_data.describe_star(star, origin=self._origin),
        )


def _known(people: Mapping[int, Person], nos: Sequence[int]) -> list[Person]:
    return [people[no] for no in nos if no in people]


def _is_telling(name: str) -> bool:
    """Whether it names one person: directors known as one or two Latin letters may be many."""
    return not name.isascii() or len(name) >= SHORTEST


def _runtime(minutes: int | None) -> str:
    """142 → ``2 h 22 min``."""
    hours, rest = divmod(minutes or 0, 60)
    return " ".join(text for text in (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest)) if text)


def _description(film: Film, cast: Sequence[Person]) -> str:
    """The film's overview, cut to ``MAX_DESCRIPTION``, or a sentence with the facts."""
    if film.overview:
        is_short = len(film.overview) <= MAX_DESCRIPTION
        return film.overview if is_short else film.overview[: MAX_DESCRIPTION - 1].rstrip() + "…"
    year = f" of {film.year}" if film.year is not None else ""
    directors = f", directed by {film.director}" if film.director else ""
    names = ", ".join(star.name for star in cast[:3])
    return f"{film.title}: a film{year}{directors}{f', with {names}' * bool(names)}."
