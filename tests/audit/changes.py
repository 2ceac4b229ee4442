"""What makes which entry of the audit log (contract §13.3).

Whoever adds a form of the office, a command, or a request that an admin's token may send adds a row here, or tests
fail: what it takes to do it once and the action of its entry; or, as a text, why it makes none.
"""

import itertools
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from tests.conftest import FILMS, import_films
from tests.connections import fetch
from tests.importing.datasets import ImdbFiles
from tests.server_in_thread import ServerInThread
from tests.shop.conftest import AMELIE, BATMAN_BEGINS, UNDER_SCORE, buy
from tests.users import open_account, session_of, token_of, visitor

from filmer.accounts.schemas import User
from filmer.storefront.office.film_form import FIELDS, TERMS, digests

SECRET = "a secret of which no entry knows"  # the password that commands are given
NUMBERS = ("4929000000006", "4916000000009")
TMDB_ID = 278
PICTURE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
# That a form of a film was shown with empty fields, and comes back with them: they are left alone.
UNTOUCHED = digests(dict.fromkeys({*FIELDS, *TERMS} - {"title"}, ""))
_numbers = itertools.count(1)


class Office:
    """A shop where films are paid for at the counter, its owner, and things for the owner to change."""

    def __init__(self, url: str, server: ServerInThread, owner: User, tmp_path: Path) -> None:
        self.url, self.owner, self.folder, self._server = url, owner, tmp_path, server.client
        self.app = server.app
        self.client = self.sign_in(owner)

    def sign_in(self, person: User) -> httpx.Client:
        client = visitor(self._server)
        client.cookies.update(session_of(self.url, person))
        return client

    def post(self, path: str, *, file: str | None = None, **fields: str) -> httpx.Response:
        """``file``: sent as multipart/form-data, with a picture of this name; "": without one."""
        parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
        if file:
            parts[file] = ("picture.png", PICTURE, "image/png")
        response = self.client.post(path, data=fields) if file is None else self.client.post(path, files=parts)
        assert response.status_code in {200, 303}, response.text
        assert not response.headers.get("location", "").startswith("/sign-in")
        return response

    def account(self) -> int:
        return open_account(self.url).id

    def closed_account(self) -> int:
        account = self.account()
        fetch(self.url, "UPDATE account SET disabled = true WHERE id = %s", account)
        return account

    def signed_in_account(self) -> tuple[int, int]:
        person = open_account(self.url)
        session_of(self.url, person)
        return person.id, int(fetch(self.url, "SELECT id FROM session WHERE account_id = %s", person.id)[0][0])

    def entry(self, shelf: str) -> str:
        """The address of a film that a customer keeps."""
        account, table = self.account(), {"watchlist": "watchlist_film", "seen": "seen_film"}[shelf]
        ((number,),) = fetch(
            self.url, f"INSERT INTO {table} (account_id, movie_id, created) VALUES (%s, 7, now()) RETURNING id", account
        )
        return f"/api/users/{account}/{shelf}/{number}"

    def customer_with_favorite(self) -> int:
        account = self.account()
        fetch(self.url, "INSERT INTO favorite (account_id, movie_id, created) VALUES (%s, 7, now())", account)
        return account

    def favorite(self) -> str:
        (row,) = fetch(
            self.url, "SELECT account_id, id FROM favorite WHERE account_id = %s", self.customer_with_favorite()
        )
        return f"/api/users/{row[0]}/favorites/{row[1]}"

    def unpaid_order(self) -> int:
        with self.sign_in(open_account(self.url)) as customer:
            return buy(customer, AMELIE)

    def paid_order(self) -> int:
        order = self.unpaid_order()
        self.post(f"/admin/orders/{order}/paid")
        return order

    def cancelled_order(self) -> int:
        order = self.paid_order()
        self.post(f"/admin/orders/{order}/refund", reason="The disc is broken")
        return order

    def ratings_file(self) -> Path:
        file = self.folder / "ratings.csv"
        file.write_text("Date,Name,Year,Letterboxd URI,Rating\n2020-01-01,Inception,2010,https://boxd.it/1skk,4\n")
        return file

    def waiting_rental(self) -> int:
        return int(fetch(self.url, "SELECT id FROM rental WHERE order_id = %s", self.paid_order())[0][0])

    def rental_out(self) -> int:
        rental = self.waiting_rental()
        self.post(f"/admin/counter/{rental}/hand-out")
        return rental

    def failed_mail(self) -> int:
        statement = """
            INSERT INTO mail (kind, recipient, fields, state, created, due, ended)
            VALUES ('no_account', 'a@example.com', '{}', 'failed', now(), now(), now()) RETURNING id
        """
        return int(fetch(self.url, statement)[0][0])

    def token(self) -> tuple[int, int]:
        person = open_account(self.url)
        token_of(self.url, person, name="of a script")
        return person.id, int(fetch(self.url, "SELECT id FROM token WHERE account_id = %s", person.id)[0][0])

    def film(self) -> str:
        identifier = f"f{next(_numbers)}"
        self.post("/admin/new-film", file="", title="Home movie", year="1999", id=identifier)
        return identifier

    def prices(self) -> dict[str, str]:
        """Once what other tests changed of films is built: that makes another version, too."""
        deadline = time.monotonic() + 60
        while not (found := fetch(self.url, "SELECT version FROM edition WHERE edits = edits_built")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return {"version": str(found[0][0])}

    def changed_prices(self) -> dict[str, str]:
        self.post("/admin/prices", how="lower", amount="1", query="zodiac", **self.prices())
        return {"change": str(fetch(self.url, "SELECT max(id) FROM price_change")[0][0])}

    def hidden_film(self) -> str:
        film = self.film()
        self.post(f"/admin/films/{film}/hide")
        return film

    def edited_film(self) -> str:
        self.post(f"/admin/films/{UNDER_SCORE}", file="", title="Under Score", shown=UNTOUCHED)
        return UNDER_SCORE

    def page(self) -> str:
        slug = f"page-{next(_numbers)}"
        self.post("/admin/pages/new", file="", title="A page", body="Text", slug=slug)
        return slug

    def changed_page(self) -> str:
        slug = self.page()
        self.post(f"/admin/pages/{slug}", file="", title="A page", body="Other text")
        return slug

    def second_page(self) -> str:
        self.page()
        return self.page()

    def mark(self) -> None:
        self.post("/admin/settings/mark", file="mark")

    def video(self) -> int:
        statement = """
            INSERT INTO video (film_id, kind, location, added)
            VALUES (%s, 'trailer', 'https://films.example/' || gen_random_uuid() || '.webm', now()) RETURNING id
        """
        return int(fetch(self.url, statement, BATMAN_BEGINS)[0][0])

    def card(self, number: str) -> str:
        """The option that removes it."""
        statement = """
            INSERT INTO card (digest, last_four, first_name, last_name, expiration, account_id)
            VALUES (sha256(%s::bytea), '1111', 'Mary', 'Major', '2031-05', %s)
        """
        fetch(self.url, statement, number, self.account())
        return "--all"

    def imdb(self) -> Path:
        data = ImdbFiles()
        data.film(1, "Alien", rated=(8, 100))
        return data.write(self.folder / "imdb")

    def imported(self) -> list[object]:
        """Something to undo."""
        import_films(self.url, keep_others=True)
        return []

    def people(self) -> Path:
        file = self.folder / "people.csv"
        file.write_text("email,first name,last name\nanna@example.com,Anna,Ray\n", "utf-8")
        return file


class Form(NamedTuple):
    """``of``: makes what the form changes, whose number, or other id, is the path's; or more fields of the form.

    ``file``: as of ``Office.post``.
    """

    action: str
    of: Callable[[Office], object]
    fields: Mapping[str, str] = {}
    file: str | None = None


class ShownBy(NamedTuple):
    """Of what takes a process of its own: the test that does it, and looks for its entry."""

    action: str
    test: str


class Command(NamedTuple):
    """``elsewhere``: on an empty database of its own."""

    action: str
    arguments: Callable[[Office], list[object]]
    typed: str = ""
    elsewhere: bool = False


class ApiCall(NamedTuple):
    action: str
    path: Callable[[Office], str]
    body: dict[str, Any] | None = None


_READS = "it changes nothing"

FORMS: dict[str, Form | ShownBy | str] = {
    "/admin/new-film": Form("film.add", lambda _: "", {"title": "Another home movie", "year": "2001"}, ""),
    "/admin/films/{film_id}": Form("film.edit", Office.film, {"title": "Another title", "shown": UNTOUCHED}, ""),
    "/admin/films/{film_id}/hide": Form("film.hide", Office.film),
    "/admin/films/{film_id}/show": Form("film.show", Office.hidden_film),
    "/admin/films/{film_id}/take-back": Form("film.edit", Office.edited_film),
    "/admin/films/{film_id}/videos": Form(
        "film.add_video", Office.film, {"kind": "trailer", "location": "https://films.example/t.webm"}
    ),
    "/admin/films/{film_id}/videos/{video_id}/remove": Form(
        "film.remove_video", lambda office: (BATMAN_BEGINS, office.video())
    ),
    "/admin/films/{film_id}/price": Form("film.price", lambda _: AMELIE, {"price": "7.25"}),
    "/admin/films/{film_id}/terms": Form("film.terms", lambda _: AMELIE, {"hours": "77"}),
    "/admin/prices": Form("prices.change", Office.prices, {"how": "lower", "amount": "1", "query": "zodiac"}),
    "/admin/prices/preview": _READS,
    "/admin/prices/undo": Form("prices.undo", Office.changed_prices),
    "/admin/counter/{rental_id}/hand-out": Form("rental.hand_out", Office.waiting_rental),
    "/admin/counter/{rental_id}/take-back": Form("rental.take_back", Office.rental_out),
    "/admin/counter/{rental_id}/write-off": Form("rental.write_off", Office.rental_out),
    "/admin/orders/{order_id}/refund": Form("order.cancel", Office.paid_order, {"reason": "The disc is broken"}),
    "/admin/orders/{order_id}/paid": Form("order.paid", Office.unpaid_order),
    "/admin/orders/{order_id}/resend": Form("order.resend", Office.paid_order),
    "/admin/import": "it receives a file, which changes nothing until it is carried out",
    "/admin/import/{job_id}/check": _READS,
    "/admin/import/{job_id}/carry-out": ShownBy("catalogue.import", "office/test_imports.py"),
    "/admin/import/undo": ShownBy("catalogue.undo", "office/test_imports.py"),
    "/admin/export/{kind}": Form("catalogue.export", lambda _: "films"),
    "/admin/orders/{order_id}/given-back": Form("order.given_back", Office.cancelled_order),
    "/admin/customers/invite": Form(
        "account.invite",
        lambda _: "",
        {
            "firstName": "Li",
            "lastName": "Nk",
            "email": "invited@example.com",
            "role": "clerk",
        },
    ),
    "/admin/customers/{account_id}/disable": Form("account.disable", Office.account),
    "/admin/customers/{account_id}/enable": Form("account.enable", Office.closed_account),
    "/admin/customers/{account_id}/reset": Form("account.reset", Office.account),
    "/admin/customers/{account_id}/role": Form("account.role", Office.account, {"role": "clerk"}),
    "/admin/customers/{account_id}/sign-out": Form("account.sign_out", Office.account),
    "/admin/customers/{account_id}/delete": Form("account.delete", Office.account),
    "/admin/customers/{account_id}/favorites/clear": Form("account.clear_favorites", Office.customer_with_favorite),
    "/admin/customers/{account_id}/sessions/{sign_in_id}/end": Form("account.end_session", Office.signed_in_account),
    "/admin/customers/{account_id}/tokens/{token_id}/revoke": Form("account.revoke_token", Office.token),
    "/admin/settings": Form("shop.settings", lambda _: "", {"phone": "+49 30 1234567"}),
    "/admin/settings/mark": Form("shop.mark", lambda _: "", file="mark"),
    "/admin/settings/mark/remove": Form("shop.mark", Office.mark),
    "/admin/pages/{slug}": Form("page.publish", Office.page, {"title": "A page", "body": "New text"}, ""),
    "/admin/pages/{slug}/undo": Form("page.undo", Office.changed_page),
    "/admin/pages/{slug}/up": Form("page.move", Office.second_page),
    "/admin/pages/{slug}/remove": Form("page.remove", Office.page),
    "/admin/mail/{mail_id}/retry": Form("mail.retry", Office.failed_mail),
}

_PERSON = ["--first-name", "Bob", "--last-name", "Ray"]
_CARD = [*_PERSON, "--expiration", "2031-05", "--account"]

COMMANDS: dict[str, Command | str] = {
    "serve": "it serves; what it sets up by itself nobody has changed",
    "migrate": "it changes tables, not what is in them; the table migration has when",
    "catalogue": _READS,
    "doctor": _READS,
    "tmdb-sandbox": "it has nothing to do with a shop",
    "import imdb": Command("catalogue.import", lambda office: [office.imdb()], elsewhere=True),
    "import csv": Command("catalogue.import", lambda _: [FILMS], elsewhere=True),
    "import demo": Command("catalogue.import", lambda _: [], elsewhere=True),
    "import undo": Command("catalogue.undo", Office.imported),
    "export csv": Command("catalogue.export", lambda _: ["orders"]),
    "shelves import": Command(
        "account.import_shelves", lambda office: [office.ratings_file(), "--user", office.owner.email]
    ),
    "shelves export": Command("account.export_shelves", lambda office: ["--user", office.owner.email]),
    "account create": Command(
        "account.create", lambda _: ["--email", "bob@example.com", *_PERSON, "--role", "admin"], typed=SECRET
    ),
    "account invite": Command("account.invite", lambda _: ["ray@example.com", *_PERSON]),
    "account import": Command("account.import", lambda office: [office.people()]),
    "account list": _READS,
    "account email": Command("account.email", lambda office: [office.account(), "moved@example.com"]),
    "account disable": Command("account.disable", lambda office: [office.account()]),
    "account enable": Command("account.enable", lambda office: [office.closed_account()]),
    "account password": Command("account.password", lambda office: [office.account()], typed=SECRET),
    "account role": Command("account.role", lambda office: [office.account(), "clerk"]),
    "account sign-out": Command("account.sign_out", lambda office: [office.account()]),
    "account export": Command("account.export", lambda office: [office.account(), office.folder / "data.zip"]),
    "account delete": Command("account.delete", lambda office: [office.account()]),
    "token create": Command("account.create_token", lambda office: ["--account", office.account(), "--name", "x"]),
    "token list": _READS,
    "token revoke": Command("account.revoke_token", lambda office: [office.token()[1]]),
    "card add": Command("card.add", lambda office: [*_CARD, office.account()], typed=NUMBERS[0]),
    "card list": _READS,
    "card remove": Command("card.remove_all", lambda office: [office.card(NUMBERS[1])]),
    "rental terms": Command("film.terms", lambda _: [BATMAN_BEGINS, "--hours", "11"]),
    "video add": Command("film.add_video", lambda _: [BATMAN_BEGINS, "https://films.example/b.webm"]),
    "video list": _READS,
    "video remove": Command("film.remove_video", lambda office: [office.video()]),
    "video check": _READS,
    "link tmdb": Command("catalogue.link", lambda _: ["--limit", "1"]),
    "log": _READS,
    "mail list": _READS,
    "mail retry": Command("mail.retry", lambda office: [office.failed_mail()]),
    "mail test": "it sends a mail that is nobody's",
    "backup": Command("database.backup", lambda office: [office.folder / "one.backup"]),
    "restore": Command("database.restore", lambda office: [backup_of(office), "--replace"], elsewhere=True),
}

_OWN = "it changes what is the token's user's own, as everybody may"

# By method and path: what the token of an admin may change of somebody else's.
API: dict[tuple[str, str], ApiCall | str] = {
    ("POST", "/api/users/{user_id}/favorites"): ApiCall(
        "account.add_favorite", lambda office: f"/api/users/{office.account()}/favorites", {"movie_id": TMDB_ID}
    ),
    ("DELETE", "/api/users/{user_id}/favorites/{favorite_id}"): ApiCall("account.remove_favorite", Office.favorite),
    ("POST", "/api/users/{user_id}/watchlist"): ApiCall(
        "account.add_watchlist", lambda office: f"/api/users/{office.account()}/watchlist", {"movie_id": TMDB_ID}
    ),
    ("DELETE", "/api/users/{user_id}/watchlist/{entry_id}"): ApiCall(
        "account.remove_watchlist", lambda office: office.entry("watchlist")
    ),
    ("POST", "/api/users/{user_id}/seen"): ApiCall(
        "account.add_seen", lambda office: f"/api/users/{office.account()}/seen", {"movie_id": TMDB_ID}
    ),
    ("DELETE", "/api/users/{user_id}/seen/{entry_id}"): ApiCall(
        "account.remove_seen", lambda office: office.entry("seen")
    ),
    ("DELETE", "/api/admin/users/{user_id}/favorites"): ApiCall(
        "account.clear_favorites", lambda office: f"/api/admin/users/{office.customer_with_favorite()}/favorites"
    ),
    ("POST", "/api/movies/ratings"): _OWN,
    ("PUT", "/api/movies/ratings/{rating_id}"): _OWN,
    ("DELETE", "/api/movies/ratings/{rating_id}"): _OWN,
}


def backup_of(office: Office) -> Path:
    from tests.backup.random_shops import write_backup

    path = office.folder / "another.backup"
    write_backup(office.url, path)
    return path
