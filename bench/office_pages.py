"""The pages of the office in a shop of many orders, customers and entries of the log: how long each takes in process.

``python -m bench.office_pages``, or with words of addresses: ``python -m bench.office_pages customers log``.

The orders lie in the last year, so that the longest period that the page of takings offers has all of them. What it
makes is in bench/out/data-office, and used again.
"""

import asyncio
import gc
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from bench.in_process import in_process
from tests.conftest import import_films
from tests.users import open_account, session_of

from filmer.clock import SystemClock
from filmer.office.takings import tidy
from filmer.settings import Settings, load_settings
from filmer.store.engines import engines
from filmer.store.migrate import migrate
from filmer.store.postgres import Database

ORDERS, CUSTOMERS, TIMES = 100_000, 50_000, 100
DATA = Path(__file__).parent / "out" / "data-office"
# Every 50th order waits to be paid, every 25th is cancelled, every 500th of these is owed.
_STATEMENTS = [
    """
    INSERT INTO account (email, email_key, first_name, last_name, password, role, created)
    SELECT 'person' || n || '@example.com', 'person' || n || '@example.com',
        (ARRAY['Ann', 'Bea', 'Cem', 'Dora', 'Emil', 'Fritz', 'Gül'])[1 + n %% 7],
        'Number ' || to_char(n %% 3999 + 1, 'FMRN') || n, '$argon2id$none', 'customer', now()
    FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment, captured, last_four)
    SELECT n * 7919, 100 + (n::bigint * 6007) %% %(customers)s, at, at, 2, 9.98, '',
        CASE n %% 10 WHEN 0 THEN 'counter' WHEN 1 THEN 'pi_' || n WHEN 2 THEN 'nothing to pay'
            ELSE 'card on file ' || lpad((n * 31 %% 10000)::text, 4, '0') END,
        CASE WHEN n %% 50 <> 0 THEN at END, CASE WHEN n %% 10 = 1 THEN lpad((n %% 10000)::text, 4, '0') END
    FROM (SELECT n, now() - interval '365 days' * (1 - n / %(orders)s::float) AS at
          FROM generate_series(1, %(orders)s) n) o
    """,
    """
    INSERT INTO order_line (id, order_id, place, film_id, title, year, quantity, price)
    SELECT o.id * 2 + p, o.id, p, f.id, f.title, f.year, 1, 4.99
    FROM shop_order o CROSS JOIN generate_series(1, 2) p
    JOIN film f ON f.no = 1 + (o.place * 31 + p * 17) %% (SELECT count(*) FROM film)
    """,
    """
    INSERT INTO rental (order_id, place, unit, account_id, film_id, way, start_days, hours, state, paid, start_by)
    SELECT l.order_id, l.place, 1, o.account_id, l.film_id, 'watch', 30, 48,
        CASE WHEN o.captured IS NULL THEN 'unpaid' ELSE 'waiting' END, o.captured, o.captured + interval '30 days'
    FROM order_line l JOIN shop_order o ON o.id = l.order_id
    """,
    "INSERT INTO pickup SELECT id, left(upper(md5(id::text)), 8) FROM shop_order WHERE place %% 3 = 0",
    """
    INSERT INTO cancellation (order_id, reason, cancelled, amount, refund, answered)
    SELECT id, '', placed + interval '1 day', total,
        CASE WHEN place %% 500 = 0 THEN 'failed' ELSE 'completed' END, placed + interval '1 day'
    FROM shop_order WHERE place %% 25 = 3 OR place %% 500 = 0 AND captured IS NOT NULL
    """,
    """
    WITH entry AS (
        INSERT INTO audit_entry (at, via, account_id, action, subject_kind, subject_id, title, before, after)
        SELECT now() - n * interval '5 minutes', 'office', 100,
            (ARRAY['film.price', 'film.terms', 'order.paid'])[n %% 3 + 1], 'film', 'tt' || n %% 1000,
            'Film ' || n %% 1000, '{"price": "3.99"}', jsonb_build_object('price', n)
        FROM generate_series(1, %(orders)s) n RETURNING id, account_id
    )
    INSERT INTO audit_personal (entry_id, account_id, fields)
    SELECT id, account_id, '{"address": "203.0.113.5"}' FROM entry
    """,
]
_CUSTOMERS = (
    "", "?page=200", "?role=customer", "?role=clerk", "?state=closed", "?query=person40321", "?query=ann",
    "?query=example.com", "?query=number1", "?query=nu", "?query=zq", "?query=e", "?query=dora+mmmdcc", "?query=40321",
    "?query=qqqqqq", "/40321",
)  # fmt: skip
_LOG = (
    "", "?before=200", "?query=film", "?query=98765", "?query=no+such+word", "?query=cem+mmmdcc", "?who=100",
    "?who=command+line", "?group=order", "?group=mail", "?subject=film:tt7", "?until=2000-01-01",
    "?query=9876&who=100&group=film&since=2000-01-01&until=2100-01-01",
)  # fmt: skip


