"""A served storefront, and ways to sign in that save a test the sign-in form."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from playwright.sync_api import BrowserContext
from tests.conftest import Server
from tests.users import LOGIN, open_account

from filmer import demo
from filmer.accounts.schemas import Role, User

CUSTOMER, ADMIN = "user@example.com", "admin@example.com"  # the demo's
T = TypeVar("T")


def aside(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """What a function returns that calls asyncio.run, as those of tests.users do.

    On another thread: where Playwright is started an event loop counts as running, and there can't be a second.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work, *arguments, **options).result()


class Storefront(NamedTuple):
    server: Server
    database_url: str

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def newcomer(self, role: Role = "customer") -> User:
        """A user with a new account, and the password and card of tests.users."""
        return aside(open_account, self.database_url, role=role)


def signed_in(context: BrowserContext, email: str, password: str = demo.PASSWORD) -> None:
    """Signs a browser in through the API."""
    response = context.request.post(LOGIN, data={"email": email, "password": password})
    assert response.status == 200, response.text()
