"""A shop that may be asked for its metrics, with TMDB beside it."""

from tests.sandbox import sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]
