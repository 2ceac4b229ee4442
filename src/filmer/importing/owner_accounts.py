"""``filmer account import``: an owner's list of people, an account per row.

The header names the columns in any order: e-mail, first name and last name are required, role is not.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

from filmer.accounts.addresses import email_key, read_email
from filmer.accounts.queries import NewAccount
from filmer.accounts.schemas import Role, read_name
from filmer.importing.csv_table import CsvTable, Row
from filmer.importing.data_set import ImportFailed, Report, storable
from filmer.importing.file_formats import Confirm, open_table

# What lists call the columns. A blank here may be a hyphen, an underscore or nothing there.
_NAMES = {
    "e-mail": ("mail", "e mail", "mail address", "e mail address"),
    "first name": ("first name", "given name", "forename"),
    "last name": ("last name", "family name", "surname"),
    "role": ("role",),
}


def _spellings(name: str) -> Iterator[str]:
    first, *others = name.split()
    for separators in product((" ", "-", "_", ""), repeat=len(others)):
        yield first + "".join(separator + word for separator, word in zip(separators, others, strict=True))


COLUMNS = {spelling: column for column, names in _NAMES.items() for name in names for spelling in _spellings(name)}


class AccountRow(NamedTuple):
    """A row of the file. ``account``: None if it is refused, for the reason ``refusal``."""

    line: int
    email: str  # as in the file
    account: NewAccount | None
    refusal: str


def read_accounts(
    path: Path, report: Report, *, separator: str | None, encoding: str | None, confirm: Confirm
) -> list[AccountRow]:
    """Every row of the file. The second of two rows with the same address is refused.

    ``separator``, ``encoding``, ``confirm``: as of ``open_table``. Raises ImportFailed for a file that can't be read
    as a table of people.
    """
    emails = [spelling for spelling, column in COLUMNS.items() if column == "e-mail"]
    with open_table(
        path, COLUMNS, report, main=emails, separator=separator, encoding=encoding, confirm=confirm
    ) as table:
        named = _columns(table, report)
        lines: dict[str, int] = {}  # by the address as it is compared
        rows = [_read(table, row, named, lines) for row in table.rows()]
        report.rows[table.name] = len(rows)
        report.formats[table.name] = table.formats
    return rows


def _columns(table: CsvTable, report: Report) -> dict[str, str]:
    """The names that the table has for our columns. Raises ImportFailed if one is missing or there twice."""
    found = [(COLUMNS[name], name) for name in table.columns if name in COLUMNS]
    named = dict(found)
    missing = [column for column in _NAMES if column not in named and column != "role"]
    if missing or len(named) < len(found):
        raise ImportFailed(
            f"{table.name} must have one column each for e-mail, first name and last name, and may have one for role. "
            f"It was read as {', '.join(table.formats)}, and its first row names: {', '.join(table.header)[:500]}. "
            "Nothing was changed."
        )
    if unknown := [name for name in table.columns if name and name not in COLUMNS]:
        report.warn(f"{table.name}: unknown columns, which were not read: {', '.join(unknown)}")
    return named


def _read(table: CsvTable, row: Row, named: dict[str, str], lines: dict[str, int]) -> AccountRow:
    email = storable(row.text[:200])
    try:
        texts = table.texts(row, named.values())
        text = {column: texts[name] for column, name in named.items()}
        email = text["e-mail"]
        account = _account(text, row.line, lines)
    except ValueError as error:
        return AccountRow(row.line, email, None, str(error))
    return AccountRow(row.line, email, account, "")


def _account(text: dict[str, str], line: int, lines: dict[str, int]) -> NewAccount:
    """Raises ValueError with what is wrong."""
    read = {}
    for column, check in (("e-mail", read_email), ("first name", read_name), ("last name", read_name)):
        try:
            read[column] = check(text[column])
        except ValueError as error:
            raise ValueError(f"{column} {error}") from None
    roles: dict[str, Role] = {role: role for role in get_args(Role)} | {"": "customer"}
    role = roles.get(text.get("role", "").casefold())
    if role is None:
        raise ValueError(f"role must be one of: {', '.join(get_args(Role))}")
    key = email_key(read["e-mail"])
    if (first := lines.setdefault(key, line)) != line:
        raise ValueError(f"the same address as in line {first}")
    return NewAccount(read["e-mail"], key, read["first name"], read["last name"], role)
