"""What owners and clerks do with accounts, each in one transaction with its entry in the audit log (contract §13.1).

Both accounts are locked meanwhile, that of whom it is done to and that of who does it: what either may have become a
moment ago counts. Raises Forbidden for whoever may not, NotFound for an account that there is not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from filmer.accounts import link_queries, owners, queries, token_queries
from filmer.accounts.own_account import NEW_PASSWORD_WITHIN
from filmer.accounts.passwords import make_unusable_hash
from filmer.accounts.role_queries import LockedAccount, lock_accounts
from filmer.accounts.schemas import Invitation, Role, User
from filmer.accounts.sessions import Sessions
from filmer.audit.log import Actor, Personal, Subject, record
from filmer.clock import Clock
from filmer.errors import Conflict, Forbidden, NotFound
from filmer.mail.kinds import KINDS, NEW_PASSWORD
from filmer.mail.links import Links
from filmer.mail.outbox import Outbox
from filmer.personal_data.leaving import Leaving
from filmer.store.postgres import Connection

INVITED_FOR = timedelta(days=7)


class Customers:
    def __init__(self, sessions: Sessions, leaving: Leaving, outbox: Outbox, links: Links, clock: Clock) -> None:
        self._sessions = sessions
        self._leaving = leaving
        self._outbox = outbox
        self._links = links
        self._clock = clock

    async def invite(self, conn: Connection, actor: Actor, new: Invitation) -> tuple[User, str]:
        """Opens an account without a password, and mails a link with which its user chooses one, once.

        Also returns the link's path, where no mail is sent. Raises Conflict where the address has an account.
        """
        async with conn.transaction():
            require_may_open(_acting_user(await lock_accounts(conn, actor.account_id or 0), actor), new.role)
            user = await queries.insert_account(
                conn, email=new.email, first_name=new.first_name, last_name=new.last_name,
                password=make_unusable_hash(), role=new.role, now=self._clock.now(),
            )  # fmt: skip
            if user is None:
                raise Conflict("This address has an account already")
            path = await self._link(conn, user, "invitation", INVITED_FOR)
            personal = Personal(user.id, after={"email": user.email})
            await record(conn, actor, "account.invite", _subject(user.id), after={"role": new.role}, personal=personal)
        return user, path

    async def reset(self, conn: Connection, actor: Actor, account_id: int) -> tuple[User, str]:
        """Mails a link for a new password, as its user could ask for. Also returns its path, where no mail is sent.

        Raises Conflict where the account is closed.
        """
        async with self.acting(conn, actor, account_id, "account.reset") as account:
            if account.disabled:
                raise Conflict("The account is closed: open it first")
            path = await self._link(conn, account.user, "new_password", NEW_PASSWORD_WITHIN)
        return account.user, path

    async def disable(self, conn: Connection, actor: Actor, account_id: int) -> None:
        """Raises Conflict for the last owner's."""
        async with self.acting(conn, actor, account_id, "account.disable", closed=True) as account:
            await owners.require_other_owner(conn, account_id)
            await queries.update_disabled(conn, account_id, disabled=True)
            await self._sessions.end_all(conn, account.user)

    async def enable(self, conn: Connection, actor: Actor, account_id: int) -> None:
        """Also one that its user deleted, for as long as the person is there."""
        async with self.acting(conn, actor, account_id, "account.enable", closed=False):
            await queries.update_disabled(conn, account_id, disabled=False)

    async def delete(self, conn: Connection, actor: Actor, account_id: int) -> None:
        """By the rules of contract §12.3: for a week it can be undone. Raises Conflict with the reason why not."""
        async with self.acting(conn, actor, account_id, "account.delete"):
            await self._leaving.leave(conn, account_id)

    async def sign_out(self, conn: Connection, actor: Actor, account_id: int) -> None:
        async with self.acting(conn, actor, account_id, "account.sign_out") as account:
            await self._sessions.end_all(conn, account.user)

    async def end_session(self, conn: Connection, actor: Actor, account_id: int, sign_in_id: int) -> None:
        """Raises Conflict for one that is over."""
        async with self.acting(conn, actor, account_id, "account.end_session") as account:
            if not await self._sessions.end_one(conn, account.user, sign_in_id):
                raise Conflict("That browser was signed out already")

    async def revoke_token(self, conn: Connection, actor: Actor, account_id: int, token_id: int) -> None:
        """Raises Conflict for one that there is not."""
        async with self.acting(conn, actor, account_id, "account.revoke_token"):
            if await token_queries.delete_token_of(conn, account_id, token_id) is None:
                raise Conflict("That token was revoked already")

    async def change_role(self, conn: Connection, actor: Actor, account_id: int, role: Role) -> None:
        """Raises Conflict for the last owner's."""
        async with self.acting(conn, actor, account_id, "account.role", role=role):
            await owners.change_role(conn, account_id, role)

    @asynccontextmanager
    async def acting(
        self, conn: Connection, actor: Actor, account_id: int, action: str | None, **after: Any
    ) -> AsyncIterator[LockedAccount]:
        """The transaction of an action. Its entry in the log says ``after``, what of the account it changes.

        ``action``: None where what is done makes the entry.
        """
        async with conn.transaction():
            locked = await lock_accounts(conn, account_id, actor.account_id or 0)
            account = locked.get(account_id)
            if account is None:
                raise missing(account_id)
            require_may_open(_acting_user(locked, actor), account.user.role, after.get("role", "customer"))
            yield account
            old = {"role": account.user.role, "closed": account.disabled}
            if action:
                before = {name: old[name] for name in after}
                await record(conn, actor, action, _subject(account_id), before=before, after=after)

    async def _link(self, conn: Connection, user: User, kind: str, within: timedelta) -> str:
        link_id = await link_queries.insert_new_password_link(conn, user.id, self._clock.now() + within)
        await self._outbox.put(conn, kind, None, account_id=user.id, link_id=link_id)
        token = self._links.token(NEW_PASSWORD, link_id)
        return "" if self._outbox.is_set_up else KINDS[kind].path.format(token=token)


def require_may_open(user: User, *roles: Role) -> None:
    """Accounts of owners and clerks are an owner's business alone (contract §13.1). Raises Forbidden."""
    if user.role != "admin" and any(role != "customer" for role in roles):
        raise Forbidden("This is about somebody who runs the shop: only an owner may. You are signed in as a clerk")


def missing(account_id: object) -> NotFound:
    return NotFound(f"There is no account {account_id}")


def _acting_user(locked: dict[int, LockedAccount], actor: Actor) -> User:
    """As they are now: they may have left the office a moment ago. Raises Forbidden."""
    account = locked.get(actor.account_id or 0)
    if account is None or account.disabled or account.user.role == "customer":
        raise Forbidden("You are not among those who run this shop any more")
    return account.user


def _subject(account_id: int) -> Subject:
    return "account", account_id
