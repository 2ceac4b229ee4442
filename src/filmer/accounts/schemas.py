"""The schemas of the accounts' endpoints (shop-api.md, "Authentication Endpoints"; contract §4)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from filmer.accounts.addresses import MAX_EMAIL, composed, read_email, read_sign_in_email
from filmer.http.body import Body
from filmer.http.bounds import BLANKS

Role = Literal["customer", "clerk", "admin"]  # "admin" is the owner of the shop (contract §13.1)

MAX_NAME = 100
MIN_PASSWORD, MAX_PASSWORD = 8, 128
LIFETIMES = ("30", "90", "365")  # days that a token may work, as its form offers them

# Characters that no name may contain: those that control or reorder the text around them. Allowed are the invisible
# joiners that Persian and Sinhala names need, and those beyond U+FFFF, for emoji. The OpenAPI document has the pattern.
_CONTROLS = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
)
_CONTROL = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")
_NAME = rf"^[{BLANKS}]*[^{_CONTROLS}{BLANKS}]([^{_CONTROLS}]*[^{_CONTROLS}{BLANKS}])?[{BLANKS}]*$"


class User(msgspec.Struct, frozen=True):
    """Who has an account."""

    id: int
    email: str
    first_name: str
    last_name: str
    role: Role


class Customer(msgspec.Struct, frozen=True, rename="camel"):
    """The ``data`` of a login."""

    customer_id: int
    email: str
    first_name: str
    last_name: str


class CurrentSession(msgspec.Struct, frozen=True, rename="camel"):
    """The ``data`` of a session check."""

    authenticated: bool
    customer_id: int
    email: str
    first_name: str
    last_name: str


class Message(msgspec.Struct, frozen=True):
    """The ``data`` of what has nothing else to say."""

    message: str


def read_name(text: str) -> str:
    """A first or last name as it is stored: trimmed. Raises ValueError for an invalid one."""
    if len(text) > MAX_NAME:  # with the blanks around it, as schemas count
        raise ValueError(f"must have at most {MAX_NAME} characters")
    name = composed(text, MAX_NAME)
    if not name:
        raise ValueError("must not be empty")
    if _CONTROL.search(name):
        raise ValueError("must not contain control characters")
    return name


def read_new_password(text: str) -> str:
    """8 to 128 characters, no other rule (contract §4.4)."""
    if not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        raise ValueError(f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return text


def read_lifetime(text: str) -> timedelta | None:
    """How long a new token works; None: until it is revoked. Raises ValueError for other choices."""
    if text == "never":
        return None
    if text not in LIFETIMES:
        raise ValueError(f"must be one of: {', '.join(LIFETIMES)}, never")
    return timedelta(days=int(text))


def read_role(text: str) -> str:
    """Raises ValueError for what is no role."""
    if text not in get_args(Role):
        raise ValueError(f"must be one of: {', '.join(get_args(Role))}")
    return text


def _email(read: Callable[[str], str]) -> Meta:
    return Meta(
        extra={"read": read},
        extra_json_schema={"format": "email", "maxLength": MAX_EMAIL},
        examples=["user@example.com"],
    )


Email = Annotated[str, _email(read_email)]
SignInEmail = Annotated[str, _email(read_sign_in_email)]
Name = Annotated[
    str,
    Meta(
        extra={"read": read_name},
        extra_json_schema={"minLength": 1, "maxLength": MAX_NAME, "pattern": _NAME},
        examples=["John"],
    ),
]


Password = Annotated[
    str,
    Meta(min_length=1, extra={"exact": True}, extra_json_schema={"format": "password"}, examples=["filmer-demo"]),
]
NewPassword = Annotated[
    str,
    Meta(
        extra={"read": read_new_password},
        extra_json_schema={"format": "password", "minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD},
        examples=["correct horse"],
    ),
]


ChosenRole = Annotated[Role, Meta(extra={"read": read_role})]


class Credentials(Body):
    email: SignInEmail
    password: Password


class Registration(Body):
    first_name: Name
    last_name: Name
    email: Email
    password: NewPassword


class NewRole(Body):
    """The form for another role."""

    role: ChosenRole


class Invitation(Body):
    """The form with which somebody is invited."""

    first_name: Name
    last_name: Name
    email: Email
    role: ChosenRole = "customer"


class NewName(Body):
    """The form for another name."""

    first_name: Name
    last_name: Name


class ChosenPassword(Body):
    """The form of a link for a new password."""

    password: NewPassword


class ChangedPassword(ChosenPassword):
    """The form for another password."""

    current: Password


class NewAddress(Body):
    """The form for another e-mail address."""

    email: Email
    current: Password


class Forgotten(Body):
    """The form for a forgotten password."""

    email: SignInEmail


class NewToken(Body):
    """The form for a new token."""

    name: Name
    expires: Annotated[timedelta | None, Meta(extra={"read": read_lifetime})]
