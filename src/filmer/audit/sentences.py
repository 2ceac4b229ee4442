"""Entries of the audit log as sentences: "Nina Kay set the price of Alien from $3.99 to $4.99"."""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from filmer.audit.actions import ACTIONS
from filmer.audit.queries import Entry

Money = Callable[[Decimal], str]

MAX_TEXT = 300  # characters that are shown of a value
_MONEY = {"price", "refund", "total", "amount"}
_NONE = {"price": "the default price", "hours": "the default", "start_days": "the default", "copies": "no limit"}
_AMOUNT = re.compile(r"\d{1,20}(\.\d{1,4})?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*Z")
_FROM = {"office": "in the office", "api": "with a token", "command line": "on the command line"}
# What subjects are called, and where their pages are.
_SUBJECTS = {
    "film": ("{title}", "/admin/films/{id}"),
    "order": ("order {id}", "/admin/orders/{id}"),
    "account": ("{name}", "/admin/customers/{id}"),
    "mail": ("mail {id}", "/admin/mail"),
    "shop": ("the shop", "/admin/settings"),
    "page": ("the page “{title}”", "/admin/pages/{id}"),
    "price change": ("{title}", "/admin/prices"),
    "card": ("any account", ""),
    "export": ("a file of {id}", ""),
}


class Change(msgspec.Struct, frozen=True):
    """A value's name, what it was and what it is; None: it was not there, or is not."""

    name: str
    before: str | None
    after: str | None


class Sentence(msgspec.Struct, frozen=True):
    """``start``, ``subject`` and ``end`` are the sentence; ``address``: the subject's page, or "".

    ``changes``: what the sentence itself has no room for. ``where``: where it was done from.
    """

    actor: str
    start: str
    subject: str
    end: str
    address: str
    changes: list[Change]
    where: str

    def __str__(self) -> str:
        return f"{self.actor} {self.start}{self.subject}{self.end}"


def sentence(entry: Entry, money: Money) -> Sentence:
    text = ACTIONS.get(entry.action, f"{entry.action}: {{}}").replace("{title}", f"“{entry.title}”")
    start, has_subject, end = text.partition("{}")
    name = entry.subject_name or f"account {entry.subject_id}"
    label, address = _SUBJECTS.get(entry.subject_kind, (f"{entry.subject_kind} {{id}}", ""))
    changes = list(_changes(entry, money))
    if len(changes) == 1 and changes[0].before is not None and changes[0].after is not None:
        end += f" from {changes[0].before} to {changes[0].after}"
        changes = []
    return Sentence(
        actor=entry.name or (f"Account {entry.account_id}" if entry.account_id is not None else "The command line"),
        start=start,
        subject=label.format(id=entry.subject_id, title=entry.title or entry.subject_id, name=name)
        if has_subject
        else "",
        end=end,
        address=address.format(id=quote(entry.subject_id, safe="")),
        changes=changes,
        where=_where(entry),
    )


def _where(entry: Entry) -> str:
    address = entry.personal.get(str(entry.account_id), {}).get("address")
    return f"{_FROM[entry.via]}, from {address}" if address else _FROM[entry.via]


def _changes(entry: Entry, money: Money) -> Iterator[Change]:
    before, after = dict(entry.before), dict(entry.after)
    for fields in entry.personal.values():
        before |= fields.get("before") or {}
        after |= fields.get("after") or {}
    for name in dict.fromkeys([*before, *after]):
        yield Change(
            name.replace("_", " ").capitalize(),
            _value(name, before[name], money) if name in before else None,
            _value(name, after[name], money) if name in after else None,
        )


def _value(name: str, value: Any, money: Money) -> str:
    if value is None or value == "":
        return _NONE.get(name, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_TEXT:
        return f"{text[:MAX_TEXT]}…"
    return money(Decimal(text)) if name in _MONEY and _AMOUNT.fullmatch(text) else _MOMENT.sub(r"\1 \2 UTC", text)
