"""A shop whose clock a test moves, and people with something of everything."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.accounts.forms import send
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.in_process import MovedClock
from tests.shop.conftest import SHAWSHANK, LocalShop, buy, open_store, put_in_cart
from tests.users import PASSWORD, open_account, put_card, token_of

from filmer.personal_data.leaving import UNDO_WITHIN

DELETE = "/account/delete"
TMDB_ID = 278  # The Shawshank Redemption
NUMBER = "5105105105105100"


class Leaver:
    """Somebody who has rented, and has a full cart, a card, a token, a favourite, a rating, and watched a film."""

    def __init__(self, shop: LocalShop, clock: MovedClock, *, email: str = "") -> None:
        self.shop, self.clock, self.url = shop, clock, shop.url
        self.person = open_account(shop.url, email=email)
        self.client = shop.sign_in(self.person)
        self.order = buy(self.client)
        put_in_cart(self.client)
        put_card(shop.url, {"creditCardId": NUMBER, "firstName": "=Mary", "lastName": "Major", "expiration": "2031-05"},
                 account_id=self.person.id)  # fmt: skip
        self.token = token_of(shop.url, self.person, name="backup")
        for table, columns, values in (
            ("shelf", "version", "gen_random_uuid()"),
            ("favorite", "movie_id, created", f"{TMDB_ID}, now()"),
            ("watchlist_film", "movie_id, created", f"{TMDB_ID}, now()"),
            ("seen_film", "movie_id, seen_on, created", f"{TMDB_ID}, '2024-01-31', now()"),
            ("rating", "movie_id, rating, created, updated", f"{TMDB_ID}, 4.5, now(), now()"),
            ("shelf_import", "name, left_out, created, row_count", "'ratings.csv', '{}', now(), 1"),
            (
                "shelf_import_row",
                "import_id, place, file, line, title, outcome",
                "(SELECT max(id) FROM shelf_import), 1, 'ratings.csv', 2, '=Nowhere', 'missing'",
            ),
            ("progress", "film_id, position, updated", f"'{SHAWSHANK}', 61.5, now()"),
            ("familiar_address", "address, seen", "'somewhere', now()"),
            ("kept_sign_in", "device, created, turned", "'Firefox on Linux', now(), now()"),
            ("new_password_link", "id, until", f"{self.person.id}, now() + interval '1 hour'"),
            ("unconfirmed_address", "id, email, until", f"{self.person.id}, 'next@example.com', now()"),
            ("former_address", "email", "'former@example.com'"),
            ("stripe_customer", "reference", "'cus_' || gen_random_uuid()"),
            (
                "stripe_card",
                "reference, fingerprint, last_four, first_name, last_name, expiration",
                "'pm_' || gen_random_uuid(), 'x', '9999', 'Mary', 'Major', '2031-05'",
            ),
        ):
            fetch(shop.url, f"INSERT INTO {table} (account_id, {columns}) VALUES (%s, {values})", self.person.id)
        fetch(
            shop.url,
            """
            WITH entry AS (
                INSERT INTO audit_entry (at, via, action, subject_kind, subject_id, title, before, after)
                VALUES (now(), 'command line', 'account.email', 'account', %s, '', '{}', '{}') RETURNING id
            )
            INSERT INTO audit_personal (entry_id, account_id, fields) SELECT id, %s, '{"before": {}}' FROM entry
            """,
            str(self.person.id), self.person.id,
        )  # fmt: skip

    def delete(self, password: str = PASSWORD) -> httpx.Response:
        return send(self.client, DELETE, password=password)

    def is_signed_in(self) -> bool:
        return self.client.get("/account").status_code == 200

    def rows(self, table: str) -> list[Any]:
        return fetch(self.url, f"SELECT * FROM {table} WHERE account_id = %s", self.person.id)

    def tidy(self) -> None:
        """What each process does once a minute."""
        self.shop.run(self.shop.component("leaving").tidy(self.shop.component("database")))

    def pass_week(self, *, less: timedelta = timedelta()) -> None:
        self.clock.move(seconds=(UNDO_WITHIN - less).total_seconds())


@pytest.fixture(scope="module")
def shop_and_clock(make_database: MakeDatabase) -> Iterator[tuple[LocalShop, MovedClock]]:
    clock = MovedClock()
    with LocalShop(open_store(make_database), clock=clock) as shop:
        yield shop, clock


@pytest.fixture
def leaver(shop_and_clock: tuple[LocalShop, MovedClock]) -> Leaver:
    shop, clock = shop_and_clock
    fetch(shop.url, "DELETE FROM card WHERE account_id IS NOT NULL")
    return Leaver(shop, clock)
