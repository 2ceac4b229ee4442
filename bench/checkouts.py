"""Checkouts through HTTP, against pgbench sending the statements of one checkout to the same server; and without a key.

The second row is of two shoppers, who never wait for each other: it shows what a checkout without an Idempotency-Key
costs, and that nothing is held back for it.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

from bench import catalogues
from bench.cart_users import CARD, LINES, CartUsers, cart_users
from bench.http_connections import answers_per_second, request
from bench.in_process import TimedClient, in_process
from bench.request_mix import API
from bench.results import Rows, compared
from bench.server import serving
from bench.sql_recording import Recording, recording, script, utc_now

from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.embedded import find_postgres
from filmer.store.engines import connect
from filmer.store.postgres import SETTINGS

CLIENTS = 16
WORKERS = 2
EACH = 48  # carts a client and a round
CARTS = CLIENTS * EACH
LIMIT = 0.40
SHOPPERS = 2
THEIR_CARTS = 384  # a round
KEYLESS_LIMIT = 0.80
_BODY = json.dumps(CARD).encode()

# Ids as filmer draws them; a cart of its own for each transaction of each client.
_HEAD = "\n".join(
    [
        "\\set i :i + 1",
        "\\set account 1 + :client_id * :each + :i",
        "\\set order_id random(1, 9007199254740991)",
        *[f"\\set sale_{number} random(1, 9007199254740991)" for number in range(LINES)],
        "",
    ]
)
_SALES = f"ARRAY[{', '.join(f':sale_{number}' for number in range(LINES))}]"


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, cart_users(settings, CARTS) as users:
        users.fill(2)
        text = asyncio.run(checkout_script(users))
        ours, theirs = _interleaved(scale, users, text)
        without, with_key = _two_shoppers(scale, users)
    yield compared(
        f"checkouts: {CLIENTS} clients, {WORKERS} workers",
        ours,
        theirs,
        reference=f"pgbench with the same {text.count(';')} statements and as many clients",
        bound=LIMIT,
    )
    yield compared(
        f"checkouts without a key: {SHOPPERS} shoppers, {WORKERS} workers",
        without,
        with_key,
        reference="the same with a key",
        bound=KEYLESS_LIMIT,
    )


async def checkout_script(cart_users: CartUsers) -> str:
    """What pgbench is to send, recorded from two checkouts of different accounts."""
    async with in_process(cart_users.settings) as filmer:
        return script(await _recorded(filmer, cart_users, 1), await _recorded(filmer, cart_users, 2))


async def _recorded(filmer: TimedClient, cart_users: CartUsers, account_id: int) -> Recording:
    key, begun = _key(), utc_now()
    headers = [(b"cookie", cart_users.cookie(account_id).encode()), (b"idempotency-key", key.encode())]
    with recording() as sent:
        response = await filmer.post(f"{API}/checkout", _BODY, headers)
    if response.status != 200:
        raise SystemExit(f"checkout: {response.status} {response.body!r}")
    order_id = response.data["orderId"]
    with connect(cart_users.settings) as conn:
        rows = conn.execute("SELECT id FROM order_line WHERE order_id = %s ORDER BY place", [order_id]).fetchall()
    own: list[tuple[str, Any]] = [
        (":account", account_id),
        (":order_id", order_id),
        (":order_id", key),  # as any other text that nobody had before
        (_SALES, [row[0] for row in rows]),
    ]
    return Recording(sent, own, begun)


def _interleaved(scale: str, users: CartUsers, text: str) -> tuple[list[float], list[float]]:
    """Checkouts a second of filmer and of pgbench. ``text``: what ``checkout_script`` returned."""
    ours, theirs = [], []
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file, serving(scale, workers=WORKERS) as url:
        file.write(_HEAD + text)
        file.flush()
        for number in range(catalogues.ROUNDS[scale] + 1):
            users.fill()
            before = users.effect()
            mine = answers_per_second(url, _requests(users, CARTS), connections=CLIENTS)
            _require_all_bought(users, before)
            users.fill()
            before = users.effect()
            its = _pgbench(users, Path(file.name))
            _require_all_bought(users, before)
            if number:  # the first finds pools empty and pages cold
                ours.append(mine)
                theirs.append(its)
    return ours, theirs


def _two_shoppers(scale: str, users: CartUsers) -> tuple[list[float], list[float]]:
    """Checkouts a second without a key, and with one."""
    figures: dict[bool, list[float]] = {False: [], True: []}
    with serving(scale, workers=WORKERS) as url:
        for number in range(catalogues.ROUNDS[scale] + 1):
            for has_key, rates in figures.items():
                users.fill(THEIR_CARTS)
                before = users.effect()
                requests = _requests(users, THEIR_CARTS, has_key=has_key)
                figure = answers_per_second(url, requests, connections=SHOPPERS)
                _require_all_bought(users, before, THEIR_CARTS, has_key=has_key)
                if number:  # the first finds pools empty and pages cold
                    rates.append(figure)
    return figures[False], figures[True]


def _requests(cart_users: CartUsers, carts: int, *, has_key: bool = True) -> list[bytes]:
    path = f"{API}/checkout"
    return [
        request("POST", path, cookie=cart_users.cookie(number), key=_key() if has_key else "", body=_BODY)
        for number in range(1, carts + 1)
    ]


def _key() -> str:
    return str(uuid.uuid4().int % 10**16)


def _require_all_bought(cart_users: CartUsers, before: list[int], carts: int = CARTS, *, has_key: bool = True) -> None:
    """Both must have had the same effect: an order, its lines and its key for each cart, and no cart left."""
    gained = [after - was for after, was in zip(cart_users.effect(), before, strict=True)]
    if gained != [carts, carts * LINES, carts if has_key else 0, -carts * LINES]:
        raise SystemExit(f"bench: of {carts} carts came {gained} orders, lines, keys and lines in carts")


def _pgbench(cart_users: CartUsers, file: Path) -> float:
    """Transactions per second, as pgbench counts them."""
    beside = find_postgres() / "pgbench"
    program = str(beside) if beside.exists() else shutil.which("pgbench")
    if program is None:
        raise SystemExit("bench: no pgbench; it comes with PostgreSQL's server packages")
    command = [
        program, "--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--jobs={os.cpu_count() or 1}",
        f"--transactions={EACH}", f"--file={file}", f"--define=each={EACH}", "--define=i=-1",
        cart_users.settings.database_url or "",
    ]  # fmt: skip
    with connect(cart_users.settings) as conn:
        conn.execute(USE_CURRENT_EDITION)
        path = str(conn.execute("SHOW search_path").fetchall()[0][0]).replace(" ", "")
    environment = os.environ | {"PGOPTIONS": f"{SETTINGS} -c search_path={path}"}  # as filmer's connections have them
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    match = re.search(r"^tps = ([0-9.]+)", result.stdout, re.MULTILINE)
    if result.returncode or match is None:
        raise SystemExit(f"pgbench failed:\n{result.stdout}{result.stderr}\n{file.read_text()}")
    return float(match[1])
