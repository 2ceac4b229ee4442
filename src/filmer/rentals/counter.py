"""The counter: films that are picked up are found, handed out, taken back and written off (contract §9.1, §9.3)."""

from filmer.audit.log import Actor, record
from filmer.clock import Clock
from filmer.errors import InvalidOperation
from filmer.rentals import counter_queries as queries
from filmer.rentals import queries as rental_queries
from filmer.rentals.counter_queries import CounterRow
from filmer.rentals.schemas import Rental
from filmer.store.postgres import Connection

MAX_FOUND = 100  # rentals
_MISREAD = str.maketrans("ILO", "110")  # of a code, which has none of these letters


def read_code(text: str) -> str:
    """A code as it is stored, from one that was typed or scanned: in any case, with anything between its letters."""
    return "".join(filter(str.isalnum, text.upper())).translate(_MISREAD)


class Counter:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def find(self, conn: Connection, text: str) -> list[CounterRow]:
        """What waits to be picked up or is out, by the order's code, the customer's name or address, or the title."""
        code, now = read_code(text), self._clock.now()
        return await queries.select_at_counter(conn, text.strip(), code, now=now, size=MAX_FOUND)

    async def show(self, conn: Connection, rental_id: int) -> CounterRow | None:
        """A rental whose copy is reserved or out."""
        return await queries.select_counter_row(conn, rental_id, now=self._clock.now())

    async def waiting(self, conn: Connection) -> list[CounterRow]:
        """What waits to be picked up, first what lapses first."""
        return await queries.select_list(conn, "waiting", now=self._clock.now(), size=MAX_FOUND)

    async def overdue(self, conn: Connection) -> list[CounterRow]:
        """What should be back by now; also what is out of an order that was cancelled."""
        return await queries.select_list(conn, "overdue", now=self._clock.now(), size=MAX_FOUND)

    async def hand_out(self, conn: Connection, rental_id: int, actor: Actor) -> Rental:
        """The rental begins. Raises InvalidOperation when it does not wait (any more), however many do it at once.

        The moment is taken with the film's lock: a sale that came first may have promised the copy of a rental that
        lapsed meanwhile to somebody else.
        """
        async with conn.transaction():
            await queries.lock_film_terms(conn, rental_id)
            rental = await rental_queries.update_begun(conn, rental_id, "pick up", now=self._clock.now())
            if rental is None:
                raise InvalidOperation("This rental does not wait to be picked up: nothing was handed out")
            await _record(conn, actor, "rental.hand_out", rental)
        return rental

    async def take_back(self, conn: Connection, rental_id: int, actor: Actor) -> Rental:
        """The copy is free for others, and its rental over. Raises InvalidOperation when it is not out."""
        async with conn.transaction():
            rental = await queries.update_not_out(conn, rental_id, "returned", now=self._clock.now())
            if rental is None:
                raise InvalidOperation("This copy is not out: nothing was taken back")
            await _record(conn, actor, "rental.take_back", rental)
        return rental

    async def write_off(self, conn: Connection, rental_id: int, actor: Actor) -> Rental:
        """The copy is lost: its rental is over, and the film has one copy less. Raises InvalidOperation."""
        async with conn.transaction():
            rental = await queries.update_not_out(conn, rental_id, "lost", now=self._clock.now())
            if rental is None:
                raise InvalidOperation("This copy is not out: nothing was written off")
            await queries.lose_copy(conn, rental.film_id)
            await _record(conn, actor, "rental.write_off", rental)
        return rental


async def _record(conn: Connection, actor: Actor, action: str, rental: Rental) -> None:
    title = await queries.select_title(conn, rental.film_id) or rental.film_id
    await record(conn, actor, action, ("order", rental.order_id), title=title, after={"rental": rental.id})
