"""Servers on threads of this process import files and build catalogues anew on threads, not in programs of their own.

A program takes a second of a processor to start, nearly all of it Python loading what this process has loaded already.
Tests of the programs themselves ask for the fixture ``real_programs``; servers that are processes start them as ever.
"""

import asyncio
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import structlog

from filmer.importing import rebuild_program
from filmer.importing.data_set import ImportFailed
from filmer.office import import_program, imports
from filmer.office.import_jobs import Order
from filmer.office.rebuilding import Rebuilding

log = structlog.get_logger()
_start_program, _build = imports.start_program, Rebuilding._build


def run_programs_in_threads() -> None:
    vars(imports)["start_program"] = _import_in_thread
    type.__setattr__(Rebuilding, "_build", _build_in_thread)


@contextmanager
def programs_as_processes() -> Iterator[None]:
    vars(imports)["start_program"] = _start_program
    type.__setattr__(Rebuilding, "_build", _build)
    try:
        yield
    finally:
        run_programs_in_threads()


def _import_in_thread(order: Order, loop: asyncio.AbstractEventLoop, is_done: asyncio.Event) -> None:
    def work() -> None:
        try:
            import_program.carry_out(order)
        except Exception:  # noqa: BLE001 - the program would print it and end
            traceback.print_exc()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(is_done.set)

    threading.Thread(target=work, daemon=True).start()


async def _build_in_thread(self: Rebuilding, arguments: list[str]) -> bool:
    del arguments  # how nice the program is
    try:
        await asyncio.to_thread(rebuild_program.build, self._url)
    except (ImportFailed, psycopg.Error) as error:
        log.warning("catalogue not built anew yet; it is tried again", error=str(error))
        return False
    return True
