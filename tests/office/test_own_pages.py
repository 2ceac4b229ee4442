"""Pages of the shop's own: written in Markdown, tried, published, taken back; and harmless whatever is in them."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import MakeDatabase, ServeHere
from tests.server_processes import eventually
from tests.users import open_account, session_of, visitor

from filmer.office.own_pages import MAX_PAGES, slug_of, to_html

TAGS = {
    "a", "blockquote", "br", "code", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
LINK = re.compile(r"(?:https?:|mailto:|tel:)|[^:]*(?:[/?#]|$)", re.IGNORECASE)


class Harm(HTMLParser):
    """Collects what a page of the shop's own must not have."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name not in {"href", "rel", "title"} or (name == "href" and not LINK.match((value or "").strip())):
                self.found.append((tag, name, value))
        if tag not in TAGS:
            self.found.append(tag)


HOSTILE = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](javascript:alert(1))",
    "![x](https://tracker.example/x.png)",
    "<a href='x' onclick='alert(1)'>x</a>",
    "<img src=x onerror=alert(1)>",
    '<https://x.example/"onmouseover=alert(1)>',
    "[x](https://x.example '\"onmouseover=alert(1)')",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg/onload=alert(1)>",
    "`<b>`",
    "| a |\n|:-:|\n| <i>b</i> |",
    "<style>*{display:none}</style>",
    "{{7*7}} {% raw %}",
    "&lt;script&gt;",
]


@pytest.mark.parametrize("markdown", HOSTILE)
def test_hostile_markdown_does_no_harm(markdown: str) -> None:
    html = to_html(markdown)
    assert Harm(html).found == []


@given(st.text(alphabet="<>[]()!`*_#&;:/\\\"'= \njavscriptonerhef.|-", max_size=80))
def test_no_markdown_does_harm(markdown: str) -> None:
    assert Harm(to_html(markdown)).found == []


def test_what_is_harm_is_found() -> None:
    for html in (
        "<script>",
        "<p onclick=x>",
        "<a href=javascript:x>",
        "<a href=' vbscript:x'>",
        "<img>",
        "<p style=x>",
    ):
        assert Harm(html).found


def test_markdown_is_what_people_know() -> None:
    html = to_html("# One\n\nText **bold** [link](https://x.example)\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<h2>One</h2>" in html, "the title is the page's only heading of the first level"
    assert '<a href="https://x.example" rel="nofollow noopener">link</a>' in html
    assert "<strong>bold</strong>" in html
    assert "<li>a</li>" in html
    assert "<td>1</td>" in html


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Imprint", "imprint"), ("Über uns & mehr", "uber-uns-mehr"), ("Straße", "strasse"), ("東京", ""), ("--", "")],
)
def test_addresses_are_made_of_titles(title: str, slug: str) -> None:
    assert slug_of(title) == slug


class Shop:
    def __init__(self, url: str, serve_here: ServeHere) -> None:
        self.visitors = [serve_here(url).client for _ in range(2)]
        self.owner = visitor(self.visitors[0])
        self.owner.cookies.update(session_of(url, open_account(url, role="admin")))

    def send(self, page: str, *, do: str = "publish", **fields: str) -> httpx.Response:
        """As a browser sends the form, which may be larger than others."""
        parts = {name: (None, value) for name, value in {**fields, "do": do}.items()}
        return self.owner.post(f"/admin/pages/{page}", files=parts)

    def publish(self, title: str, body: str, slug: str = "") -> None:
        response = self.send("new", title=title, body=body, slug=slug)
        assert response.status_code == 303, response.text

    def everywhere(self, path: str, expected: str) -> None:
        for client in self.visitors:
            assert eventually(lambda client=client: expected in client.get(path).text), path  # type: ignore[misc]


@pytest.fixture(scope="module")
def site(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Shop]:
    site = Shop(make_database(), serve_here)
    yield site
    site.owner.close()


@pytest.fixture(autouse=True)
def _no_pages_are_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "site" in request.fixturenames:
        site: Shop = request.getfixturevalue("site")
        for slug in re.findall(r'action="/admin/pages/([\w-]+)/remove"', site.owner.get("/admin/pages").text):
            assert site.owner.post(f"/admin/pages/{slug}/remove").status_code == 303


