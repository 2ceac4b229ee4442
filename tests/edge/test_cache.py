"""The byte cache of one process: what it keeps, for how long, and no more than it may."""

from pathlib import Path

import pytest
from tests.conftest import SECRET_KEY
from tests.layers import layer_of

from filmer.app import create_app
from filmer.edge.cache import CachedResponse, ResponseCache
from filmer.edge.valkey_cache import ValkeyCache
from filmer.settings import Settings


def answer(body: bytes) -> CachedResponse:
    return CachedResponse(200, [], body, b'"tag"')


def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    cache = ResponseCache(max_bytes=10**6)
    cache.put("e", b"/a", answer(b"1"), until=30)
    assert cache.get("e", b"/a", now=29.9) == answer(b"1")
    assert cache.get("e", b"/a", now=30.1) is None, "asking for it does not make it younger"
    cache.put("e", b"/a", answer(b"2"), until=60)
    assert cache.get("e", b"/a", now=30.1) == answer(b"2")


def test_nothing_of_another_edition_is_found_or_kept() -> None:
    cache = ResponseCache(max_bytes=10**6)
    cache.put("old", b"/a", answer(b"1"), until=30)
    assert cache.get("new", b"/a", now=0) is None
    cache.put("new", b"/b", answer(b"2"), until=30)
    assert cache.get("old", b"/a", now=0) is None
    assert cache.get("new", b"/a", now=0) is None
    assert cache.get("new", b"/b", now=0) == answer(b"2")
    assert len(cache._responses) == 1, "the old edition's memory is free"


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    cache = ResponseCache(max_bytes=3 * 12_000)
    for name in (b"/a", b"/b", b"/c"):
        cache.put("e", name, answer(bytes(10_000)), until=30)
    assert cache.get("e", b"/a", now=0) is not None
    cache.put("e", b"/d", answer(bytes(10_000)), until=30)
    assert [name for name in (b"/a", b"/b", b"/c", b"/d") if cache.get("e", name, now=0)] == [b"/a", b"/c", b"/d"]


def test_memory_is_bounded_whatever_is_asked_for() -> None:
    cache = ResponseCache(max_bytes=2**20)
    for number in range(20_000):
        cache.put("e", b"/api/v1/movies/%d" % number, answer(bytes(number % 5000)), until=30)
        held = sum(len(name) + len(kept.body) for name, (_, kept) in cache._responses.items())
        assert held < 2**20
        if number > 5000:  # small ones count, too
            assert 100 < len(cache._responses) < 2**20 / 1000
            break
    cache.put("e", b"/huge", answer(bytes(2**20)), until=30)
    assert cache.get("e", b"/huge", now=0) is None


def test_putting_one_address_again_and_again_drops_no_other() -> None:
    cache = ResponseCache(max_bytes=30_000)
    cache.put("e", b"/a", answer(b"1"), until=30)
    for _ in range(50):
        cache.put("e", b"/b", answer(bytes(10_000)), until=30)
    assert cache.get("e", b"/a", now=0) == answer(b"1")


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = ResponseCache(max_bytes=0)
    cache.put("e", b"/a", answer(b""), until=30)
    assert cache.get("e", b"/a", now=0) is None


@pytest.mark.parametrize(
    ("workers", "socket", "is_asked"),
    [(1, "run/valkey.sock", False), (2, "run/valkey.sock", True), (1, "elsewhere/valkey.sock", True)],
)
def test_a_worker_alone_with_its_own_valkey_does_not_ask_it(
    tmp_path: Path, workers: int, socket: str, *, is_asked: bool
) -> None:
    """Nobody else would find what it stores there, and computing a response costs less (decision 0023)."""
    settings = Settings(
        database_url="host=/nowhere", redis_url=f"unix://{tmp_path}/{socket}?db=0", data_dir=str(tmp_path),
        workers=workers, secret_key=SECRET_KEY,
    )  # fmt: skip
    assert (layer_of(create_app(settings), ValkeyCache)._shared is not None) is is_asked
