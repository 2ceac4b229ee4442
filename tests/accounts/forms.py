"""The account's pages over HTTP: their forms, sent as a browser sends them, and their text."""

import html
import re
from typing import Any

import httpx
from tests.accounts.conftest import Shop, open_account
from tests.connections import fetch
from tests.users import PASSWORD

from filmer.accounts.schemas import User

TOKEN = re.compile(r"filmer_[A-Za-z0-9_-]{43}")


def send(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """As our own page's form would be."""
    own = str(client.base_url).rstrip("/")
    return client.post(path, data=fields, headers={"sec-fetch-site": "same-origin", "origin": own})


def signed_in_at(client: httpx.Client, person: User) -> httpx.Client:
    """The browser, signed in at the page."""
    response = send(client, "/sign-in", email=person.email, password=PASSWORD)
    assert response.status_code == 303, response.text
    return client


def is_signed_in(client: httpx.Client) -> bool:
    response = client.get("/account")
    assert response.status_code in {200, 303}
    assert response.status_code == 200 or response.headers["location"] == "/sign-in?next=%2Faccount"
    return response.status_code == 200


def notice_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return _found(r'<p class="notice">([^<]*)</p>', response)


def failure_of(response: httpx.Response) -> str:
    """The error shown for the whole form."""
    return _found(r'role="alert">([^<]*)<', response)


def error_beside(response: httpx.Response, field: str) -> str:
    """The error shown beside a field, if the field refers to it."""
    assert (f'aria-describedby="{field}-error' in response.text) == (f'id="{field}-error"' in response.text)
    return _found(rf'id="{field}-error">([^<]*)<', response)


def shown_value(response: httpx.Response, field: str) -> str:
    return _found(rf'<input id="{field}" name="{field}" type="\w+" value="([^"]*)"', response)


def rows_of(response: httpx.Response) -> list[list[str]]:
    """The text of each row of each table."""
    return [
        [
            html.unescape(re.sub(r"<[^>]+>", "", cell)).strip()
            for cell in re.findall(r"<t[hd]\b.*?</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", response.text, re.DOTALL)
    ]


def token_on(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    (token,) = TOKEN.findall(response.text)
    return str(token)


def _found(pattern: str, response: httpx.Response) -> str:
    match = re.search(pattern, response.text)
    return html.unescape(match[1]) if match else ""


class Somebody:
    """A person of their own, in a browser of their own."""

    def __init__(self, shop: Shop, client: httpx.Client) -> None:
        self.url = shop.database_url
        self.person = open_account(shop.database_url)
        self.client = signed_in_at(client, self.person)

    def make(self, name: str = "backup", expires: str = "90") -> httpx.Response:
        return send(self.client, "/account/tokens", name=name, expires=expires)

    def stored_tokens(self) -> list[tuple[Any, ...]]:
        """Name, creation and end of their tokens."""
        return fetch(
            self.url, "SELECT name, created, expires FROM token WHERE account_id = %s ORDER BY id", self.person.id
        )

    def token_ids(self) -> list[int]:
        return [row[0] for row in fetch(self.url, "SELECT id FROM token WHERE account_id = %s", self.person.id)]

    def sessions(self) -> int:
        return len(fetch(self.url, "SELECT 1 FROM session WHERE account_id = %s", self.person.id))

    def takes(self, token: str) -> bool:
        """Whether the community API knows the token as theirs."""
        path = f"/api/users/{self.person.id}/favorites"
        status = self.client.get(path, headers={"authorization": f"Bearer {token}"}).status_code
        assert status in {200, 401}
        return status == 200
