"""Everything that an owner, a command or an admin's token changes makes an entry (contract §13.3)."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App
from litestar.routes import HTTPRoute
from tests.audit.changes import API, COMMANDS, FORMS, NUMBERS, SECRET, ApiCall, Command, Form, Office, ShownBy
from tests.commands import filmer
from tests.conftest import MakeDatabase, ServeHere
from tests.connections import fetch
from tests.layers import framework_of
from tests.sandbox import Sandbox, shared_sandbox
from tests.shop.conftest import AMELIE
from tests.users import open_account, token_of

from filmer import cli, urls
from filmer.audit.actions import ACTIONS, GROUPS
from filmer.community.api import CommunityApi
from filmer.store.embedded import Engines

__all__ = ["shared_sandbox"]


@pytest.fixture(scope="module")
def office(
    make_database: MakeDatabase,
    serve_here: ServeHere,
    shared_sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Office]:
    url = make_database(films=True)
    tmdb = {"TMDB_BASE_URL": shared_sandbox.url, "TMDB_API_KEY": "sandbox"}
    server = serve_here(url, FILMER_PAYMENT="counter", FILMER_MEDIA_ORIGINS="https://films.example", **tmdb)
    office = Office(url, server, open_account(url, role="admin"), tmp_path_factory.mktemp("office"))
    with closing(office.client):
        yield office


def entries(url: str, *, after: int = 0) -> list[Any]:
    return fetch(url, "SELECT id, action, via, account_id FROM audit_entry WHERE id > %s ORDER BY id", after)


def last(url: str) -> int:
    return int(fetch(url, "SELECT coalesce(max(id), 0) FROM audit_entry")[0][0])


def commands(app: App, prefix: str = "") -> Iterator[str]:
    for name, command in app.resolved_commands().items():
        if not name.startswith("-"):
            below = list(commands(command, f"{prefix}{name} "))
            yield from below or [prefix + name]


def test_nothing_is_missing_in_the_tables(office: Office) -> None:
    assert set(FORMS) == {
        re.sub(r":\w+}", "}", route.path)
        for route in framework_of(office.app).routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/admin") and "POST" in route.methods
    }
    assert set(COMMANDS) == set(commands(cli.app))
    routes = urls.community_api(CommunityApi.__new__(CommunityApi)).routes
    changing = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in routes
        if isinstance(route, HTTPRoute)
        for method in set(route.methods) - {"GET", "HEAD", "OPTIONS"}
    }
    assert set(API) == changing


def test_every_action_is_done_by_something() -> None:
    """Else the log tells of what there is no more. Some are done with other arguments."""
    rows = [*FORMS.values(), *COMMANDS.values(), *API.values()]
    done = {row.action for row in rows if not isinstance(row, str)}
    assert done | {"card.remove", "account.erase", "film.poster"} == set(ACTIONS)
    assert {action.partition(".")[0] for action in ACTIONS} == set(GROUPS)


def test_what_another_test_shows_is_shown_there() -> None:
    for row in FORMS.values():
        if isinstance(row, ShownBy):
            text = (Path(__file__).parents[1] / row.test).read_text("utf-8")
            assert f'"{row.action}"' in text
            assert "audit_entry" in text


@pytest.mark.parametrize("path", [path for path, row in FORMS.items() if isinstance(row, Form)])
def test_a_form_of_the_office(office: Office, path: str) -> None:
    row = FORMS[path]
    assert isinstance(row, Form)
    made = row.of(office)
    fields = {**row.fields, **(made if isinstance(made, dict) else {})}
    for name in made if isinstance(made, tuple) else (made,):
        path = re.sub(r"{\w+}", str(name), path, count=1)
    before = last(office.url)
    office.post(path, file=row.file, **fields)
    (entry,) = entries(office.url, after=before)
    assert entry[1:] == (row.action, "office", office.owner.id)
    assert fetch(office.url, "SELECT account_id, fields ->> 'address' FROM audit_personal WHERE entry_id = %s"
                 " AND account_id = %s", entry[0], office.owner.id) == [(office.owner.id, "127.0.0.1")]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, row in COMMANDS.items() if not isinstance(row, str)])
def test_a_command(
    office: Office, make_database: MakeDatabase, engines: Engines, shared_sandbox: Sandbox, name: str
) -> None:
    row = COMMANDS[name]
    assert isinstance(row, Command)
    arguments = row.arguments(office)
    url = make_database() if row.elsewhere else office.url
    before = last(office.url if name == "restore" else url)
    settings = {"DATABASE_URL": url, "REDIS_URL": engines.redis_url, "FILMER_MEDIA_ORIGINS": "https://films.example",
                "TMDB_BASE_URL": shared_sandbox.url, "TMDB_API_KEY": "sandbox"}  # fmt: skip
    result = filmer(*name.split(), *arguments, typed=row.typed and f"{row.typed}\n", **settings)
    assert result.returncode == 0, result.stderr
    (entry,) = entries(url, after=before)
    assert entry[1:] == (row.action, "command line", None)


@pytest.mark.parametrize("call", [key for key, row in API.items() if not isinstance(row, str)])
def test_an_admins_token(office: Office, call: tuple[str, str]) -> None:
    row = API[call]
    assert isinstance(row, ApiCall)
    path, headers = row.path(office), {"authorization": f"Bearer {token_of(office.url, office.owner)}"}
    before = last(office.url)
    response = office.client.request(call[0], path, json=row.body, headers=headers)
    assert response.status_code in {200, 201, 204}, response.text
    (entry,) = entries(office.url, after=before)
    assert entry[1:] == (row.action, "api", office.owner.id)


def test_what_is_ones_own_is_not_in_the_log(office: Office) -> None:
    """Also where one runs the shop (decision 0029)."""
    headers = {"authorization": f"Bearer {token_of(office.url, office.owner)}"}
    before = last(office.url)
    path = f"/api/users/{office.owner.id}/favorites"
    added = office.client.post(path, json={"movie_id": 550}, headers=headers)
    assert added.status_code in {200, 201}, added.text
    assert office.client.delete(f"{path}/{added.json()['id']}", headers=headers).status_code == 204
    assert entries(office.url, after=before) == []


def test_what_was_refused_makes_no_entry(office: Office) -> None:
    rental, before = office.waiting_rental(), last(office.url)
    for path, fields in (
        (f"/admin/films/{AMELIE}/price", {"price": "free"}),
        ("/admin/films/tt7777777/price", {"price": "1"}),
        (f"/admin/films/{AMELIE}/terms", {"copies": "0"}),
        (f"/admin/counter/{rental}/take-back", {}),
        ("/admin/orders/7/paid", {}),
        ("/admin/mail/999999/retry", {}),
    ):
        response = office.client.post(path, data=fields)
        assert not response.is_success, path
    for arguments in (["account", "role", 999999, "admin"], ["token", "revoke", 999999], ["video", "remove", 999999]):
        assert filmer(*arguments, DATABASE_URL=office.url).returncode == 1
    assert entries(office.url, after=before) == []


def test_no_secret_is_in_it(office: Office) -> None:
    """Of a password, a card's number, a token, a link."""
    account = office.account()
    settings = {"DATABASE_URL": office.url}
    printed = [
        filmer("account", "password", account, typed=f"{SECRET}\n", **settings).stdout,
        filmer("account", "invite", "link@example.com", "--first-name", "Li", "--last-name", "Nk", **settings).stdout,
    ]
    card = ["--first-name", "Li", "--last-name", "Nk", "--expiration", "2031-05", "--account", account]
    assert filmer("card", "add", *card, typed="4539000000001\n", **settings).returncode == 0
    token = filmer("token", "create", "--account", account, "--name", "secret", **settings).stdout.strip()
    link = re.findall(r"/new-password/(\S+)", printed[1])[0]
    assert len(token) > 20
    rows = repr(fetch(office.url, "SELECT e FROM audit_entry e")) + repr(
        fetch(office.url, "SELECT p FROM audit_personal p")
    )
    assert "link@example.com" in rows
    for secret in (SECRET, token, link, "4539000000001", *NUMBERS, "argon2"):
        assert secret not in rows
