"""Money, numbers and dates as the shop's locale writes them, and prices as people there type them."""

import re
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError, dates, localedata, numbers

from filmer.currencies import currency_code, has_no_cents

DEFAULT_LOCALE, DEFAULT_CURRENCY = "en-GB", "$"
MAX_AMOUNT = Decimal("999999.99")
_NO_SPACE = re.compile(r"(?<=[^\W\d_])(?=\d)")  # some locales write CHF4.99
_TYPED = re.compile(r"[0-9]{1,20}(?:[^\w-][0-9]{1,20}){0,5}", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-[a-z]{2}|-[0-9]{3})?", re.IGNORECASE)
_WEEK = timedelta(days=6)


class Formats:
    """``locale``: such as de-DE. ``currency``: an ISO code, or what else stands beside an amount."""

    def __init__(self, locale: str = DEFAULT_LOCALE, currency: str = DEFAULT_CURRENCY) -> None:
        self._locale = parse_locale(locale)
        self.currency = currency.strip()
        self.tag = str(self._locale).replace("_", "-")
        self.lang = "" if self._locale.language == "en" else self.tag  # pages are in English: what is not says so
        self._pattern = copy(self._locale.currency_formats["standard"])
        self._pattern.frac_prec = (numbers.get_currency_precision(self.currency),) * 2
        self._symbol = numbers.get_currency_symbol(self.currency, self._locale)
        # A page has fifty prices and ratings, many of them alike; a year's takings are a thousand amounts and days.
        keep = lru_cache(5000)
        self.money, self.day, self.number = keep(self._money), keep(self._day), keep(self._number)
        self.decimal = keep(self._decimal)

    @property
    def code(self) -> str | None:
        """The currency's ISO code; None for a sign."""
        return currency_code(self.currency)

    @property
    def digits(self) -> int:
        """Decimals of a price."""
        return 0 if self._is_whole else 2

    @property
    def _is_whole(self) -> bool:
        """Whether there are no cents."""
        return has_no_cents(self.code)

    def _money(self, amount: Decimal) -> str:
        """An amount as pages show it: ``$1,234.50``, ``1.234,50 €``. Never rounded: what is shown is what is paid."""
        has_more_digits = amount != int(amount) and self._is_whole
        pattern = self._locale.currency_formats["standard"] if has_more_digits else self._pattern
        text = pattern.apply(amount, self._locale)  # format_currency says the same, and is three times slower
        return _NO_SPACE.sub("\N{NO-BREAK SPACE}", str(text).replace("\N{CURRENCY SIGN}", self._symbol))

    def _number(self, value: int) -> str:
        return numbers.format_decimal(value, locale=self._locale)

    def about(self, value: int) -> str:
        """An estimate, to two digits: ``1,200``."""
        return self.number(round(value, 2 - len(str(value))))

    def _decimal(self, value: float) -> str:
        """With one decimal: ``8.7``."""
        return numbers.format_decimal(round(value, 1), "0.0", locale=self._locale)

    def amount(self, value: Decimal) -> str:
        """A price as it is typed."""
        pattern = "0" if self._is_whole and value == int(value) else "0.00"
        return numbers.format_decimal(value, pattern, locale=self._locale)

    def read_amount(self, text: str) -> Decimal:
        """A price as people type it here, with the currency or without. Raises ValueError with an example."""
        typed = text.strip()
        for sign in {self.currency, numbers.get_currency_symbol(self.currency, self._locale)}:
            typed = typed.removeprefix(sign).removesuffix(sign).strip()
        group = numbers.get_group_symbol(self._locale)
        typed = (
            re.sub(r"\s", group, typed) if group.isspace() else typed.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        )
        return self._checked(typed, f"write an amount such as {self.amount(Decimal(5 if self._is_whole else '4.99'))}")

    def _checked(self, typed: str, example: str) -> Decimal:
        group, point = numbers.get_group_symbol(self._locale), numbers.get_decimal_symbol(self._locale)
        try:
            amount = numbers.parse_decimal(typed if _TYPED.fullmatch(typed) else "", self._locale, strict=True)
        except ValueError:
            raise ValueError(f"is not understood: {example}") from None
        if (
            not self._is_whole and group in ".," and group in typed and point not in typed
        ):  # 1.234 is a thousand here, and little elsewhere
            raise ValueError(f"may be read in two ways: {example}")
        if amount != round(amount, 0 if self._is_whole else 2):
            raise ValueError(f"has too many decimals: {example}")
        if amount > MAX_AMOUNT:
            raise ValueError(f"must be at most {self.amount(MAX_AMOUNT)}")
        return round(amount, 2)

    def _day(self, day: date) -> str:
        """``4 December 2026``."""
        return dates.format_date(day, "long", locale=self._locale)

    def short_day(self, day: date) -> str:
        """``4 Dec``."""
        return dates.format_skeleton("MMMd", day, locale=self._locale)

    def moment(self, moment: datetime | None) -> str:
        """``Friday, 4 December 2026, 21:15 UTC``; "" for none."""
        if moment is None:
            return ""
        utc = moment.astimezone(UTC)
        time = dates.format_time(utc, "short", locale=self._locale)
        return f"{dates.format_date(utc, 'full', locale=self._locale)}, {time} UTC"

    def weekday(self, moment: datetime, now: datetime) -> str:
        """``Friday``; of a day that is a week away, or more, the date."""
        if moment - now < _WEEK:
            return dates.format_date(moment, "EEEE", locale=self._locale)
        return dates.format_skeleton("MMMMd", moment, locale=self._locale)


def parse_locale(text: str) -> Locale:
    """Raises ValueError."""
    code = text.strip().replace("_", "-")
    try:
        if _LOCALE.fullmatch(code):
            return Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        pass
    raise ValueError("must be a language and a country, such as de-DE or en-US")


def locales() -> list[tuple[str, str]]:
    """Those there are, with their English names, in the order of these."""
    codes = [code for code in localedata.locale_identifiers() if re.fullmatch("[a-z]{2,3}_[A-Z]{2}", code)]
    named = [(code.replace("_", "-"), Locale.parse(code).get_display_name("en") or code) for code in codes]
    return sorted(named, key=lambda pair: pair[1])


def currencies() -> list[tuple[str, str]]:
    """Codes of those that are used somewhere today, with their English names, in the order of these."""
    territories = Locale("en").territories
    codes = {code for territory in territories for code in numbers.get_territory_currencies(str(territory))}
    return sorted(((code, numbers.get_currency_name(code, locale="en")) for code in codes), key=lambda pair: pair[1])
