"""One piece of work for all who want the same at once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


async def single_flight(tasks: dict[K, asyncio.Task[T]], key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the work comes to. ``tasks`` holds what is under way; whoever hangs up leaves the work to the others."""
    task = tasks.get(key)
    if task is None:
        task = tasks[key] = asyncio.create_task(work())
        task.add_done_callback(lambda _: tasks.pop(key, None))
    return await asyncio.shield(task)
