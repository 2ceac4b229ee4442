"""Checkout: a cart becomes an order, once (contract §6).

The money is authorized first, with no transaction open; then one transaction takes the cart, writes the order, and
commits; then the money is collected. Breaking off anywhere leaves the cart or the order, never half of either; an
authorization without an order lapses, an order whose money was not collected is collected for later (``tidy``).
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from weakref import WeakValueDictionary

import psycopg
import structlog

from filmer.accounts.schemas import User
from filmer.accounts.signing_in import Caller
from filmer.accounts.throttle import CARD_ACCOUNT, CARD_ADDRESS, Attempted, Throttle
from filmer.clock import Clock
from filmer.errors import CartNotAsSeen, EmptyCart, KeyUsed, PaymentFailed, ServiceUnavailable
from filmer.secret import SecretKey
from filmer.shop import queries
from filmer.shop.attempt import Attempt, Due
from filmer.shop.cart_snapshot import Seen, seen_of
from filmer.shop.payment import Authorization, Payment, PaymentProvider, PresentedCard
from filmer.shop.schemas import MAX_ID, CartLine, Order, Sale, Submission, total
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

KEPT = timedelta(hours=24)  # an Idempotency-Key's answer
ATTEMPTS = 5  # while the cart is edited under our hands
TURN_SECONDS = 5.0  # that a submit waits for others of its account
CAPTURE_AFTER = timedelta(minutes=1)
CAPTURE_SECONDS = 10.0


class _Queue:
    """The submits of one account, in this process. They take turns: an impatient customer's many are one at a time."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.length = 0  # of those who wait


class _AmountChanged(Exception):
    """Since we looked what is to be paid has changed. Rolls back."""

    def __init__(self, amount: Decimal) -> None:
        self.amount = amount


