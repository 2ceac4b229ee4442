"""The Atom feed of new films: those that came last first, under addresses that stay."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.connections import in_database
from tests.server_processes import eventually

from filmer.audit.log import command_line
from filmer.importing import pipeline
from filmer.importing.progress import Progress
from filmer.office import film_edits

PATH = "/new-films.atom"
PUBLIC_URL = "https://films.example"
ATOM = "{http://www.w3.org/2005/Atom}"
HEADER = "id,title,year,directors,overview,votes"


def feed_of(response: httpx.Response) -> ET.Element:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/atom+xml"
    feed = ET.fromstring(response.content)
    assert feed.tag == f"{ATOM}feed"
    for element in (feed, *feed.iter(f"{ATOM}entry")):
        for required in ("id", "title", "updated"):  # RFC 4287 §4.1
            assert element.findtext(ATOM + required)
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    return feed


def entries(client: httpx.Client) -> dict[str, ET.Element]:
    """By the films' ids, in their order."""
    feed = feed_of(client.get(PATH))
    return {(entry.findtext(f"{ATOM}id") or "").rpartition("/")[2]: entry for entry in feed.iter(f"{ATOM}entry")}


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    return path


def shows(client: httpx.Client, *film_ids: str) -> dict[str, ET.Element]:
    """The entries, once the server has followed to the edition that has them."""
    assert eventually(lambda: list(entries(client)) == list(film_ids)), list(entries(client))
    return entries(client)


def test_what_came_last_is_first(make_database: MakeDatabase, serve_here: ServeHere, tmp_path: Path) -> None:
    url = make_database()
    client = serve_here(url).client
    assert entries(client) == {}, "an empty shop has an empty feed, which is valid"

    old, older = "tt1,Old & <Young>,2000,Ann Director,A line of it.,10", "tt2,Older,1990,,,900"
    import_films(url, write(tmp_path / "first.csv", older, old))
    first = shows(client, "tt1", "tt2")  # the newest films of the first import
    assert first["tt1"].findtext(f"{ATOM}title") == "Old & <Young> (2000)"
    assert first["tt1"].findtext(f"{ATOM}summary") == "Directed by Ann Director. A line of it."
    assert first["tt2"].findtext(f"{ATOM}summary") == "Older"

    import_films(url, write(tmp_path / "second.csv", old, "tt3,Came Later,1950,,,5"), keep_others=True)
    shows(client, "tt3")
    fields: dict[str, Any] = {"title": "By Hand", "year": 1940, "overview": None}
    fields |= {"genres": [], "directors": [], "cast": []}
    in_database(url, lambda conn: film_edits.add(conn, "own1", fields, command_line()))
    shows(client, "own1", "tt3")
    with Progress(quiet=True) as progress, pipeline.import_connection(url) as conn:
        pipeline.undo(conn, actor=command_line(), progress=progress)
    shows(client, "own1")  # what an undo took away is not in the shop


def test_addresses_are_the_shops_own_and_text_is_xml(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path: Path
) -> None:
    url = make_database()
    import_films(url, write(tmp_path / "films.csv", "a&b,Bell \x07 Rings,2000,,,1"))
    client = serve_here(url, FILMER_PUBLIC_URL=PUBLIC_URL).client
    response = client.get(PATH, headers={"host": "elsewhere.example"})
    feed = feed_of(response)
    assert feed.findtext(f"{ATOM}entry/{ATOM}id") == f"{PUBLIC_URL}/films/a%26b"
    assert "elsewhere" not in response.text
    assert response.headers["cache-control"] == "public, no-cache"
    assert client.get(PATH, headers={"if-none-match": response.headers["etag"]}).status_code == 304


def test_by_the_host_that_was_asked_nothing_is_cached(shop: httpx.Client) -> None:
    response = shop.get(PATH, headers={"host": "films.example"})
    feed_of(response)
    assert "http://films.example/films/" in response.text
    assert response.headers["cache-control"] == "no-store"
    assert shop.get(PATH, headers={"host": "a<b"}).status_code == 400
    assert f'href="{PATH}"' in shop.get("/").text, "feed readers find it"
