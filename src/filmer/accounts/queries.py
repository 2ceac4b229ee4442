"""All SQL about accounts, their sessions, and guesses."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from psycopg import sql

from filmer.accounts.addresses import earlier_email_key, email_key
from filmer.accounts.passwords import make_unusable_hash
from filmer.accounts.schemas import Role, User
from filmer.store.postgres import Connection

USER = "a.id, a.email, a.first_name, a.last_name, a.role"
# What ``select_guesses`` returns, as an expression: a checkout looks it up with the rest.
GUESSES = """
    ARRAY(SELECT (SELECT free_at FROM guess WHERE subject = s)
          FROM unnest(%(subjects)s::bytea[]) WITH ORDINALITY u(s, n) ORDER BY n)
"""


class SignInAccount(msgspec.Struct, frozen=True):
    """What a sign-in needs to know of an account."""

    user: User
    password: str
    is_open: bool
    has_session: bool  # the request's cookie is a session of this user
    is_familiar: bool  # the user has signed in from this address before


class StoredSession(msgspec.Struct, frozen=True):
    user: User
    created: datetime
    used: datetime


class ListedSession(msgspec.Struct, frozen=True):
    """A browser that is signed in, as its user sees it listed, without the token."""

    id: int  # of the session, or of the kept sign-in that it belongs to
    is_current: bool  # it is the request's own
    device: str
    created: datetime
    used: datetime
    is_kept: bool


class NewAccount(msgspec.Struct, frozen=True):
    """An account without a password yet. ``key``: the address as it is compared."""

    email: str
    key: str
    first_name: str
    last_name: str
    role: Role


class AccountListing(msgspec.Struct, frozen=True):
    """An account as commands list it."""

    user: User
    disabled: bool
    demo: bool
    created: datetime
    sessions: int
    leaving: datetime | None  # when its user deleted it; it is erased a week later


async def select_sign_in_account(
    conn: Connection, email: str, *, address: bytes, session: bytes, demo: bool
) -> SignInAccount | None:
    """The account of this e-mail address. ``session``: the digest of the request's session cookie.

    Where two accounts of earlier versions share the address, each is found by its own spelling.
    """
    statement = f"""
        SELECT {USER}, a.password, NOT a.disabled AND (NOT a.demo OR %(demo)s),
            EXISTS (SELECT FROM session s WHERE s.account_id = a.id AND s.digest = %(session)s),
            EXISTS (SELECT FROM familiar_address f WHERE f.account_id = a.id AND f.address = %(address)s)
        FROM account a WHERE a.email_key IN (%(key)s, %(earlier)s) ORDER BY a.email_key = %(earlier)s DESC LIMIT 1
    """
    parameters = {
        "key": email_key(email),
        "earlier": earlier_email_key(email),
        "address": address,
        "session": session,
        "demo": demo,
    }
    row = await (await conn.execute(statement.encode(), parameters)).fetchone()
    return None if row is None else SignInAccount(User(*row[:5]), *row[5:])


async def insert_account(
    conn: Connection,
    *,
    email: str,
    first_name: str,
    last_name: str,
    password: str,
    now: datetime,
    role: Role = "customer",
    demo: bool = False,
    account_id: int | None = None,
) -> User | None:
    """A new account; None when the e-mail address has one. ``account_id``: only for the demo's, else the next."""
    statement = f"""
        INSERT INTO account AS a (id, email, email_key, first_name, last_name, role, password, demo, created)
        VALUES (coalesce(%s::integer, nextval(pg_get_serial_sequence('account', 'id'))::integer),
                %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (email_key) DO NOTHING RETURNING {USER}
    """
    parameters = [account_id, email, email_key(email), first_name, last_name, role, password, demo, now]
    row = await (await conn.execute(statement.encode(), parameters)).fetchone()
    return None if row is None else User(*row)


