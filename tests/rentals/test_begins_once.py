"""Promise 34: a rental begins once and ends once, whatever plays and hands it out at once, and whatever dies meanwhile.

``FILMER_TRUST_BEGINNINGS=500`` tries more often.
"""

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.conftest import MakeDatabase
from tests.connections import fetch
from tests.figures import record_figure
from tests.in_process import MovedClock
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop, add_feature, rental_ids
from tests.shop.conftest import LocalShop, open_store

from filmer.errors import FilmerError

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1800)]

ROUNDS = int(os.environ.get("FILMER_TRUST_BEGINNINGS") or 6)
AT_ONCE = 64
KILLS = 3  # of connections, in every second round


@pytest.fixture(scope="module")
def nodes(make_database: MakeDatabase) -> Iterator[list[RentalShop]]:
    """Two nodes on one database, which notes each time that a rental begins or ends."""
    url = open_store(make_database)
    add_feature(url)
    fetch(url, "CREATE TABLE noted (id bigint, state text, place serial)")
    fetch(
        url,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO noted VALUES (NEW.id, NEW.state); RETURN NEW; END'",
    )
    fetch(
        url,
        "CREATE TRIGGER note AFTER UPDATE ON rental FOR EACH ROW WHEN (NEW.state <> OLD.state OR NEW.began"
        " IS DISTINCT FROM OLD.began) EXECUTE FUNCTION note()",
    )
    clock = MovedClock()
    with LocalShop(url, clock=clock, rental_hours=1) as one, LocalShop(url, clock=clock, rental_hours=1) as two:
        yield [RentalShop(one, clock), RentalShop(two, clock)]


def attempt(node: RentalShop, film_id: str, rental: int) -> Any:
    """The moment it began, or None where the counter or a dying connection refused."""
    try:
        begun = node.begin(film_id, node.person) if film_id == WATCHED else node.counter("hand_out", rental)
    except FilmerError:
        return None
    return begun.id, begun.began


def kill_connections(url: str, draw: random.Random) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        pids = conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'filmer'"
            " AND state = 'active'"
        ).fetchall()
        for (pid,) in draw.sample(pids, min(KILLS, len(pids))):
            conn.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.parametrize("film_id", [WATCHED, PICKED_UP])
def test_it_begins_once_and_ends_once(nodes: list[RentalShop], film_id: str) -> None:
    draw = random.Random(34)
    one, two = nodes
    two.person = one.person
    for round_ in range(ROUNDS):
        (rental,) = rental_ids(one.url, one.buy(film_id))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            attempts = [pool.submit(attempt, nodes[number % 2], film_id, rental) for number in range(AT_ONCE)]
            if round_ % 2:
                kill_connections(one.url, draw)
            begun = {each.result() for each in attempts} - {None}
        if not begun:  # every connection that came through was killed: once more
            begun = {attempt(one, film_id, rental)} - {None}
        stored = fetch(one.url, "SELECT id, began FROM rental WHERE id = %s", rental)
        assert stored[0][1] is not None
        assert begun <= set(stored)
        one.clock.move(hours=1)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda node: node.tidy(), [one, two] * 4))
        assert fetch(one.url, "SELECT state FROM noted WHERE id = %s ORDER BY place", rental) == [
            ("running",),
            ("over",),
        ]
    record_figure(f"{film_id}: {ROUNDS} rounds of {AT_ONCE} at once on 2 nodes, one beginning and one end each")
