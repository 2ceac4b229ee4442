"""Passwords: argon2id, off the event loop, a few at a time."""

import asyncio
import base64
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from filmer.errors import ServiceUnavailable

T = TypeVar("T")
First = Callable[[], Awaitable[None]] | None

# OWASP's first choice for argon2id: 46 MiB, one pass, one lane. About 50 ms of one core.
MEMORY_KIB, PASSES, LANES = 47104, 1, 1
MAX_WAITING = 64  # a process; more would wait longer than they care to
NICENESS = 10  # the event loop goes first
MAX_COMPOSED = 512  # characters; no password is longer, however its accents are typed


class Passwords:
    """Makes and checks what is kept of passwords."""

    def __init__(self, *, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_step_back)
        self._turns = asyncio.Semaphore(threads)
        self._waiting = 0
        self._nobodys = _of_nobody()

    async def hash(self, password: str, *, first: First = None) -> str:
        """What is kept of a password. ``first`` and errors as of ``matches``."""
        return await self._in_turn(lambda: self._hasher.hash(_normal(password)), first)

    async def matches(self, password: str, kept: str | None, *, first: First = None) -> bool:
        """Whether it is the password; takes the same time where nothing is kept (contract §4.2).

        ``first`` is awaited when it is our turn, and only as many have one as there are threads. Raises what that
        raises, and ServiceUnavailable when too many wait.
        """
        return await self._in_turn(lambda: self._verify(kept or self._nobodys, password), first)

    @property
    def waiting(self) -> int:
        """How many are being made or checked, or wait for it."""
        return self._waiting

    def is_outdated(self, kept: str) -> bool:
        """Whether it was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _normal(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], T], first: First) -> T:
        if self._waiting >= MAX_WAITING:
            raise ServiceUnavailable("Too many are signing in right now", retry_after=5)
        self._waiting += 1
        try:
            async with self._turns:
                if first is not None:
                    await first()
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """The same however a keyboard composes its accents.

    What is longer than any password stays as it is: putting thousands of accents in order would stop the event loop.
    """
    return unicodedata.normalize("NFC", password) if len(password) <= MAX_COMPOSED else password


def _of_nobody() -> str:
    """What is kept of a password that nobody knows: checking against it costs what every check costs."""
    salt, tag = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${tag}"


def _step_back() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        thread = threading.get_native_id()
        # Further back only: to go forward again, where the process was started with less, is not ours to do.
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
