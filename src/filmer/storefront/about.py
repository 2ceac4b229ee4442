"""The pages that the owner writes: about the shop, and pages of their own such as the imprint."""

from litestar.params import FromPath
from markupsafe import Markup

from filmer.catalogue.connections import Catalogue
from filmer.errors import NotFound
from filmer.http.handlers import AnyRequest, Handlers
from filmer.office.identity import ShopIdentity
from filmer.office.own_pages import find_page, to_html
from filmer.storefront.linked_data import describe_shop
from filmer.storefront.pages import HtmlResponse, Pages


class AboutPages(Handlers):
    def __init__(self, pages: Pages, catalogue: Catalogue, shop: ShopIdentity, public_url: str | None) -> None:
        self._pages = pages
        self._catalogue = catalogue
        self._shop = shop
        self._origin = public_url or ""

    async def show_about(self, request: AnyRequest) -> HtmlResponse:
        if not self._shop.has_contact:
            raise NotFound("This shop has not said yet where it is")
        async with self._pages.reading(self._catalogue, request) as (_, visitor):
            described = describe_shop(self._shop, origin=self._origin)
            return self._pages.public("about.html", request, visitor, linked_data=described)

    async def show_page(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.reading(self._catalogue, request) as (conn, visitor):
            page = await find_page(conn, slug)
        if page is None:
            raise NotFound("There is no such page")
        html = Markup(to_html(page.body))  # noqa: S704 - sanitised
        return self._pages.public("own_page.html", request, visitor, page=page, html=html)
