"""Money, numbers and dates as locales write them, and prices as people there type them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel import numbers

from filmer.formats import Formats, currencies, locales, parse_locale

NBSP, THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
DAY = date(2026, 12, 4)
MOMENT = datetime(2026, 12, 4, 21, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "currency", "money", "number", "day"),
    [
        ("en-GB", "$", "$1,234.50", "1,234,567", "4 December 2026"),
        ("en-US", "USD", "$1,234.50", "1,234,567", "December 4, 2026"),
        ("de-DE", "EUR", f"1.234,50{NBSP}€", "1.234.567", "4. Dezember 2026"),
        ("fr-FR", "EUR", f"1{THIN}234,50{NBSP}€", f"1{THIN}234{THIN}567", "4 décembre 2026"),
        ("de-CH", "CHF", f"CHF{NBSP}1'234.50", "1234567", "4. Dezember 2026"),
        ("en-IN", "INR", "₹1,234.50", "12,34,567", "4 December 2026"),
        ("en-GB", "CHF", f"CHF{NBSP}1,234.50", "1,234,567", "4 December 2026"),
    ],
)
def test_each_locale_has_its_way(locale: str, currency: str, money: str, number: str, day: str) -> None:
    formats = Formats(locale, currency)
    written = (formats.money(Decimal("1234.50")), formats.number(1234567), formats.day(DAY))
    assert written == (money, number, day)


def test_a_currency_without_cents_has_none_unless_they_are_asked_for() -> None:
    yen = Formats("ja-JP", "JPY")
    assert yen.money(Decimal("500.00")) == "￥500"
    assert yen.money(Decimal("4.99")) == "￥4.99", "never rounded: it is what is paid"
    assert Formats("en-US", "JPY").money(Decimal(500)) == "¥500"
    assert Formats("en-GB", "KWD").money(Decimal("1.25")) == f"KWD{NBSP}1.250"


def test_dates_and_estimates() -> None:
    german, english = Formats("de-DE"), Formats()
    assert english.moment(MOMENT) == "Friday, 4 December 2026, 21:15 UTC"
    assert german.moment(MOMENT) == "Freitag, 4. Dezember 2026, 21:15 UTC"
    assert german.moment(None) == ""
    assert (english.weekday(MOMENT, MOMENT), german.weekday(MOMENT, datetime(2026, 11, 1, tzinfo=UTC))) == (
        "Friday", "4. Dezember",
    )  # fmt: skip
    assert (english.short_day(DAY), german.decimal(8.66), german.about(1234)) == ("4 Dec", "8,7", "1.200")
    assert (english.lang, german.lang, Formats("en-US").lang) == ("", "de-DE", "")


@pytest.mark.parametrize(
    ("locale", "currency", "typed", "amount"),
    [
        ("de-DE", "EUR", "4,99", "4.99"),
        ("de-DE", "EUR", "1.234,50", "1234.50"),
        ("de-DE", "EUR", " 4,99 € ", "4.99"),
        ("de-DE", "EUR", "EUR 4,9", "4.90"),
        ("de-DE", "EUR", "5", "5.00"),
        ("en-GB", "$", "4.99", "4.99"),
        ("en-GB", "$", "$1,234.50", "1234.50"),
        ("fr-FR", "EUR", "1 234,50", "1234.50"),
        ("fr-FR", "EUR", f"1{THIN}234,50{NBSP}€", "1234.50"),
        ("de-CH", "CHF", "1'234.50", "1234.50"),
        ("de-CH", "CHF", "1\N{RIGHT SINGLE QUOTATION MARK}234.50", "1234.50"),
        ("en-IN", "INR", "1,23,456.50", "123456.50"),
        ("ja-JP", "JPY", "1,234", "1234.00"),
        ("en-GB", "$", "0", "0.00"),
        ("en-GB", "$", "999999.99", "999999.99"),
    ],
)
def test_prices_are_read_as_people_there_type_them(locale: str, currency: str, typed: str, amount: str) -> None:
    assert str(Formats(locale, currency).read_amount(typed)) == amount


@pytest.mark.parametrize(
    ("locale", "currency", "typed", "said"),
    [
        ("de-DE", "EUR", "4.99", "is not understood: write an amount such as 4,99"),
        ("de-DE", "EUR", "1.234", "may be read in two ways: write an amount such as 4,99"),
        ("de-DE", "EUR", "1,234", "has too many decimals: write an amount such as 4,99"),
        ("en-GB", "$", "4,99", "is not understood: write an amount such as 4.99"),
        ("en-GB", "$", "1,234", "may be read in two ways: write an amount such as 4.99"),
        ("en-GB", "$", "1.234,50", "is not understood"),
        ("ja-JP", "JPY", "4.99", "has too many decimals: write an amount such as 5"),
        ("en-GB", "$", "1000000", "must be at most 999999.99"),
        *(
            ("en-GB", "$", typed, "is not understood")
            for typed in (
                "", "free", "-1", "+1", "NaN", "Infinity", "1e5", "1_0", "١٢", "1.2.3", "4 99", "9" * 5000, "1,2,3",
                "0x10", "4.99\x00", "$", "$-1",
            )
        ),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused_with_an_example(locale: str, currency: str, typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        Formats(locale, currency).read_amount(typed)


@pytest.mark.parametrize("locale", [code for code, _ in locales()][::7])
def test_what_a_locale_writes_it_reads(locale: str) -> None:
    for currency, amounts in (("EUR", ("0.05", "4.99", "1234.50", "654321.99")), ("JPY", ("5.00", "65432.00"))):
        formats = Formats(locale, currency)
        for amount in map(Decimal, amounts):
            assert formats.read_amount(formats.amount(amount)) == amount
            written = numbers.format_currency(amount, currency, locale=parse_locale(locale)).replace(" ", NBSP)
            assert formats.money(amount).replace(NBSP, "") == written.replace(NBSP, "")


@pytest.mark.parametrize(
    "text", ["", "xx-YY", "german", "de-DE-x", "../../etc/passwd", "root", "de_DE@euro", "a" * 999]
)
def test_no_such_locale(text: str) -> None:
    with pytest.raises(ValueError, match="such as de-DE"):
        parse_locale(text)


def test_the_choices_are_what_people_look_for() -> None:
    assert ("de-DE", "German (Germany)") in locales()
    assert ("EUR", "Euro") in currencies()
    codes = [code for code, _ in currencies()]
    assert {"USD", "JPY", "CHF", "GBP"} <= set(codes)
    assert "DEM" not in codes
