"""Domains of addresses as every mail server takes them: a domain of other letters has an ASCII form (IDNA)."""

import idna


def with_ascii_domain(email: str) -> str:
    """The address with its domain in ASCII. What comes before the ``@`` stays: it needs a server with SMTPUTF8."""
    local, at, domain = email.rpartition("@")
    if domain.isascii():
        return email
    try:
        return local + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:  # there is no such domain; earlier versions took its addresses
        return email
