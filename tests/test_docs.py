"""GET /docs shows the description of the APIs, all from this server: it needs no internet."""

import re

import httpx
import pytest


def test_docs_page_and_its_files_are_all_ours(shop: httpx.Client) -> None:
    response = shop.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "//" not in re.sub(r"<!--.*?-->", "", response.text), "no address of another host"
    named = re.findall(r'(?:href|src)="([^"]*)"', response.text)
    assert "/openapi.json" in named
    assert {name.rpartition(".")[2] for name in named} >= {"js", "css", "svg"}
    for name in named:
        assert name.startswith("/")
        loaded = shop.get(name, follow_redirects=True)
        assert loaded.status_code == 200, name
        assert loaded.content
        kind = loaded.headers["content-type"]
        if name.endswith(".js"):
            assert kind.startswith("text/javascript")
        if name.endswith(".css"):
            assert kind.startswith("text/css")
            assert not re.search(r"@import|url\(\s*[\"']?\s*(https?:|//)", loaded.text)


def test_docs_page_leads_back_to_the_shop_and_to_tokens(shop: httpx.Client) -> None:
    text = shop.get("/docs").text
    assert re.search(r'<a href="/">Back to the shop</a>', text)
    assert re.search(r'<a class="brand" href="/">filmer', text)
    assert '<a href="/account">Your tokens</a>' in text
    assert '<meta name="color-scheme" content="light dark">' in text


def test_docs_page_may_load_nothing_from_elsewhere(shop: httpx.Client) -> None:
    policy = shop.get("/docs").headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert not re.search(r"https?:|\*|unsafe|(?<![\w'])[\w-]+\.\w", policy)


def test_docs_script_asks_this_server_only(shop: httpx.Client) -> None:
    script = shop.get("/static/docs.js").text
    assert '"/openapi.json"' in script
    assert re.search(r"validatorUrl:\s*null", script), "the validator is another host"
    assert "//" not in script
    assert "persistAuthorization" not in script, "a token would stay in the browser's storage"


@pytest.mark.parametrize("name", ["nothing", "docs.html", "docs.js", "..%2Fdocs.html", "swagger-ui.css.map", "%00"])
def test_docs_has_no_other_files(shop: httpx.Client, name: str) -> None:
    assert shop.get(f"/docs/{name}").status_code == 404


def test_the_root_leads_to_something(shop: httpx.Client) -> None:
    assert shop.get("/", follow_redirects=True).status_code == 200