def fill(url: str) -> None:
    import_films(url)
    with psycopg.connect(url) as conn:
        conn.execute("SELECT set_config('search_path', schema || ', public', false) FROM edition")
        conn.execute("ALTER TABLE account ALTER COLUMN id RESTART WITH 100")
        for statement in _STATEMENTS:
            conn.execute(statement.encode(), {"orders": ORDERS, "customers": CUSTOMERS})
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")


def addresses(url: str) -> list[str]:
    today = datetime.now(UTC).date()
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT id FROM shop_order ORDER BY place OFFSET 500 LIMIT 1").fetchone()
        code = conn.execute("SELECT code FROM pickup OFFSET 777 LIMIT 1").fetchone()
    assert row and code  # noqa: PT018 - it was filled
    lists = ["", f"?after={row[0]}", *(f"?state={state}" for state in ("unpaid", "paid", "cancelled", "owed"))]
    since, until = today - timedelta(days=200), today - timedelta(days=199)
    lists += ["?payment=stripe", "?payment=free&state=cancelled", f"?since={since}&until={until}"]
    texts = [row[0], code[0], "4217", "person4711@example.com", "number mmmdcc", "dora", "example", "e", "zq", "nobody"]
    orders = [f"/admin/orders{query}" for query in lists] + [f"/admin/orders?query={text}" for text in texts]
    spans = [("day", today - timedelta(days=29)), ("day", today - timedelta(days=364))]
    spans += [(by, today - timedelta(days=days)) for by in ("month", "film", "genre") for days in (29, 364)]
    takings = [f"/admin/takings?by={by}&since={since}" for by, since in spans]
    customers, log = [f"/admin/customers{end}" for end in _CUSTOMERS], [f"/admin/log{end}" for end in _LOG]
    return ["/admin", *orders, f"/admin/orders/{row[0]}", *takings, "/admin/prices", *customers, *log]


def processor_seconds() -> float:
    """Of this process, and of its database's processes."""
    used, server = time.process_time(), (DATA / "postgres" / "postmaster.pid").read_text().split()[0]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            used += sum(map(int, fields[11:13])) / 100 if fields[1] == server else 0
    return used


async def sum_takings(url: str) -> None:
    """As a process does within a minute."""
    database = Database(url, size=1)
    await database.open()
    begun = time.perf_counter()
    await tidy(database, SystemClock())
    print(f"takings summed in {time.perf_counter() - begun:.1f} s")
    await database.close()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ANALYZE takings_day, takings_film")


async def measure(settings: Settings, cookie: str, wanted: Sequence[str]) -> None:
    """Beside the times, the processor's time in the mean, which other work on the machine changes less."""
    url = settings.database_url or ""
    await sum_takings(url)
    async with in_process(settings) as client:
        gc.freeze()  # as a worker does, which else looks for garbage in all that it has loaded
        print(f"{ORDERS:,} orders, {CUSTOMERS:,} customers, {TIMES} times each; milliseconds")
        print(f"{'p50':>8} {'p99':>8} {'cpu':>8}  address")
        for address in (one for one in addresses(url) if not wanted or any(word in one for word in wanted)):
            await client.get(address, cookie)  # a process compiles a template once, in up to 0.2 s
            times, begun = [], processor_seconds()
            for _ in range(TIMES):
                response = await client.get(address, cookie)
                assert response.status == 200, (address, response.status)
                times.append(response.milliseconds)
            used = (processor_seconds() - begun) * 1000 / TIMES
            late = sorted(times)[-1 - TIMES // 100]
            print(f"{statistics.median(times):8.1f} {late:8.1f} {used:8.1f}  {address}", flush=True)


def main() -> None:
    is_new = not (DATA / "done").exists()
    if is_new:
        shutil.rmtree(DATA, ignore_errors=True)
    with engines(load_settings({}, data_dir=str(DATA)), valkey=False) as settings:
        url = settings.database_url or ""
        with psycopg.connect(url, autocommit=True) as conn:
            list(migrate(conn))
        if is_new:
            fill(url)
            (DATA / "done").touch()
        owner = open_account(url, email=f"owner{datetime.now(UTC).timestamp()}@example.com", role="admin")
        ((name, token),) = session_of(url, owner).items()
        asyncio.run(measure(settings, f"{name}={token}", sys.argv[1:]))


if __name__ == "__main__":
    main()
