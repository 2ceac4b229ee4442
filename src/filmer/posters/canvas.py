"""The canvas of a poster's picture: simple SVG shapes, and a random generator seeded with the film's id."""

import random
from collections.abc import Callable, Iterable

WIDTH = 300
BLEED = 8  # by which shapes on the lower edge reach below it, so that no gap shows there

Point = tuple[float, float]


class Canvas:
    """WIDTH wide and ``height`` high, y pointing down; the title's panel covers whatever reaches further.

    Colours: ``background``, ``main`` for the largest shapes, ``second`` and ``third`` for accents. Coordinates are
    rounded to whole units, which keeps the documents small.
    """

    def __init__(self, height: int, colours: tuple[str, str, str, str], rng: random.Random) -> None:
        self.height = height
        self.bottom = height + BLEED
        self.background, self.main, self.second, self.third = colours
        self._rng = rng
        self._shapes: list[str] = []

    @property
    def shapes(self) -> str:
        return "".join(self._shapes)

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._rng.random()

    def choice(self, *options: float) -> float:
        return options[int(self._rng.random() * len(options))]

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        self._shapes.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="{colour}"/>')

    def ring(self, x: float, y: float, radius: float, thickness: float, colour: str) -> None:
        self._shapes.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="none" stroke="{colour}"'
            f' stroke-width="{thickness:.0f}"/>'
        )

    def path(self, commands: str, colour: str) -> None:
        self._shapes.append(f'<path d="{commands}" fill="{colour}"/>')

    def polygon(self, points: Iterable[Point], colour: str) -> None:
        self.path("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points) + "z", colour)

    def boxes(self, boxes: Iterable[tuple[float, float, float, float]], colour: str) -> None:
        """Draw rectangles, each given as x and y of its upper left corner, width and height."""
        self.path("".join(f"M{x:.0f} {y:.0f}h{w:.0f}v{h:.0f}h{-w:.0f}z" for x, y, w, h in boxes), colour)

    def dots(self, centres: Iterable[Point], radius: float, colour: str) -> None:
        """Draw discs of one size, as lines of no length with round caps: the shortest way to write them."""
        commands = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in centres)
        self._shapes.append(
            f'<path d="{commands}" stroke="{colour}" stroke-width="{2 * radius:.0f}" stroke-linecap="round"/>'
        )


Composition = Callable[[Canvas], None]
