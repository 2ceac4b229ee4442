"""The catalogue's tables, as they are now: each edition has its own (decision 0020)."""

from typing import Any

import psycopg

BREAK = "ALTER TABLE film RENAME id TO former_id; ALTER TABLE star RENAME id TO former_id"  # reading them fails
MEND = "ALTER TABLE film RENAME former_id TO id; ALTER TABLE star RENAME former_id TO id"
LOCK = "LOCK TABLE film, star, listing, listing_size, tally, term IN ACCESS EXCLUSIVE MODE"  # nobody can read them

READ_CURRENT = "SELECT set_config('search_path', 'public, ' || schema, false) FROM edition"


def connect(database_url: str, **options: Any) -> psycopg.Connection:
    """A connection that reads the edition that is current now; what it makes is in the schema ``public``."""
    conn = psycopg.connect(database_url, **options)
    conn.execute(READ_CURRENT)
    return conn


def pricing(price: str = "%s", where: str = "WHERE id = %s") -> str:
    """The statement that gives films a price of their own, behind everybody's back."""
    return (
        f"INSERT INTO film_terms (film_id, price) SELECT id, {price} FROM film {where}"
        " ON CONFLICT (film_id) DO UPDATE SET price = excluded.price"
    )
