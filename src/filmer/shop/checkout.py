"""Checkout: a cart becomes an order, once (contract §6).

The money is authorized first, with no transaction open; then one transaction takes the cart, writes the order, and
commits; then the money is collected. Breaking off anywhere leaves the cart or the order, never half of either; an
authorization without an order lapses, and an order whose money was not collected is collected later (``tidy``).
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from weakref import WeakValueDictionary

import msgspec
import psycopg
import structlog

from filmer.accounts.schemas import User
from filmer.accounts.signing_in import Client
from filmer.accounts.throttle import CARD_ACCOUNT, CARD_ADDRESS, Throttle, ThrottleKey
from filmer.clock import Clock
from filmer.errors import CartChanged, EmptyCart, KeyUsed, PaymentFailed, ServiceUnavailable, Unavailable
from filmer.rentals.sales import Sales
from filmer.secret import SecretKey
from filmer.shop import draft_queries, queries
from filmer.shop.cart import locked_cart
from filmer.shop.cart_snapshot import CartSnapshot, snapshot_of
from filmer.shop.checkout_attempt import AmountDue, CheckoutAttempt
from filmer.shop.order_mails import OrderMails
from filmer.shop.payment import AT_COUNTER, NOTHING_TO_PAY, Authorization, Payment, PaymentProvider, PresentedCard
from filmer.shop.queries import StoredReceipt
from filmer.shop.schemas import MAX_ID, Order, Sale, Submission, total
from filmer.store.postgres import Connection, Database

log = structlog.get_logger()

KEY_LIFETIME = timedelta(hours=24)  # for which an Idempotency-Key returns its order
ATTEMPTS = 5  # at a cart that is changed meanwhile
TURN_SECONDS = 5.0  # that a submit waits for others of its account
CAPTURE_AFTER = timedelta(minutes=1)
CAPTURE_SECONDS = 10.0


class _Queue:
    """The submits of one account in this process, which take turns."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.length = 0  # submits that wait


class _AmountChanged(Exception):
    """The amount has changed since it was authorized. Rolls the transaction back."""

    def __init__(self, sales: Sequence[Sale]) -> None:
        self.amount = total(sales)
        self.titles = len(sales)


