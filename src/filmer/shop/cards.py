"""Cards on file: the built-in payment provider (contract §6.3).

Checking a card means to find the same card on file. No payment network is involved, no money moves, and nothing here
has been assessed for PCI DSS.
"""

import unicodedata
from decimal import Decimal

import psycopg

from filmer.secret import SecretKey
from filmer.shop import queries
from filmer.shop.payment import Authorization, Payment
from filmer.store.postgres import Connection, Database

MIN_DIGITS, MAX_DIGITS = 12, 19


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
                conn, digest_of(self._secret, card.number), payment.account_id, demo=self._demo
            )
        if stored is None:
            return None
        names_and_month = (_folded(stored.first_name), _folded(stored.last_name), stored.expiration)
        if names_and_month != (_folded(card.first_name), _folded(card.last_name), card.expiration):
            return None
        return Authorization(reference=f"card on file {stored.last_four}", is_captured=True)

    async def capture(self, reference: str, amount: Decimal) -> None:
        """Nothing to collect: no money moves."""

    async def refund(self, reference: str, amount: Decimal) -> None:
        """Nothing was charged."""


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
) -> bool:
    """False when the card is on file already. Raises CardRefused for an invalid number or an unknown account."""
    digits = _digits(number)
    if not (digits.isascii() and digits.isdigit() and MIN_DIGITS <= len(digits) <= MAX_DIGITS):
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
        )
    except (psycopg.errors.ForeignKeyViolation, psycopg.errors.NumericValueOutOfRange):
        raise CardRefused(f"There is no account {account_id}: `filmer account list` shows those there are") from None


def digest_of(secret: SecretKey, number: str) -> bytes:
    return secret.digest("card", _digits(number))


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "")


def _folded(name: str) -> str:
    """Without case, and composed: before folding, and again after it, as folding decomposes some characters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip()).casefold())
