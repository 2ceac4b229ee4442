"""Imports in the browser: sent, checked, carried out, undone; and what comes of files that are no lists of films."""

import csv
import io
import os
import re
import signal
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.conftest import MakeDatabase, ServeHere
from tests.current_edition import connect
from tests.importing.workbooks import Cell, ods, xlsx
from tests.server_processes import eventually
from tests.users import open_account, session_of, visitor

from filmer.office import import_program, import_queries, imports
from filmer.office.imports import PROGRAM
from filmer.storefront.office import imports as pages

PAGE = "/admin/import"


class Office:
    """A browser of an owner's, and the API beside it."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self.url = url
        self.client = client
        self.client.follow_redirects = True

    def send(self, content: bytes | str, name: str = "films.csv", **fields: str) -> httpx.Response:
        raw = content.encode() if isinstance(content, str) else content
        return self.client.post(PAGE, files={"file": (name, raw)}, data=fields)

    def done(self, response: httpx.Response) -> httpx.Response:
        """The job's page, when its step is over."""
        until = time.monotonic() + 60
        while "data-progress" in response.text:
            assert time.monotonic() < until, text_of(response)
            time.sleep(0.1)
            response = self.client.get(str(response.url))
        return response

    def checked(self, content: bytes | str, name: str = "films.csv", **fields: str) -> httpx.Response:
        response = self.done(self.send(content, name, **fields))
        assert response.status_code == 200, text_of(response)
        return response

    def carry_out(self, checked: httpx.Response, others: str = "keep") -> str:
        return text_of(self.done(self.client.post(f"{checked.url}/carry-out", data={"others": others})))

    def undo(self) -> str:
        return text_of(self.done(self.client.post(f"{PAGE}/undo")))

    def report(self, checked: httpx.Response) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.client.get(f"{checked.url}/report").text)))[1:]

    def films(self) -> dict[str, Any]:
        """Everything that the API and the edition say of all films."""
        with connect(self.url) as conn:
            ids = [row[0] for row in conn.execute("SELECT id FROM film ORDER BY no")]
            stored = conn.execute(
                "SELECT id, original_title, release_date, runtime_minutes, popularity, tmdb_id, overview, title_type,"
                " words::text, ARRAY(SELECT s.id || s.name FROM unnest(star_nos) WITH ORDINALITY n(no, at) JOIN star s"
                " USING (no) ORDER BY at), ARRAY(SELECT d.id || d.name FROM unnest(director_nos) n(no) JOIN director d"
                " USING (no)) FROM film ORDER BY no"
            ).fetchall()
            terms = conn.execute("SELECT * FROM film_terms ORDER BY film_id").fetchall()
        api = {film_id: self.client.get(f"/api/v1/movies/{film_id}").json()["data"] for film_id in ids}
        return {"api": api, "stored": stored, "terms": terms}

    def title(self, film_id: str) -> str | None:
        response = self.client.get(f"/api/v1/movies/{film_id}")
        return response.json()["data"]["title"] if response.status_code == 200 else None


@pytest.fixture(scope="module")
def shop_url(make_database: MakeDatabase) -> str:
    return make_database(films=True)


@pytest.fixture(scope="module")
def server(shop_url: str, serve_here: ServeHere) -> httpx.Client:
    return serve_here(shop_url).client


@pytest.fixture(scope="module")
def office(shop_url: str, server: httpx.Client) -> Iterator[Office]:
    with visitor(server) as client:
        client.cookies.update(session_of(shop_url, open_account(shop_url, role="admin")))
        yield Office(shop_url, client)


def text_of(response: httpx.Response) -> str:
    main = response.text.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def tallies(response: httpx.Response) -> dict[str, int]:
    found = re.findall(r"<dt>(\w+)</dt><dd>([\d,]+)</dd>", response.text)
    return {name.lower(): int(number.replace(",", "")) for name, number in found}


def test_a_check_begins_again_where_its_edition_goes_away(office: Office, tmp_path: Path) -> None:
    """As the one after an edit of a film does: nobody has to send the file again for that."""
    path = tmp_path / "films.csv"
    path.write_text("id,title\ntt7100001,Checked Twice\n")
    checked = office.checked(path.read_bytes())
    with connect(office.url, autocommit=True) as conn:
        number = int(str(checked.url).rpartition("/")[2])
        conn.execute("UPDATE import_job SET state = 'working' WHERE id = %s", [number])
        job = import_queries.read_job(conn, number)
        assert job
        conn.execute("SET search_path TO catalogue_that_is_gone, public")
        import_program._check(conn, job, path)
    assert tallies(office.client.get(str(checked.url))) == tallies(checked)
    assert tallies(checked)["new"] == 1


