"""The shop's own pages, such as its imprint: Markdown that its owner writes, and HTML that harms nobody."""

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from filmer.audit.log import Actor, record
from filmer.errors import FieldError, InvalidRequest, NotFound
from filmer.office import own_page_queries as queries
from filmer.office.identity import publish
from filmer.office.identity_queries import lock_settings
from filmer.store.postgres import Connection

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MAX_PAGES = 20
MAX_TITLE = 80  # characters
MAX_BODY = 20_000
MAX_SLUG = 60
RESERVED = "new"  # the address of a page that there is not yet
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def to_html(markdown: str) -> str:
    """What a page shows below its title, which is its only heading of the first level."""
    import nh3  # imported here, as few requests need it

    parser = _parser()
    environment: dict[str, object] = {}
    tokens = parser.parse(markdown, environment)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    html = parser.renderer.render(tokens, parser.options, environment)
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="nofollow noopener",
    )


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def read_slug(text: str) -> str:
    """Raises ValueError. Empty: to be made of the title."""
    slug = text.strip().lower()
    if slug and (not _SLUG.fullmatch(slug) or len(slug) > MAX_SLUG or slug == RESERVED):
        raise ValueError("must be small letters and digits, with hyphens between them, such as terms-of-rental")
    return slug


def slug_of(title: str) -> str:
    """``Über uns`` as ``uber-uns``; "" for a title without Latin letters."""
    ascii_title = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", ascii_title))[:MAX_SLUG].strip("-")


async def find_page(conn: Connection, slug: str) -> queries.OwnPage | None:
    return await queries.select_page(conn, slug) if _SLUG.fullmatch(slug) else None


async def add_page(conn: Connection, actor: Actor, slug: str, title: str, body: str) -> str:
    """Publishes a new page, and returns its slug. Raises InvalidRequest."""
    slug = slug or slug_of(title)
    if not slug or slug == RESERVED:
        raise InvalidRequest([FieldError("slug", "is needed: the title can't be made into one")])
    async with conn.transaction():
        await lock_settings(conn)  # so that of two who add pages at once, one waits
        if await queries.count_pages(conn) >= MAX_PAGES:
            raise InvalidRequest(message=f"There are {MAX_PAGES} pages already, and no more are possible")
        if not await queries.insert_page(conn, slug, title, body):
            raise InvalidRequest([FieldError("slug", "is that of another page")])
        await _changed(conn, actor, "page.publish", slug, None, (title, body))
    return slug


async def change_page(conn: Connection, actor: Actor, slug: str, title: str, body: str) -> None:
    """Publishes a page anew, and keeps the version before. Raises NotFound."""
    async with conn.transaction():
        page = await _locked(conn, slug)
        if (title, body) != (page.title, page.body):
            await queries.update_page(conn, slug, title, body)
            await _changed(conn, actor, "page.publish", slug, (page.title, page.body), (title, body))


async def undo_page(conn: Connection, actor: Actor, slug: str) -> str:
    """Publishes the version before the last one; a second time, the last one again. Raises NotFound."""
    async with conn.transaction():
        page = await _locked(conn, slug)
        if page.former_title is None or page.former_body is None:
            raise NotFound("There is no version before this one")
        await queries.update_page(conn, slug, page.former_title, page.former_body)
        former = (page.former_title, page.former_body)
        await _changed(conn, actor, "page.undo", slug, (page.title, page.body), former)
    return page.former_title


async def remove_page(conn: Connection, actor: Actor, slug: str) -> str:
    """Returns the title. Raises NotFound."""
    async with conn.transaction():
        page = await _locked(conn, slug)
        await queries.delete_page(conn, slug)
        await _changed(conn, actor, "page.remove", slug, (page.title, page.body), None)
    return page.title


async def move_page(conn: Connection, actor: Actor, slug: str) -> None:
    """One place up among the links of the footer. Raises NotFound."""
    async with conn.transaction():
        await lock_settings(conn)
        slugs = [page.slug for page in await queries.select_pages(conn)]
        if slug not in slugs:
            raise NotFound(f"There is no page {slug}")
        former = list(slugs)
        place = slugs.index(slug)
        slugs.insert(max(place - 1, 0), slugs.pop(place))
        await queries.update_positions(conn, slugs)
        await record(conn, actor, "page.move", ("page", slug), before={"order": former}, after={"order": slugs})
        await publish(conn)


async def _locked(conn: Connection, slug: str) -> queries.OwnPage:
    await lock_settings(conn)
    page = await find_page(conn, slug)
    if page is None:
        raise NotFound(f"There is no page {slug}")
    return page


async def _changed(
    conn: Connection,
    actor: Actor,
    action: str,
    slug: str,
    former: tuple[str, str] | None,
    now: tuple[str, str] | None,
) -> None:
    before, after = (dict(zip(("title", "body"), version or (), strict=False)) for version in (former, now))
    await record(conn, actor, action, ("page", slug), title=(now or former or ("",))[0], before=before, after=after)
    await publish(conn)
