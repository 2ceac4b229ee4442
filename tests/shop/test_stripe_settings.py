"""The settings of Stripe, and the currency that stays once there are orders (contract §10.2)."""

from decimal import Decimal

import pytest
from tests.commands import filmer
from tests.conftest import MakeDatabase
from tests.connections import fetch, in_database
from tests.stripe_server import SECRET_KEY, StripeServer
from tests.users import open_account

from filmer.currencies import currency_code, minor_units
from filmer.settings import SettingsError, load_settings
from filmer.shop.draft_queries import keep_currency
from filmer.store.embedded import Engines

GOOD = {
    "FILMER_PAYMENT": "stripe",
    "FILMER_CURRENCY": "EUR",
    "FILMER_STRIPE_SECRET_KEY": SECRET_KEY,
    "FILMER_STRIPE_PUBLISHABLE_KEY": "pk_test_12345678",
    "FILMER_STRIPE_WEBHOOK_SECRET": "whsec_12345678",
}


@pytest.mark.parametrize("name", [name for name in GOOD if "STRIPE" in name])
def test_stripe_needs_its_keys(name: str) -> None:
    with pytest.raises(SettingsError, match=f"which also needs {name}"):
        load_settings({**GOOD, name: ""})
    assert load_settings({**GOOD, name: "", "FILMER_PAYMENT": "cards"})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("FILMER_CURRENCY", "€", "must be a code such as EUR"),
        ("FILMER_CURRENCY", "eur", "must be a code such as EUR"),
        ("FILMER_CURRENCY", "JPY", "FILMER_DEFAULT_PRICE=4.99 can't be used: 4.99 can't be paid in JPY"),
        ("FILMER_STRIPE_PUBLISHABLE_KEY", "pk_live_12345678", "one is for tests and one is not"),
        ("FILMER_STRIPE_PUBLISHABLE_KEY", "sk_test_12345678", "begins with pk_"),
        ("FILMER_STRIPE_SECRET_KEY", "pk_test_12345678", "begins with sk_ or rk_"),
        ("FILMER_STRIPE_WEBHOOK_SECRET", "12345678", "begins with whsec_"),
        ("FILMER_STRIPE_SECRET_KEY", "sk_test_é", "printable ASCII"),
        ("FILMER_STRIPE_API", "api.stripe.com", "Expected an address"),
        ("FILMER_STRIPE_SCRIPT", "//js.stripe.com/v3/", "Expected an address"),
    ],
)
def test_what_stripe_can_not_use_is_said(name: str, value: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as raised:
        load_settings({**GOOD, name: value})
    assert "12345678" not in str(raised.value) or name == "FILMER_STRIPE_PUBLISHABLE_KEY"


def test_a_sign_alone_works_without_stripe() -> None:
    assert load_settings({"FILMER_CURRENCY": "€", "FILMER_PAYMENT": "cards,counter"}).currency == "€"
    assert load_settings({**GOOD, "FILMER_CURRENCY": "JPY", "FILMER_DEFAULT_PRICE": "500"})


@pytest.mark.parametrize(
    ("amount", "code", "units"),
    [("0.01", "EUR", 1), ("19.99", "USD", 1999), ("999999.99", "EUR", 99999999), ("500", "JPY", 500),
     ("500.00", "KRW", 500), ("1.25", "KWD", 1250), ("300.00", "ISK", 30000), ("1.10", "HUF", 110)],
)  # fmt: skip
def test_minor_units(amount: str, code: str, units: int) -> None:
    assert minor_units(Decimal(amount), code) == units


@pytest.mark.parametrize("code", ["JPY", "CLP", "ISK"])
def test_there_is_no_coin_for_a_cent_of_these(code: str) -> None:
    with pytest.raises(ValueError, match="prices must be whole"):
        minor_units(Decimal("4.99"), code)


def test_codes_and_signs() -> None:
    assert [currency_code(text) for text in ("EUR", " USD ", "€", "Fr", "eur", "EURO", "$")] == [
        "EUR", "USD", None, None, None, None, None,
    ]  # fmt: skip


@pytest.fixture
def url(make_database: MakeDatabase) -> str:
    return make_database(films=True)


def keep(url: str, code: str | None) -> str | None:
    kept: str | None = in_database(url, lambda conn: keep_currency(conn, code))
    return kept


def place_order(url: str) -> None:
    account = open_account(url)
    fetch(
        url,
        "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment)"
        " VALUES (1, %s, now(), now(), 1, 5, '', 'counter')",
        account.id,
    )


def test_the_currency_may_change_until_there_is_an_order(url: str) -> None:
    for code in ("EUR", None, "USD", "EUR"):
        assert keep(url, code) is None
    place_order(url)
    assert keep(url, "EUR") is None
    assert keep(url, "USD") == "EUR"
    assert keep(url, None) == "EUR"
    assert keep(url, "EUR") is None


def test_a_sign_becomes_a_code_once(url: str) -> None:
    place_order(url)
    assert keep(url, None) is None
    assert keep(url, "USD") is None
    assert keep(url, "EUR") == "USD"


def test_the_start_refuses_another_currency(url: str, engines: Engines) -> None:
    keep(url, "EUR")
    place_order(url)
    result = filmer("serve", DATABASE_URL=url, REDIS_URL=engines.redis_url, FILMER_CURRENCY="USD", FILMER_PORT="0")
    assert result.returncode == 1
    assert "FILMER_CURRENCY='USD' can't be used: there are orders in EUR. Set it to EUR again" in result.stderr


@pytest.mark.parametrize(
    ("key", "found"),
    [(SECRET_KEY, "ok   Stripe answers, and accepts the secret key, which is one for tests"),
     ("sk_test_of_nobody", "FAIL Stripe does not accept the secret key")],
)  # fmt: skip
def test_the_doctor_checks_the_key(
    url: str, engines: Engines, stripe_server: StripeServer, key: str, found: str
) -> None:
    settings = {**stripe_server.environment, "FILMER_STRIPE_SECRET_KEY": key}
    result = filmer("doctor", DATABASE_URL=url, REDIS_URL=engines.redis_url, **settings)
    assert found in result.stderr
    assert (result.returncode == 0) is found.startswith("ok")
    assert key not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr + result.stdout


def test_the_doctor_says_that_stripe_is_away(url: str, engines: Engines, stripe_server: StripeServer) -> None:
    settings = {**stripe_server.environment, "FILMER_STRIPE_API": "http://127.0.0.1:9"}
    result = filmer("doctor", DATABASE_URL=url, REDIS_URL=engines.redis_url, **settings)
    assert "FAIL Stripe does not answer" in result.stderr
    assert "Stripe" not in filmer("doctor", DATABASE_URL=url, REDIS_URL=engines.redis_url).stderr
