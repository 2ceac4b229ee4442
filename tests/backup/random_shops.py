"""Random shops to back up, and the contents of a database, read without filmer's code."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.conftest import SECRET_KEY, import_films
from tests.shop.stress_shop import FILMS
from tests.users import hash_password, put_card

from filmer.audit.log import command_line
from filmer.backup.archive import Manifest, open_archive
from filmer.backup.create import create_backup
from filmer.backup.restore import require_known_migrations, restore_backup
from filmer.importing.progress import Progress
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.store.fingerprint import check_or_store_fingerprint

TEXTS = [
    "\\.",
    "\\N",
    "a\tb\nc\r\n\\n",
    "COPY x (y) FROM stdin;",
    "Zoë “Ω” 🎬",
    "'; DROP TABLE card; --",
    '"',
    "\x01\x7f",
    "",
]
_EPOCH = datetime(2026, 1, 2, tzinfo=UTC)


def draw_shop(url: str, draw: random.Random) -> None:
    """Insert rows into every table."""
    import_films(url)
    key = SecretKey(Settings(secret_key=SECRET_KEY))
    with psycopg.connect(url) as conn:
        assert check_or_store_fingerprint(conn, key.fingerprint)
        accounts = [_account(conn, draw) for _ in range(draw.randint(3, 12))]
        for film in FILMS:
            conn.execute("INSERT INTO film_in_use VALUES (%s) ON CONFLICT DO NOTHING", [film])
        for account in accounts:
            _insert_user_data(conn, draw, account)
            for _ in range(draw.randint(0, 4)):
                _order(conn, draw, account)
        _takings(conn, draw)
        conn.execute(
            "UPDATE film_terms SET price = %s, overview = %s", [draw.randint(1, 999) / 100, draw.choice(TEXTS)]
        )
        conn.execute(
            "INSERT INTO film_edit (film_id, imported, fields, hidden, edit, changed)"
            " VALUES ('tt9', NULL, jsonb_build_object('title', %s::text), true, 1, now())",
            [draw.choice(TEXTS).replace("\1", "")],
        )
        conn.execute(
            "INSERT INTO price_change (made, words, films) VALUES (now(), %s, 1)",
            [draw.choice(TEXTS).replace("\1", "")],
        )
        conn.execute("INSERT INTO price_before VALUES ('tt9', NULL, false, %s)", [draw.randint(1, 999) / 100])
        conn.execute("INSERT INTO new_film VALUES ('tt9', now())")
        conn.execute(
            "INSERT INTO shelf_import (account_id, name, left_out, created, row_count) VALUES (%s, %s, '{}', now(), 1)",
            [accounts[0], draw.choice(TEXTS)],
        )
        conn.execute(
            "INSERT INTO shelf_import_row (import_id, place, account_id, file, line, title, outcome, candidates)"
            " SELECT id, 1, account_id, 'ratings.csv', 2, %s, 'several', %s FROM shelf_import",
            [draw.choice(TEXTS), [draw.choice(FILMS)]],
        )
        conn.execute("INSERT INTO film_poster VALUES ('tt9', 'image/webp', %s)", [draw.randbytes(99)])
        conn.execute("INSERT INTO rental_terms VALUES ('tt9', NULL, 5, %s)", [draw.choice([None, 0, 3])])
        conn.execute(
            "INSERT INTO video (film_id, kind, location, subtitles, added) VALUES ('tt9', 'feature', %s, %s, now())",
            [draw.choice(TEXTS), f'{{"de": "{draw.randrange(99)}"}}'],
        )
        conn.execute("INSERT INTO shop_currency (code) VALUES ('EUR')")
        conn.execute(
            "UPDATE shop_settings SET revision = %s, mark = %s, settings = jsonb_build_object('name', %s::text)",
            [draw.randrange(10**9), draw.randbytes(40), draw.choice(TEXTS)],
        )
        conn.execute(
            "INSERT INTO own_page VALUES ('imprint', %s, %s, NULL, %s, 1)", [draw.choice(TEXTS) for _ in range(3)]
        )
        conn.execute("INSERT INTO guess VALUES (%s, now())", [draw.randbytes(32)])
        conn.execute("INSERT INTO guest_cart (digest, used) VALUES (%s, now())", [draw.randbytes(32)])
        conn.execute(
            "INSERT INTO cart_line (account_id, film_id, quantity, price) SELECT -id, %s, 2, 2.5 FROM guest_cart",
            [draw.choice(FILMS)],
        )
        conn.execute("INSERT INTO tmdb_link VALUES ('tt9', %s, now()), ('tt8', NULL, now())", [draw.randint(1, 10**9)])
    put_card(url)
    for account in accounts[1:]:
        number = f"4000{draw.randrange(10**12):012}"
        names = {"firstName": "Mary", "lastName": "Major", "expiration": "2031-01"}
        put_card(url, {"creditCardId": number, **names}, account_id=account)


def _account(conn: psycopg.Connection, draw: random.Random) -> int:
    email = f"{draw.randrange(10**12)}@example.com"
    row = conn.execute(
        """
        INSERT INTO account (email, email_key, first_name, last_name, role, password, disabled, created)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        [email, email, draw.choice(TEXTS) or "Mary", draw.choice(TEXTS) or "Major", draw.choice(["customer", "admin"]),
         hash_password(), draw.random() < 0.1, _moment(draw)],
    ).fetchone()  # fmt: skip
    assert row
    return int(row[0])


