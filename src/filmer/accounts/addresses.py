"""E-mail addresses: which are valid, how they are shown, and how they are compared (contract §4.2, §4.5).

A domain has many spellings: ``münchen.example``, ``MÜNCHEN。example``, and ``xn--mnchen-3ya.example``, its ASCII form,
which is what browsers send. Addresses are compared by the last, and shown as the first.
"""

import re
import unicodedata

import idna

from filmer.mail.domains import ascii_domain

MAX_EMAIL = 255

# One "@", no blanks or brackets before it; after it the domain's ASCII form: labels of letters, digits and hyphens.
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,64}")
_LABEL = "[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# What earlier versions accepted as a domain, though some can't exist. Users with such an address can still sign in.
_FORMER_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_FORMER_DOMAIN = re.compile(rf"{_FORMER_LABEL}(?:\.{_FORMER_LABEL})*")
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_MAX_DECOMPOSED = 4  # code points that one composed character may be written as


def read_email(text: str) -> str:
    """A new address as it is stored and shown: trimmed, its domain readable. Raises ValueError for an invalid one."""
    local, domain = _split(text)
    existing = _existing_domain(domain)
    if not domain.isascii() or "xn--" in existing:
        domain = ".".join(idna.ulabel(label) if label.startswith("xn--") else label for label in existing.split("."))
    if len(local) + 1 + len(domain) > MAX_EMAIL:
        raise ValueError(f"must have at most {MAX_EMAIL} characters")
    return f"{local}@{domain}"


def read_sign_in_email(text: str) -> str:
    """The address of a sign-in, as it was typed. Raises ValueError for one that no account can have."""
    local, domain = _split(text)
    if not _FORMER_DOMAIN.fullmatch(domain) or any(map(is_unprintable, domain)):
        _existing_domain(domain)
    return f"{local}@{domain}"


def email_key(email: str) -> str:
    """The key by which an address is compared: without case, its domain in ASCII (contract §4.2, §4.5).

    So ``münchen.example`` and ``xn--mnchen-3ya.example``, which browsers send for it, are the same.
    """
    local, _, domain = email.partition("@")
    try:
        return f"{local}@{_existing_domain(domain)}".lower()
    except ValueError:
        return earlier_email_key(email)


def earlier_email_key(email: str) -> str:
    """The key as it was before domains were compared in ASCII."""
    return email.lower()


def composed(text: str, most: int) -> str:
    """Trimmed and in NFC. Raises ValueError for a text of more than ``most`` characters."""
    trimmed = text.strip()
    # Ordering accents takes quadratic time: those of a whole body would take a second.
    normal = unicodedata.normalize("NFC", trimmed) if len(trimmed) <= most * _MAX_DECOMPOSED else trimmed
    if len(normal) > most:
        raise ValueError(f"must have at most {most} characters")
    return normal


def is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE


def _split(email: str) -> tuple[str, str]:
    """The local part and the domain. Raises ValueError."""
    local, _, domain = composed(email, MAX_EMAIL).partition("@")
    if not _LOCAL.fullmatch(local) or any(map(is_unprintable, local)):
        raise ValueError("must be an e-mail address")
    return local, domain


def _existing_domain(domain: str) -> str:
    """A domain in ASCII. Raises ValueError for an impossible one."""
    try:
        found = ascii_domain(domain)
    except idna.IDNAError:
        raise ValueError("must be an e-mail address: there can be no such domain") from None
    if not _DOMAIN.fullmatch(found):
        raise ValueError("must be an e-mail address")
    return found
