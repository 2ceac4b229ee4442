"""The office's pages of customers, and of the people who run the shop: found, opened, and what is done to accounts."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

from litestar.params import FromPath

from filmer.accounts import token_queries
from filmer.accounts.schemas import Invitation, NewRole, Role, User
from filmer.accounts.sessions import Sessions
from filmer.audit.log import Actor
from filmer.catalogue import listing
from filmer.community.shelves import Shelves
from filmer.errors import Conflict, FilmerError, InvalidRequest
from filmer.http.bounds import MAX_INTEGER
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import path_id, read_query, require_id
from filmer.mail.kinds import KINDS
from filmer.mail.letters import Letters
from filmer.mail.queries import select_mails_of
from filmer.office import customer_queries
from filmer.office.customers import Customers, missing, require_may_open
from filmer.rentals.watching import Watching
from filmer.shop.cancel_queries import select_orders_of
from filmer.shop.cards import OwnCards
from filmer.shop.schemas import MAX_ID
from filmer.store.postgres import Connection
from filmer.storefront.accounts import BOUNDS
from filmer.storefront.forms import FilledForm, receive_form, without_blanks
from filmer.storefront.office.lists import ListQuery
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

ACCOUNTS_A_PAGE = 50
SHOWN = 20  # of one customer's orders, rentals, mails
_LIST = "/admin/customers"
_INVITATION = {"firstName": "First name", "lastName": "Last name", "email": "E-mail", "role": "Role"}
Act = Callable[[Connection, Actor, int], Awaitable[Any]]


class CustomerList(ListQuery):
    role: Role | None = None
    state: Literal["open", "closed"] | None = None


class CustomerPages(Handlers):
    def __init__(
        self, pages: Pages, customers: Customers, sessions: Sessions, shelves: Shelves, watching: Watching,
        own_cards: OwnCards, letters: Letters,
    ) -> None:  # fmt: skip
        self._pages = pages
        self._customers = customers
        self._sessions = sessions
        self._shelves = shelves
        self._watching = watching
        self._own_cards = own_cards
        self._letters = letters

    async def list_customers(self, request: AnyRequest) -> HtmlResponse:
        """A clerk's list has customers alone."""
        query_string = without_blanks(request.scope["query_string"])
        async with self._pages.clerk(request) as (conn, visitor):
            params = read_query(query_string, CustomerList)
            role = params.role if visitor.user.role == "admin" else "customer"
            total, accounts = await customer_queries.select_accounts(
                conn, text=params.query.strip(), role=role, closed=params.state and params.state == "closed",
                first=(params.page - 1) * ACCOUNTS_A_PAGE, size=ACCOUNTS_A_PAGE,
            )  # fmt: skip
        pager = Pager(_LIST, query_string, params.page, listing.pages(total, ACCOUNTS_A_PAGE))
        return self._pages.personal(
            "office/customers.html", request, visitor, params=params, total=total, most=customer_queries.MOST,
            accounts=accounts, pager=pager,
        )  # fmt: skip

    async def show_invitation(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (_, visitor):
            return self._show_invitation(request, visitor, FilledForm(_INVITATION))

    async def invite(self, request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.clerk(request) as (conn, visitor):
            try:
                user, path = await self._customers.invite(conn, visitor.actor, form.read(Invitation))
            except (InvalidRequest, Conflict) as error:
                filled = FilledForm.of(_INVITATION, form, error)
                return self._show_invitation(request, visitor, filled, error)
        return self._after_link(request, visitor, user, path, f"{user.email} is invited, and has a mail with a link.")

    async def show_customer(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            return await self._show(conn, request, visitor, require_id(account_id, missing(account_id)))

    async def reset(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            number = require_id(account_id, missing(account_id))
            try:
                user, path = await self._customers.reset(conn, visitor.actor, number)
            except Conflict as error:
                return await self._show(conn, request, visitor, number, error)
        return self._after_link(request, visitor, user, path, "A mail with a link for a new password is on its way.")

    async def disable(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "The account is closed, and signed out everywhere."
        return await self._act(request, account_id, self._customers.disable, notice)

    async def enable(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._act(request, account_id, self._customers.enable, "The account is open.")

    async def delete(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        notice = "The account is deleted. For seven days it can be opened again, then the person is removed."
        return await self._act(request, account_id, self._customers.delete, notice)

    async def sign_out(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        return await self._act(request, account_id, self._customers.sign_out, "Signed out everywhere.")

    async def end_session(
        self, account_id: FromPath[str], sign_in_id: FromPath[str], request: AnyRequest
    ) -> HtmlResponse:
        act = partial(self._customers.end_session, sign_in_id=path_id(sign_in_id, MAX_ID) or 0)
        return await self._act(request, account_id, act, "That browser is signed out.")

    async def revoke_token(
        self, account_id: FromPath[str], token_id: FromPath[str], request: AnyRequest
    ) -> HtmlResponse:
        act = partial(self._customers.revoke_token, token_id=path_id(token_id, MAX_INTEGER) or 0)
        return await self._act(request, account_id, act, "The token is revoked: nothing takes it any more.")

    async def change_role(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)

        async def act(conn: Connection, actor: Actor, number: int) -> None:
            await self._customers.change_role(conn, actor, number, form.read(NewRole).role)

        async with self._pages.owner(request):
            pass
        return await self._act(request, account_id, act, "The role is changed, and holds from the next sign-in on.")

    async def clear_favorites(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async def act(conn: Connection, actor: Actor, number: int) -> None:
            async with self._customers.acting(conn, actor, number, None):
                await self._shelves.clear_favorites(number, actor, conn)

        return await self._act(request, account_id, act, "There are no favourites any more.")

    async def _act(self, request: AnyRequest, account_id: str, act: Act, notice: str) -> HtmlResponse:
        """Back to the account's page. What can't be done is said there, and nothing is done."""
        async with self._pages.clerk(request) as (conn, visitor):
            number = require_id(account_id, missing(account_id))
            try:
                await act(conn, visitor.actor, number)
            except (Conflict, InvalidRequest) as error:
                return await self._show(conn, request, visitor, number, error)
        return self._pages.redirect(f"{_LIST}/{number}", notice)

    async def _show(
        self, conn: Connection, request: AnyRequest, visitor: Visitor, number: int, failed: FilmerError | None = None
    ) -> HtmlResponse:
        found = await customer_queries.select_account(conn, number)
        if found is None:
            raise missing(number)
        account, favorites = found
        require_may_open(visitor.user, account.role)
        user = User(account.id, account.email, account.first_name, account.last_name, account.role)
        sessions, session_count = await self._sessions.list_of(conn, user, request)
        mails = [mail for mail in await select_mails_of(conn, number, size=SHOWN) if mail.kind in KINDS]
        return self._pages.personal(
            "office/customer.html", request, visitor, failed=failed, account=account, favorites=favorites,
            failure=f"{failed.message}." if failed else "", shown=SHOWN,
            orders=await select_orders_of(conn, number, size=SHOWN),
            rentals=(await self._watching.own(conn, number))[:SHOWN],
            sessions=sessions, session_count=session_count,
            tokens=await token_queries.select_tokens(conn, number), now=self._watching.now(),
            mails=[(mail, self._letters.letter(mail).subject) for mail in mails],
            cards=await self._own_cards.list(conn, number),
        )  # fmt: skip

    def _show_invitation(
        self, request: AnyRequest, visitor: Visitor, form: FilledForm, failed: FilmerError | None = None
    ) -> HtmlResponse:
        return self._pages.personal("office/invitation.html", request, visitor, failed=failed, form=form, bounds=BOUNDS)

    def _after_link(self, request: AnyRequest, visitor: Visitor, user: User, path: str, notice: str) -> HtmlResponse:
        """Where no mail is sent, this is the only response that shows the link: it is a secret, and never cached."""
        if not path:
            return self._pages.redirect(f"{_LIST}/{user.id}", notice)
        return self._pages.personal("office/link.html", request, visitor, user=user, link=path)
