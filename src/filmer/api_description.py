"""The API description at ``/openapi.json``: the routes of both APIs, joined with the API docs of their domains."""

from collections.abc import Iterable

import msgspec
from litestar import Router


def describe(apis: Iterable[Router]) -> bytes:
    """The OpenAPI document of some APIs, as JSON. Raises LookupError if a route has no doc, or a doc no route."""
    # Imported here, because a worker that is never asked for the document should not pay for its texts and examples.
    from filmer.accounts import api_docs as accounts
    from filmer.catalogue import api_docs as catalogue
    from filmer.community import api_docs as community
    from filmer.openapi.document import make_document
    from filmer.rentals import api_docs as rentals
    from filmer.shop import api_docs as shop

    document = make_document(apis, {**catalogue.DOCS, **accounts.DOCS, **shop.DOCS, **rentals.DOCS, **community.DOCS})
    return msgspec.json.format(msgspec.json.encode(document), indent=1)
