"""Rentals outlive what happens to a shop: migrations, imports, backups (contract §9.6)."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from tests.backup.random_shops import restore_from, write_backup
from tests.conftest import MakeDatabase, import_films
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, PROGRESS, WATCHED, RentalShop, rental_ids
from tests.responses import data_of, error_of
from tests.shop.conftest import LocalShop
from tests.users import open_account

from filmer.store import migrate as migrating
from filmer.store.migrate import migrate, migrations

NUMBER = 12  # of the migration with the tables of rentals
TABLES = ("rental", "rental_terms", "video", "pickup", "progress", "cancellation")


def contents(url: str) -> dict[str, list[tuple[str]]]:
    return {table: fetch(url, f"SELECT t::text FROM {table} t ORDER BY 1") for table in TABLES}


def fill(rentals: RentalShop) -> dict[str, list[tuple[str]]]:
    """Every table has rows."""
    rentals.set_copies(5)
    order = rentals.buy(PICKED_UP, 2)
    rentals.counter("hand_out", rental_ids(rentals.url, order)[0])
    rentals.buy(WATCHED)
    rentals.begin()
    client = rentals.client()
    assert data_of(client.post(PROGRESS, json={"movieId": WATCHED, "isSeries": False, "position": 7})) is None
    assert data_of(client.post("/api/v1/orders/cancel", json={"orderId": rentals.buy(WATCHED)}))
    filled = contents(rentals.url)
    assert all(filled.values())
    return filled


def test_an_import_without_the_films_keeps_them(rentals: RentalShop, tmp_path: Path) -> None:
    before = fill(rentals)
    other = tmp_path / "other.csv"
    other.write_text("id,title\ntt7000001,Another\n")
    import_films(rentals.url, other)
    assert contents(rentals.url) == before
    items = data_of(rentals.client().get("/api/v1/library"))["items"]
    assert [item["title"] for item in items] == ["The Shawshank Redemption", "Amélie"]
    assert rentals.has_access(WATCHED)
    assert data_of(rentals.stream(WATCHED))["movieId"] == WATCHED
    import_films(rentals.url)
    assert contents(rentals.url) == before
    assert rentals.stock().free == 3


def test_a_backup_brings_them_back(rentals: RentalShop, tmp_path: Path, make_database: MakeDatabase) -> None:
    before = fill(rentals)
    write_backup(rentals.url, tmp_path / "shop.backup")
    restored = make_database()
    restore_from(restored, tmp_path / "shop.backup", replace=True)
    assert contents(restored) == before


def test_orders_sold_before_have_rentals_that_are_over(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop is brought back to the tables of the version before, and migrated."""
    person = open_account(database_url)
    placed = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("DROP INDEX shop_order_placed")
        for table in TABLES:
            conn.execute(f"DROP TABLE {table} CASCADE".encode())
        conn.execute("DELETE FROM migration WHERE number >= %s", [NUMBER])
        conn.execute(
            "INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment)"
            " VALUES (7, %s, %s, now(), 3, 9, '', 'card')",
            [person.id, placed],
        )
        conn.execute(
            "INSERT INTO order_line VALUES (1, 7, 1, %s, 'A', NULL, 1, 3), (2, 7, 2, %s, 'B', NULL, 2, 3)",
            [WATCHED, PICKED_UP],
        )
        others = [migration for migration in migrations() if migration.number <= NUMBER]
        monkeypatch.setattr(migrating, "migrations", lambda: others)
        assert [migration.number for migration in migrate(conn)] == [NUMBER]
        stored = conn.execute("SELECT film_id, unit, state, paid, ended FROM rental ORDER BY id").fetchall()
        assert stored == [
            (WATCHED, 1, "over", placed, placed),
            (PICKED_UP, 1, "over", placed, placed),
            (PICKED_UP, 2, "over", placed, placed),
        ]
    with LocalShop(database_url) as shop:
        client = shop.sign_in(person)
        items = data_of(client.get("/api/v1/library"))["items"]
        assert {item["state"] for item in items} == {"over"}
        assert not data_of(client.get(f"/api/v1/library/{WATCHED}/access"))["hasAccess"]
        tracked = data_of(client.get("/api/v1/orders/7/track"))
        assert [change["status"] for change in tracked["statusHistory"]] == ["PAID", "COMPLETED"]
        answer = client.post("/api/v1/orders/cancel", json={"orderId": 7})
        assert error_of(answer, 400, "INVALID_OPERATION")
