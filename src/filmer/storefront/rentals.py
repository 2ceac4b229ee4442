"""The pages of what a user has rented: their films, and the player (contract §9)."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from urllib.parse import quote

import msgspec
from litestar.params import FromPath

from filmer.accounts.sessions import session_digest
from filmer.catalogue.schemas import is_identifier
from filmer.errors import NoAccess
from filmer.http.envelopes import POLICY, framed_by
from filmer.http.handlers import AnyRequest, Handlers
from filmer.rentals.queries import OwnRental
from filmer.rentals.schemas import Progress
from filmer.rentals.stream_links import StreamLinks
from filmer.rentals.videos import film_videos
from filmer.rentals.watching import Watching, first_to_watch
from filmer.storefront.pages import OK, HtmlResponse, Pages
from filmer.storefront.players import feature_player

MAX_OVER = 48  # films
SEEN = 0.97  # of a film: whoever came that far begins anew
_NOT_RENTED = "You have not rented this film yet."


class Shelf(msgspec.Struct, frozen=True):
    """What a user has, by what there is to do with it."""

    running: list[OwnRental]
    waiting: list[OwnRental]
    at_counter: list[OwnRental]
    over: list[OwnRental]


class RentalPages(Handlers):
    def __init__(
        self, pages: Pages, watching: Watching, links: StreamLinks, *, player_framed_by: Sequence[str]
    ) -> None:
        """``player_framed_by``: the origins whose pages may show the player in a frame."""
        self._pages = pages
        self._watching = watching
        self._links = links
        self._player_framed_by = player_framed_by

    async def show_library(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.signed_in(request) as (conn, visitor):
            own = await self._watching.own(conn, visitor.user.id)
            progress = await self._watching.progress(conn, visitor.user.id)
        return self._pages.personal(
            "library.html",
            request,
            visitor,
            shelf=_shelve(own),
            progress={entry.movie_id: entry for entry in progress},
            lapsing={held.rental.id for held in own if self._watching.is_lapsing(held.rental)},
            now=self._watching.now(),
            most=MAX_OVER,
        )

    async def show_player(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """The player of a rental that runs; of one that waits, what pressing the button does; or why not to watch."""
        async with self._pages.signed_in(request) as (conn, visitor):
            own = await self._watching.own(conn, visitor.user.id, film_id) if is_identifier(film_id) else []
            features = (await film_videos(conn, film_id)).features if own else []
            progress = await self._watching.progress(conn, visitor.user.id)
        if not own:
            return self._pages.redirect(f"/films/{quote(film_id, safe='')}", _NOT_RENTED)
        held, player, now = first_to_watch(own), None, self._watching.now()
        if held and held.rental.state == "running" and features:
            token, _ = self._links.mint(held.rental, session_digest(request) or b"")
            player = feature_player(features[0], token, request, start=_start(progress, film_id))
        response = self._pages.personal(
            "watch.html",
            request,
            visitor,
            status=OK if held else NoAccess.status,
            is_watchable=held is not None,
            held=held or own[0],
            player=player,
            is_framed=request.headers.get("sec-fetch-dest") == "iframe",
            now=now,
            until=now + timedelta(hours=(held or own[0]).rental.hours),
        )
        response.headers[POLICY] = framed_by(response.headers[POLICY], self._player_framed_by)
        return response

    async def begin(self, film_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """However often it is sent, one rental begins, once. Where none can, the page that follows says why."""
        async with self._pages.signed_in(request) as (conn, visitor):
            with suppress(NoAccess):
                if is_identifier(film_id):
                    await self._watching.begin(conn, visitor.user.id, film_id)
        return self._pages.redirect(f"/watch/{quote(film_id, safe='')}")


def _shelve(own: Sequence[OwnRental]) -> Shelf:
    """What ends, lapses or is to be brought back first comes first; of what is over, the newest."""
    shelf = Shelf([], [], [], [])
    for held in own:
        rental = held.rental
        if rental.is_out or (rental.way == "pick up" and rental.state == "waiting"):
            shelf.at_counter.append(held)
        else:
            {"running": shelf.running, "waiting": shelf.waiting}.get(rental.state, shelf.over).append(held)
    for live in (shelf.running, shelf.waiting, shelf.at_counter):
        live.sort(key=lambda held: (held.rental.ends_at or held.rental.start_by, held.rental.id))
    return shelf


def _start(progress: Sequence[Progress], film_id: str) -> float:
    """Where to go on, in seconds."""
    seen = next((entry for entry in progress if entry.movie_id == film_id), None)
    position = (seen and seen.position) or 0.0
    return 0.0 if seen and seen.duration and position > seen.duration * SEEN else position