def _insert_user_data(conn: psycopg.Connection, draw: random.Random, account: int) -> None:
    """Insert a session, a token, a cart and a shelf."""
    digest = draw.randbytes(32)
    conn.execute("INSERT INTO session VALUES (%s, %s, %s, %s)", [digest, account, _moment(draw), _moment(draw)])
    conn.execute("INSERT INTO familiar_address VALUES (%s, %s, %s)", [account, draw.randbytes(32), _moment(draw)])
    conn.execute(
        "INSERT INTO token (digest, account_id, name, created, expires) VALUES (%s, %s, %s, %s, %s)",
        [digest, account, draw.choice(TEXTS) or "a script", _moment(draw), draw.choice([None, _moment(draw)])],
    )
    _insert_links_and_mails(conn, draw, account)
    for film in draw.sample(FILMS, draw.randint(0, len(FILMS))):
        conn.execute(
            "INSERT INTO cart_line (account_id, film_id, quantity, price) VALUES (%s, %s, %s, %s)",
            [account, film, draw.randint(1, 10), draw.randint(0, 10**6) / 100],
        )
        conn.execute(
            "INSERT INTO progress VALUES (%s, %s, NULL, 2, %s, 1e6, %s)",
            [account, film, draw.random() * 1e6, _moment(draw)],
        )
    conn.execute("INSERT INTO shelf VALUES (%s, gen_random_uuid())", [account])
    for movie in draw.sample(range(1, 1000), draw.randint(0, 9)):
        conn.execute(
            "INSERT INTO tmdb_film VALUES (%s, %s, NULL, %s, %s, 7.1, now()) ON CONFLICT DO NOTHING",
            [movie, draw.choice(TEXTS), draw.choice(TEXTS), draw.random() * 1e300],
        )
        for table in ("favorite", "watchlist_film", "seen_film"):
            conn.execute(
                f"INSERT INTO {table} (account_id, movie_id, created) VALUES (%s, %s, now())", [account, movie]
            )
        conn.execute(
            "INSERT INTO rating (account_id, movie_id, rating, created, updated) VALUES (%s, %s, %s, now(), now())",
            [account, movie, draw.randint(0, 10) / 2],
        )


