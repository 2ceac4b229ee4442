"""Watching: who has access to a film, when a rental of it begins, and how far somebody came (contract §9.2)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from filmer.clock import Clock
from filmer.errors import NoAccess
from filmer.rentals import queries
from filmer.rentals.queries import LibraryRow, OwnRental
from filmer.rentals.schemas import SERIES, NewProgress, Progress, Rental
from filmer.store.postgres import Connection

LAPSING = timedelta(days=3)  # before it lapses


class Watching:
    """Access is asked of the rentals at every request, never of an order, a role or a cache."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def access(self, conn: Connection, account_id: int, film_id: str, *, lock: bool = False) -> list[Rental]:
        """The rentals that give access to a film, the one to use first. Some may be for picking up alone.

        ``lock``: until the transaction ends, nobody else changes them.
        """
        rentals = await queries.select_access(conn, account_id, film_id, now=self._clock.now(), lock=lock)
        return sorted(rentals, key=lambda rental: rental.state == "waiting")  # what runs comes first

    async def require(self, conn: Connection, account_id: int, film_id: str) -> Rental:
        """The rental with which the film may be watched now. Raises NoAccess."""
        for rental in await self.access(conn, account_id, film_id):
            if rental.way == "watch":
                return rental
        raise NoAccess

    async def begin(self, conn: Connection, account_id: int, film_id: str) -> Rental:
        """The rental that runs: it begins now, unless one runs already. Raises NoAccess.

        However many call this at once, on however many nodes, one rental begins, once.
        """
        rental = await self.require(conn, account_id, film_id)
        if rental.state == "running":
            return rental
        async with conn.transaction():
            for rental in await self.access(conn, account_id, film_id, lock=True):
                if rental.way != "watch":
                    continue
                if rental.state == "running":
                    return rental
                if begun := await queries.update_begun(conn, rental.id, "watch", now=self._clock.now()):
                    return begun
        raise NoAccess

    async def library(self, conn: Connection, account_id: int) -> list[LibraryRow]:
        return await queries.select_library(conn, account_id, now=self._clock.now())

    async def own(self, conn: Connection, account_id: int, film_id: str | None = None) -> list[OwnRental]:
        """What the account has now, be it a copy that is overdue; of other films the last rental, which is over.

        The newest first. ``film_id``: of this film alone.
        """
        return await queries.select_own(conn, account_id, film_id, now=self._clock.now())

    async def held(self, conn: Connection, account_id: int) -> dict[str, OwnRental]:
        """A rental of each film that gives access to it now."""
        own = await self.own(conn, account_id)
        return {held.rental.film_id: held for held in own if held.rental.state in {"waiting", "running"}}

    def is_lapsing(self, rental: Rental) -> bool:
        """Whether it is to be reminded of: it waits, but not for long any more."""
        return rental.state == "waiting" and rental.start_by is not None and rental.start_by <= self.now() + LAPSING

    def now(self) -> datetime:
        return self._clock.now()

    async def save_progress(self, conn: Connection, account_id: int, progress: NewProgress) -> None:
        """Raises NoAccess for a film that the account never had."""
        values = {name: getattr(progress, name) for name in ("season", "episode", "duration")}
        values["position"] = progress.reached
        if not await queries.upsert_progress(conn, account_id, progress.movie_id, values, now=self._clock.now()):
            raise NoAccess

    async def progress(self, conn: Connection, account_id: int) -> list[Progress]:
        rows = await queries.select_progress(conn, account_id)
        return [msgspec.structs.replace(progress, is_series=is_series(kind)) for kind, progress in rows]


def first_to_watch(own: Sequence[OwnRental]) -> OwnRental | None:
    """Of one film's rentals the one that is used (contract §9.2): the one that runs, then the oldest that waits."""
    watched = [held for held in own if held.rental.way == "watch" and held.rental.state in {"waiting", "running"}]
    return min(watched, key=lambda held: (held.rental.state == "waiting", held.rental.id), default=None)


def is_series(title_type: str | None) -> bool:
    return title_type in SERIES
