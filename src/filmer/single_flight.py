"""One task for all requests that need the same result at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


async def single_flight(tasks: dict[K, asyncio.Task[T]], key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of the work. ``tasks`` has the running tasks; a caller that is cancelled does not cancel its task."""
    task = tasks.get(key)
    if task is None:
        task = tasks[key] = asyncio.create_task(work())
        task.add_done_callback(lambda _: tasks.pop(key, None))
    return await asyncio.shield(task)