def test_films_without_an_id_that_are_there_already_are_named(office: Office) -> None:
    films = [film for film in office.films()["api"].values() if film["year"]]
    titles = Counter(film["title"].lower() for film in films)  # other tests may have given two films one title
    some = [film for film in films if film["id"].startswith("tt") and titles[film["title"].lower()] == 1][:2]
    rows = "".join(f'"{film["title"].upper()}",{film["year"]}\n' for film in some)
    checked = office.checked(f"title,year\n{rows}{some[0]['title']},1901\nNobody has this one,2001\n")
    assert tallies(checked) == {"new": 4, "changed": 0, "unchanged": 0, "refused": 0}
    details = [row[4] for row in office.report(checked)]
    assert details == [f"in the catalogue as {film['id']}, by title and year" for film in some] + ["", ""]
    assert "2 films without an id would be in the catalogue twice" in text_of(checked)
    checked = office.checked(f"id,title,year\n{some[0]['id']},{some[0]['title']},{some[0]['year']}\n")
    assert "without an id" not in text_of(checked)


def test_a_file_is_checked_carried_out_and_undone(office: Office) -> None:
    with connect(office.url) as conn:  # one whose price is from an import: an undo gives it back
        conn.execute(
            "INSERT INTO film_terms (film_id, price, imported_price) SELECT id, 5, 5 FROM film ORDER BY no LIMIT 1"
            " ON CONFLICT (film_id) DO UPDATE SET price = 5, imported_price = 5, is_price_by_hand = false"
        )
    before = office.films()
    some = next(iter(before["api"].values()))
    film = f"{some['id']},Another title,1950,Ann Author,Drama|War,7.25\n"
    checked = office.checked("id,title,year,directors,genres,price\n" + film + "new1,New one,2001,,,\nnew2,,1,,,\n")
    assert tallies(checked) == {"new": 1, "changed": 1, "unchanged": 0, "refused": 1}
    (first, new, refused) = office.report(checked)
    assert first[:4] == ["2", "changed", some["id"], "Another title"]
    assert f"title: {some['title']} → Another title" in first[4]
    assert new == ["3", "new", "new1", "New one", ""]
    assert (refused[:2], refused[4]) == (["4", "refused"], "no title")
    assert office.films() == before  # nothing changes before it is said so

    others = len(before["api"]) - 1
    assert f"The {others} other films of the catalogue stay" in text_of(checked)
    assert f"The catalogue has {others + 2} films" in office.carry_out(checked)
    after = office.films()
    assert (office.title("new1"), office.title(some["id"])) == ("New one", "Another title")
    assert {key: film for key, film in after["api"].items() if key in before["api"] and key != some["id"]} == {
        key: film for key, film in before["api"].items() if key != some["id"]
    }
    page = text_of(office.client.get(PAGE))
    assert "0 films come back, 1 goes" in page
    assert "1 is again what it was" in page
    assert "Done." in office.undo()
    assert office.films() == before
    assert "There is none to undo" in text_of(office.client.get(PAGE))
    with connect(office.url) as conn:
        actions = conn.execute("SELECT action FROM audit_entry ORDER BY id DESC LIMIT 2").fetchall()
    assert actions == [("catalogue.undo",), ("catalogue.import",)]


def test_replacing_leaves_films_in_use_and_an_undo_brings_all_back(office: Office) -> None:
    before = office.films()
    bought, edited = list(before["api"])[:2]
    with connect(office.url) as conn:
        conn.execute("INSERT INTO film_in_use VALUES (%s) ON CONFLICT DO NOTHING", [bought])
    checked = office.checked("id;title;price\nonly1;Only one;1,50\nonly2;Only two;\n", "ours.csv")
    assert "stay, as they are in a cart" in text_of(checked)
    office.carry_out(checked, "replace")
    assert {bought, "only1", "only2"} <= office.films()["api"].keys()
    assert edited not in office.films()["api"]
    with connect(office.url) as conn:  # it comes into use, and so stays
        conn.execute("INSERT INTO film_in_use VALUES ('only2')")
    office.undo()
    after = office.films()
    assert after["api"].pop("only2")["title"] == "Only two"
    assert after["api"] == before["api"]
    with connect(office.url) as conn:
        conn.execute("DELETE FROM film_in_use WHERE film_id = 'only2'")
    office.carry_out(office.checked("id,title\nonly2,Only two\n"))


