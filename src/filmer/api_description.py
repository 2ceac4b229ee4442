"""What the APIs say of themselves: the domains' operations, in one document."""

import msgspec


def describe() -> bytes:
    """The OpenAPI document of the whole service, as JSON."""
    # Here, for whoever asks: these examples and texts take their time.
    from filmer.accounts import api_docs as accounts
    from filmer.catalogue import api_docs as catalogue
    from filmer.community import api_docs as community
    from filmer.openapi.document import document
    from filmer.shop import api_docs as shop

    told = document(catalogue.OPERATIONS, accounts.OPERATIONS, shop.OPERATIONS, community.OPERATIONS)
    return msgspec.json.format(msgspec.json.encode(told), indent=1)
