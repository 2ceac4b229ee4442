"""Everything that is held of a person, as one file for themselves alone (contract §12)."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from tests.commands import filmer
from tests.connections import fetch
from tests.personal_data.conftest import NUMBER, TMDB_ID, Leaver
from tests.shop.conftest import SHAWSHANK, buy
from tests.users import CARD, PASSWORD, open_account

from filmer.personal_data.queries import ERASED, EXPORTED

DATA = "/account/data"
# Tables that name an account, but hold nothing that would mean something to a person: versions, digests of addresses
# and of submitted forms.
MEANINGLESS = {
    "shelf", "familiar_address", "checkout_key", "new_password_link", "payment_draft", "stripe_customer",
}  # fmt: skip
# What stays for the books.
KEPT = {"shop_order", "rental", "cancellation", "payment_draft"}


def tables_of(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """The tables by name, where JSON and CSV say the same."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files.pop("read-me.txt").startswith(b"This is everything")
    tables = {name.removesuffix(".json"): json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert set(files) == {f"{name}.{kind}" for name in tables for kind in ("json", "csv")}
    for name, rows in tables.items():
        read = list(csv.DictReader(io.StringIO(files[f"{name}.csv"].decode("utf-8-sig"))))
        assert [list(row) for row in read] == [list(row) for row in rows]
        assert len(read) == len(rows)
    return tables


def test_a_person_gets_everything_of_their_own(leaver: Leaver) -> None:
    other = leaver.shop.sign_in()
    buy(other)
    response = leaver.client.get(DATA)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"] == 'attachment; filename="my-data.zip"'
    assert response.headers["cache-control"] == "no-store"
    tables = tables_of(response.content)
    assert set(tables) == set(EXPORTED)
    assert tables["profile"][0]["email"] == leaver.person.email
    assert [(row["id"], row["total"], row["card"]) for row in tables["orders"]] == [
        (leaver.order, 4.99, CARD["creditCardId"][-4:])
    ]
    assert [(row["film_id"], row["title"]) for row in tables["order_lines"]] == [
        (SHAWSHANK, "The Shawshank Redemption")
    ]
    assert [row["state"] for row in tables["rentals"]] == ["waiting"]
    assert [row["seconds"] for row in tables["progress"]] == [61.5]
    assert [row["quantity"] for row in tables["cart"]] == [1]
    assert [(row["tmdb_id"], row["title"]) for row in tables["favorites"]] == [(TMDB_ID, "The Shawshank Redemption")]
    assert [row["rating"] for row in tables["ratings"]] == [4.5]
    assert [(row["file"], row["title"], row["outcome"]) for row in tables["imports"]] == [
        ("ratings.csv", "=Nowhere", "missing")
    ]
    assert [row["last_four"] for row in tables["cards"]] == [NUMBER[-4:], "9999"]
    assert [row["name"] for row in tables["tokens"]] == ["backup"]
    assert [(row["device"], row["kept"]) for row in tables["sessions"]] == [("", False), ("Firefox on Linux", True)]
    assert [row["email"] for row in tables["unconfirmed_addresses"]] == ["next@example.com"]
    assert [row["email"] for row in tables["former_addresses"]] == ["former@example.com"]


def test_no_secret_and_nobody_else_is_in_it(leaver: Leaver) -> None:
    other = open_account(leaver.url)
    buy(leaver.shop.sign_in(other))
    with zipfile.ZipFile(io.BytesIO(leaver.client.get(DATA).content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (NUMBER, CARD["creditCardId"], PASSWORD, leaver.token, "$argon2id$", other.email):
        assert secret.encode() not in everything


def test_a_spreadsheet_runs_nothing_of_it(leaver: Leaver) -> None:
    """A name that begins as a formula does."""
    with zipfile.ZipFile(io.BytesIO(leaver.client.get(DATA).content)) as archive:
        assert b",'=Mary,Major," in archive.read("cards.csv")
        assert json.loads(archive.read("cards.json"))[0]["first_name"] == "=Mary"


def test_without_a_session_there_is_nothing(leaver: Leaver) -> None:
    leaver.client.cookies.clear()
    response = leaver.client.get(DATA)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=%2Faccount%2Fdata")


def test_the_command_writes_the_same(leaver: Leaver, tmp_path: Path) -> None:
    file = tmp_path / "mary.zip"
    downloaded = tables_of(leaver.client.get(DATA).content)
    result = filmer("account", "export", leaver.person.id, file, DATABASE_URL=leaver.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert tables_of(file.read_bytes()) == downloaded
    again = filmer("account", "export", leaver.person.id, file, DATABASE_URL=leaver.url)
    assert (again.returncode, again.stderr) == (1, f"filmer: {file} can't be written: File exists.\n")
    nobody = filmer("account", "export", 999999, tmp_path / "nobody.zip", DATABASE_URL=leaver.url)
    assert nobody.returncode == 1
    assert "There is no account 999999" in nobody.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_every_table_that_names_an_account_is_known(leaver: Leaver) -> None:
    """A new table is exported or means nothing to its person, and goes with them or is kept for the books."""
    rows = fetch(
        leaver.url,
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = 'account'::regclass",
    )
    named = {name for (name,) in rows}
    assert named == set(ERASED) | KEPT
    exported = {name for name in named if any(f" {name} " in statement for statement in EXPORTED.values())}
    assert named - exported == MEANINGLESS