def _insert_links_and_mails(conn: psycopg.Connection, draw: random.Random, account: int) -> None:
    """What people do with their accounts, and what is known of them at Stripe."""
    number, reference, moment = draw.getrandbits(50), f"{draw.getrandbits(60):x}", _moment(draw)
    conn.execute(
        "INSERT INTO kept_sign_in (account_id, device, created, turned) VALUES (%s, %s, %s, %s)",
        [account, draw.choice(TEXTS), moment, _moment(draw)],
    )
    conn.execute("INSERT INTO new_password_link VALUES (%s, %s, %s)", [number, draw.choice([None, account]), moment])
    conn.execute("INSERT INTO former_address VALUES (%s, %s)", [account, f"before{account}@example.com"])
    conn.execute(
        "INSERT INTO unconfirmed_address (id, account_id, email, until) VALUES (%s, %s, %s, %s)",
        [number, account, f"{draw.choice(TEXTS)}@example.com", moment],
    )
    conn.execute(
        """
        INSERT INTO mail (kind, recipient, account_id, link_id, fields, state, created, due)
        VALUES ('order', 'a@example.com', %s, %s, jsonb_build_object('reason', %s::text), 'waiting', %s, %s)
        """,
        [account, number, draw.choice(TEXTS), moment, moment],
    )
    conn.execute("INSERT INTO stripe_customer VALUES (%s, %s)", [account, f"cus_{reference}"])
    conn.execute(
        "INSERT INTO stripe_card (account_id, reference, fingerprint, last_four, first_name, last_name, expiration)"
        " VALUES (%s, %s, 'x', '4242', 'Zoë', %s, '2031-05')",
        [account, f"pm_{reference}", draw.choice(TEXTS) or "Ray"],
    )
    conn.execute(
        """
        WITH entry AS (
            INSERT INTO audit_entry (at, via, action, subject_kind, subject_id, title, before, after)
            VALUES (%s, 'command line', 'film.price', 'film', 'tt9', %s, '{}', '{"price": "4.99"}') RETURNING id
        )
        INSERT INTO audit_personal (entry_id, account_id, fields)
        SELECT id, %s, jsonb_build_object('address', %s::text) FROM entry
        """,
        [moment, draw.choice(TEXTS), account, draw.choice(TEXTS)],
    )
    conn.execute("INSERT INTO stripe_removal VALUES (%s)", [f"pm_gone_{reference}"])
    conn.execute(
        "INSERT INTO payment_draft VALUES (%s, %s, 2.5, 'EUR', %s, 'open', %s)",
        [number + 1, account, f"pi_{reference}", moment],
    )


def _order(conn: psycopg.Connection, draw: random.Random, account: int) -> None:
    order, films = draw.getrandbits(52) + 1, draw.sample(FILMS, draw.randint(1, 4))
    conn.execute(
        """
        INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured)
        VALUES (%s, %s, %s, now(), %s, %s, %s, 'card', %s)
        """,
        [order, account, _moment(draw), len(films), len(films) * 2.5, b"\0\\x", draw.choice([None, _moment(draw)])],
    )
    for place, film in enumerate(films, 1):
        conn.execute(
            "INSERT INTO order_line VALUES (%s, %s, %s, %s, %s, NULL, 1, 2.5)",
            [draw.getrandbits(52) + 1, order, place, film, draw.choice(TEXTS)],
        )
        conn.execute(
            """
            INSERT INTO rental (order_id, place, unit, account_id, film_id, way, start_days, hours, state, paid,
                start_by, began, ends_at, returned, ended)
            SELECT %(order)s, %(place)s, 1, %(account)s, %(film)s, 'pick up', 30, 48, s, m, m, b, b, r, e
            FROM (VALUES ('waiting', NULL, NULL, NULL), ('running', %(moment)s, NULL, NULL),
                         ('over', %(moment)s, %(moment)s, %(moment)s), ('cancelled', NULL, NULL, %(moment)s)
                 ) states(s, b, r, e), (VALUES (%(moment)s::timestamptz)) moments(m)
            ORDER BY s LIMIT 1 OFFSET %(number)s
            """,
            {"order": order, "place": place, "account": account, "film": film, "moment": _moment(draw),
             "number": draw.randrange(4)},
        )  # fmt: skip
    conn.execute("INSERT INTO checkout_key VALUES (%s, %s, %s, %s, now())", [account, f"key {order}", b"\0\\x", order])
    conn.execute("INSERT INTO pickup VALUES (%s, %s)", [order, f"{draw.getrandbits(32):08X}"])
    if draw.random() < 0.5:
        refund, answered = draw.choice([("initiated", None), ("completed", _moment(draw)), ("failed", _moment(draw))])
        conn.execute(
            "INSERT INTO cancellation VALUES (%s, %s, %s, %s, 2.5, %s, %s)",
            [order, account, draw.choice(TEXTS), _moment(draw), refund, answered],
        )


