"""The office's pages of accounts."""

from litestar.params import FromPath

from filmer.catalogue import listing
from filmer.community.shelves import Shelves
from filmer.errors import NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.query import read_query, require_id
from filmer.office import queries
from filmer.storefront.forms import receive_form, without_blanks
from filmer.storefront.office.lists import ListQuery
from filmer.storefront.pager import Pager
from filmer.storefront.pages import HtmlResponse, Pages, local_address

ACCOUNTS_A_PAGE = 50


class CustomerPages(Handlers):
    def __init__(self, pages: Pages, shelves: Shelves) -> None:
        self._pages = pages
        self._shelves = shelves

    async def list_accounts(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.clerk(request) as (conn, visitor):
            query_string = without_blanks(request.scope["query_string"])
            params = read_query(query_string, ListQuery)
            first = (params.page - 1) * ACCOUNTS_A_PAGE
            total, accounts = await queries.select_accounts(
                conn, text=params.query.strip(), first=first, size=ACCOUNTS_A_PAGE
            )
        pager = Pager("/admin/accounts", query_string, params.page, listing.pages(total, ACCOUNTS_A_PAGE))
        return self._pages.personal(
            "office/accounts.html", request, visitor, params=params, total=total, accounts=accounts, pager=pager
        )

    async def clear_favorites(self, account_id: FromPath[str], request: AnyRequest) -> HtmlResponse:
        form = await receive_form(request)
        async with self._pages.clerk(request) as (_, visitor):
            actor = visitor.actor
        number = require_id(account_id, NotFound(f"There is no account {account_id}"))
        await self._shelves.clear_favorites(number, actor)
        address = local_address(form.get("next"), "/admin/accounts")
        return self._pages.redirect(address, f"Account {account_id} has no favourites any more.")
