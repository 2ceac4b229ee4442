"""Wherever links lead: the strict policy holds, nothing is missing, and no link is dead (promise 30)."""

import re
from collections import Counter, deque
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page
from tests.browser.conftest import Visit
from tests.browser.page_kinds import NOBODY, Shown, shown
from tests.browser.storefront import ADMIN, CUSTOMER, Storefront

from filmer.mail.kinds import SECRET_PATHS

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

__all__ = ["shown"]

MOST = 120  # pages; all that a role can reach, one or two of a kind, are some 60
DOCS = "/docs"  # made by Swagger UI, with links of its own; test_harness looks at it
DOWNLOAD = "/account/data"  # no page
_READ = """async () => {
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.allSettled(images.map(image => image.decode()));
  return {
    links: [...document.links].filter(link => !link.hasAttribute("download")).map(link => link.href),
    broken: images.filter(image => !image.naturalWidth).map(image => image.src),
    ids: [...document.querySelectorAll("[id]")].map(element => element.id),
    referred: [...document.querySelectorAll("[for], [aria-labelledby], [aria-describedby], [aria-controls]")].flatMap(
      element => ["for", "aria-labelledby", "aria-describedby", "aria-controls"].flatMap(
        name => (element.getAttribute(name) ?? "").split(" ").filter(Boolean))),
  };
}"""


class Crawled(NamedTuple):
    paths: list[str]
    findings: list[str]


def kind_of(address: str) -> str:
    """/films/tt0111161?page=2 → /films/*?page; one order of a list is like the other."""
    parts = urlsplit(address)
    path = re.sub("^(/admin)?/(films|stars|genres|orders|watch|import|customers)/.+", r"\1/\2/*", parts.path)
    names = {pair.partition("=")[0] for pair in parts.query.split("&")} - {"order", "sort", "sortBy"}
    return f"{path}?{'&'.join(sorted(names))}"


def crawl(page: Page, origin: str, *, of_a_kind: int) -> Crawled:
    """Breadth first, from the first page on. ``of_a_kind``: how many films, genres, searches by director, …"""
    queue, visited, kinds = deque(["/"]), {"/", DOCS, DOWNLOAD}, Counter[str]()
    paths, findings = list[str](), list[str]()
    while queue and len(paths) < MOST:
        path = queue.popleft()
        paths.append(path)
        read, why = look(page, path)
        findings += why
        for link in read["links"]:
            address, _, fragment = link.partition("#")
            if not address.startswith(f"{origin}/"):
                findings.append(f"{path} leads to another host: {link}")
                continue
            if address == page.url.partition("#")[0] and fragment and fragment not in read["ids"]:
                findings.append(f"{path}: nothing is at #{fragment}")
            onward = address.removeprefix(origin)
            if onward.startswith(SECRET_PATHS):
                continue  # a mail's link, which may be used up
            if onward not in visited and kinds[kind_of(onward)] < of_a_kind:
                visited.add(onward)
                kinds[kind_of(onward)] += 1
                queue.append(onward)
    return Crawled(paths, findings)


def look(page: Page, path: str) -> tuple[dict[str, Any], list[str]]:
    response = page.goto(path)
    assert response
    findings = [] if response.ok else [f"{response.status} for {path}"]
    policy = response.headers.get("content-security-policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy:
        findings.append(f"{path} has the policy {policy!r}")
    read = page.evaluate(_READ)
    findings += [f"{path}: no picture at {picture}" for picture in read["broken"]]
    findings += [f"{path}: nothing has the id {name}" for name in set(read["referred"]) - set(read["ids"])]
    return read, findings


@pytest.mark.parametrize(
    ("who", "expected_page"),
    [
        (NOBODY, ["/films/*?", "/stars/*?", "/genres/*?", "/films?startsWith", "/sign-in?"]),
        (
            CUSTOMER,
            [
                "/cart?",
                "/checkout?",
                "/library?",
                "/watch/*?",
                "/orders?",
                "/orders/*?",
                "/account?",
                "/favorites?",
                "/watchlist?",
                "/seen?",
                "/ratings?",
                "/shelves/import?",
            ],
        ),
        (ADMIN, ["/admin?", "/admin/films?", "/admin/customers?", "/admin/counter?", "/admin/orders?", "/admin/mail?"]),
    ],
    ids=["nobody", "customer", "admin"],
)
def test_all_links_lead_somewhere(
    who: str, expected_page: list[str], visit: Visit, storefront: Storefront, shown: Shown
) -> None:
    page = visit()
    page.context.add_cookies(shown.cookies[who])
    crawled = crawl(page, storefront.origin, of_a_kind=1 if who else 2)
    assert crawled.findings == []
    kinds = {kind_of(path) for path in crawled.paths}
    assert set(expected_page) <= kinds
    assert 20 < len(crawled.paths) < MOST, "it saw less than there is"
