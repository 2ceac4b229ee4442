"""What a login costs beside argon2, and whether logins hold up anything else."""

import asyncio
import json
import os
import selectors
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from bench import catalogues
from bench.cart_users import PASSWORD, CartUsers, cart_users
from bench.http_connections import KeepAliveConnection, request
from bench.in_process import in_process
from bench.request_mix import API
from bench.results import Limit, Row, Rows, late, middle_half
from bench.server import serving
from bench.timing import Times, require_ok

from filmer.accounts.passwords import NICENESS

LOGINS = 60  # timed one by one, each beside a bare verification
COST_LIMIT = 1.15
CONNECTIONS = 8  # logging in without a pause
PHASE_SECONDS = 2.0
PAUSE_SECONDS = 0.01  # between one answer and the next request of its kind
CACHED_LIMIT, CART_LIMIT = 20.0, 60.0  # ms, of the late ones (p99) while logins run
LOGIN = f"{API}/auth/login"


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings, cart_users(settings, CONNECTIONS + 1) as users:
        users.fill()
        yield asyncio.run(_cost(users))
        yield from _stalls(scale, users)


async def _cost(users: CartUsers) -> Row:
    """A whole login in this process, against argon2 alone with the same parameters: those in what is kept."""
    whole, bare = [], []
    hasher = PasswordHasher()
    async with in_process(users.settings) as filmer:
        with ThreadPoolExecutor(1, initializer=_step_back) as thread:
            for number in range(LOGINS + 5):
                begun = time.perf_counter()
                await asyncio.get_running_loop().run_in_executor(thread, hasher.verify, users.password_hash, PASSWORD)
                alone = (time.perf_counter() - begun) * 1000
                response = require_ok("login", await filmer.post(LOGIN, _credentials(users, number % CONNECTIONS + 1)))
                if number >= 5:
                    bare.append(alone)
                    whole.append(response.milliseconds)
    ratio = statistics.median(whole) / statistics.median(bare)
    return Row(
        "login: median",
        f"{statistics.median(whole):.1f} ms",
        f"{statistics.median(bare):.1f} ms: argon2 alone",
        ratio,
        [Limit(ratio, COST_LIMIT, "times it")],
        spread=middle_half([mine / its for mine, its in zip(whole, bare, strict=True)]),
        rounds={"filmer": whole, "reference": bare},
    )


def _stalls(scale: str, users: CartUsers) -> Rows:
    """Answers of the one worker while logins run at full tilt, and while nothing else does, in turn."""
    cart = users.cookie(users.count)
    probe_requests = {"cached GET": request("GET", f"{API}/movies"), "cart": request("GET", f"{API}/cart", cookie=cart)}
    idle = {what: Times() for what in probe_requests}
    busy = {what: Times() for what in probe_requests}
    logins = 0
    bodies = [request("POST", LOGIN, body=_credentials(users, number + 1)) for number in range(CONNECTIONS)]
    with serving(scale, workers=1) as url:
        _phase(
            url, probe_requests, bodies, {what: Times() for what in probe_requests}
        )  # connections, threads and the cache get warm
        for _ in range(catalogues.ROUNDS[scale]):
            _phase(url, probe_requests, [], idle)
            logins += _phase(url, probe_requests, bodies, busy)
    rate = logins / (catalogues.ROUNDS[scale] * PHASE_SECONDS)
    for what, limit in {"cached GET": CACHED_LIMIT, "cart": CART_LIMIT}.items():
        lates = [late(times) for times in busy[what].rounds]
        yield Row(
            f"{what} while one worker does {rate:.0f} logins a second: median, p99",
            busy[what].figure,
            f"{idle[what].figure}: without logins",
            busy[what].late / idle[what].late,
            [Limit(busy[what].late, limit, "ms", "p99")],
            spread=f"{middle_half(lates, '.1f')} ms",
            rounds={"p99 with logins": lates, "p99 without": [late(times) for times in idle[what].rounds]},
        )


def _phase(url: str, requests: dict[str, bytes], logins: list[bytes], times: dict[str, Times]) -> int:
    """Asks for each in turn with itself, beside logins without a pause; how many of those were answered meanwhile."""
    finished = 0
    for rounds in times.values():
        rounds.rounds.append([])
    selector = selectors.DefaultSelector()
    probes = {what: KeepAliveConnection(url) for what in requests}
    others = [KeepAliveConnection(url) for _ in logins]
    for what, probe in probes.items():
        selector.register(probe, selectors.EVENT_READ, what)
    for connection, login in zip(others, logins, strict=True):
        selector.register(connection, selectors.EVENT_READ, login)
        connection.send(login)
    begun = time.perf_counter()
    due = dict.fromkeys(requests, begun)
    while (now := time.perf_counter()) < begun + PHASE_SECONDS or any(connection.is_waiting for connection in others):
        is_over = now >= begun + PHASE_SECONDS
        for what, probe in probes.items():
            if not (probe.is_waiting or is_over) and due[what] <= now:
                probe.send(requests[what])
        waits = [due[what] - now for what, probe in probes.items() if not probe.is_waiting]
        for key, _ in selector.select(max(min(waits, default=1.0), 0.001)):
            answering: KeepAliveConnection = key.fileobj  # type: ignore[assignment]
            if not answering.receive():
                continue
            if isinstance(key.data, str):
                due[key.data] = (answered := time.perf_counter()) + PAUSE_SECONDS
                times[key.data].rounds[-1].append((answered - answering.sent_at) * 1000)
            elif not is_over:  # the last are waited for: the next phase is to find nothing under way
                finished += 1
                answering.send(key.data)
    for connection in [*probes.values(), *others]:
        connection.close()
    return finished


def _credentials(cart_users: CartUsers, account_id: int) -> bytes:
    return json.dumps({"email": cart_users.email(account_id), "password": PASSWORD}).encode()


def _step_back() -> None:
    """As filmer's own threads do, so that what else runs on this machine slows both down alike."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
