"""The headers that say how long a response may be cached, how old it is, and where it comes from."""

from functools import lru_cache

Headers = list[tuple[bytes, bytes]]  # as ASGI has them: names in lower case

# Everybody may cache it; a browser or proxy must revalidate it each time, so that an import shows everywhere at once.
PUBLIC = "public, no-cache"


@lru_cache(maxsize=1024)  # a whole response from memory takes some microseconds
def freshness(age: int, fresh_seconds: int, *, is_new: bool = False) -> Headers:
    """The headers ``Age`` and ``X-Cache`` of data from TMDB (contract §7.9).

    ``age``: in seconds. ``is_new``: it was put together just now.
    """
    status = b"miss" if is_new else b"hit" if age < fresh_seconds else b"stale"
    return [(b"age", str(age).encode()), (b"x-cache", status)]
