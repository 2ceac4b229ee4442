"""Facets: how many of the films found lie in each decade, genre, range of ratings and range of runtimes.

Each facet counts what would be found with another of its values in place of the chosen one: its own filter is left out,
those of the other facets hold.
"""

import msgspec

RATINGS = (9, 8, 7, 6, 5)  # or better
RUNTIMES = (90, 120, 150)  # minutes, at which the ranges of runtimes part
MAX_COUNTED = 20_000  # films that are counted one by one; of more, a sample is counted
SAMPLED = 5_000  # matches in a sample, on average


class Facets(msgspec.Struct, kw_only=True):
    """Numbers of films, those of at least one."""

    decades: dict[int, int] = msgspec.field(default_factory=dict)  # by the decade's first year
    genres: dict[int, int] = msgspec.field(default_factory=dict)  # by id
    ratings: dict[int, int] = msgspec.field(default_factory=dict)  # by the least rating, of RATINGS
    runtimes: dict[int, int] = msgspec.field(default_factory=dict)  # by the range: how many of RUNTIMES it lies after
    is_estimate: bool = False  # whether a sample was counted


def runtime_bounds(place: int) -> tuple[int | None, int | None]:
    """The least and the most minutes of a range of runtimes; None where it has no such end."""
    low = RUNTIMES[place - 1] if place else None
    high = RUNTIMES[place] - 1 if place < len(RUNTIMES) else None
    return low, high


def sampled_percent(films: int) -> float | None:
    """The share of all films, in percent, that is counted where ``films`` match; None: each of those that match."""
    return None if films <= MAX_COUNTED else 100 * SAMPLED / films