async def insert_accounts(conn: Connection, accounts: Sequence[NewAccount], now: datetime) -> set[str]:
    """All but those whose e-mail address has an account; the keys of the addresses that have one now.

    Nobody knows their passwords: each user chooses the first one.

    In the order of their addresses, so that two processes doing this do not wait for each other in a ring.
    """
    cursor = await conn.execute(
        """
        INSERT INTO account (email, email_key, first_name, last_name, role, password, created)
        SELECT n.*, %(now)s
        FROM unnest(%(emails)s::text[], %(keys)s::text[], %(first)s::text[], %(last)s::text[], %(roles)s::text[],
            %(passwords)s::text[]) n (email, key, first_name, last_name, role, password)
        ORDER BY n.key ON CONFLICT (email_key) DO NOTHING RETURNING email_key
        """,
        {
            "emails": [account.email for account in accounts],
            "keys": [account.key for account in accounts],
            "first": [account.first_name for account in accounts],
            "last": [account.last_name for account in accounts],
            "roles": [account.role for account in accounts],
            "passwords": [make_unusable_hash() for _ in accounts],
            "now": now,
        },
    )
    return {row[0] for row in await cursor.fetchall()}


async def skip_ids(conn: Connection) -> None:
    """Moves the sequence of ids beyond those that were inserted explicitly."""
    await conn.execute("SELECT setval(pg_get_serial_sequence('account', 'id'), greatest(max(id), 1)) FROM account")


async def select_accounts(conn: Connection) -> list[AccountListing]:
    statement = f"""
        SELECT {USER}, a.disabled, a.demo, a.created,
            (SELECT count(*) FROM session s WHERE s.account_id = a.id), a.leaving
        FROM account a WHERE a.erased IS NULL ORDER BY a.id
    """
    rows = await (await conn.execute(statement.encode())).fetchall()
    return [AccountListing(User(*row[:5]), *row[5:]) for row in rows]


async def select_account(conn: Connection, account_id: int) -> tuple[User, bool] | None:
    """The user, and whether the account is closed. None: there is no such account."""
    cursor = await conn.execute(f"SELECT {USER}, a.disabled FROM account a WHERE a.id = %s".encode(), [account_id])
    row = await cursor.fetchone()
    return None if row is None else (User(*row[:5]), row[5])


async def select_is_account(conn: Connection, account_id: int) -> bool:
    return (await conn.execute("SELECT FROM account WHERE id = %s", [account_id])).rowcount == 1


async def lock_account(conn: Connection, account_id: int) -> None:
    """Until the transaction ends, others that ask for this lock wait."""
    await conn.execute("SELECT FROM account WHERE id = %s FOR NO KEY UPDATE", [account_id])


async def update_password(conn: Connection, account_id: int, password: str) -> bool:
    """A password that its user chose: a demo account becomes an ordinary one. False: there is no such account."""
    done = await conn.execute("UPDATE account SET password = %s, demo = false WHERE id = %s", [password, account_id])
    return done.rowcount == 1


async def lock_password(conn: Connection, account_id: int) -> str | None:
    """The hash of an open account's password, which can't change until the transaction ends."""
    statement = "SELECT password FROM account WHERE id = %s AND NOT disabled FOR SHARE"
    row = await (await conn.execute(statement, [account_id])).fetchone()
    return row[0] if row else None


async def rehash_password(conn: Connection, account_id: int, old: str, new: str) -> None:
    """The same password, hashed with newer parameters, unless it was changed meanwhile."""
    await conn.execute("UPDATE account SET password = %s WHERE id = %s AND password = %s", [new, account_id, old])


async def update_disabled(conn: Connection, account_id: int, *, disabled: bool) -> bool:
    """To open an account undoes that its user deleted it. False for one that there is not, or whose user is gone.

    An account that its user deleted before it was disabled goes as it would have gone. But its moment is another one
    from then on, so that the link that undoes the deletion, which is signed with it, opens nothing that is disabled.
    """
    done = await conn.execute(
        """
        UPDATE account SET disabled = %(disabled)s,
            leaving = CASE WHEN %(disabled)s THEN leaving - interval '1 microsecond' END
        WHERE id = %(account)s AND erased IS NULL
        """,
        {"disabled": disabled, "account": account_id},
    )
    return done.rowcount == 1


