"""Payments by Stripe on the page of the checkout: card fields in Stripe's frame, so that no number comes here."""

import re
from typing import Self
from urllib.parse import urlsplit

import msgspec

from filmer.errors import FieldError, InvalidRequest
from filmer.http.body import Body
from filmer.http.envelopes import widened
from filmer.settings import Settings, parse_payment
from filmer.shop.schemas import MAX_ID, Submission, Text
from filmer.storefront.forms import Form

STRIPE = "stripe"  # a way to pay, and how the ids of cards begin that are kept there
HOLDER = {"holderFirstName": "First name on the card", "holderLastName": "Last name on the card"}
_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,90}")
_NEEDS_SCRIPTS = "way to pay needs scripts, from this shop and from Stripe; choose another one, or allow them"
_HOST = "https://js.stripe.com"
_ITS_OTHERS = ("https://*.js.stripe.com", "https://hooks.stripe.com")  # which the real Stripe's frames come from, too


class _Holder(Body):
    holder_first_name: Text
    holder_last_name: Text


class StripePage(msgspec.Struct, frozen=True):
    """``key``: the publishable one. ``script``, ``api``: their addresses."""

    key: str
    script: str
    api: str

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """None where this is no way to pay."""
        if STRIPE not in parse_payment(settings.payment):
            return None
        return cls(settings.stripe_publishable_key or "", settings.stripe_script, settings.stripe_api)

    def policy(self, policy: str) -> str:
        """The page's content security policy, with Stripe's script, frames and API in it."""
        host = _origin(self.script)
        frames = (host, *_ITS_OTHERS) if host == _HOST else (host,)
        policy = widened(policy, "script-src", frames[:2])
        return widened(widened(policy, "frame-src", frames), "connect-src", [_origin(self.api)])


def read_new_card(form: Form) -> Submission:
    """A card that Stripe's script has read, and the names on it. Raises InvalidRequest."""
    if not _METHOD.fullmatch(form.get("stripeMethod")):
        raise InvalidRequest([FieldError("pay", _NEEDS_SCRIPTS)])
    holder = form.read(_Holder)
    names = {"first_name": holder.holder_first_name.strip(), "last_name": holder.holder_last_name.strip()}
    return Submission(credit_card_id=form.get("stripeMethod"), expiration="", **names)


def draft_of(form: Form) -> int | None:
    """The draft whose payment the bank has confirmed, the page says. None where another card or way is chosen now."""
    if form.get("draftPay") not in {"", form.get("pay")}:
        return None
    text = form.get("draft")
    return int(text) if re.fullmatch("[1-9][0-9]{0,15}", text) and int(text) <= MAX_ID else None


def _origin(address: str) -> str:
    url = urlsplit(address)
    return f"{url.scheme}://{url.netloc}"
