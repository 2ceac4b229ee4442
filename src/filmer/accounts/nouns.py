"""What the accounts' endpoints read and answer (shop-api.md, "Authentication Endpoints"; contract §4)."""

import re
import unicodedata
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from filmer.http.body import Body

Role = Literal["customer", "admin"]

MAX_EMAIL = 255
MAX_NAME = 100
MIN_PASSWORD, MAX_PASSWORD = 8, 128

# One "@", no blanks or brackets before it, labels of letters, digits and hyphens after it; in any script.
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_UNPRINTABLE = {"Cc", "Cf", "Zl", "Zp"}


class Person(msgspec.Struct, frozen=True):
    """Whom an account belongs to."""

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


class Said(msgspec.Struct, frozen=True):
    """The ``data`` of what has nothing else to say."""

    message: str


def read_email(text: str) -> str:
    """The address as it is kept: trimmed. Raises ValueError for what is none."""
    email = unicodedata.normalize("NFC", text.strip())
    if len(email) > MAX_EMAIL:
        raise ValueError(f"must have at most {MAX_EMAIL} characters")
    if not _EMAIL.fullmatch(email):
        raise ValueError("must be an e-mail address")
    return email


def email_key(email: str) -> str:
    """The address as it is compared: without case (contract §4.2)."""
    return email.lower()


def read_name(text: str) -> str:
    """A first or last name as it is kept: trimmed. Raises ValueError for what can't be one."""
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise ValueError("must not be empty")
    if len(name) > MAX_NAME:
        raise ValueError(f"must have at most {MAX_NAME} characters")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        raise ValueError("must not contain control characters")
    return name


def read_new_password(text: str) -> str:
    """8 to 128 characters, no other rule (contract §4.4)."""
    if not MIN_PASSWORD <= len(text) <= MAX_PASSWORD:
        raise ValueError(f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return text


Email = Annotated[
    str,
    Meta(
        extra={"read": read_email},
        extra_json_schema={"format": "email", "maxLength": MAX_EMAIL},
        examples=["user@example.com"],
    ),
]
Name = Annotated[
    str, Meta(extra={"read": read_name}, extra_json_schema={"minLength": 1, "maxLength": MAX_NAME}, examples=["John"])
]


class Credentials(Body):
    email: Email
    password: Annotated[
        str,
        Meta(min_length=1, extra={"exact": True}, extra_json_schema={"format": "password"}, examples=["filmer-demo"]),
    ]


class Registration(Body):
    first_name: Name
    last_name: Name
    email: Email
    password: Annotated[
        str,
        Meta(
            extra={"read": read_new_password},
            extra_json_schema={"format": "password", "minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD},
            examples=["correct horse"],
        ),
    ]
