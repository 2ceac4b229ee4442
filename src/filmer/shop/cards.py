"""Cards on file: the built-in payment provider, and who may put which on file (contract §6.3, §10.4).

Checking a card means to find the same card on file. No payment network is involved, no money moves, and nothing here
has been assessed for PCI DSS.
"""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from filmer.accounts.throttle import NEW_CARD, Throttle, ThrottleKey
from filmer.errors import FieldError, InvalidRequest
from filmer.secret import SecretKey
from filmer.shop import card_queries as queries
from filmer.shop.card_queries import StoredCard
from filmer.shop.payment import Authorization, Payment
from filmer.shop.schemas import Submission, past_month
from filmer.store.postgres import Connection, Database

MIN_DIGITS, MAX_DIGITS = 12, 19
MAX_OWN_CARDS = 10  # that one account has on file


class CardRefused(ValueError):
    """The card can't be put on file; the text says why."""


class CardsOnFile:
    """A PaymentProvider."""

    def __init__(self, database: Database, secret: SecretKey, *, demo: bool) -> None:
        self._database = database
        self._secret = secret
        self._demo = demo

    async def authorize(self, payment: Payment) -> Authorization | None:
        card = payment.card
        async with self._database.connection() as conn:
            stored = await queries.select_card(
                conn, digest_of(self._secret, card.number), card.number, payment.account_id, demo=self._demo
            )
        presented = (folded(card.first_name), folded(card.last_name), card.expiration)
        for one in stored:
            if (folded(one.first_name), folded(one.last_name), one.expiration) == presented:
                return Authorization(reference=f"card on file {one.last_four}", is_captured=True)
        return None

    async def capture(self, reference: str, amount: Decimal) -> None:
        """Nothing to collect: no money moves."""

    async def refund(self, reference: str, amount: Decimal) -> None:
        """Nothing was charged."""


class OwnCards:
    """The cards that people put on file themselves. Nothing here depends on anybody else's (contract §10.4)."""

    def __init__(self, secret: SecretKey, throttle: Throttle, *, demo: bool) -> None:
        self._secret = secret
        self._throttle = throttle
        self._demo = demo

    async def list(self, conn: Connection, account_id: int) -> list[StoredCard]:
        """Those good for longest first."""
        return await queries.select_own_cards(conn, account_id, demo=self._demo)

    async def put(self, conn: Connection, account_id: int, card: Submission) -> None:
        """Puts a card on file; one of this number gets the new names and month.

        The card has passed ``new_card_errors``. Raises InvalidRequest for one too many, and RateLimited.
        """
        others = await queries.count_other_cards(conn, account_id, digest_of(self._secret, card.credit_card_id))
        if others >= MAX_OWN_CARDS:
            reason = f"can't be kept: {MAX_OWN_CARDS} cards are on file already; remove one first"
            raise InvalidRequest([FieldError("creditCardId", reason)])
        await self._throttle.charge(conn, [ThrottleKey(NEW_CARD, str(account_id))])
        await put_on_file(
            conn,
            self._secret,
            card.credit_card_id,
            first_name=card.first_name.strip(),
            last_name=card.last_name.strip(),
            expiration=card.expiration,
            account_id=account_id,
            is_renewed=True,
        )

    async def remove(self, conn: Connection, account_id: int, card_id: str) -> str | None:
        """The last four digits of the card that is gone; None where the account has no such card.

        One that is kept at Stripe is removed there by ``StripePayments.tidy``.
        """
        return await queries.delete_own_card(conn, account_id, card_id) if card_id.isprintable() else None


def new_card_errors(values: dict[str, Any], now: datetime) -> Iterator[FieldError]:
    """What is wrong with a card that people put on file: its number, by length and Luhn's check digit; its month."""
    number = values.get("creditCardId")
    if number is not None and not _is_card_number(digits_of(number)):
        yield FieldError("creditCardId", f"is no card number: it has {MIN_DIGITS} to {MAX_DIGITS} digits; please check")
    yield from past_month(values, now)


def _is_card_number(digits: str) -> bool:
    if not _has_digits(digits):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0  # noqa: PLR2004 - two digits


def _has_digits(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and MIN_DIGITS <= len(digits) <= MAX_DIGITS


async def put_on_file(
    conn: Connection,
    secret: SecretKey,
    number: str,
    *,
    first_name: str,
    last_name: str,
    expiration: str,
    account_id: int | None,
    demo: bool = False,
    is_renewed: bool = False,
) -> bool:
    """False when the card is on file already; ``is_renewed``: then its names and month are these from now on.

    Raises CardRefused for an invalid number or an unknown account.
    """
    digits = digits_of(number)
    if not _has_digits(digits):
        raise CardRefused(f"A card number has {MIN_DIGITS} to {MAX_DIGITS} digits")
    try:
        return await queries.insert_card(
            conn,
            digest=digest_of(secret, number),
            last_four=digits[-4:],
            first_name=first_name,
            last_name=last_name,
            expiration=expiration,
            account_id=account_id,
            demo=demo,
            is_renewed=is_renewed,
        )
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.NumericValueOutOfRange):
        raise CardRefused(f"There is no account {account_id}: `filmer account list` shows those there are") from None


def digest_of(secret: SecretKey, number: str) -> bytes:
    return secret.digest("card", digits_of(number))


def digits_of(number: str) -> str:
    return number.replace(" ", "").replace("-", "")


def folded(name: str) -> str:
    """Without case, and composed: before folding, and again after it, as folding decomposes some characters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
