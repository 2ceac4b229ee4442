"""Checkout: a cart becomes an order, once (contract §6).

The money is authorized first, with no transaction open; then one transaction takes the cart, writes the order, and
commits; then the money is collected. Breaking off anywhere leaves the cart or the order, never half of either; an
authorization without an order lapses, an order whose money was not collected is collected for later (``tidy``).
"""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import psycopg
import structlog

from filmer.accounts.nouns import Person
from filmer.accounts.signing_in import Caller
from filmer.accounts.throttle import CARD_ACCOUNT, CARD_ADDRESS, Throttle, Try
from filmer.clock import Clock
from filmer.errors import Conflict, EmptyCart, PaymentFailed, ServiceUnavailable
from filmer.secret import SecretKey
from filmer.shop import queries
from filmer.shop.nouns import MAX_ID, CartLine, Order, Sale, Submission, total
from filmer.shop.payment import Authorization, Payment, PaymentProvider, PresentedCard
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

KEPT = timedelta(hours=24)  # an Idempotency-Key's answer
ATTEMPTS = 5  # while the cart is edited under our hands
CAPTURE_AFTER = timedelta(minutes=1)


class Attempt(msgspec.Struct, frozen=True):
    """One submit of a cart."""

    account_id: int
    card: PresentedCard
    submission: bytes  # a digest of what was submitted: tells whether another submit is the same
    key: str | None
    address: str
    begun: datetime


class Due(msgspec.Struct, frozen=True):
    """What a cart costs, and the place of the account's newest order by then."""

    amount: Decimal
    newest: int


class _CartChanged(Exception):
    """Since we looked, and with it what is to be paid. Rolls back."""

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

    def attempt(self, person: Person, asked: Submission, key: str | None, caller: Caller, begun: datetime) -> Attempt:
        fields = [asked.credit_card_id, asked.first_name, asked.last_name, asked.expiration]
        return Attempt(
            account_id=person.id,
            card=PresentedCard(*fields),
            submission=self._secret.digest("submission", "\0".join([str(person.id), *fields])),
            key=key,
            address=caller.address,
            begun=begun,
        )

    async def look(self, conn: Connection, attempt: Attempt) -> Order | Due:
        """What there is to pay, or the order that this submit, sent before, has become already.

        Raises EmptyCart, Conflict (the key was used for something else), RateLimited (too many cards refused).
        """
        if order := await self._order_of_key(conn, attempt):
            return order
        amount, newest = await queries.select_due(conn, attempt.account_id)
        if amount is None:
            return await self._order_of_twin(conn, attempt, since=attempt.begun)
        await self._throttle.take(conn, _tries(attempt))
        return Due(amount, newest)

    async def buy(self, attempt: Attempt, due: Due) -> Order:
        """The order. Raises PaymentFailed, EmptyCart, Conflict; nothing has changed then."""
        for _ in range(ATTEMPTS):
            order_id = _draw_id()
            payment = Payment(str(order_id), attempt.account_id, due.amount, attempt.card)
            authorization = await self._provider.authorize(payment)
            if authorization is None:
                raise PaymentFailed
            try:
                async with self._database.connection() as conn:
                    done = await self._commit(conn, attempt, due, order_id, authorization)
                    await self._forgive(conn, attempt)
            except (EmptyCart, Conflict):
                await self._provider.refund(authorization.reference, due.amount)
                raise
            if isinstance(done, Order) and done.id == order_id:
                await self._collect(done.id, authorization, done.total)
                return done
            await self._provider.refund(authorization.reference, due.amount)
            if isinstance(done, Order):
                return done
            due = done
        raise ServiceUnavailable("The cart is being changed all the time; try again")

    async def _commit(
        self, conn: Connection, attempt: Attempt, due: Due, order_id: int, authorization: Authorization
    ) -> Order | Due:
        """The one transaction: this order; or another one that this submit has become; or what is due by now."""
        try:
            async with conn.transaction():
                return await self._trade(conn, attempt, due, order_id, authorization)
        except _CartChanged as changed:
            return Due(changed.amount, due.newest)
        except psycopg.errors.UniqueViolation:  # one of the ids was taken, of so many: draw others
            return due

    async def _trade(
        self, conn: Connection, attempt: Attempt, due: Due, order_id: int, authorization: Authorization
    ) -> Order:
        await queries.lock_cart(conn, attempt.account_id)
        if order := await self._order_of_key(conn, attempt):
            return order
        lines = await queries.take_lines(conn, attempt.account_id)
        if not lines:  # somebody was faster, who had not come that far when we looked
            return await self._order_of_twin(conn, attempt, after=due.newest)
        if total(lines) != due.amount:
            raise _CartChanged(total(lines))
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

    async def _order_of_key(self, conn: Connection, attempt: Attempt) -> Order | None:
        if attempt.key is None:
            return None
        since = self._clock.now() - KEPT
        kept = await queries.select_kept_answer(conn, attempt.account_id, attempt.key, since=since)
        if kept is None:
            return None
        if kept.submission != attempt.submission:
            raise Conflict("This Idempotency-Key was used for another checkout; take a new one")
        return await queries.select_order(conn, kept.order_id)

    async def _order_of_twin(
        self, conn: Connection, attempt: Attempt, *, since: datetime | None = None, after: int = 0
    ) -> Order:
        """The order of a submit that overlapped with this one and was the same; neither had a key to say so."""
        found = None
        if attempt.key is None:
            found = await queries.select_twin(conn, attempt.account_id, attempt.submission, since=since, after=after)
        order = await queries.select_order(conn, found) if found else None
        if order is None:
            raise EmptyCart
        return order

    async def _forgive(self, conn: Connection, attempt: Attempt) -> None:
        with suppress(psycopg.Error):  # the order stands, whatever becomes of this
            await self._throttle.give_back(conn, _tries(attempt))

    async def _collect(self, order_id: int, authorization: Authorization, amount: Decimal) -> None:
        if authorization.is_captured:
            return
        try:
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


def _tries(attempt: Attempt) -> list[Try]:
    return [Try(CARD_ADDRESS, attempt.address), Try(CARD_ACCOUNT, str(attempt.account_id))]


def _order(order_id: int, account_id: int, lines: list[CartLine], now: datetime) -> Order:
    sales = [Sale(_draw_id(), line.film_id, line.title, line.year, line.quantity, line.price) for line in lines]
    return Order(order_id, account_id, now.date(), total(lines), sales)


def _draw_id() -> int:
    """53 bits that tell nothing of any other (contract §6.5)."""
    return secrets.randbelow(MAX_ID) + 1
