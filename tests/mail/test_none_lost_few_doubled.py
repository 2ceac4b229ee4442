"""Promise 38: a mail is sent if its cause was committed, whatever the mail server does and whichever process is killed.

``FILMER_TRUST_MAILS=2000`` writes so many.
"""

import asyncio
import os
import random
import time
from collections import Counter
from contextlib import suppress
from functools import partial

import psutil
import pytest
from tests.conftest import MakeDatabase, Serve, Server
from tests.connections import fetch
from tests.figures import record_figure
from tests.machine import at_most
from tests.mail.conftest import FROM, PUBLIC
from tests.mail.mail_server import Fault, MailServer
from tests.server_processes import eventually, kill_node, workers

from filmer.clock import SystemClock
from filmer.mail.outbox import Outbox
from filmer.store.connecting import CancellableConnection

pytestmark = pytest.mark.proof

MAILS = int(os.environ.get("FILMER_TRUST_MAILS") or 120)
BATCH = 20
NODE_EVERY = 5  # batches: then a whole node is killed, and otherwise a worker
MOST_TWICE = 0.01
FAULTS: list[Fault] = ["RCPT 450", "DATA 451", "DATA 421", "MAIL 553", "drop in DATA", "slow"]


async def write(url: str, addresses: list[str], taken_back: set[str]) -> None:
    """Each in a transaction of its own; some are rolled back."""
    outbox = Outbox(SystemClock(), is_set_up=True)
    async with await CancellableConnection.connect(url, autocommit=True) as conn:
        for address in addresses:
            with suppress(ZeroDivisionError):
                async with conn.transaction():
                    await outbox.put(conn, "test", address, account_id=None)
                    if address in taken_back:
                        raise ZeroDivisionError


def count(url: str) -> int:
    """Those that are not sent."""
    return int(fetch(url, "SELECT count(*) FROM mail WHERE state <> 'sent'")[0][0])


def is_less(url: str, before: int) -> bool:
    return count(url) < before


def wait_for_some(server: MailServer) -> None:
    """Until what is due is on its way: some of it was taken, or all of it waits for its next attempt."""
    before, begun = len(server.taken), time.monotonic()
    while len(server.taken) < before + BATCH // 2 and time.monotonic() - begun < 4:
        time.sleep(0.02)


def test_none_is_lost_none_is_without_cause_and_few_come_twice(make_database: MakeDatabase, serve: Serve) -> None:
    url, mails = make_database(), MailServer()
    settings = {"FILMER_SMTP_URL": mails.url, "FILMER_MAIL_FROM": FROM, "FILMER_PUBLIC_URL": PUBLIC,
                "FILMER_WORKERS": "2"}  # fmt: skip
    addresses = [f"{number}@example.com" for number in range(MAILS)]
    taken_back, kills = set(random.sample(addresses, MAILS // 10)), 0
    try:
        server: Server = serve(url, **settings)
        for number, start in enumerate(range(0, MAILS, BATCH), 1):
            for _ in range(3):
                mails.fail(random.choice(FAULTS))
            asyncio.run(write(url, addresses[start : start + BATCH], taken_back))
            wait_for_some(mails)
            if number % NODE_EVERY:
                with suppress(psutil.NoSuchProcess):
                    random.choice(workers(server)).kill()
            else:
                kill_node(server)
                server = serve(url, **settings)
            kills += 1
        while mails.takes(*FAULTS):
            pass
        left = workers(server)
        kill_node(server)
        assert not psutil.wait_procs(left, 10)[1]
        # As if the time had passed after which others take up what a killed process had claimed.
        fetch(url, "UPDATE mail SET due = now() WHERE state = 'waiting'")
        server = serve(url, **settings)
        while (left_over := count(url)) > 0:  # for as long as it goes on
            assert eventually(partial(is_less, url, left_over), 40), server.output()[-3000:]
    finally:
        mails.stop()
    came = Counter(taken.recipient for taken in mails.delivered)
    assert set(addresses) - taken_back - came.keys() == set(), "lost"
    assert came.keys() & taken_back == set(), "without a cause"
    twice = sum(count - 1 for count in came.values())
    assert twice <= max(1, MAILS * MOST_TWICE)
    record_figure(f"{MAILS} mails, {kills} kills: 0 lost, 0 without cause, {twice} twice")


def test_a_mail_comes_within_seconds_and_the_log_does_not_name_its_recipient(
    make_database: MakeDatabase, serve: Serve
) -> None:
    url, mails = make_database(), MailServer()
    try:
        server = serve(
            url, FILMER_SMTP_URL=mails.url, FILMER_MAIL_FROM=FROM, FILMER_PUBLIC_URL=PUBLIC, FILMER_LOG_LEVEL="debug"
        )
        mails.fail("RCPT 550")
        asyncio.run(write(url, ["canary@example.com", "mary@example.com"], set()))
        begun = time.monotonic()
        assert eventually(lambda: mails.delivered)
        at_most(5, since=begun)
        assert "mail not delivered" in server.output()
        assert "canary@" not in server.output()
    finally:
        mails.stop()
