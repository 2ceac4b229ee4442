"""Random draws, the same for a seed in every process: streams, weighted choices, skewed ranks, ids."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from bench.imdb.distributions import HEAD

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


(
    STREAM_TABLES,
    STREAM_IDS,
    STREAM_TITLES,
    STREAM_CREW,
    STREAM_TEXT,
    STREAM_RATINGS,
    STREAM_CAST,
    STREAM_NAMES,
) = range(8)


def stream(seed: int, purpose: int, number: int = 0) -> np.random.Generator:
    """Return the generator for one purpose and chunk; equal arguments give equal draws in every process."""
    return np.random.Generator(np.random.SFC64([seed, purpose, number]))


class Choices:
    """Weighted choices by table look-up: one weight list for each group, drawn for arrays of groups."""

    SLOTS = 65_536

    def __init__(self, *weights: Sequence[float]) -> None:
        """Make the tables; ``weights[group][choice]`` need not add up to one."""
        tables = []
        for group in weights:
            bounds = np.round(np.cumsum(group) / math.fsum(group) * self.SLOTS).astype(np.int64)
            tables.append(np.repeat(np.arange(len(group), dtype=np.uint8), np.diff(bounds, prepend=0)))
        self.table: Small = np.concatenate(tables)

    def draw(self, rng: np.random.Generator, count: int, groups: Ints | Small | None = None) -> Ints:
        """Draw ``count`` choices, the i-th by the weights of ``groups[i]`` (of the first group without)."""
        slots = rng.integers(0, self.SLOTS, count, dtype=np.uint16).astype(np.int64)
        if groups is not None:
            slots += groups.astype(np.int64) * self.SLOTS
        return self.table[slots].astype(np.int64)


def zipf_ranks(uniform: Floats, sizes: Ints | int, shift: float = 1.0) -> Ints:
    """Turn uniform draws into ranks below ``sizes`` by Zipf's law: rank r has a chance of about 1/(r+shift).

    A greater shift flattens the head.
    """
    growth = np.exp(uniform * np.log((sizes + shift) / shift))
    ranks: Ints = (shift * (growth - 1)).astype(np.int64)
    return np.minimum(ranks, sizes - 1)


def skewed_ranks(uniform: Floats, sizes: Ints | int, skew: float) -> Ints:
    """Turn uniform draws into ranks below ``sizes``: the busiest share x has the share x ** (1 / skew).

    The head is flattened by HEAD ranks, lest the very first outdo all others.
    """
    least = (HEAD / sizes) ** (1 / skew)
    ranks: Ints = ((least + (1 - least) * uniform) ** skew * sizes - HEAD).astype(np.int64)
    return ranks


def poisson_weights(mean: float, size: int) -> list[float]:
    """Return the chances of 0..size-1 for a Poisson distribution of this mean."""
    return [math.exp(-mean) * mean**n / math.factorial(n) for n in range(size)]


def ids_in_text_order(rng: np.random.Generator, count: int, span: int, least_step: float) -> npt.NDArray[np.int32]:
    """Return ``count`` distinct id numbers with random gaps, sorted as IMDb sorts them: as text.

    They fill the span, or go beyond it where the mean step would be less than ``least_step``.
    """
    step = max(span / count, least_step)
    numbers = (np.arange(count) * step + rng.random(count) * (step - 1)).astype(np.int64) + 1
    # A key in text order: the first seven digits, then whether and which eighth digit follows.
    keys = np.where(numbers < 10_000_000, numbers * 11, numbers // 10 * 11 + numbers % 10 + 1)
    keys.sort()
    seven, eighth = np.divmod(keys, 11)
    return np.where(eighth == 0, seven, seven * 10 + eighth - 1).astype(np.int32)