class Checkout:
    def __init__(
        self,
        database: Database,
        provider: PaymentProvider,
        throttle: Throttle,
        secret: SecretKey,
        clock: Clock,
    ) -> None:
        self._database = database
        self._provider = provider
        self._throttle = throttle
        self._secret = secret
        self._clock = clock
        self._queues: WeakValueDictionary[int, _Queue] = WeakValueDictionary()  # by account, while it has any
        self.outcomes: Counter[str] = Counter()  # orders "placed" here, cards "refused"
        self.takings = Decimal(0)  # of the orders placed

    def attempt(
        self,
        user: User,
        asked: Submission,
        key: str | None,
        caller: Caller,
        came: float,
        *,
        seen: Seen | None = None,
    ) -> Attempt:
        """``came``: when, by ``Clock.monotonic``. ``seen``: the lines that were agreed to, where they were shown."""
        fields = [asked.credit_card_id, asked.first_name, asked.last_name, asked.expiration]
        return Attempt(
            account_id=user.id,
            card=PresentedCard(*fields),
            submission=self._secret.digest("submission", "\0".join([str(user.id), *fields])),
            key=key,
            address=caller.address,
            came=came,
            seen=seen,
        )

    async def look(self, conn: Connection, attempt: Attempt, before: Due | None = None) -> Order | Due:
        """What there is to pay, or the order that the same submit, sent before, has become already.

        ``before``: what its first look found. Raises EmptyCart, KeyUsed, RateLimited (too many cards were refused).
        """
        # The cart first: whoever emptied it by then has written down their order and its key as well.
        age = self._clock.monotonic() - attempt.came
        amount, last = await queries.select_due(conn, attempt.account_id, age=age)
        last = before.last if before else last
        if order := await self._earlier_order(conn, attempt, last):
            return order
        if amount is None:
            raise EmptyCart
        is_suspect = await self._throttle.look(conn, _tries(attempt))
        return Due(amount, last, is_suspect=is_suspect)

    async def buy(self, attempt: Attempt, due: Due) -> Order:
        """The order, when it is this submit's turn.

        Raises PaymentFailed, RateLimited, EmptyCart, KeyUsed, CartNotAsSeen; nothing has changed then.
        """
        queue = self._queues.setdefault(attempt.account_id, _Queue())
        must_look = queue.turn.locked() or queue.length > 0
        queue.length += 1
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await queue.turn.acquire()
        except TimeoutError:
            raise ServiceUnavailable("Another checkout of this account takes too long") from None
        finally:
            queue.length -= 1
        try:
            if must_look:
                async with self._database.connection() as conn:
                    found = await self.look(conn, attempt, due)
                if isinstance(found, Order):
                    return found
                due = found
            return await self._buy(attempt, due)
        finally:
            queue.turn.release()

    async def _buy(self, attempt: Attempt, due: Due) -> Order:
        for _ in range(ATTEMPTS):
            order_id = _draw_id()
            payment = Payment(str(order_id), attempt.account_id, due.amount, attempt.card)
            authorization = await self._authorize(attempt, payment, is_suspect=due.is_suspect)
            done = await self._sell(attempt, due, order_id, authorization)
            if isinstance(done, Order):
                if done.id == order_id:
                    self.outcomes["placed"] += 1
                    self.takings += done.total
                    await self._collect(order_id, authorization, done.total)
                return done
            due = done
        raise ServiceUnavailable("The cart is being changed all the time; try again")

    async def _authorize(self, attempt: Attempt, payment: Payment, *, is_suspect: bool) -> Authorization:
        """A refused card is paid for out of the allowances; beforehand, where a card was refused not long ago."""
        tries = _tries(attempt)
        if is_suspect:
            await self._take(tries)
        authorization = None
        is_refused = False
        try:
            authorization = await self._provider.authorize(payment)
            is_refused = authorization is None
        finally:
            if is_suspect and not is_refused:
                await self._give_back(tries)
        if authorization is None:
            self.outcomes["refused"] += 1
            if not is_suspect:
                await self._take(tries)
            raise PaymentFailed
        return authorization

    async def _sell(self, attempt: Attempt, due: Due, order_id: int, authorization: Authorization) -> Order | Due:
        """The one transaction: this order; or another one that this submit has become; or what is due by now.

        Refunds, unless the order stands or may stand: a commit without an answer is followed by a capture or lapses.
        """
        may_stand = False
        try:
            async with self._database.connection() as conn, conn.transaction():
                order = await self._trade(conn, attempt, due, order_id, authorization)
                may_stand = order.id == order_id
        except _AmountChanged as changed:
            return Due(changed.amount, due.last, is_suspect=due.is_suspect)
        except psycopg.errors.UniqueViolation:  # one of the ids was taken, of so many: draw others
            may_stand = False
            return due
        finally:
            if not may_stand:
                await self._refund(authorization, due.amount)
        return order

    async def _trade(
        self, conn: Connection, attempt: Attempt, due: Due, order_id: int, authorization: Authorization
    ) -> Order:
        await queries.lock_cart(conn, attempt.account_id)
        # Somebody may have been faster, who had not come that far when we looked.
        if order := await self._earlier_order(conn, attempt, due.last):
            return order
        lines = await queries.take_lines(conn, attempt.account_id)
        if not lines:
            raise EmptyCart
        if attempt.seen is not None and seen_of(lines) != attempt.seen:
            raise CartNotAsSeen
        if total(lines) != due.amount:
            raise _AmountChanged(total(lines))
        now = self._clock.now()
        order = _order(order_id, attempt.account_id, lines, now)
        await queries.insert_order(
            conn,
            order,
            placed=now,
            submission=attempt.submission,
            payment=authorization.reference,
            is_captured=authorization.is_captured,
        )
        if attempt.key:
            await queries.upsert_kept_answer(
                conn, attempt.account_id, attempt.key, submission=attempt.submission, order_id=order_id, now=now
            )
        return order

    async def _earlier_order(self, conn: Connection, attempt: Attempt, last: int) -> Order | None:
        """The order of the same submit. It has the same key; or, without one, it came after ``last`` (see Due)."""
        if attempt.key is None:
            twin = await queries.select_twin(conn, attempt.account_id, attempt.submission, after=last)
            return None if twin is None else await queries.select_order(conn, twin)
        since = self._clock.now() - KEPT
        kept = await queries.select_kept_answer(conn, attempt.account_id, attempt.key, since=since)
        if kept is None:
            return None
        if kept.submission != attempt.submission:
            raise KeyUsed(kept.order_id)
        return await queries.select_order(conn, kept.order_id)

    async def _take(self, tries: Sequence[Attempted]) -> None:
        async with self._database.connection() as conn:
            await self._throttle.take(conn, tries)

    async def _give_back(self, tries: Sequence[Attempted]) -> None:
        with suppress(psycopg.Error, ServiceUnavailable):  # the checkout goes on, whatever becomes of this
            async with self._database.connection() as conn:
                await self._throttle.give_back(conn, tries)

    async def _refund(self, authorization: Authorization, amount: Decimal) -> None:
        try:
            await self._provider.refund(authorization.reference, amount)
        except Exception:  # it lapses by itself, and the customer gets their answer
            log.exception("payment not refunded", payment=authorization.reference)

    async def _collect(self, order_id: int, authorization: Authorization, amount: Decimal) -> None:
        if authorization.is_captured:
            return
        try:
            async with asyncio.timeout(CAPTURE_SECONDS):
                await self._provider.capture(authorization.reference, amount)
            async with self._database.connection() as conn:
                await queries.update_captured(conn, order_id, self._clock.now())
        except Exception:  # whatever it is, the order stands, and the next round collects
            log.exception("payment not collected yet", order=order_id)

    async def tidy(self, database: Database) -> None:
        """Collects what was not collected in time, and forgets keys that are old. Once a minute does."""
        now = self._clock.now()
        async with database.connection() as conn:
            await queries.delete_old_keys(conn, created_before=now - KEPT)
            uncaptured = await queries.select_uncaptured(conn, placed_before=now - CAPTURE_AFTER)
        for order_id, reference, amount in uncaptured:
            await self._collect(order_id, Authorization(reference, is_captured=False), amount)


def _tries(attempt: Attempt) -> list[Attempted]:
    return [Attempted(CARD_ADDRESS, attempt.address), Attempted(CARD_ACCOUNT, str(attempt.account_id))]


def _order(order_id: int, account_id: int, lines: list[CartLine], now: datetime) -> Order:
    sales = [Sale(_draw_id(), line.film_id, line.title, line.year, line.quantity, line.price) for line in lines]
    return Order(order_id, account_id, now.date(), total(lines), sales)


def _draw_id() -> int:
    """53 bits that tell nothing of any other (contract §6.5)."""
    return secrets.randbelow(MAX_ID) + 1
