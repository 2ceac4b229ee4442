"""The office's pages of the shop's own pages: their list, and the form in which one is written, tried and published."""

from typing import Annotated

from litestar.params import FromPath
from markupsafe import Markup
from msgspec import Meta

from filmer.errors import FilmerError, InvalidRequest, NotFound
from filmer.http.body import Body
from filmer.http.handlers import AnyRequest, Handlers
from filmer.http.uploads import Uploads
from filmer.office import own_page_queries as queries
from filmer.office import own_pages as rules
from filmer.office.identity import ShopIdentity
from filmer.store.postgres import Connection
from filmer.storefront.forms import FilledForm, Form
from filmer.storefront.pages import HtmlResponse, Pages, Visitor

_LABELS = {"title": "Title", "slug": "Address", "body": "Text"}
SUGGESTED = ("Imprint", "Terms", "Privacy")


class NewPage(Body):
    title: Annotated[str, Meta(min_length=1, max_length=rules.MAX_TITLE)]
    body: Annotated[str, Meta(min_length=1, max_length=rules.MAX_BODY)]
    slug: Annotated[str, Meta(extra={"read": rules.read_slug})] = ""


class OwnPagesPages(Handlers):
    def __init__(self, pages: Pages, shop: ShopIdentity, uploads: Uploads) -> None:
        self._pages = pages
        self._shop = shop
        self._uploads = uploads

    async def list_pages(self, request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            rows = await queries.select_pages(conn)
        titles = {row.title for row in rows}
        return self._pages.personal(
            "office/own_pages.html", request, visitor, rows=rows, most=rules.MAX_PAGES,
            suggested=[title for title in SUGGESTED if title not in titles],
        )  # fmt: skip

    async def show_page(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            page = await self._find(conn, slug)
        title = request.query_params.get("title", "")
        values = {"title": page.title, "slug": page.slug, "body": page.body} if page else {"title": title}
        return self._form(request, visitor, page, FilledForm(_LABELS, values))

    async def save(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        """Shows the page as it would be, or publishes it: as the pressed button says."""
        action = f"own page {slug}"
        await self._pages.owner_who_sends(request, action, self._uploads)
        async with self._uploads.receive(request, "", max_bytes=0) as upload:
            form = Form(upload.members)
        async with self._pages.owner(request, pending=(action, form, True)) as (conn, visitor):
            page = await self._find(conn, slug)
            if again := self._pages.sent_back(form, visitor, action):
                return self._form(request, visitor, page, FilledForm.of(_LABELS, *again), again[1])
            try:
                new = form.read(NewPage)
                if form.get("do") == "preview":
                    return self._form(request, visitor, page, FilledForm.of(_LABELS, form), preview=new)
                if slug == rules.RESERVED:
                    slug = await rules.add_page(conn, visitor.actor, new.slug, new.title.strip(), new.body)
                else:
                    await rules.change_page(conn, visitor.actor, slug, new.title.strip(), new.body)
            except InvalidRequest as error:
                return self._form(request, visitor, page, FilledForm.of(_LABELS, form, error), error)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/pages", f"{new.title} is published at /pages/{slug}.")

    async def undo(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            title = await rules.undo_page(conn, visitor.actor, slug)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/pages", f"{title} is as it was before. Once more undoes that.")

    async def move(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            await rules.move_page(conn, visitor.actor, slug)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/pages")

    async def remove(self, slug: FromPath[str], request: AnyRequest) -> HtmlResponse:
        async with self._pages.owner(request) as (conn, visitor):
            title = await rules.remove_page(conn, visitor.actor, slug)
            await self._shop.follow(conn)
        return self._pages.redirect("/admin/pages", f"{title} is gone.")

    async def _find(self, conn: Connection, slug: str) -> queries.OwnPage | None:
        """None for a new page. Raises NotFound."""
        page = await rules.find_page(conn, slug)
        if page is None and slug != rules.RESERVED:
            raise NotFound("There is no such page")
        return page

    def _form(
        self,
        request: AnyRequest,
        visitor: Visitor,
        page: queries.OwnPage | None,
        form: FilledForm,
        error: FilmerError | None = None,
        *,
        preview: NewPage | None = None,
    ) -> HtmlResponse:
        html = Markup(rules.to_html(preview.body)) if preview else None  # noqa: S704 - sanitised
        return self._pages.personal(
            "office/own_page.html", request, visitor, failed=error, page=page, form=form, preview=html,
            max_title=rules.MAX_TITLE, max_body=rules.MAX_BODY, max_slug=rules.MAX_SLUG,
        )  # fmt: skip
