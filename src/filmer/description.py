"""What the APIs say of themselves: the domains' operations, in one document."""

import msgspec


def describe() -> bytes:
    """The OpenAPI document of the whole service, as JSON."""
    # Here, for whoever asks: these examples and texts take their time.
    from filmer.accounts import operations as accounts
    from filmer.catalogue import operations as catalogue
    from filmer.community import operations as community
    from filmer.http.openapi import document
    from filmer.shop import operations as shop

    told = document(catalogue.OPERATIONS, accounts.OPERATIONS, shop.OPERATIONS, community.OPERATIONS)
    return msgspec.json.format(msgspec.json.encode(told), indent=1)
