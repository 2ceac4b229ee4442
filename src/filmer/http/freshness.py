"""How old an answer is that tells what TMDB told, and where it comes from (contract §7.9)."""

from functools import lru_cache

from filmer.http.byte_cache import Headers


@lru_cache(maxsize=1024)  # an answer from memory takes some microseconds in all
def freshness(age: int, fresh_seconds: int, *, is_new: bool = False) -> Headers:
    """The headers ``Age`` and ``X-Cache``; ``age`` in seconds, ``is_new``: it was put together just now."""
    word = b"miss" if is_new else b"hit" if age < fresh_seconds else b"stale"
    return [(b"age", str(age).encode()), (b"x-cache", word)]
