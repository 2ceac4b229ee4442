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
from bench.in_process import InProcess
from bench.server import serving
from bench.shoppers import PASSWORD, Shoppers
from bench.table import Row, console
from bench.talk import Talk, request
from bench.visits import API

from filmer.accounts.passwords import NICENESS

LOGINS = 60  # timed one by one, each beside a bare verification
COST_LIMIT = 1.15
CONNECTIONS = 8  # logging in without a pause
ROUNDS = 5
PHASE_SECONDS = 2.0
PAUSE_SECONDS = 0.01  # between one answer and the next request of its kind
CACHED_LIMIT, CART_LIMIT = 20.0, 60.0  # ms, of the late ones (p99) while logins run
LOGIN = f"{API}/auth/login"

Times = dict[str, list[float]]


async def cost(filmer: InProcess, shoppers: Shoppers) -> Row:
    """A whole login in this process, against argon2 alone with the same parameters: those in what is kept."""
    console.print("logins against argon2 alone …")
    whole, bare = [], []
    hasher = PasswordHasher()
    with ThreadPoolExecutor(1, initializer=_step_back) as thread:
        for number in range(LOGINS + 5):
            begun = time.perf_counter()
            await asyncio.get_running_loop().run_in_executor(thread, hasher.verify, shoppers.kept, PASSWORD)
            alone = (time.perf_counter() - begun) * 1000
            answer = await filmer.post(LOGIN, _credentials(shoppers, number % CONNECTIONS + 1))
            if answer.status != 200:
                raise SystemExit(f"login: {answer.status} {answer.body!r}")
            if number >= 5:
                bare.append(alone)
                whole.append(answer.milliseconds)
    ratio = statistics.median(whole) / statistics.median(bare)
    pairs = statistics.quantiles([mine / its for mine, its in zip(whole, bare, strict=True)], n=4)
    return Row(
        "login, as a ratio to argon2 alone",
        f"{ratio:.2f} ({statistics.median(whole):.1f} ms / {statistics.median(bare):.1f} ms)",
        f"≤ {COST_LIMIT}",
        ratio <= COST_LIMIT,
        f"half of the pairs {pairs[0]:.2f} to {pairs[2]:.2f}",
    )


def stalls(chosen: str, shoppers: Shoppers) -> list[Row]:
    """Answers of the one worker while logins run at full tilt, and while nothing else does, in turn."""
    console.print("answers while logins run …")
    cart = shoppers.cookie(shoppers.count)
    asked = {"cached GET": request("GET", f"{API}/movies"), "cart": request("GET", f"{API}/cart", cookie=cart)}
    idle: Times = {what: [] for what in asked}
    busy: Times = {what: [] for what in asked}
    logins = 0
    bodies = [request("POST", LOGIN, body=_credentials(shoppers, number + 1)) for number in range(CONNECTIONS)]
    with serving(chosen, workers=1) as url:
        _phase(url, asked, bodies, {what: [] for what in asked})  # connections, threads and the cache get warm
        for _ in range(ROUNDS):
            _phase(url, asked, [], idle)
            logins += _phase(url, asked, bodies, busy)
    rate = logins / (ROUNDS * PHASE_SECONDS)
    limits = {"cached GET": CACHED_LIMIT, "cart": CART_LIMIT}
    return [
        Row(
            f"{what} while one worker does {rate:.0f} logins per second: median, p99",
            f"{_shown(busy[what])} (idle {_shown(idle[what])})",
            f"p99 ≤ {limits[what]:g} ms",
            _late(busy[what]) <= limits[what],
            f"most {max(busy[what]):.0f} ms (idle {max(idle[what]):.0f} ms)",
        )
        for what in asked
    ]


def _phase(url: str, asked: dict[str, bytes], logins: list[bytes], times: Times) -> int:
    """Asks for each in turn with itself, beside logins without a pause; how many of those were answered meanwhile."""
    done = 0
    chooser = selectors.DefaultSelector()
    probes = {what: Talk(url) for what in asked}
    others = [Talk(url) for _ in logins]
    for what, probe in probes.items():
        chooser.register(probe, selectors.EVENT_READ, what)
    for talk, login in zip(others, logins, strict=True):
        chooser.register(talk, selectors.EVENT_READ, login)
        talk.ask(login)
    begun = time.perf_counter()
    due = dict.fromkeys(asked, begun)
    while (now := time.perf_counter()) < begun + PHASE_SECONDS or any(talk.is_waiting for talk in others):
        is_over = now >= begun + PHASE_SECONDS
        for what, probe in probes.items():
            if not (probe.is_waiting or is_over) and due[what] <= now:
                probe.ask(asked[what])
        waits = [due[what] - now for what, probe in probes.items() if not probe.is_waiting]
        for key, _ in chooser.select(max(min(waits, default=1.0), 0.001)):
            answering: Talk = key.fileobj  # type: ignore[assignment]
            if not answering.answered():
                continue
            if isinstance(key.data, str):
                due[key.data] = (answered := time.perf_counter()) + PAUSE_SECONDS
                times[key.data].append((answered - answering.asked) * 1000)
            elif not is_over:  # the last are waited for: the next phase is to find nothing under way
                done += 1
                answering.ask(key.data)
    for talk in [*probes.values(), *others]:
        talk.close()
    return done


def _credentials(shoppers: Shoppers, account_id: int) -> bytes:
    return json.dumps({"email": shoppers.email(account_id), "password": PASSWORD}).encode()


def _step_back() -> None:
    """As filmer's own threads do, so that what else runs on this machine slows both down alike."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _late(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def _shown(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} ms, {_late(times):.1f} ms"