class Checkout:
    def __init__(
        self,
        database: Database,
        provider: PaymentProvider,
        sales: Sales,
        throttle: Throttle,
        secret: SecretKey,
        clock: Clock,
        mails: OrderMails,
        *,
        ways: Sequence[str] = ("cards",),
    ) -> None:
        """``ways``: to pay; the first where nothing else is said."""
        self.ways = ways
        self._database = database
        self._provider = provider
        self._sales = sales
        self._throttle = throttle
        self._secret = secret
        self._clock = clock
        self._mails = mails
        self._queues: WeakValueDictionary[int, _Queue] = WeakValueDictionary()  # by account, while it has any
        self.outcomes: Counter[str] = Counter()  # how many orders were "placed", and cards "refused"
        self.takings = Decimal(0)  # of the orders placed

    def attempt(
        self,
        user: User,
        submission: Submission,
        key: str | None,
        client: Client,
        arrived: float,
        *,
        snapshot: CartSnapshot | None = None,
        way: str | None = None,
        draft: int | None = None,
        is_kept: bool = False,
    ) -> CheckoutAttempt:
        """``arrived``: by ``Clock.monotonic``. ``snapshot``: the lines that the user agreed to on a page.

        ``way``: one of ``ways``. ``draft``: of ConfirmationNeeded, which the first try has raised.
        """
        card = PresentedCard(
            submission.credit_card_id, submission.first_name, submission.last_name, submission.expiration
        )
        return CheckoutAttempt(
            account_id=user.id,
            card=card,
            submission=self._secret.digest("submission", "\0".join([str(user.id), *msgspec.structs.astuple(card)])),
            key=key,
            address=client.address,
            way=way or self.ways[0],
            arrived=arrived,
            snapshot=snapshot,
            draft=draft,
            is_kept=is_kept,
        )

    async def prepare(
        self, conn: Connection, attempt: CheckoutAttempt, before: AmountDue | None = None
    ) -> Order | AmountDue:
        """The amount due, or the order that an identical earlier submit has become.

        ``before``: the result of the attempt's first call. Raises EmptyCart, KeyUsed, Unavailable, and RateLimited
        after too many refused cards.
        """
        try:
            return await self._prepare(conn, attempt, before)
        except Unavailable:  # the last copy may have gone to an identical submit, whose order is there by now
            return await self._prepare(conn, attempt, before)

    async def _prepare(self, conn: Connection, attempt: CheckoutAttempt, before: AmountDue | None) -> Order | AmountDue:
        keys = _throttle_keys(attempt)
        due = await queries.select_due(
            conn,
            attempt,
            age=self._clock.monotonic() - attempt.arrived,
            last=before.last if before else None,
            since=self._clock.now() - KEY_LIFETIME,
            subjects=self._throttle.subjects(keys),
        )
        if due.earlier:
            return await _order_of(conn, attempt, due.earlier)
        if due.limited:
            await self._sales.require_available(conn, due.limited)
        if due.amount is None:
            raise EmptyCart
        is_suspect = self._throttle.judge(keys, due.guesses)
        return AmountDue(due.amount, due.titles, due.last, is_suspect=is_suspect)

    async def place_order(self, attempt: CheckoutAttempt, due: AmountDue) -> Order:
        """Places the order when it is this submit's turn.

        Raises PaymentFailed, RateLimited, EmptyCart, KeyUsed, CartChanged, Unavailable; then nothing has changed.
        """
        queue = self._queues.setdefault(attempt.account_id, _Queue())
        must_prepare = queue.turn.locked() or queue.length > 0
        queue.length += 1
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await queue.turn.acquire()
        except TimeoutError:
            raise ServiceUnavailable("Another checkout of this account takes too long") from None
        finally:
            queue.length -= 1
        try:
            if must_prepare:
                async with self._database.connection() as conn:
                    prepared = await self.prepare(conn, attempt, due)
                if isinstance(prepared, Order):
                    return prepared
                due = prepared
            return await self._authorize_and_sell(attempt, due)
        finally:
            queue.turn.release()

    async def _authorize_and_sell(self, attempt: CheckoutAttempt, due: AmountDue) -> Order:
        draft = attempt.draft
        for _ in range(ATTEMPTS):
            order_id = draft or _draw_id()
            if not due.amount:
                authorization = NOTHING_TO_PAY
            elif attempt.way == "counter":
                authorization = AT_COUNTER
            else:
                payment = _payment(attempt, order_id, due.amount, is_confirmed=draft is not None)
                authorization = await self._authorize(attempt, payment, is_suspect=due.is_suspect)
            sold = await self._sell(attempt, due, order_id, authorization)
            if isinstance(sold, Order):
                if sold.id == order_id:
                    self.outcomes["placed"] += 1
                    self.takings += sold.total
                    await self._collect(order_id, authorization, sold.total)
                return sold
            due, draft = sold, None
        raise ServiceUnavailable("The cart is being changed all the time; try again")

    async def _authorize(self, attempt: CheckoutAttempt, payment: Payment, *, is_suspect: bool) -> Authorization:
        """A refused card is charged to the allowances: beforehand, if another was refused lately."""
        keys = _throttle_keys(attempt)
        if is_suspect:
            await self._charge(keys)
        authorization = None
        is_refused = False
        try:
            authorization = await self._provider.authorize(payment)
            is_refused = authorization is None
        finally:
            if is_suspect and not is_refused:
                await self._refund_allowances(keys)
        if authorization is None:
            self.outcomes["refused"] += 1
            if not is_suspect:
                await self._charge(keys)
            raise PaymentFailed
        return authorization

    async def _sell(
        self, attempt: CheckoutAttempt, due: AmountDue, order_id: int, authorization: Authorization
    ) -> Order | AmountDue:
        """The transaction: this order, or the one that an identical submit has become, or the amount due by now.

        Refunds unless the order is or may be committed: where the server did not confirm the commit, the money is
        captured later or the authorization lapses.
        """
        may_be_committed = False
        try:
            async with self._database.connection() as conn, locked_cart(conn, attempt.account_id):
                order = await self._write_order(conn, attempt, due, order_id, authorization)
                may_be_committed = order.id == order_id
        except _AmountChanged as changed:
            return AmountDue(changed.amount, changed.titles, due.last, is_suspect=due.is_suspect)
        except psycopg.errors.UniqueViolation:  # one of the random ids is taken: draw others
            may_be_committed = False
            return due
        finally:
            if not may_be_committed:
                await self._refund(authorization, due.amount)
        return order

    async def _write_order(
        self, conn: Connection, attempt: CheckoutAttempt, due: AmountDue, order_id: int, authorization: Authorization
    ) -> Order:
        """The cart's lines are written as an order, and then judged: what is raised rolls it back."""
        now = self._clock.now()
        sales = await queries.sell_lines(
            conn,
            attempt,
            order_id,
            [_draw_id() for _ in range(due.titles)],
            last=due.last,
            since=now - KEY_LIFETIME,
            placed=now,
            payment=authorization.reference,
            last_four=authorization.last_four,
            is_captured=authorization.is_captured,
        )
        if isinstance(sales, StoredReceipt):  # an identical submit has committed since ``prepare``
            return await _order_of(conn, attempt, sales)
        if not sales:
            raise EmptyCart
        if attempt.snapshot is not None and snapshot_of(sales) != attempt.snapshot:
            raise CartChanged
        if total(sales) != due.amount or len(sales) != due.titles:
            raise _AmountChanged(sales)
        if authorization.has_draft and not await draft_queries.accept_draft(conn, order_id):
            raise PaymentFailed  # it took so long that the money is being released
        await self._sales.sell(conn, order_id, paid=now if authorization.is_paid else None)
        order = Order(order_id, attempt.account_id, now.date(), total(sales), sales)
        await self._mails.placed(conn, order, is_paid=authorization.is_paid)
        return order

    async def _charge(self, keys: Sequence[ThrottleKey]) -> None:
        async with self._database.connection() as conn:
            await self._throttle.charge(conn, keys)

    async def _refund_allowances(self, keys: Sequence[ThrottleKey]) -> None:
        with suppress(psycopg.Error, ServiceUnavailable):  # the checkout goes on without it
            async with self._database.connection() as conn:
                await self._throttle.refund(conn, keys)

    async def _refund(self, authorization: Authorization, amount: Decimal) -> None:
        if authorization in {NOTHING_TO_PAY, AT_COUNTER}:
            return
        try:
            await self._provider.refund(authorization.reference, amount)
        except Exception:  # the authorization lapses by itself, and the user gets a response
            log.exception("payment not refunded", payment=authorization.reference)

    async def _collect(self, order_id: int, authorization: Authorization, amount: Decimal) -> None:
        if authorization.is_captured or not authorization.is_paid:
            return
        try:
            async with asyncio.timeout(CAPTURE_SECONDS):
                await self._provider.capture(authorization.reference, amount)
            async with self._database.connection() as conn:
                await queries.update_captured(conn, order_id, self._clock.now())
        except Exception:  # the order is committed, and ``tidy`` collects later
            log.exception("payment not collected yet", order=order_id)

    async def tidy(self, database: Database) -> None:
        """Collects payments that were not captured yet, and deletes expired keys. Called once a minute."""
        now = self._clock.now()
        async with database.connection() as conn:
            await queries.delete_old_keys(conn, created_before=now - KEY_LIFETIME)
            uncaptured = await queries.select_uncaptured(conn, placed_before=now - CAPTURE_AFTER)
        for order_id, reference, amount in uncaptured:
            await self._collect(order_id, Authorization(reference, is_captured=False), amount)


async def _order_of(conn: Connection, attempt: CheckoutAttempt, receipt: StoredReceipt) -> Order:
    """The order that an identical submit has become. Raises KeyUsed where that with the key was another one."""
    if receipt.submission != attempt.submission:
        raise KeyUsed(receipt.order_id)
    order = await queries.select_order(conn, receipt.order_id)
    if order is None:
        raise RuntimeError("an order has been deleted")
    return order


def _payment(attempt: CheckoutAttempt, order_id: int, amount: Decimal, *, is_confirmed: bool) -> Payment:
    return Payment(
        str(order_id),
        attempt.account_id,
        amount,
        attempt.card,
        attempt.way,
        is_page=attempt.snapshot is not None,
        is_confirmed=is_confirmed,
        is_kept=attempt.is_kept,
    )


def _throttle_keys(attempt: CheckoutAttempt) -> list[ThrottleKey]:
    return [ThrottleKey(CARD_ADDRESS, attempt.address), ThrottleKey(CARD_ACCOUNT, str(attempt.account_id))]


def _draw_id() -> int:
    """53 random bits, from which no other id can be guessed (contract §6.5)."""
    return secrets.randbelow(MAX_ID) + 1
