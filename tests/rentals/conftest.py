"""Shops whose clock a test moves, with films that are watched (they have a feature) and films that are picked up."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.responses import data_of
from tests.shop.conftest import AMELIE, SHAWSHANK, LocalShop, buy, database_url, open_store, start_shop
from tests.users import open_account

from filmer.accounts.schemas import User
from filmer.audit.log import command_line
from filmer.http.cookies import SESSION_COOKIE
from filmer.rentals.counter_queries import Stock, select_stock
from filmer.rentals.schemas import Rental
from filmer.rentals.terms import NewTerms, set_terms
from filmer.store.postgres import Connection

__all__ = ["database_url", "start_shop"]

FEATURE = bytes(range(256)) * 1000
WATCHED, PICKED_UP = SHAWSHANK, AMELIE
LIBRARY = "/api/v1/library"
PROGRESS = f"{LIBRARY}/progress"
CANCEL = "/api/v1/orders/cancel"


def add_feature(url: str, film_id: str = WATCHED, location: str = "films/feature.webm") -> None:
    fetch(
        url, "INSERT INTO video (film_id, kind, location, added) VALUES (%s, 'feature', %s, now())", film_id, location
    )


def write_feature(media: Path) -> Path:
    """The file of ``add_feature``, with the bytes ``FEATURE``."""
    file = media / "films" / "feature.webm"
    file.parent.mkdir(parents=True)
    file.write_bytes(FEATURE)
    return file


def states(url: str, order_id: int | None = None) -> list[str]:
    """The stored states of an order's rentals, or of all."""
    rows = fetch(url, "SELECT state FROM rental WHERE order_id = coalesce(%s, order_id) ORDER BY id", order_id)
    return [row[0] for row in rows]


def rental_ids(url: str, order_id: int) -> list[int]:
    return [row[0] for row in fetch(url, "SELECT id FROM rental WHERE order_id = %s ORDER BY id", order_id)]


class RentalShop:
    """A shop with one film to watch, a customer, and a clock."""

    def __init__(self, shop: LocalShop, clock: MovedClock) -> None:
        self.shop, self.clock, self.url = shop, clock, shop.url
        self.media = Path(shop.media_dir)
        self.person = open_account(shop.url)

    def client(self, person: User | None = None) -> httpx.Client:
        """Signed in at this moment: sessions end while the clock moves."""
        return self.shop.sign_in(person or self.person)

    def buy(self, film_id: str = WATCHED, quantity: int = 1, person: User | None = None) -> int:
        return buy(self.client(person), film_id, quantity)

    def run(self, work: Callable[[Connection], Any]) -> Any:
        """What some asynchronous work on a connection of the application returns."""

        async def with_connection() -> Any:
            async with self.shop.component("database").connection() as conn:
                return await work(conn)

        return self.shop.run(with_connection())

    def begin(self, film_id: str = WATCHED, person: User | None = None) -> Rental:
        watching = self.shop.component("watching")
        rental: Rental = self.run(lambda conn: watching.begin(conn, (person or self.person).id, film_id))
        return rental

    def open_link(self, token: str, *, begins: bool = False) -> Rental:
        links = self.shop.component("stream_links")
        rental: Rental = self.run(lambda conn: links.open(conn, token, begins=begins))
        return rental

    def has_access(self, film_id: str = WATCHED, person: User | None = None) -> bool:
        return bool(data_of(self.client(person).get(f"{LIBRARY}/{film_id}/access"))["hasAccess"])

    def stream(self, film_id: str = WATCHED, client: httpx.Client | None = None) -> httpx.Response:
        return (client or self.client()).get(f"{LIBRARY}/{film_id}/stream")

    def counter(self, action: str, *arguments: Any) -> Any:
        """What the counter does: ``find``, ``overdue``, ``hand_out``, ``take_back``, ``write_off``."""
        work = getattr(self.shop.component("counter"), action)
        actor = [command_line()] if action in {"hand_out", "take_back", "write_off"} else []
        return self.run(lambda conn: work(conn, *arguments, *actor))

    def stock(self, film_id: str = PICKED_UP) -> Stock:
        stock: Stock = self.run(lambda conn: select_stock(conn, [film_id], now=self.clock.now()))[film_id]
        return stock

    def set_copies(self, copies: int | None, film_id: str = PICKED_UP) -> None:
        """As the owner does."""
        new = NewTerms(copies=copies)
        self.run(lambda conn: set_terms(conn, film_id, new, command_line(), now=self.clock.now()))

    def tidy(self) -> None:
        """What each process does with rentals once a minute."""
        self.shop.run(self.shop.component("sales").tidy(self.shop.component("database")))


def token_of(response: httpx.Response) -> str:
    """The token of a stream's link."""
    return str(data_of(response)["streamUrl"]).split("/")[-2]


def cookie_of(client: httpx.Client) -> dict[str, str]:
    return {SESSION_COOKIE: client.cookies[SESSION_COOKIE]}


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture(scope="module")
def moved_shop(
    make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalShop, MovedClock]]:
    clock = MovedClock()
    media = tmp_path_factory.mktemp("media")
    with LocalShop(open_store(make_database), clock=clock, media_dir=str(media)) as shop:
        yield shop, clock


@pytest.fixture
def rentals(moved_shop: tuple[LocalShop, MovedClock]) -> RentalShop:
    """A new customer of a shop in which nothing was sold."""
    shop, clock = moved_shop
    fetch(
        shop.url,
        "TRUNCATE rental, pickup, progress, cancellation, order_line, shop_order, checkout_key, video, rental_terms"
        " RESTART IDENTITY",
    )
    add_feature(shop.url)
    shutil.rmtree(shop.media_dir)
    write_feature(Path(shop.media_dir))
    return RentalShop(shop, clock)