def test_what_was_changed_by_hand_outlives_import_and_undo(office: Office) -> None:
    film_id = next(iter(office.films()["api"]))

    def price() -> str:
        with connect(office.url) as conn:
            row = conn.execute("SELECT price::text FROM film_terms WHERE film_id = %s", [film_id]).fetchone()
        return str(row and row[0])

    def set_price(amount: str) -> None:
        response = office.client.post(f"/admin/films/{film_id}/price", data={"price": amount})
        assert response.status_code == 200, text_of(response)

    set_price("8.50")
    before = office.films()
    office.carry_out(office.checked(f"id,title,price\n{film_id},By the file,3.00\n"))
    assert (office.title(film_id), price()) == ("By the file", "8.50")
    set_price("9.50")
    office.undo()
    assert price() == "9.50"
    assert office.films()["api"] == before["api"]


def test_an_export_of_films_imports_as_it_was(office: Office) -> None:
    office.carry_out(office.checked("id,title,directors\nx1,=1+1,-Ann | Bob\nx2,'-burg,\nx3,-30-,\n"))
    assert office.title("x2") == "-burg"  # as a spreadsheet shows it
    before = office.films()
    exported = office.client.post("/admin/export/films")
    assert exported.headers["content-disposition"] == 'attachment; filename="filmer-films.csv"'
    assert exported.headers["cache-control"] == "no-store"
    assert "\r\nx1,'=1+1," in exported.text
    checked = office.checked(exported.content)
    assert tallies(checked) == {"new": 0, "changed": 0, "unchanged": len(before["api"]), "refused": 0}
    office.carry_out(checked, "replace")
    after = office.films()
    assert (after["api"], after["stored"]) == (before["api"], before["stored"])
    office.undo()


