"""The page of the audit log: sentences, filters, pages; harmless whatever names are, and quick however long it is."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import NamedTuple

import httpx
import pytest
from tests.commands import filmer
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch, in_database
from tests.shop.conftest import AMELIE
from tests.users import open_account, session_of, visitor

from filmer.accounts.schemas import User
from filmer.audit.log import Actor, Personal, Values, command_line, record
from filmer.storefront.office.log import ENTRIES_A_PAGE

LOG = "/admin/log"
MARKUP = "<script>alert(1)</script>"


class Shop(NamedTuple):
    url: str
    owner: User
    client: httpx.Client

    def told(self, address: str = LOG) -> list[str]:
        """The entries of a page, as they read."""
        response = self.client.get(address)
        assert response.status_code == 200, response.text
        found = re.findall(r'<th scope="row" class="log-entry">(.*?)</th>', response.text, re.DOTALL)
        return [" ".join(unescape(re.sub("<[^>]+>", "", text)).split()) for text in found]

    def record(
        self, action: str, subject: tuple[str, object], actor: Actor | None = None, *, title: str = "",
        before: Values | None = None, after: Values | None = None, personal: Personal | None = None,
    ) -> None:  # fmt: skip
        in_database(self.url, lambda conn: record(
            conn, actor or command_line(), action, subject, title=title, before=before, after=after, personal=personal
        ))  # fmt: skip


@pytest.fixture(scope="module")
def shop(make_database: MakeDatabase, serve_here: ServeHere) -> Iterator[Shop]:
    url = make_database(films=True)
    owner = open_account(url, role="admin")
    with closing(visitor(serve_here(url, FILMER_CURRENCY="€").client)) as client:
        client.cookies.update(session_of(url, owner))
        yield Shop(url, owner, client)


def test_it_reads_as_one_would_tell_it(shop: Shop) -> None:
    shop.client.post(f"/admin/films/{AMELIE}/price", data={"price": "6.25"})
    shop.client.post(f"/admin/films/{AMELIE}/price", data={"price": "7.5"})
    subject = f"{LOG}?subject=film:{AMELIE}"
    assert shop.told(subject) == [
        "Mary Major set the price of Amélie from €6.25 to €7.50.",
        "Mary Major set the price of Amélie from €3.99 to €6.25.",
    ]
    page = shop.client.get(subject).text
    assert "in the office, from 127.0.0.1" in page
    assert f'<a href="/admin/films/{AMELIE}">Amélie</a>' in page
    assert "Only what was done to Amélie." in page
    shop.client.post(f"/admin/films/{AMELIE}/terms", data={"hours": "72", "copies": "3"})
    (terms, *_) = shop.told(subject)
    assert terms == (
        "Mary Major changed the rental terms of Amélie. Hours: the default →, then 72 Copies: no limit →, then 3"
    )


def test_people_are_called_by_their_names_of_now_until_they_are_gone(shop: Shop) -> None:
    person, account = open_account(shop.url), f"{LOG}?subject=account:"
    actor = Actor("api", datetime.now(UTC), shop.owner.id, "2001:db8::7")
    shop.record(
        "account.email",
        ("account", person.id),
        actor,
        personal=Personal(person.id, {"email": "a@x.org"}, {"email": "b@x.org"}),
    )
    assert shop.told(f"{account}{person.id}") == [
        "Mary Major changed the e-mail address of Mary Major from a@x.org to b@x.org."
    ]
    assert shop.told(f"{LOG}?query=b@x.org") == shop.told(f"{account}{person.id}")
    assert filmer("account", "delete", person.id, "--now", DATABASE_URL=shop.url).returncode == 0
    assert shop.told(f"{account}{person.id}") == [
        f"The command line removed the person of account {person.id}.",
        f"Mary Major changed the e-mail address of account {person.id}.",
    ]
    assert shop.told(f"{LOG}?query=b@x.org") == []
    assert fetch(shop.url, "SELECT count(*) FROM audit_personal WHERE account_id = %s", person.id) == [(0,)]
    assert "with a token, from 2001:db8::7" in shop.client.get(f"{account}{person.id}").text, "the owner's stays"


def test_an_owner_who_is_gone_leaves_their_entries_without_an_address(shop: Shop) -> None:
    owner = open_account(shop.url, role="admin")
    shop.record("mail.retry", ("mail", 4711), Actor("office", datetime.now(UTC), owner.id, "203.0.113.99"))
    assert filmer("account", "delete", owner.id, "--now", DATABASE_URL=shop.url).returncode == 0
    assert shop.told(f"{LOG}?who={owner.id}") == [f"Account {owner.id} had mail 4711 tried again."]
    assert "203.0.113.99" not in shop.client.get(f"{LOG}?who={owner.id}").text
    assert shop.told(f"{LOG}?query=203.0.113.99") == []


def test_names_and_titles_are_never_markup(shop: Shop) -> None:
    person = open_account(shop.url)
    fetch(shop.url, "UPDATE account SET first_name = %s WHERE id = %s", MARKUP, person.id)
    actor = Actor("office", datetime.now(UTC), person.id, "203.0.113.5")
    values = {MARKUP: MARKUP, "titles": [MARKUP], "more": {"x": MARKUP}}
    shop.record("film.edit", ("film", MARKUP), actor, title=MARKUP, after=values)
    shop.record("account.email", ("account", person.id), actor, personal=Personal(person.id, after={"email": MARKUP}))
    page = shop.client.get(f"{LOG}?who={person.id}").text
    assert page.count("alert(1)") > 8
    assert "<script>alert" not in page
    assert re.findall(r"<script[^>]*>", page) == re.findall(r"<script[^>]*>", shop.client.get("/admin/mail").text)
    assert f'href="/admin/films/{MARKUP}' not in page


def test_it_is_narrowed(shop: Shop) -> None:
    person = open_account(shop.url, role="admin")
    then = datetime(2020, 2, 29, 23, 59, tzinfo=UTC)
    shop.record(
        "film.price", ("film", "tt77"), Actor("office", then, person.id), title="Das Boot", after={"price": "1"}
    )
    shop.record("order.paid", ("order", 77), Actor("office", then + timedelta(minutes=1), person.id))
    shop.record("film.price", ("film", "tt77"), title="Das Boot", before={"price": "1"}, after={"price": "2"})
    boot, paid = "Mary Major set the price of Das Boot.", "Mary Major marked as paid order 77."
    mine = f"{LOG}?who={person.id}&query=&since="
    assert shop.told(mine) == [paid, f"{boot} Price: €1.00"]
    assert shop.told(f"{mine}&group=film") == [f"{boot} Price: €1.00"]
    assert shop.told(f"{LOG}?who={person.id}&until=2020-02-29") == [f"{boot} Price: €1.00"]
    assert shop.told(f"{LOG}?who={person.id}&since=2020-03-01") == [paid]
    assert shop.told(f"{LOG}?who={person.id}&query=DAS+BO%25") == []
    assert len(shop.told(f"{LOG}?query=das+boot")) == 2
    assert shop.told(f"{LOG}?query=das+boot&who=command+line") == [
        "The command line set the price of Das Boot from €1.00 to €2.00."
    ]
    assert shop.told(f"{LOG}?query=77&group=order&since=2020-03-01&until=2020-03-01") == [paid]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("since=yesterday", "since"), ("until=9999-12-31", "until"), ("who=me", "who"), ("who=99999999999", "who"),
        ("before=0", "before"), ("query=" + "x" * 201, "query"), ("query=%00", "query"), ("who=1&who=2", "who"),
        ("since=0000-01-01", "since"), ("since=%FF", "since"), ("group=" + "x" * 21, "group"),
    ],
)  # fmt: skip
def test_bad_input_is_told_beside_the_form(shop: Shop, query: str, wrong: str) -> None:
    response = shop.client.get(f"{LOG}?{query}")
    assert response.status_code == 400, wrong
    assert '<form class="inline-form" action="/admin/log"' in response.text
    assert "\0" not in response.text


def test_what_is_asked_for_oddly_is_not_found(shop: Shop) -> None:
    for query in (
        "group=nothing",
        "subject=film:",
        "subject=account:x",
        "subject=%3Cb%3E",
        "before=1",
        "who=999999999",
    ):
        assert shop.client.get(f"{LOG}?{query}").status_code == 200, query


def test_pages_follow_each_other(shop: Shop) -> None:
    person = open_account(shop.url, role="admin")
    actor = Actor("office", datetime.now(UTC), person.id)
    for number in range(2 * ENTRIES_A_PAGE + 5):
        shop.record("order.paid", ("order", number), actor)
    address, sizes = f"{LOG}?who={person.id}", []
    seen: list[str] = []
    while address:
        told = shop.told(address)
        sizes.append(len(told))
        seen += told
        match = re.search(r'rel="next" href="([^"]+)"', shop.client.get(address).text)
        address = unescape(match[1]) if match else ""
    assert sizes == [ENTRIES_A_PAGE, ENTRIES_A_PAGE, 5]
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen, key=lambda text: -int(text.split()[-1].rstrip(".")))


def test_the_command_tells_the_same(shop: Shop) -> None:
    shop.record(
        "film.price", ("film", "tt78"), title="=Wings\x1b[31m", before={"price": "1.00"}, after={"price": "2.00"}
    )
    result = filmer("log", "wings", DATABASE_URL=shop.url)
    assert result.returncode == 0, result.stderr
    told = "The command line set the price of =Wings\\x1b[31m from 1.00 to 2.00  (on the command line)"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d  " + re.escape(told) + "\n", result.stdout)
    assert filmer("log", "no such thing", DATABASE_URL=shop.url).stdout == ""
    written = filmer("log", "wings", "--csv", DATABASE_URL=shop.url).stdout
    assert ",film.price,film,tt78,'=Wings" in written
    assert filmer("log", "--limit", "1", DATABASE_URL=shop.url).stdout.count("\n") == 1
