"""Files that pages name: the font of headings, icons, and the manifest by which a telephone keeps the shop at hand."""

import gzip
import re
import struct
from importlib import resources
from pathlib import Path

import httpx
import pytest

FONT = resources.files("fontpkg_abril_fatface")
FOREVER = "public, max-age=31536000, immutable"
PNG = b"\x89PNG\r\n\x1a\n"
PAGES = ["/", "/films", "/films/tt0111161", "/stars/nm0000209", "/sign-in", "/nothing-here"]


def size_of(png: bytes) -> tuple[int, int]:
    """In pixels, as a PNG's head has it."""
    assert png.startswith(PNG)
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def named(page: str, relation: str) -> list[str]:
    links = re.findall(r"<link [^>]*>", page)
    matches = [re.search(r'href="([^"]*)"', link) for link in links if f'rel="{relation}"' in link]
    return [match[1] for match in matches if match]


# --- the font -----------------------------------------------------------------------------------------


def test_headings_are_set_in_a_font_that_comes_from_us(shop: httpx.Client) -> None:
    style = shop.get("/static/site.css").text
    (address,) = re.findall(r'url\((/static/[\w.-]+\?v=[0-9a-f]+)\) format\("truetype"\)', style)
    assert "font-display: swap" in style
    assert re.search(r'--serif: "Abril Fatface", ', style)
    assert re.search(r"h1, h2, h3 \{ font-family: var\(--serif\)", style)
    response = shop.get(address)
    assert response.content == (FONT / "files" / "AbrilFatface-Regular.ttf").read_bytes()
    assert (response.headers["content-type"], response.headers["cache-control"]) == ("font/ttf", FOREVER)
    again = shop.get(address, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_font_travels_compressed(shop: httpx.Client) -> None:
    with shop.stream("GET", "/static/abril-fatface.ttf", headers={"accept-encoding": "gzip"}) as response:
        packed = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert len(packed) < 32 * 1024
    assert gzip.decompress(packed) == shop.get("/static/abril-fatface.ttf").content


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_the_font_early_and_may_have_ours_alone(shop: httpx.Client, path: str) -> None:
    response = shop.get(path)
    (address,) = named(response.text, "preload")
    assert address in shop.get("/static/site.css").text
    link = next(link for link in re.findall(r"<link [^>]*>", response.text) if "preload" in link)
    assert re.search(r'as="font" type="font/ttf" crossorigin', link), "or it is loaded twice"
    assert "font-src 'self'" in response.headers["content-security-policy"].split("; ")


def test_the_licence_of_the_font_is_named(shop: httpx.Client) -> None:
    assert "SIL Open Font License, Version 1.1" in (FONT / "LICENSE").read_text("utf-8")
    assert "SIL Open Font License 1.1" in shop.get("/static/site.css").text
    assert "SIL Open Font License" in (Path(__file__).parents[2] / "README.md").read_text("utf-8")


# --- icons --------------------------------------------------------------------------------------------


def test_whoever_looks_for_an_icon_without_being_told_where_finds_one(shop: httpx.Client) -> None:
    response = shop.get("/favicon.ico")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/x-icon")
    assert response.headers["cache-control"] == "public, max-age=86400"
    reserved, kind, count = struct.unpack("<HHH", response.content[:6])
    assert (reserved, kind, count) == (0, 1, 3)
    sides, end = [], 6 + 16 * count
    for place in range(count):
        width, height, *_, length, start = struct.unpack("<BBBBHHII", response.content[6 + 16 * place :][:16])
        assert start == end, "one after another"
        end = start + length
        assert size_of(response.content[start:end]) == (width, height)
        sides.append(width)
    assert (sides, end) == ([16, 32, 48], len(response.content))
    assert shop.get("/favicon.ico", headers={"if-none-match": response.headers["etag"]}).status_code == 304
    assert shop.head("/favicon.ico").status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_its_icons_and_the_manifest(shop: httpx.Client, path: str) -> None:
    page = shop.get(path).text
    (icon,), (touch,) = named(page, "icon"), named(page, "apple-touch-icon")
    assert named(page, "manifest") == ["/manifest.webmanifest"]
    assert shop.get(icon).headers["content-type"].startswith("image/svg+xml")
    assert shop.get(touch).headers["cache-control"] == FOREVER
    assert size_of(shop.get(touch).content) == (192, 192)


def test_the_manifest_has_what_a_telephone_wants(shop: httpx.Client) -> None:
    response = shop.get("/manifest.webmanifest")
    assert response.headers["content-type"] == "application/manifest+json"
    assert "manifest-src 'self'" in shop.get("/").headers["content-security-policy"]
    manifest = response.json()
    assert (manifest["name"], manifest["short_name"], manifest["start_url"]) == ("filmer", "filmer", "/")
    assert shop.get(manifest["start_url"]).status_code == 200
    sizes = set()
    for icon in manifest["icons"]:
        found = shop.get(icon["src"])
        assert found.headers["content-type"].startswith(icon["type"])
        assert found.headers["cache-control"] == FOREVER
        if icon["type"] == "image/png":
            width, height = size_of(found.content)
            assert icon["sizes"] == f"{width}x{height}"
            sizes.add((width, icon["purpose"]))
    assert sizes == {(side, purpose) for side in (192, 512) for purpose in ("any", "maskable")}


def test_the_manifests_colours_are_those_of_the_pages(shop: httpx.Client) -> None:
    manifest = shop.get("/manifest.webmanifest").json()
    page, style = shop.get("/").text, shop.get("/static/site.css").text
    (light,) = re.findall(r'name="theme-color" content="(#\w+)" media="\(prefers-color-scheme: light\)"', page)
    (dark,) = re.findall(r'name="theme-color" content="(#\w+)" media="\(prefers-color-scheme: dark\)"', page)
    assert re.findall(r"--ground: (#\w+);", style)[:2] == [light, dark]
    assert manifest["theme_color"] == manifest["background_color"] == light