async def insert_session(
    conn: Connection, digest: bytes, account_id: int, now: datetime, *, device: str = "", kept_id: int | None = None
) -> None:
    await conn.execute(
        "INSERT INTO session (digest, account_id, created, used, device, kept_id) VALUES (%s, %s, %s, %s, %s, %s)",
        [digest, account_id, now, now, device, kept_id],
    )


async def select_session(conn: Connection, digest: bytes, *, demo: bool) -> StoredSession | None:
    """The session and its user, if the account is open; the caller judges its times."""
    statement = f"""
        SELECT {USER}, s.created, s.used FROM session s JOIN account a ON a.id = s.account_id
        WHERE s.digest = %s AND NOT a.disabled AND (NOT a.demo OR %s)
    """
    row = await (await conn.execute(statement.encode(), [digest, demo])).fetchone()
    return None if row is None else StoredSession(User(*row[:5]), row[5], row[6])


async def select_sessions(
    conn: Connection,
    account_id: int,
    *,
    current: bytes,
    used_after: datetime,
    created_after: datetime,
    kept_after: datetime,
    most: int,
) -> tuple[list[ListedSession], int]:
    """The account's sessions and kept sign-ins: the current one, then those used last; and how many there are in all.

    A kept sign-in and its sessions are one.
    """
    cursor = await conn.execute(
        """
        SELECT coalesce(k.id, s.id), coalesce(bool_or(s.digest = %(current)s), false) AS is_current,
            max(coalesce(k.device, s.device)), min(coalesce(k.created, s.created)) AS begun,
            max(greatest(k.turned, s.used)) AS last, bool_or(k.id IS NOT NULL), count(*) OVER ()
        FROM (SELECT * FROM session WHERE account_id = %(account)s AND used > %(used)s AND created > %(created)s) s
        FULL JOIN (SELECT * FROM kept_sign_in WHERE account_id = %(account)s AND created > %(kept)s) k
            ON k.id = s.kept_id
        GROUP BY coalesce(k.id, s.id) ORDER BY is_current DESC, last DESC, begun DESC LIMIT %(most)s
        """,
        {
            "current": current, "account": account_id, "used": used_after, "created": created_after,
            "kept": kept_after, "most": most,
        },
    )  # fmt: skip
    rows = await cursor.fetchall()
    return [ListedSession(*row[:6]) for row in rows], rows[0][6] if rows else 0


async def update_sessions_used(conn: Connection, uses: dict[bytes, datetime]) -> None:
    """When each was last used. In order, so that two processes doing this do not wait for each other in a ring."""
    await conn.execute(
        """
        WITH mine AS (SELECT digest FROM session WHERE digest = ANY(%(digests)s::bytea[])
                      ORDER BY digest FOR NO KEY UPDATE)
        UPDATE session s SET used = u.used
        FROM unnest(%(digests)s::bytea[], %(moments)s::timestamptz[]) u(digest, used) JOIN mine USING (digest)
        WHERE s.digest = u.digest AND s.used < u.used
        """,
        {"digests": list(uses), "moments": list(uses.values())},
    )


async def select_session_count(conn: Connection, *, used_after: datetime, created_after: datetime) -> int:
    statement = "SELECT count(*) FROM session WHERE used > %s AND created > %s"
    row = await (await conn.execute(statement, [used_after, created_after])).fetchone()
    return row[0] if row else 0


async def delete_session(conn: Connection, digest: bytes) -> int:
    """With the kept sign-in that it belongs to. How many that ended: none, if it was over already."""
    kept = "DELETE FROM kept_sign_in WHERE id = (SELECT kept_id FROM session WHERE digest = %s)"
    with_kept = (await conn.execute(kept, [digest])).rowcount
    return with_kept + (await conn.execute("DELETE FROM session WHERE digest = %s", [digest])).rowcount


