"""What an answer says of how long it may be kept, how old it is, and where it comes from."""

from functools import lru_cache

Headers = list[tuple[bytes, bytes]]  # as ASGI has them: names in lower case

# We may keep it; a browser or proxy must ask us whether it still holds, so that an import shows everywhere at once.
PUBLIC = "public, no-cache"


@lru_cache(maxsize=1024)  # an answer from memory takes some microseconds in all
def freshness(age: int, fresh_seconds: int, *, is_new: bool = False) -> Headers:
    """The headers ``Age`` and ``X-Cache`` of what TMDB answered (contract §7.9).

    ``age`` in seconds; ``is_new``: it was put together just now.
    """
    word = b"miss" if is_new else b"hit" if age < fresh_seconds else b"stale"
    return [(b"age", str(age).encode()), (b"x-cache", word)]
