"""The fields of a card, as the page of the checkout and that of cards on file have them."""

import re

from filmer.http.json_text import Members
from filmer.shop.cards import digits_of
from filmer.storefront.forms import Form

CARD = {
    "creditCardId": "Card number",
    "firstName": "First name on the card",
    "lastName": "Last name on the card",
    "expiration": "Good through",
}
SHOWN_AGAIN = {name: label for name, label in CARD.items() if name != "creditCardId"}  # a card's number never is
_PRINTED_MONTH = re.compile(r"\s*(0?[1-9]|1[0-2])\s*/\s*(?:20)?([0-9]{2})\s*")


def as_the_api_takes_it(form: Form) -> Form:
    """With the month in the API's form, where it was typed as cards print it, and the number without its blanks."""
    return Form(Members((name, _written(name, str(text))) for name, text in form.members))


def _written(name: str, text: str) -> str:
    if name == "creditCardId":
        return digits_of(text)
    if name == "expiration":
        printed = _PRINTED_MONTH.fullmatch(text)
        return f"20{printed[2]}-{printed[1]:0>2}" if printed else text.strip()
    return text
