"""All people, and who of them is drawn."""

import math

import numpy as np
import numpy.typing as npt
from bench.imdb.distributions import (
    ACTING_ROLE,
    ACTING_SKEW,
    ACTORS_IN_FIVE,
    FILM_ACTORS_SHARE,
    FILM_ACTORS_SKEW,
    ROLE_SHARES,
)
from bench.imdb.random_draws import Bools, Floats, Ints, skewed_ranks


class People:
    """All people: a person is a place, and the places of one role follow each other, the busiest first.

    The row of a person in name.basics comes from the place by a one-to-one mixing, so that busy and idle
    people and the roles are spread all over the ids.
    """

    def __init__(self, ids: npt.NDArray[np.int32]) -> None:
        """Lay the roles out over as many places as there are ids."""
        self.ids = ids
        self.count = len(ids)
        shares = np.cumsum([0.0, *ROLE_SHARES]) / math.fsum(ROLE_SHARES)
        self.bounds: Ints = np.round(shares * self.count).astype(np.int64)
        self.starts: Ints = self.bounds[:-1]
        self.sizes: Ints = np.diff(self.bounds)
        self.factor = self._coprime(int(self.count * 0.618))
        self.unfactor = pow(self.factor, -1, self.count)
        self.acting = int(self.sizes[ACTING_ROLE])
        self.film_acting = int(self.count * FILM_ACTORS_SHARE)
        self.tv_factor = next(n for n in range(int(self.acting * 0.38), 0, -1) if math.gcd(n, self.acting) == 1)

    def _coprime(self, start: int) -> int:
        return next(n for n in range(start, 0, -1) if math.gcd(n, self.count) == 1)

    def rows(self, places: Ints) -> Ints:
        """Return the rows (in name.basics) of people at these places."""
        return (places * self.factor + 7) % self.count

    def places(self, rows: Ints) -> Ints:
        """Return the places of people in these rows; undoes ``rows``."""
        return (rows - 7) * self.unfactor % self.count

    def draw(self, uniform: Floats, role: int, skew: float) -> Ints:
        """Turn uniform draws into people of a role, the busy ones far more often."""
        return skewed_ranks(uniform, int(self.sizes[role]), skew) + int(self.starts[role])

    def draw_actors(self, uniform: Floats, films: Bools) -> Ints:
        """Turn uniform draws into people who act; films and the rest each have their own busiest people."""
        film = skewed_ranks(uniform, self.film_acting, FILM_ACTORS_SKEW)
        any_actor = self.draw(uniform, ACTING_ROLE, ACTING_SKEW)
        return np.where(films, film, (any_actor * self.tv_factor + self.acting // 3) % self.acting)

    def redraw(self, rng: np.random.Generator, places: Ints) -> Ints:
        """Draw other people of the same roles, all equally likely."""
        roles = np.searchsorted(self.bounds, places, side="right") - 1
        ranks: Ints = (rng.random(len(places)) * self.sizes[roles]).astype(np.int64)
        return ranks + self.starts[roles]


def without_repeats(rng: np.random.Generator, people: People, table: Ints) -> Ints:
    """Redraw who stands in a row of the table a second time."""
    for _ in range(2):
        for column in range(1, table.shape[1]):
            again = np.flatnonzero((table[:, :column] == table[:, column : column + 1]).any(axis=1))
            table[again, column] = people.redraw(rng, table[again, column])
    return table


def is_male(places: Ints) -> Bools:
    """Tell the sex of the people at these places."""
    return places % 5 < ACTORS_IN_FIVE
