"""Amounts of money in the smallest unit of a currency, as Stripe counts them."""

import re
from decimal import Decimal

_CODE = re.compile(r"[A-Z]{3}")
# Without cents; and those that Stripe counts in hundredths, although only whole amounts can be paid.
_WHOLE = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF",
    }
)  # fmt: skip
_WHOLE_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
_IN_THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def currency_code(currency: str) -> str | None:
    """The ISO code that the setting is; None for a sign."""
    code = currency.strip()
    return code if _CODE.fullmatch(code) else None


def has_no_cents(code: str | None) -> bool:
    return code in _WHOLE | _WHOLE_IN_HUNDREDTHS


def minor_units(amount: Decimal, code: str) -> int:
    """Raises ValueError where the currency has no coin for this amount."""
    if has_no_cents(code) and amount != amount.to_integral_value():
        raise ValueError(f"{amount} can't be paid in {code}, which has no cents: prices must be whole")
    factor = 1 if code in _WHOLE else 1000 if code in _IN_THOUSANDTHS else 100
    return int(amount * factor)
