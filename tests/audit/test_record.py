"""Entries of the audit log: written with the change or not at all, and never changed (contract §13.3)."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from tests.conftest import MakeDatabase
from tests.connections import in_database
from tests.current_edition import connect
from tests.users import open_account

from filmer.audit.actors import actor_of
from filmer.audit.log import Actor, Personal, command_line, record, record_at_once
from filmer.store.postgres import Connection

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    return make_database()


def entries(url: str, subject: str) -> list[Any]:
    with connect(url) as conn:
        return conn.execute(
            """
            SELECT e.via, e.account_id, e.action, e.title, e.before, e.after,
                (SELECT jsonb_object_agg(p.account_id, p.fields) FROM audit_personal p WHERE p.entry_id = e.id)
            FROM audit_entry e WHERE e.subject_id = %s ORDER BY e.id
            """,
            [subject],
        ).fetchall()


def test_an_entry_has_what_changed(url: str) -> None:
    owner, customer = open_account(url, role="admin"), open_account(url)
    actor = Actor("office", NOW, owner.id, "203.0.113.5")

    async def change(conn: Connection) -> None:
        old, new = {"price": None, "copies": 3}, {"price": "4.99", "copies": 3}
        await record(conn, actor, "film.price", ("film", "tt1"), title="Alien", before=old, after=new)
        name = Personal(customer.id, {"email": "old@example.com"}, {"email": "new@example.com"})
        await record(conn, actor, "account.email", ("account", customer.id), personal=name)
        await record(conn, command_line(), "film.price", ("film", "tt1"), after={"price": None})

    in_database(url, change)
    address = {str(owner.id): {"address": "203.0.113.5"}}
    assert entries(url, "tt1") == [
        ("office", owner.id, "film.price", "Alien", {"price": None}, {"price": "4.99"}, address),
        ("command line", None, "film.price", "", {}, {"price": None}, None),
    ]
    personal = {str(customer.id): {"before": {"email": "old@example.com"}, "after": {"email": "new@example.com"}}}
    assert entries(url, str(customer.id)) == [
        ("office", owner.id, "account.email", "", {}, {}, address | personal),
    ]


def test_what_an_owner_changes_of_their_own_is_in_one_row(url: str) -> None:
    owner = open_account(url, role="admin")
    actor = Actor("office", NOW, owner.id, "203.0.113.5")

    async def change(conn: Connection) -> None:
        await record(
            conn, actor, "account.email", ("account", owner.id), personal=Personal(owner.id, after={"email": "a@b.c"})
        )

    in_database(url, change)
    fields = {"address": "203.0.113.5", "before": {}, "after": {"email": "a@b.c"}}
    assert [row[-1] for row in entries(url, str(owner.id))] == [{str(owner.id): fields}]


def test_what_changes_nothing_makes_no_entry(url: str) -> None:
    async def change(conn: Connection) -> None:
        same = {"price": "4.99"}
        await record(conn, command_line(), "film.price", ("film", "tt2"), before=same, after=same)
        await record(conn, command_line(), "mail.retry", ("mail", "tt2"))  # says nothing of values: it was done

    in_database(url, change)
    assert [row[2] for row in entries(url, "tt2")] == ["mail.retry"]


def test_an_action_that_nobody_can_tell_of_is_refused(url: str) -> None:
    with connect(url) as conn, pytest.raises(ValueError, match=r"no action 'film\.burn'"):
        record_at_once(conn, command_line(), "film.burn", ("film", "tt3"))


def test_a_change_that_fails_leaves_no_entry(url: str) -> None:
    class Failed(Exception):
        pass

    async def change(conn: Connection) -> None:
        async with conn.transaction():
            await record(conn, command_line(), "film.price", ("film", "tt4"), after={"price": "1"})
            raise Failed

    with pytest.raises(Failed):
        in_database(url, change)
    with connect(url) as conn, conn.transaction(force_rollback=True):
        record_at_once(conn, command_line(), "film.price", ("film", "tt4"), after={"price": "1"})
    assert entries(url, "tt4") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET title = 'x'",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_entry WHERE false",
        "TRUNCATE audit_entry CASCADE",
        "UPDATE audit_personal SET fields = '{}'",
    ],
)
def test_the_database_refuses_changes_of_the_log(url: str, statement: str) -> None:
    with connect(url) as conn:
        record_at_once(conn, command_line(), "film.price", ("film", "tt5"), after={"price": "1"})
        conn.commit()
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            conn.execute(statement.encode())
    assert entries(url, "tt5")


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_an_address_is_one_or_nothing(peer: str, address: str) -> None:
    class Request:
        scope = {"client": (peer, 1), "filmer.arrived": type("Arrival", (), {"at": NOW})}  # noqa: RUF012

    assert actor_of(Request(), 7) == Actor("office", NOW, 7, address)  # type: ignore[arg-type]
