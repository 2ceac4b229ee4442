"""Requests, counted by route and outcome: there are as many routes as the table of URLs has, and no more.

A client that hangs up before its request has come in whole is counted as ``GONE``, whatever the response would have
been. One that hangs up later mostly gives no sign of it, and counts as answered.
"""

import re
from collections.abc import Iterable

from filmer.durations import Durations

NOWHERE = "none"  # the route of paths that no URL of ours fits
GONE = 499

# The cache that a response came from, and how.
UNCACHED = ""
PAGE_MEMORY, PAGE_VALKEY, PAGE_COMPUTED = "page memory", "page valkey", "page computed"
OUTSIDE_MEMORY, OUTSIDE_COMPUTED, OUTSIDE_STALE = "outside memory", "outside computed", "outside stale"
SOURCES = (PAGE_MEMORY, PAGE_VALKEY, PAGE_COMPUTED, OUTSIDE_MEMORY, OUTSIDE_COMPUTED, OUTSIDE_STALE)


class Traffic(Durations[tuple[str, str, int, str]]):
    """By method, route, status and source."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: frozenset[str] = frozenset()
        self._templates: list[str] = []
        self._pattern = re.compile("(?!)")

    def know(self, templates: Iterable[str]) -> None:
        """The routes there are: ``/films``, ``/films/{film_id}``, ``/stream/{token}/{name:path}``."""
        known = set(templates)
        self._plain = frozenset(template for template in known if "{" not in template)
        typed = sorted(known - self._plain)
        self._templates = [re.sub(r":\w+\}", "}", template) for template in typed]
        self._pattern = re.compile("|".join(f"({_pattern_of(template)})" for template in typed) or "(?!)")

    def route_of(self, path: str) -> str:
        """The route that a path belongs to, whatever the method."""
        if path in self._plain:
            return path
        found = self._pattern.fullmatch(path)
        return NOWHERE if found is None or found.lastindex is None else self._templates[found.lastindex - 1]


def _pattern_of(template: str) -> str:
    parts = re.split(r"(\{[^}]*\})", template)
    return "".join(
        ".+" if part.endswith(":path}") else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts
    )
