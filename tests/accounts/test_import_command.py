"""``filmer account import``: people from an owner's list, each row with what became of it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.accounts.conftest import Browser, Shop
from tests.accounts.test_login import log_in
from tests.commands import CommandResult, filmer
from tests.importing.workbooks import Sheets, ods, xlsx
from tests.users import PASSWORD, hash_password

HEADER = "E-mail,First name,Last name,Role\n"


@pytest.fixture
def bring(database_url: str, tmp_path: Path) -> Callable[..., CommandResult]:
    """Imports a file with this content."""

    def run(content: str | bytes, *flags: str, name: str = "people.csv") -> CommandResult:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        result = filmer("account", "import", path, *flags, DATABASE_URL=database_url)
        assert "Traceback" not in result.stderr, result.stderr
        return result

    return run


Bring = Callable[..., CommandResult]


def reported(result: CommandResult) -> list[str]:
    """What is said of each row, and at the end of all."""
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def stored(database_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as conn:
        return conn.execute("SELECT email, first_name, last_name, role FROM account ORDER BY email").fetchall()


def test_each_row_is_an_account(bring: Bring, database_url: str) -> None:
    people = HEADER + "Ada@Example.com, Ada ,Smith,\nbob@example.com,Bob,O'Hara,Admin\n"
    assert reported(bring(people)) == [
        "line 2: created: Ada@Example.com",
        "line 3: created: bob@example.com",
        "2 rows: 2 created, 0 already there, 0 refused",
    ]
    assert stored(database_url) == [
        ("Ada@Example.com", "Ada", "Smith", "customer"),
        ("bob@example.com", "Bob", "O'Hara", "admin"),
    ]


def test_twice_changes_nothing(bring: Bring, database_url: str) -> None:
    bring(HEADER + "ada@example.com,Ada,Smith,\n")
    before = stored(database_url)
    again, count = reported(bring(HEADER + "ADA@example.com,Augusta,King,admin\n"))
    assert again.startswith("line 2: already there: ADA@example.com (account ")
    assert count == "1 row: 0 created, 1 already there, 0 refused"
    assert stored(database_url) == before


def test_bad_rows_do_not_stop_the_good_ones(bring: Bring, database_url: str) -> None:
    rows = [
        "no-address,Ann,Lee,", "ann@example.com,,Lee,", f"ann@example.com,Ann,{'x' * 101},",
        "ann@example.com,A\u202enn,Lee,", "ann@example.com,Ann,Lee,chief", "ann@example.com,A\0nn,Lee,",
        "ann@example.com,Ann,Lee,,more", "ann@example.com", "good@example.com,Ann,Lee,", "Good@EXAMPLE.com,Eve,Lee,",
    ]  # fmt: skip
    told = reported(bring(HEADER + "\n".join(rows)))
    reasons = [
        "no-address: e-mail must be an e-mail address", "first name must not be empty",
        "last name must have at most 100 characters", "first name must not contain control", "role must be one of",
        "U+0000", "more fields than columns", "first name must not be empty",
    ]  # fmt: skip
    for number, (line, reason) in enumerate(zip(told, reasons, strict=False), start=2):
        assert line.startswith(f"line {number}: refused: ")
        assert reason in line
    assert told[8:] == [
        "line 10: created: good@example.com",
        "line 11: refused: Good@EXAMPLE.com: the same address as in line 10",
        "10 rows: 1 created, 0 already there, 9 refused",
    ]
    assert [row[:2] for row in stored(database_url)] == [("good@example.com", "Ann")]


def test_what_a_terminal_would_obey_is_not_printed(bring: Bring) -> None:
    told = reported(bring(HEADER + "\x1b[2Jada,Ada,Smith,\n"))
    assert "\\x1b[2Jada" in told[0]


def test_a_dry_run_changes_nothing(bring: Bring, database_url: str) -> None:
    told = reported(bring(HEADER + "ada@example.com,Ada,Smith,\nbob,Bob,Ray,\n", "--dry-run"))
    assert told[0] == "line 2: created: ada@example.com"
    assert told[-2:] == ["2 rows: 1 created, 0 already there, 1 refused", "This was a dry run: nothing was changed."]
    assert stored(database_url) == []


@pytest.mark.parametrize("header", [
    "Email;First Name;Last Name", "E-MAIL;FIRSTNAME;LASTNAME", "mail;given_name;surname",
    "Last name;E-mail address;First name", "email_address\tforename\tfamily-name",
    "EMail Address,first-name,FamilyName",
])  # fmt: skip
def test_columns_have_any_usual_name(bring: Bring, database_url: str, header: str) -> None:
    separator = next(character for character in ";\t," if character in header)
    cells = {"l": "Smith", "s": "Smith", "f": "Ada", "g": "Ada", "e": "ada@example.com", "m": "ada@example.com"}
    names = [name.casefold() for name in header.split(separator)]
    row = separator.join("Smith" if name.startswith("family") else cells[name[0]] for name in names)
    assert reported(bring(f"{header}\n{row}\n"))[-1].startswith("1 row: 1 created")
    assert stored(database_url) == [("ada@example.com", "Ada", "Smith", "customer")]


@pytest.mark.parametrize("header", [
    "first name,last name", "e-mail,name", "e-mail,mail,first name,last name", "e-mail,first name,forename,surname", "",
])  # fmt: skip
def test_a_table_of_something_else_is_refused(bring: Bring, database_url: str, header: str) -> None:
    result = bring(f"{header}\nada@example.com,Ada,Smith,x\n")
    assert (result.returncode, result.stdout) == (1, "")
    assert "one column each for e-mail, first name and last name" in result.stderr
    assert stored(database_url) == []


def test_other_columns_are_told_and_not_read(bring: Bring) -> None:
    result = bring("Member no.,e-mail,first name,last name\n7,ada@example.com,Ada,Smith\n")
    assert reported(result)[-1].startswith("1 row: 1 created")
    assert "unknown columns, which were not read: member no." in result.stderr


@pytest.mark.parametrize(("make", "suffix"), [(xlsx, "xlsx"), (ods, "ods")])
def test_a_workbook_is_read(bring: Bring, database_url: str, make: Callable[[Sheets], bytes], suffix: str) -> None:
    sheets: Sheets = {
        "Films": [["title"], ["Heat"]],
        "Members": [[], ["Surname", "Forename", "E-Mail"], ["Smith", "Ada", "ada@example.com"], ["Ray", "Bob"]],
    }
    result = bring(make(sheets), name=f"people.{suffix}")
    assert reported(result)[0] == "line 3: created: ada@example.com"
    assert reported(result)[1].startswith("line 4: refused: ")
    assert "sheet 'Members' of 2" in result.stderr
    assert stored(database_url) == [("ada@example.com", "Ada", "Smith", "customer")]


def test_other_encodings_are_read(bring: Bring, database_url: str) -> None:
    people = HEADER + "zoë@example.com,Zoë,Čapek,\n"
    bring(people.encode("utf-16"))
    assert stored(database_url) == [("zoë@example.com", "Zoë", "Čapek", "customer")]
    bring((HEADER + "jiri@example.com,Jiří,Novák,\n").encode("cp1250"), "--encoding", "cp1250")
    assert ("jiri@example.com", "Jiří", "Novák", "customer") in stored(database_url)


def test_nobody_signs_in_before_there_is_a_password(accounts: Shop, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "grace@example.com,Grace,Hopper,\n", "utf-8")
    assert filmer("account", "import", path, DATABASE_URL=accounts.database_url).returncode == 0
    assert log_in(browser(), "grace@example.com", PASSWORD).status_code == 401
    with psycopg.connect(accounts.database_url) as conn:
        conn.execute("UPDATE account SET password = %s WHERE email_key = 'grace@example.com'", [hash_password()])
    assert log_in(browser(), "grace@example.com", PASSWORD).status_code == 200


@pytest.mark.proof
@pytest.mark.parallel
def test_fifty_thousand_rows_take_seconds(bring: Bring, database_url: str) -> None:
    """In processor time of this process, which a password's hash for each would take an hour of."""
    people = HEADER + "".join(f"member{number}@example.com,Ann,Number {number},\n" for number in range(50_000))
    begun = time.process_time()
    told = reported(bring(people))
    assert time.process_time() - begun < 20
    assert told[-1] == "50,000 rows: 50,000 created, 0 already there, 0 refused"
    with psycopg.connect(database_url) as conn:
        row = conn.execute("SELECT count(*), count(DISTINCT password) FROM account").fetchone()
    assert row == (50_000, 50_000)
