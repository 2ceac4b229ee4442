"""Promise 39: nothing of a person is found once they are gone: in database, caches, logs, metrics, a later backup."""

from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from tests.accounts.forms import send
from tests.accounts.mailed import SENDS_MAIL, mails
from tests.backup.random_shops import restore_from, write_backup
from tests.conftest import MakeDatabase, Serve
from tests.connections import fetch
from tests.figures import record_figure
from tests.shop.conftest import SHAWSHANK
from tests.shop.test_no_secrets import METRICS_TOKEN, Places, command, everywhere, tables
from tests.users import PASSWORD, visitor

from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

EMAIL, FIRST, LAST = "canary.who.leaves@example.com", "Canarina", "Featherstonehaugh"
FORMER = "canary.before.the.wedding@example.com"
REASON = "because Canarina said so"
NUMBER = "4929000000006"
CANARIES = {
    "address": EMAIL,
    "former address": FORMER,
    "first name": FIRST,
    "last name": LAST,
    "reason": REASON,
    "card": NUMBER,
}
# As in ``SENDS_MAIL``: nobody listens there.
SENDING = {f"FILMER_{name.upper()}": value for name, value in SENDS_MAIL.items()}


def follow(browser: httpx.Client, database: str) -> None:
    """The link of the last mail."""
    assert send(browser, mails(database)[-1].path).status_code == 303


def found(places: Places) -> list[str]:
    return [
        f"{name} in {place}"
        for name, text in CANARIES.items()
        for place, hay in places.items()
        if any(form.encode().lower() in hay.lower() for form in {text, quote(text, safe=""), text.encode().hex()})
    ]


def test_who_leaves_is_gone(engines: Engines, make_database: MakeDatabase, serve: Serve, tmp_path: Path) -> None:
    database = make_database(films=True)
    server = serve(
        database, FILMER_LOG_LEVEL="debug", FILMER_ACCESS_LOG="true", FILMER_METRICS_TOKEN=METRICS_TOKEN, **SENDING,
    )  # fmt: skip
    with visitor(server.client) as browser:
        # Before there is an account: two mails that are nobody's, and a third that opens it.
        assert send(browser, "/forgotten", email=EMAIL).status_code == 200
        assert send(browser, "/forgotten", email=FORMER.upper()).status_code == 200
        person = {"firstName": FIRST, "lastName": LAST, "email": FORMER, "password": PASSWORD}
        assert send(browser, "/register", **person).status_code == 200
        follow(browser, database)
        [[account]] = fetch(database, "SELECT id FROM account WHERE email = %s", FORMER)
        assert send(browser, "/account/address", email=EMAIL, current=PASSWORD).status_code == 200
        follow(browser, database)
        assert send(browser, "/forgotten", email=FORMER).status_code == 200  # nobody's again
        card = ["--first-name", FIRST, "--last-name", LAST, "--expiration", "2031-05", "--account", str(account)]
        command(database, "card", "add", *card, typed=f"{NUMBER}\n")
        browser.post("/api/v1/cart/items", json={"movieId": SHAWSHANK})
        payment = {"creditCardId": NUMBER, "firstName": FIRST, "lastName": LAST, "expiration": "2031-05"}
        order = browser.post("/api/v1/checkout", json=payment).json()["data"]["orderId"]
        assert browser.post("/api/v1/orders/cancel", json={"orderId": order, "reason": REASON}).status_code == 200
        for path in ("/account", "/orders", f"/orders/{order}", "/account/data"):
            assert browser.get(path).status_code == 200
        assert {place.partition(" in ")[2] for place in found(everywhere(server, database, engines))} >= {
            "table account", "table card", "the dump", "account list",
        }  # fmt: skip
        assert send(browser, "/account/delete", password=PASSWORD).status_code == 200
    # As if a week had gone by.
    with psycopg.connect(database, autocommit=True) as conn:
        sums = conn.execute("SELECT count(*), sum(total) FROM shop_order").fetchall()
    assert b"is removed" in command(database, "account", "delete", str(account), "--now")
    places = everywhere(server, database, engines)
    backup, restored = tmp_path / "later.backup", make_database()
    write_backup(database, backup)
    restore_from(restored, backup, replace=True)
    places |= {f"{name} of the backup": content for name, content in tables(restored)}
    assert found(places) == []
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT count(*), sum(total) FROM shop_order").fetchall() == sums
    record_figure(f"{len(CANARIES)} things known of a person looked for in {len(places)} places: 0 hits")
