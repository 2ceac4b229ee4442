"""TMDB for the tests here: the sandbox."""

from tests.sandbox import sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]
