"""What people do with their accounts themselves: passwords, addresses, and what is confirmed by mail (contract §12).

Where strangers ask, the same is written and mailed for an address with an account and for one without, so neither words
nor time tell which it was (decision 0027).
"""

from datetime import timedelta

from filmer.accounts import address_queries, link_queries, queries
from filmer.accounts.addresses import email_key
from filmer.accounts.link_queries import UnconfirmedAddress
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import NewAddress, Registration, User
from filmer.accounts.signing_in import Client, SignedIn, SigningIn
from filmer.accounts.throttle import ASKING_ADDRESS, ASKING_RECIPIENT, REGISTER_ADDRESS, Throttle, ThrottleKey
from filmer.clock import Clock
from filmer.errors import Conflict, FieldError, InvalidCredentials, InvalidRequest, NotFound
from filmer.mail.kinds import CONFIRM_ADDRESS, NEW_PASSWORD
from filmer.mail.links import Links
from filmer.mail.outbox import Outbox
from filmer.store.postgres import Connection, Database

NEW_PASSWORD_WITHIN = timedelta(hours=1)
CONFIRM_WITHIN = timedelta(days=1)
_TAKEN = "An account with this e-mail address exists already"


class OwnAccount:
    def __init__(
        self,
        database: Database,
        signing_in: SigningIn,
        passwords: Passwords,
        throttle: Throttle,
        outbox: Outbox,
        links: Links,
        clock: Clock,
        *,
        sends_mail: bool,
        demo: bool,
    ) -> None:
        """``sends_mail``: who is written to gets it, or, in the demo, finds it in its inbox."""
        self._database = database
        self._signing_in = signing_in
        self._passwords = passwords
        self._throttle = throttle
        self._outbox = outbox
        self._links = links
        self._clock = clock
        self.sends_mail = sends_mail
        self._demo = demo

    async def change_password(self, user: User, current: str, new: str, client: Client) -> SignedIn:
        """Ends all sessions, and begins another one. Raises InvalidCredentials, RateLimited."""
        old = await self._signing_in.require_password(user, current, client)
        password = await self._passwords.hash(new)
        async with self._database.connection() as conn, conn.transaction():
            if not await link_queries.replace_password(conn, user.id, password, old=old):
                raise InvalidCredentials  # it was changed a moment ago
            return await self._begin_anew(conn, user, client)

    async def ask_for_password(self, email: str, client: Client) -> None:
        """Mails a link, or that there is no such account, or no longer. Raises RateLimited."""
        keys = [ThrottleKey(ASKING_ADDRESS, client.address), _recipient(email)]
        until = self._clock.now() + NEW_PASSWORD_WITHIN
        async with self._database.connection() as conn:
            await self._throttle.charge(conn, keys)
            async with conn.transaction():
                holder = await link_queries.select_holder(conn, email, demo=self._demo)
                account_id, recipient = holder or (None, email)
                link_id = await link_queries.insert_new_password_link(conn, account_id, until)
                kind = "new_password" if account_id else "no_account"
                await self._answer(conn, kind, recipient, account_id, link_id)

    async def is_good(self, conn: Connection, token: str) -> bool:
        """Whether a link for a new password is. It stays so: scanners of mails look at links too."""
        return await self._user_of(conn, token) is not None

    async def choose_password(self, token: str, new: str, client: Client) -> SignedIn:
        """With a link. Ends all sessions, and begins one here. Raises NotFound."""
        async with self._database.connection() as conn:
            if not await self.is_good(conn, token):
                raise NotFound
        password = await self._passwords.hash(new)
        async with self._database.connection() as conn, conn.transaction():
            user = await self._user_of(conn, token)
            # The look at the link may be older than the lock on its user, which another use of it may have held.
            if user is None or not await link_queries.delete_new_password_links(conn, user.id):
                raise NotFound
            await link_queries.replace_password(conn, user.id, password)
            return await self._begin_anew(conn, user, client)

    async def change_address(self, user: User, new: NewAddress, client: Client) -> bool:
        """Whether it is changed at once, as no mail is sent here; else once the mail's link was followed.

        Raises InvalidCredentials, InvalidRequest, RateLimited; Conflict where no mail tells that it is another's.
        """
        if email_key(new.email) == email_key(user.email):
            raise InvalidRequest([FieldError("email", "is your address already")])
        password = await self._signing_in.require_password(user, new.current, client)
        async with self._database.connection() as conn:
            await self._throttle.charge(conn, [_recipient(new.email)])
            async with conn.transaction():
                await link_queries.lock_user(conn, user.id)
                if await queries.lock_password(conn, user.id) != password:
                    raise InvalidCredentials  # it was changed a moment ago
                if self.sends_mail:
                    await self._ask_to_confirm(conn, UnconfirmedAddress(user.id, new.email))
                else:
                    await self._move(conn, user.id, new.email)
        return not self.sends_mail

    async def ask_to_register(self, registration: Registration, client: Client) -> None:
        """Mails a link that opens the account, or that there is one already. Raises RateLimited."""
        keys = [ThrottleKey(REGISTER_ADDRESS, client.address), _recipient(registration.email)]
        password = await self._passwords.hash(registration.password, before=lambda: self._signing_in.charge(keys))
        person = registration.first_name, registration.last_name, password
        async with self._database.connection() as conn, conn.transaction():
            await self._ask_to_confirm(conn, UnconfirmedAddress(None, registration.email, *person))

    async def address_of(self, conn: Connection, token: str) -> str | None:
        """What a link confirms; None where it is not good. It stays so."""
        row_id = self._links.read(CONFIRM_ADDRESS, token)
        return await link_queries.select_unconfirmed_address(conn, row_id, self._clock.now())

    async def confirm_address(self, token: str, client: Client) -> SignedIn | None:
        """Opens an account, whose user is signed in; or gives one another address. Raises NotFound, Conflict."""
        row_id, now = self._links.read(CONFIRM_ADDRESS, token), self._clock.now()
        async with self._database.connection() as conn, conn.transaction():
            address = await link_queries.take_unconfirmed_address(conn, row_id, now)
            if address is None:
                raise NotFound
            if address.account_id is not None:
                await self._move(conn, address.account_id, address.email)
                return None
            user = await queries.insert_account(
                conn,
                email=address.email,
                first_name=address.first_name or "",
                last_name=address.last_name or "",
                password=address.password or "",
                now=now,
            )
            if user is None:
                raise Conflict(_TAKEN)
            self._signing_in.registrations["done"] += 1
            return user, await self._signing_in.begin(conn, user, client)

    async def tidy(self, database: Database) -> None:
        """Called once a minute."""
        async with database.connection() as conn:
            await link_queries.delete_old_links(conn, self._clock.now())

    async def _ask_to_confirm(self, conn: Connection, address: UnconfirmedAddress) -> None:
        holder = await link_queries.select_account_id(conn, address.email)
        link_id = await link_queries.insert_unconfirmed_address(conn, address, self._clock.now() + CONFIRM_WITHIN)
        kind = "already_registered" if holder else "confirm_address"
        await self._answer(conn, kind, address.email, holder or address.account_id, link_id)

    async def _answer(self, conn: Connection, kind: str, recipient: str, account_id: int | None, link_id: int) -> None:
        """Writes the mail. Who has deleted their account, and can still keep it, is told that instead."""
        leaver = await link_queries.select_leaver(conn, recipient, self._clock.now())
        if leaver is not None and account_id in {None, leaver.account_id}:
            kind, recipient, account_id, link_id = "account_deleted", leaver.email, leaver.account_id, leaver.account_id
            fields = {**leaver.fields, "is_asked": True}
        else:
            fields = {}
        await self._outbox.put(conn, kind, recipient, account_id=account_id, link_id=link_id, **fields)

    async def _move(self, conn: Connection, account_id: int, email: str) -> None:
        """Gives an account another address, and tells the old one and the new one."""
        user = await link_queries.lock_user(conn, account_id)
        if user is None:
            raise NotFound
        if await address_queries.update_email(conn, account_id, email) is None:
            raise Conflict(_TAKEN)
        await link_queries.delete_links_of(conn, account_id)  # they went to the old one, or lead to yet another
        for recipient in (user.email, email):
            await self._outbox.put(conn, "address_changed", recipient, account_id=account_id, new_address=email)

    async def _begin_anew(self, conn: Connection, user: User, client: Client) -> SignedIn:
        await queries.delete_sessions_of(conn, user.id)
        await self._outbox.put(conn, "password_changed", None, account_id=user.id)
        return user, await self._signing_in.begin(conn, user, client)

    async def _user_of(self, conn: Connection, token: str) -> User | None:
        row_id = self._links.read(NEW_PASSWORD, token)
        return await link_queries.lock_new_password_user(conn, row_id, self._clock.now(), demo=self._demo)


def _recipient(email: str) -> ThrottleKey:
    return ThrottleKey(ASKING_RECIPIENT, email_key(email))
