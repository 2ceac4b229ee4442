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
BeforeWork = Callable[[], Awaitable[None]] | None

# OWASP's first choice for argon2id: 46 MiB, one pass, one lane. About 50 ms of one core.
MEMORY_KIB, PASSES, LANES = 47104, 1, 1
MAX_WAITING = 64  # in a process; more would wait too long
NICENESS = 10  # so that the event loop has priority
MAX_COMPOSED = 512  # characters; no password is longer, however its accents are typed


class Passwords:
    """Makes and checks the hashes of passwords."""

    def __init__(self, *, threads: int) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2", initializer=_lower_priority)
        self._slots = asyncio.Semaphore(threads)
        self._waiting = 0
        self._dummy_hash = make_unusable_hash()

    async def hash(self, password: str, *, before: BeforeWork = None) -> str:
        """The hash of a password. ``before`` and errors as of ``matches``."""
        return await self._run(lambda: self._hasher.hash(_normalized(password)), before)

    async def matches(self, password: str, stored_hash: str | None, *, before: BeforeWork = None) -> bool:
        """Whether the hash is the password's; takes the same time without a hash (contract §4.2).

        ``before`` is awaited right before the work begins, by as many at once as there are threads. Raises what that
        raises, and ServiceUnavailable when too many wait.
        """
        return await self._run(lambda: self._verify(stored_hash or self._dummy_hash, password), before)

    @property
    def waiting(self) -> int:
        """How many hashes are being made or checked, or wait for it."""
        return self._waiting

    def is_outdated(self, stored_hash: str) -> bool:
        """Whether it was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(stored_hash)

    def _verify(self, stored_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored_hash, _normalized(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T], before: BeforeWork) -> T:
        if self._waiting >= MAX_WAITING:
            raise ServiceUnavailable("Too many are signing in right now", retry_after=5)
        self._waiting += 1
        try:
            async with self._slots:
                if before is not None:
                    await before()
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normalized(password: str) -> str:
    """In NFC, as keyboards differ in how they compose accents.

    A text longer than any password stays as it is: ordering thousands of accents would block the event loop.
    """
    return unicodedata.normalize("NFC", password) if len(password) <= MAX_COMPOSED else password


def make_unusable_hash() -> str:
    """A hash that no password has: checking against it costs as much as any check."""
    salt, tag = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${tag}"


def _lower_priority() -> None:
    if sys.platform == "linux":  # where each thread has its own priority
        thread = threading.get_native_id()
        # Only lowered: the process may have been started with a lower priority on purpose.
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