async def delete_sign_in(conn: Connection, account_id: int, sign_in_id: int) -> int:
    """A kept sign-in with its sessions, or a session that belongs to none. How many that ended."""
    ids = [sign_in_id, account_id]
    kept = await conn.execute("DELETE FROM kept_sign_in WHERE id = %s AND account_id = %s", ids)
    other = await conn.execute("DELETE FROM session WHERE id = %s AND account_id = %s AND kept_id IS NULL", ids)
    return kept.rowcount + other.rowcount


async def delete_sessions_of(conn: Connection, account_id: int) -> int:
    """Ends all sessions, kept sign-ins and mailed links, and forgets the familiar addresses.

    With the links goes a change of address that is not confirmed yet: whoever is put out may have asked for it.
    How many sessions that ended.
    """
    ended = (await conn.execute("DELETE FROM session WHERE account_id = %s", [account_id])).rowcount
    for table in ("kept_sign_in", "new_password_link", "unconfirmed_address", "familiar_address"):
        statement = sql.SQL("DELETE FROM {} WHERE account_id = %s").format(sql.Identifier(table))
        await conn.execute(statement, [account_id])
    return ended


async def delete_expired(conn: Connection, *, used_before: datetime, created_before: datetime, now: datetime) -> int:
    """Deletes sessions that have expired, and guesses that no longer count. Returns the number of sessions."""
    await conn.execute("DELETE FROM guess WHERE free_at < %s", [now])
    done = await conn.execute("DELETE FROM session WHERE used < %s OR created < %s", [used_before, created_before])
    return done.rowcount


async def upsert_familiar_address(conn: Connection, account_id: int, address: bytes, now: datetime) -> None:
    await conn.execute(
        """
        INSERT INTO familiar_address AS f (account_id, address, seen) VALUES (%(account)s, %(address)s, %(now)s)
        ON CONFLICT (account_id, address) DO UPDATE SET seen = excluded.seen
        WHERE f.seen < excluded.seen - interval '1 day'
        """,
        {"account": account_id, "address": address, "now": now},
    )


async def delete_unfamiliar_addresses(conn: Connection, *, seen_before: datetime) -> None:
    await conn.execute("DELETE FROM familiar_address WHERE seen < %s", [seen_before])


async def select_guesses(conn: Connection, subjects: list[bytes]) -> list[datetime | None]:
    """For each subject the moment at which its allowance is whole again; None: it has no guesses."""
    row = await (await conn.execute(f"SELECT {GUESSES}".encode(), {"subjects": subjects})).fetchone()
    return row[0] if row else []


async def charge_guess(
    conn: Connection, subject: bytes, *, now: datetime, every: timedelta, most: timedelta
) -> datetime | None:
    """Charges one interval to an allowance. None: done; else the allowance is used up until the moment returned."""
    taken = await conn.execute(
        """
        INSERT INTO guess AS g (subject, free_at) VALUES (%(subject)s, %(now)s + %(every)s)
        ON CONFLICT (subject) DO UPDATE SET free_at = greatest(g.free_at, %(now)s) + %(every)s
        WHERE greatest(g.free_at, %(now)s) + %(every)s <= %(now)s + %(most)s
        """,
        {"subject": subject, "now": now, "every": every, "most": most},
    )
    if taken.rowcount:
        return None
    # Read in a second statement: the first would not see what concurrent tries charged while it waited for them.
    row = await (await conn.execute("SELECT free_at FROM guess WHERE subject = %s", [subject])).fetchone()
    return row[0] if row else now + most


async def refund_guess(conn: Connection, subject: bytes, every: timedelta) -> None:
    await conn.execute("UPDATE guess SET free_at = free_at - %s WHERE subject = %s", [every, subject])