def test_orders_and_members_are_exported_without_secrets(office: Office) -> None:
    member = open_account(office.url, email="=cmd@example.com")
    members = office.client.post("/admin/export/members").text
    assert f"\r\n{member.id},'=cmd@example.com,Mary,Major,customer,False," in members
    assert "argon2" not in members
    orders = office.client.post("/admin/export/orders").text
    assert orders.startswith("order,placed,account,email,")
    assert office.client.post("/admin/export/cards").status_code == 404
    with connect(office.url) as conn:
        row = conn.execute("SELECT subject_id FROM audit_entry ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("orders",)


def test_columns_are_matched_by_hand_where_nobody_can_guess_them(office: Office) -> None:
    checked = office.checked("Werk\tPreis\nSolaris\t2,50\nStalker\t3\n", "filme.tsv")
    assert "no column 'title'" in text_of(checked)
    assert re.search(r'<option value="price" selected>', checked.text)
    for columns, sentence in [
        ({"column0": "price", "column1": "price"}, "Two columns are read as price"),
        ({"column0": "", "column1": "price"}, "choose the column that has the titles"),
        ({"column0": "title", "column1": "nonsense"}, "choose what is offered"),
    ]:
        refused = office.client.post(f"{checked.url}/check", data={"namesBy": "|", **columns})
        assert (refused.status_code, sentence in text_of(refused)) == (400, True), text_of(refused)
    again = office.client.post(f"{checked.url}/check", data={"namesBy": ",", "column0": "title", "column1": "price"})
    assert tallies(office.done(again)) == {"new": 2, "changed": 0, "unchanged": 0, "refused": 0}


def test_a_list_of_imdbs_is_read_as_it_comes(office: Office) -> None:
    rows = (
        "Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),"
        "Year,Genres,Num Votes,Release Date,Directors,Your Rating,Date Rated\n"
        "1,tt0017136,2024-01-01,2024-01-01,mine,Metropolis,Metropolis,https://x/,Movie,8.3,153,"
        '1927,"Drama, Sci-Fi",188000,1927-01-10,Fritz Lang,10,2024-01-01\n'
        "2,tt0086567,2024-01-01,2024-01-01,,A TV film,A TV film,https://x/,TV Movie,7.1,114,1983,"
        '"Action, Drama",90000,1983-06-03,"Ann One, Bob Two",,\n'
    )
    office.carry_out(office.checked(rows, "WATCHLIST.csv"))
    film = office.client.get("/api/v1/movies/tt0086567").json()["data"]
    assert (film["title"], film["year"], film["rating"]) == ("A TV film", 1983, 7.1)
    assert [genre["name"] for genre in film["genres"]] == ["Action", "Drama"]
    with connect(office.url) as conn:
        row = conn.execute("SELECT title_type, director, overview, votes FROM film WHERE id = 'tt0086567'").fetchone()
    assert row == ("tvMovie", "Ann One, Bob Two", None, 90_000)
    office.undo()


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def bomb() -> bytes:
    return zipped(**{f"xl/worksheets/sheet{at}.xml": bytes(2**26) for at in range(9)})


HOSTILE: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "bomb.xlsx": (bomb, "unpacks to more than 512 MiB"),
    "wide.csv": (",".join(f"c{at}" for at in range(1000)).encode(), "1,000 columns, and 60 are read"),
    "picture.xlsx": (b"\x89PNG\r\n\x1a\n" + bytes(100), "no column 'title'"),
    "old.xls": (b"\xd0\xcf\x11\xe0" + bytes(600), "old format (.xls), or has a password"),
    "film.csv": (xlsx({"a": [["title"], ["A workbook by another name"]]}), "A workbook by another name"),
    "quote.csv": (b'title\n"never ends\n' + b"x\n" * 100, "unexpected end of data"),
    "nul.csv": (b"title\n\0\nGood\n", "a character U+0000"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_list_of_films_is_refused_with_a_sentence(office: Office, name: str) -> None:
    content, sentence = HOSTILE[name]
    response = office.checked(content() if callable(content) else content, name)
    assert sentence in text_of(response), text_of(response)
    assert "Something went wrong" not in text_of(response)


def test_what_is_no_upload_is_refused_and_shown_on_the_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_FILE", 2**20)
    for response, status, sentence in [
        (office.client.post(PAGE, files={"file": ("", b"")}), 400, "Please choose a file"),
        (office.send(b"", "empty.csv"), 400, "one that is not empty"),
        (office.send(b"title\n", encoding="klingon"), 400, "choose one of these encodings"),
        (office.client.post(PAGE, data={"encoding": ""}), 415, "multipart/form-data"),
        (office.send(bytes(3 * 2**20)), 413, "A file may have 1 MiB here"),
    ]:
        assert (response.status_code, sentence in text_of(response)) == (status, True), text_of(response)
    assert office.client.get(f"{PAGE}/999999").status_code == 404
    assert office.client.get(f"{PAGE}/nonsense").status_code == 404
    assert office.client.post(f"{PAGE}/999999/carry-out", data={"others": "keep"}).status_code == 404


@pytest.mark.parametrize("role", ["customer", "clerk"])
def test_only_owners_import_and_export(office: Office, server: httpx.Client, role: Any) -> None:
    with visitor(server) as client:
        assert client.post(PAGE, files={"file": ("a", b"title\n")}).headers["location"].startswith("/sign-in")
        client.cookies.update(session_of(office.url, open_account(office.url, role=role)))
        for method, address in [
            ("GET", PAGE), ("POST", PAGE), ("GET", f"{PAGE}/1"), ("POST", f"{PAGE}/1/check"), ("POST", f"{PAGE}/undo"),
            ("POST", f"{PAGE}/1/carry-out"), ("GET", f"{PAGE}/1/report"), ("POST", "/admin/export/members"),
        ]:  # fmt: skip
            assert client.request(method, address).status_code == 403, address


def test_another_sites_page_sends_no_file(office: Office) -> None:
    response = office.client.post(PAGE, files={"file": ("a", b"title\n")}, headers={"origin": "https://evil.example"})
    assert response.status_code == 403


def programs() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if PROGRAM in " ".join(process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else [])
    ]


@pytest.mark.usefixtures("real_programs")
def test_one_at_a_time_and_one_that_is_killed_has_changed_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "SOON_SECONDS", 0.1)
    before = office.films()
    many = "title,year\n" + "".join(f"Film {at},{1900 + at % 100}\n" for at in range(5_000))
    checked = office.checked(many)
    small = office.checked("title\nSmall\n")
    office.client.follow_redirects = False
    try:
        answers: list[httpx.Response] = []
        begun = office.client.post(f"{checked.url}/carry-out", data={"others": "keep"})
        assert eventually(lambda: "Reading the file" in office.client.get(str(checked.url)).text)
        answers.append(office.client.post(f"{small.url}/carry-out", data={"others": "keep"}))
        for program in programs():
            os.kill(program.pid, signal.SIGKILL)
            program.wait(10)
    finally:
        office.client.follow_redirects = True
    assert begun.status_code == 303
    assert answers[0].status_code == 409
    assert "Another file is being read or imported" in text_of(answers[0])
    page = text_of(office.done(office.client.get(str(checked.url))))
    assert "It was interrupted, and nothing was changed" in page
    assert office.films() == before
    assert "Add and update" in page  # the file is there still


@pytest.mark.usefixtures("real_programs")
def test_workbooks_of_both_kinds(office: Office) -> None:
    sheet: dict[str, list[list[Cell]]] = {
        "Filme": [["Titel", "Jahr", "Preis"], ["Der Hauptmann", 1956, 2.5], ["Münchhausen", 1943, None]]
    }
    for make, name in ((xlsx, "filme.xlsx"), (ods, "filme.ods")):
        checked = office.checked(make(sheet), name)
        assert tallies(checked)["new"] == 2
        assert "sheet 'Filme'" in text_of(checked)
