"""E-mail addresses: what is one, how it is shown, and what it is compared by (contract §4.2, §4.5).

A domain has many spellings: ``münchen.example``, ``MÜNCHEN。example``, and ``xn--mnchen-3ya.example``, its ASCII form,
which is what browsers send. Addresses are compared by the last, and shown as the first.
"""

import re
import unicodedata

import idna

MAX_EMAIL = 255

# One "@", no blanks or brackets before it; after it the domain's ASCII form: labels of letters, digits and hyphens.
_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x20\x7f]{1,64}")
_LABEL = "[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# What earlier versions took for a domain, some of which there can't be. Who has such an address goes on signing in.
_LABEL_ONCE = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_DOMAIN_ONCE = re.compile(rf"{_LABEL_ONCE}(?:\.{_LABEL_ONCE})*")
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PARTS = 4  # one character may be written as so many, and no more


def read_email(text: str) -> str:
    """A new address as it is kept and shown: trimmed, its domain readable. Raises ValueError for what is none."""
    local, domain = _parts(text)
    known = _ascii_domain(domain)
    if not domain.isascii() or "xn--" in known:
        domain = ".".join(idna.ulabel(label) if label.startswith("xn--") else label for label in known.split("."))
    if len(local) + 1 + len(domain) > MAX_EMAIL:
        raise ValueError(f"must have at most {MAX_EMAIL} characters")
    return f"{local}@{domain}"


def read_known_email(text: str) -> str:
    """The address somebody signs in with, as they spell it. Raises ValueError for what can't be an account's."""
    local, domain = _parts(text)
    if not _DOMAIN_ONCE.fullmatch(domain) or any(map(is_unprintable, domain)):
        _ascii_domain(domain)
    return f"{local}@{domain}"


def email_key(email: str) -> str:
    """The address as it is compared: without case, its domain in ASCII (contract §4.2, §4.5).

    So ``münchen.example`` and ``xn--mnchen-3ya.example``, which browsers send for it, are one.
    """
    local, _, domain = email.partition("@")
    try:
        return f"{local}@{_ascii_domain(domain)}".lower()
    except ValueError:
        return earlier_email_key(email)


def earlier_email_key(email: str) -> str:
    """As addresses were compared before their domains were."""
    return email.lower()


def composed(text: str, most: int) -> str:
    """Trimmed, and the same however its accents were typed. Raises ValueError for what has too many characters."""
    trimmed = text.strip()
    # Putting accents in order takes time by the square of their number: that of a whole body would take a second.
    whole = unicodedata.normalize("NFC", trimmed) if len(trimmed) <= most * _PARTS else trimmed
    if len(whole) > most:
        raise ValueError(f"must have at most {most} characters")
    return whole


def is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTABLE


def _parts(email: str) -> tuple[str, str]:
    """What stands before the "@", and the domain. Raises ValueError."""
    local, _, domain = composed(email, MAX_EMAIL).partition("@")
    if not _LOCAL.fullmatch(local) or any(map(is_unprintable, local)):
        raise ValueError("must be an e-mail address")
    return local, domain


def _ascii_domain(domain: str) -> str:
    """How the internet knows a domain (IDNA 2008, after UTS 46's mapping). Raises ValueError for what can be none."""
    try:
        mapped = domain.lower() if domain.isascii() else idna.uts46_remap(domain, std3_rules=False)
        labels = [
            idna.alabel(idna.ulabel(label)).decode() if not label.isascii() or label.startswith("xn--") else label
            for label in mapped.split(".")
        ]
    except idna.IDNAError:
        raise ValueError("must be an e-mail address: there can be no such domain") from None
    found = ".".join(labels)
    if not _DOMAIN.fullmatch(found):
        raise ValueError("must be an e-mail address")
    return found
