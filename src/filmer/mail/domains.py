"""Domains of addresses as every mail server takes them: a domain of other letters has an ASCII form (IDNA)."""

import idna


def ascii_domain(domain: str) -> str:
    """A domain in ASCII (IDNA 2008, after UTS 46's mapping). Raises idna.IDNAError for one that has no such form."""
    mapped = domain.lower() if domain.isascii() else idna.uts46_remap(domain, std3_rules=False)
    return ".".join(
        idna.alabel(idna.ulabel(label)).decode() if not label.isascii() or label.startswith("xn--") else label
        for label in mapped.split(".")
    )


def with_ascii_domain(email: str) -> str:
    """The address with its domain in ASCII. What comes before the ``@`` stays: it needs a server with SMTPUTF8."""
    local, at, domain = email.rpartition("@")
    if domain.isascii():
        return email
    try:
        return local + at + ascii_domain(domain)
    except idna.IDNAError:  # there is no such domain; earlier versions took its addresses
        return email
