"""What the office's lists are asked with."""

from typing import Annotated

from msgspec import Meta

from filmer.http.query import Query


class ListQuery(Query):
    """One of the lists, filtered by a text."""

    query: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
