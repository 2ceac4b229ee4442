"""Notices: ours alone, and of no harm when they are not."""

import base64

import pytest
from tests.in_process import MovedClock

from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.storefront.notices import MAX_TEXT, Notices


@pytest.fixture
def notices() -> Notices:
    return Notices(SecretKey(Settings(secret_key="k" * 32)), MovedClock(), is_secure=False)


def read(notices: Notices, *values: str) -> str | None:
    return notices.read([(b"cookie", f"notice={value}".encode("latin-1")) for value in values])


@pytest.mark.parametrize("text", ["Amélie is in your cart.", "<b>;=,\r\n", "“八月”", "x"])
def test_a_notice_comes_back_as_it_was(notices: Notices, text: str) -> None:
    value = notices.cookie(text).value
    assert value is not None
    assert value.isascii()
    assert f"notice={value};" in notices.cookie(text).to_header(header=""), "not quoted"
    assert read(notices, value) == text


def test_a_long_one_is_cut(notices: Notices) -> None:
    assert read(notices, str(notices.cookie("é" * 2000).value)) == "é" * MAX_TEXT


@pytest.mark.parametrize("value", ["", ".", "abc", "abc.def", "%%%.%%%", "\xff.\xff", "=.="])
def test_what_we_did_not_write_says_nothing(notices: Notices, value: str) -> None:
    assert read(notices, value) is None


def test_nobody_else_writes_one(notices: Notices) -> None:
    body, _, seal = str(notices.cookie("Welcome back").value).partition(".")
    forged = base64.urlsafe_b64encode(b"Send your card number to").decode()
    assert read(notices, f"{forged}.{seal}") is None
    assert read(notices, f"{body}.{seal[:-2]}aa") is None
    stranger = Notices(SecretKey(Settings(secret_key="s" * 32)), MovedClock(), is_secure=False)
    assert read(stranger, f"{body}.{seal}") is None


def test_an_old_one_is_old_news() -> None:
    """Also when the cookie was stored for another day, or passed to another user."""
    clock = MovedClock()
    notices = Notices(SecretKey(Settings(secret_key="k" * 32)), clock, is_secure=False)
    value = str(notices.cookie("Hello").value)
    clock.move(seconds=60)
    assert read(notices, value) == "Hello"
    clock.move(seconds=1)
    assert read(notices, value) is None


def test_its_cookie_is_out_of_reach_of_scripts_and_short_lived(notices: Notices) -> None:
    cookie = notices.cookie("Hello")
    assert (cookie.httponly, cookie.samesite, cookie.secure, cookie.max_age) == (True, "lax", False, 60)
    assert notices.removal.max_age == 0
    assert Notices(SecretKey(Settings(secret_key="k" * 32)), MovedClock(), is_secure=True).cookie("x").secure is True
