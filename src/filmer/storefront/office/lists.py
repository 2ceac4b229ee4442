"""What the office's lists are asked with."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta

from filmer.errors import InvalidRequest
from filmer.http.json_text import Members
from filmer.http.query import Query
from filmer.storefront.forms import FilledForm, Form
from filmer.storefront.pager import pairs_of


class ListQuery(Query):
    """One of the lists, filtered by a text."""

    query: Annotated[str, Meta(max_length=200)] = ""
    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


def read_day(text: str) -> str:
    """A day in ISO form, as it was given, and one that has a next."""
    try:
        if len(text) == len("2026-01-01"):
            return (date.fromisoformat(text) + timedelta(days=1) - timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a day such as 2026-11-30")


Day = Annotated[str, Meta(extra={"read": read_day})]


def filled_query(labels: Mapping[str, str], query_string: bytes, error: InvalidRequest | None) -> FilledForm:
    """The form of a list as it was sent, with its errors: nothing of it is lost."""
    return FilledForm.of(labels, Form(Members(pairs_of(query_string))), error)