def _takings(conn: psycopg.Connection, draw: random.Random) -> None:
    """As if some days had been summed, whatever the orders are."""
    conn.execute("INSERT INTO takings_day SELECT %s::date + n, n, n, 0 FROM generate_series(1, 3) n", [_moment(draw)])
    conn.execute(
        "INSERT INTO takings_film SELECT n = 1, %s::date + n, %s, n, n, 2.5, 0 FROM generate_series(1, 3) n",
        [_moment(draw), draw.choice(FILMS)],
    )


def _moment(draw: random.Random) -> datetime:
    return _EPOCH + timedelta(microseconds=draw.randrange(10**14))


_SHAPE = {
    "columns": """
        SELECT table_schema, table_name, column_name, ordinal_position, data_type, is_nullable, column_default,
            collation_name, is_identity, numeric_precision, numeric_scale
        FROM information_schema.columns WHERE table_schema IN ('public', (SELECT schema FROM edition))
    """,
    "indexes": """
        SELECT schemaname, tablename, indexdef FROM pg_indexes
        WHERE schemaname IN ('public', (SELECT schema FROM edition))
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, translate(pg_get_constraintdef(oid), '()', '')
        FROM pg_constraint
        WHERE connamespace IN ('public'::regnamespace, (SELECT schema::regnamespace FROM edition))
    """,
    "functions": "SELECT proname, prosrc, pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'words_of'",
    "kinds of tables": """
        SELECT oid::regclass::text, relkind, relpersistence, reloptions FROM pg_class
        WHERE relnamespace IN ('public'::regnamespace, (SELECT schema::regnamespace FROM edition))
            AND relkind IN ('r', 'S')
    """,
    "next numbers": "SELECT sequencename, last_value FROM pg_sequences WHERE sequencename <> 'audit_entry_id_seq'",
}


def database_contents(url: str) -> dict[str, list[Any]]:
    """The rows and definitions of all tables, except the throttle's guesses and the database's identity.

    Also except that the log tells of backups and restores, as these are what is compared.
    """
    with psycopg.connect(url) as conn:
        contents = {what: sorted(map(repr, conn.execute(query.encode()))) for what, query in _SHAPE.items()}
        tables = conn.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname IN ('public', (SELECT schema FROM edition))"
        ).fetchall()
        for (table,) in tables:
            columns = "version, schema" if table == "public.edition" else "*"
            kept = " WHERE action NOT LIKE 'database.%'" if table == "public.audit_entry" else ""
            rows = conn.execute(f"SELECT {columns} FROM {table}{kept}".encode())
            contents[table] = [] if table == "public.guess" else sorted(map(repr, rows))
    return contents


def edition_of(url: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT database FROM edition").fetchone()
    assert row
    return str(row[0])


def differences(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> list[str]:
    return [what for what in sorted({*before, *after}) if before.get(what) != after.get(what)]


def write_backup(url: str, path: Path, *, replace: bool = False) -> Manifest:
    """As ``filmer backup`` does, in this process."""
    with Progress(quiet=True) as progress:
        return create_backup(url, path, replace=replace, now=datetime.now(UTC), progress=progress)


def restore_from(url: str, path: Path, *, replace: bool = False) -> list[str]:
    """As ``filmer restore`` does, in this process."""
    with Progress(quiet=True) as progress, open_archive(path, progress) as (manifest, dump):
        require_known_migrations(manifest)
        return restore_backup(url, manifest, dump, command_line(), replace=replace, progress=progress)


def start_filmer(url: str, *arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
    """Start the command line."""
    return subprocess.Popen(
        [sys.executable, "-m", "filmer", *map(str, arguments)],
        env={**os.environ, "DATABASE_URL": url, "COLUMNS": "1000", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def filmer(url: str, *arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    with start_filmer(url, *arguments, **environment) as process:
        out, errors = process.communicate(timeout=120)
    assert "Traceback" not in out + errors
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


@contextmanager
def flipped(path: Path, at: int) -> Iterator[None]:
    """One bit of a file is flipped inside the block."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1 << at % 8]))
        file.flush()
        yield
        file.seek(at)
        file.write(byte)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