def test_a_page_is_tried_and_published_and_linked_on_every_node(site: Shop) -> None:
    tried = site.send("new", do="preview", title="Imprint", body="We are **us**.", slug="")
    assert tried.status_code == 200
    assert "We are <strong>us</strong>." in tried.text
    assert "We are **us**.</textarea>" in tried.text
    assert site.visitors[0].get("/pages/imprint").status_code == 404
    site.publish("Imprint", "We are **us**.")
    site.everywhere("/pages/imprint", "<strong>us</strong>")
    site.everywhere("/films", '<a href="/pages/imprint">Imprint</a>')
    response = site.visitors[0].get("/pages/imprint")
    assert response.headers["cache-control"].startswith("public")
    assert "<h1>Imprint</h1>" in response.text


def test_the_former_version_comes_back_and_goes_again(site: Shop) -> None:
    site.publish("Terms", "First.")
    assert site.owner.post("/admin/pages/terms/undo").status_code == 404
    assert site.send("terms", title="Our terms", body="Second.").status_code == 303
    site.everywhere("/pages/terms", "<p>Second.</p>")
    for title, body in (("Terms", "First."), ("Our terms", "Second.")):
        assert site.owner.post("/admin/pages/terms/undo").status_code == 303
        site.everywhere("/pages/terms", f"<p>{body}</p>")
        site.everywhere("/films", f'<a href="/pages/terms">{title}</a>')


def test_pages_stand_in_the_order_that_the_owner_chose(site: Shop) -> None:
    for title in ("One", "Two", "Three"):
        site.publish(title, title)
    assert site.owner.post("/admin/pages/three/up").status_code == 303
    assert site.owner.post("/admin/pages/one/up").status_code == 303, "the first stays the first"
    footer = site.owner.get("/admin/pages").text.partition("<footer")[2]
    assert re.findall(r'"/pages/(\w+)"', footer) == ["one", "three", "two"]


def test_a_page_that_is_removed_is_gone_everywhere(site: Shop) -> None:
    site.publish("Away", "Text")
    site.everywhere("/pages/away", "Text")
    assert site.owner.post("/admin/pages/away/remove").status_code == 303
    for client in site.visitors:
        assert eventually(lambda client=client: client.get("/pages/away").status_code == 404)  # type: ignore[misc]
        assert "/pages/away" not in client.get("/films").text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": "", "body": "x"}, "title"),
        ({"title": "x", "body": ""}, "body"),
        ({"title": "x" * 81, "body": "x"}, "at most 80"),
        ({"title": "x", "body": "x" * 20_001}, "at most 20000"),
        ({"title": "東京", "body": "x"}, "can&#39;t be made into one"),
        ({"title": "x", "body": "x", "slug": "../etc"}, "small letters"),
        ({"title": "x", "body": "x", "slug": "new"}, "small letters"),
        ({"title": "New", "body": "x"}, "can&#39;t be made into one"),
        ({"title": "x", "body": "a\x00b"}, "U+0000"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(site: Shop, fields: dict[str, str], reason: str) -> None:
    response = site.send("new", **fields)
    assert response.status_code == 400
    assert reason in response.text
    if "\x00" not in fields["body"] and fields["body"]:
        assert f"\n{fields['body']}</textarea>" in response.text


def test_a_long_text_in_any_script_arrives(site: Shop) -> None:
    site.publish("Long", "Я" * 20_000)
    site.everywhere("/pages/long", "Я" * 20_000)


def test_two_pages_have_two_addresses_and_there_are_not_too_many(site: Shop) -> None:
    site.publish("Same", "x")
    assert "is that of another page" in site.send("new", title="Same", body="y").text
    for number in range(MAX_PAGES - 1):
        site.publish(f"Page {number}", "x")
    response = site.send("new", title="One more", body="x")
    assert response.status_code == 400
    assert f"There are {MAX_PAGES} pages already" in response.text
    assert "no more are possible" in site.owner.get("/admin/pages").text


@pytest.mark.parametrize("slug", ["nothing", "%00", "..%2F..", "A", "x" * 3000])
def test_no_such_page(site: Shop, slug: str) -> None:
    assert site.visitors[0].get(f"/pages/{slug}").status_code == 404
    for path in (slug, f"{slug}/undo", f"{slug}/up", f"{slug}/remove"):
        assert site.owner.post(f"/admin/pages/{path}", files={"title": (None, "x")}).status_code == 404
