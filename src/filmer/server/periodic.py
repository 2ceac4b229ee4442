"""Tasks that each process runs once a minute, and once more before it ends."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from filmer.errors import FilmerError

log = structlog.get_logger()

EVERY_SECONDS = 60.0
LAST_SECONDS = 2.0  # for the last round, before the process ends

PeriodicTask = Callable[[], Awaitable[None]]


@asynccontextmanager
async def periodically(periodic_tasks: Sequence[PeriodicTask]) -> AsyncIterator[None]:
    """Runs the tasks for as long as the context lasts. A task that fails is tried again in the next round."""
    task = asyncio.create_task(_run_rounds(periodic_tasks))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await _round(periodic_tasks)


async def _run_rounds(periodic_tasks: Sequence[PeriodicTask]) -> None:
    await asyncio.sleep(random.uniform(0, EVERY_SECONDS))  # noqa: S311 - so that not all processes work at once
    while True:
        await _round(periodic_tasks)
        await asyncio.sleep(EVERY_SECONDS)


async def _round(periodic_tasks: Sequence[PeriodicTask]) -> None:
    for periodic_task in periodic_tasks:
        try:
            await periodic_task()
        except FilmerError as error:
            log.warning("periodic task failed; it is tried again", error=error.message)
        except Exception:  # the other tasks, and the next round, must follow whatever failed
            log.exception("periodic task failed; it is tried again")
