"""Delivery: each process looks every other second for mails that are due, and sends one after another.

A mail is claimed before it is sent, for a time in which the attempt ends in any case, and marked right after the server
has taken it. So it is sent at least once, and twice only where a process or the database ends between the two
(docs/decisions/0026-an-outbox-and-links.md).
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import aiosmtplib
import psycopg
import structlog

from filmer.clock import Clock
from filmer.errors import FilmerError
from filmer.mail import queries
from filmer.mail.kinds import KINDS
from filmer.mail.letters import Letters
from filmer.mail.queries import Mail, State
from filmer.mail.smtp import Smtp, Undelivered
from filmer.store.postgres import Database

log = structlog.get_logger()

EVERY_SECONDS = 2.0
LEASE = timedelta(minutes=2)  # longer than an attempt takes
LATELY = timedelta(hours=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=1)  # until a mail is tried again
LONGEST_SERVERS = timedelta(minutes=5)  # where it is not the mail's fault
LONGEST_WAIT = 60.0  # seconds until a server that failed is tried again
MARK_SECONDS = 100  # for which a mail that was sent is tried to be marked so, where the database is away
STOP_SECONDS = 5.0  # for the mail that is being sent when the process ends


class Delivery:
    def __init__(self, database: Database, smtp: Smtp, letters: Letters, clock: Clock) -> None:
        self._database = database
        self._smtp = smtp
        self._letters = letters
        self._clock = clock
        self._failures = 0  # of the server, in a row
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """The mail that is being sent is sent and marked."""
        self._stopping.set()
        if self._task:
            done, _ = await asyncio.wait([self._task], timeout=STOP_SECONDS)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.deliver()
            except (FilmerError, psycopg.Error) as error:
                log.warning("mails wait for the database", error=type(error).__name__)
            except Exception:  # the next round must follow whatever failed
                log.exception("mails not delivered")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(EVERY_SECONDS * 2**self._failures, LONGEST_WAIT)):
                    await self._stopping.wait()

    async def deliver(self) -> None:
        """Sends what is due, until nothing is or the server fails."""
        mail = await self._claim()
        if mail is None:
            return
        try:
            async with self._smtp.connected() as client:
                while mail is not None:
                    await self._attempt(client, mail)
                    mail = None if self._stopping.is_set() else await self._claim()
        except Undelivered as error:  # of the server: whatever is claimed, others wait too
            self._failures = min(self._failures + 1, 10)
            if mail is not None:
                await self._put_off(mail, error)

    async def _claim(self) -> Mail | None:
        while True:
            now = self._clock.now()
            async with self._database.connection() as conn:
                mail = await queries.claim_mail(conn, KINDS, now=now, lease=LEASE, lately=LATELY)
            if mail is None or not (KINDS[mail.kind].purpose and now >= mail.created + KINDS[mail.kind].within):
                return mail
            await self._end(mail, "failed", "it came too late: its link is not good any more")

    async def _attempt(self, client: aiosmtplib.SMTP, mail: Mail) -> None:
        """Raises Undelivered where the server has failed."""
        try:
            await self._smtp.send(client, self._letters.message(mail), mail.recipient)
        except Undelivered as error:
            if error.is_servers:
                raise
            await self._put_off(mail, error)
        except Exception:
            log.exception("mail can't be written", mail=mail.id, kind=mail.kind)
            await self._put_off(mail, Undelivered("it can't be written: the log has more"))
        else:
            await self._end(mail, "sent")
        self._failures = 0

    async def _put_off(self, mail: Mail, error: Undelivered) -> None:
        now = self._clock.now()
        longest = LONGEST_SERVERS if error.is_servers else LONGEST_PAUSE
        due = now + min(FIRST_PAUSE * 2 ** min(mail.attempts - 1, 10), longest)
        is_final = error.is_final or due >= mail.created + KINDS[mail.kind].within
        log.warning("mail not delivered", mail=mail.id, kind=mail.kind, reason=error.logged, is_final=is_final)
        async with self._database.connection() as conn:
            state: State = "failed" if is_final else "waiting"
            await queries.update_attempted(conn, mail, state, reason=error.reason, now=now, due=due)

    async def _end(self, mail: Mail, state: State, reason: str = "") -> None:
        """Tried for as long as nobody else may claim the mail: what was sent must not be sent again."""
        for second in range(MARK_SECONDS + 1):
            try:
                async with self._database.connection() as conn:
                    await queries.update_attempted(conn, mail, state, reason=reason, now=self._clock.now())
            except (FilmerError, psycopg.Error):
                if second == MARK_SECONDS:
                    raise
                await self._clock.sleep(1)
            else:
                return
