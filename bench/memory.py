"""What the processes of ``filmer serve`` hold: at rest, and after each kind of address was asked for many times.

PSS: memory that processes share counts for each in part, so that they add up to what the machine must have.
"""

import asyncio
import statistics
import time

import psutil
from bench import catalogues
from bench.http_connections import answers_per_second, request
from bench.in_process import in_process
from bench.request_mix import RequestMix
from bench.results import Limit, Row, Rows
from bench.server import serving_process

from filmer.settings import Settings

WORKERS = 2
REST_LIMIT = 75  # MiB of a worker
ADDRESSES = {"small": 100, "default": 300, "full": 300}  # of each kind
CONNECTIONS = 16
SETTLED_SECONDS = 3


def rows(scale: str) -> Rows:
    with catalogues.running(scale) as settings:
        requests = asyncio.run(_requests(settings, ADDRESSES[scale]))
    with serving_process(scale, workers=WORKERS) as (address, process_id):
        master = psutil.Process(process_id)
        time.sleep(SETTLED_SECONDS)
        rest, master_rest = _held(master)
        answers_per_second(address, requests, connections=CONNECTIONS)
        time.sleep(SETTLED_SECONDS)
        loaded, master_loaded = _held(master)
    at_rest = _row(f"memory of a worker, at rest: PSS of {WORKERS}", rest)
    at_rest.limits = [Limit(statistics.mean(rest), REST_LIMIT, "MiB")]
    yield at_rest
    yield _row(f"memory of a worker, after {len(requests):,} different answers, all kept", loaded, rest)
    yield _row("memory of the process that starts the workers, after the same", [master_loaded], [master_rest])


def _row(what: str, held: list[float], before: list[float] | None = None) -> Row:
    figure = statistics.mean(held)
    return Row(
        what,
        f"{figure:,.0f} MiB",
        f"{statistics.mean(before):,.0f} MiB: at rest" if before else "",
        figure / statistics.mean(before) if before else None,
        spread=f"{min(held):,.0f} to {max(held):,.0f} MiB" if len(held) > 1 else "",
        rounds={"MiB": held},
    )


def _held(master: psutil.Process) -> tuple[list[float], float]:
    """MiB of each worker, and of the one that started them."""
    workers = [child for child in master.children() if "spawn_main" in " ".join(child.cmdline())]
    if len(workers) != WORKERS:
        raise RuntimeError(f"{len(workers)} workers run, not {WORKERS}")
    return [_mib(worker) for worker in workers], _mib(master)


def _mib(process: psutil.Process) -> float:
    memory = process.memory_full_info()
    return float(getattr(memory, "pss", memory.rss)) / 2**20  # only Linux tells the former


async def _requests(settings: Settings, each: int) -> list[bytes]:
    async with in_process(settings) as filmer:
        kinds = (await RequestMix.of(filmer)).kinds()
        drawn = {draw() for draw in kinds.values() for _ in range(each)}
        return [request("GET", address) for address in sorted(drawn)]
