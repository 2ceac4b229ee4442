"""Reminders of rentals that lapse soon, and of copies that should be back: each is sent once at most."""

from datetime import timedelta

from filmer.clock import Clock
from filmer.mail.outbox import Outbox
from filmer.rentals import reminder_queries as queries
from filmer.store.postgres import Database

BEFORE = timedelta(days=2)
OVERDUE_FOR = timedelta(days=7)  # far less than mails are kept: a mail that is there is not written again


class Reminders:
    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    async def tidy(self, database: Database) -> None:
        """Called once a minute."""
        now = self._clock.now()
        async with database.connection() as conn:
            lapsing = await queries.select_lapsing(conn, now=now, until=now + BEFORE, paid_before=now - BEFORE)
            overdue = await queries.select_overdue(conn, since=now - OVERDUE_FOR, until=now)
            for kind, found in (("rental_lapsing", lapsing), ("rental_overdue", overdue)):
                for due in found:
                    await self._outbox.put(
                        conn, kind, None, account_id=due.account_id, link_id=due.first, way=due.way, until=due.until,
                        titles=due.titles,
                    )  # fmt: skip
