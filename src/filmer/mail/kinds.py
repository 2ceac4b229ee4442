"""Every kind of mail: its words are in ``templates/<kind>.txt``, here is the button below them.

A path with ``{token}`` leads to a page that may be opened by whoever has the mail. ``mail/links.py`` makes the token
from the mail's ``link_id``, for the kind's purpose.
"""

from datetime import timedelta

import msgspec

NEW_PASSWORD, CONFIRM_ADDRESS, UNDO_LEAVING = "new password", "confirm address", "undo leaving"


class Kind(msgspec.Struct, frozen=True):
    """``path``, ``purpose``: with the mail's fields in braces. ``within``: when nobody wants to get it any more."""

    button: str
    path: str
    purpose: str = ""
    within: timedelta = timedelta(days=3)


KINDS = {
    "order": Kind("Your order", "/orders/{link_id}"),
    "receipt": Kind("Your order", "/orders/{link_id}"),
    "cancelled": Kind("Your order", "/orders/{link_id}"),
    "refunded": Kind("Your order", "/orders/{link_id}"),
    "rental_lapsing": Kind("Your library", "/library", within=timedelta(days=1)),
    "rental_overdue": Kind("Your library", "/library"),
    "new_password": Kind("Choose a new password", "/new-password/{token}", NEW_PASSWORD, timedelta(hours=1)),
    "invitation": Kind("Choose a password", "/new-password/{token}", NEW_PASSWORD, timedelta(days=7)),
    "confirm_address": Kind("Confirm this address", "/confirm-address/{token}", CONFIRM_ADDRESS, timedelta(days=1)),
    "no_account": Kind("Open an account", "/register", within=timedelta(hours=1)),
    "already_registered": Kind("Sign in", "/sign-in", within=timedelta(hours=1)),
    "address_changed": Kind("Your account", "/account"),
    "password_changed": Kind("Your account", "/account"),
    "account_deleted": Kind(
        "Keep my account", "/account/undo-deletion/{token}", UNDO_LEAVING + " {leaving}", timedelta(days=7)
    ),
    "test": Kind("The shop", "/"),
}
# What the addresses of pages begin with that are followed by a token, which is a secret.
SECRET_PATHS = tuple(sorted({kind.path.partition("{token}")[0] for kind in KINDS.values() if "{token}" in kind.path}))
