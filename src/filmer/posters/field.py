"""What a poster's picture is drawn in: plain forms, and chance that is the film's own."""

import random
from collections.abc import Callable, Iterable

WIDTH = 300
BLEED = 8  # how far what stands on the lower edge goes beyond it, so that no seam shows there

Point = tuple[float, float]


class Field:
    """From 0 down to ``height``, and WIDTH wide; the title covers what goes beyond.

    ``back`` is the ground, ``main`` the colour that speaks, ``second`` and ``third`` answer it. Coordinates are
    rounded: nobody sees half a unit, and everybody loads it.
    """

    def __init__(self, height: int, colours: tuple[str, str, str, str], chance: random.Random) -> None:
        self.height = height
        self.foot = height + BLEED
        self.back, self.main, self.second, self.third = colours
        self._chance = chance
        self._shapes: list[str] = []

    @property
    def shapes(self) -> str:
        return "".join(self._shapes)

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self._chance.random()

    def one_of(self, *things: float) -> float:
        return things[int(self._chance.random() * len(things))]

    def circle(self, x: float, y: float, radius: float, colour: str) -> None:
        self._shapes.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="{colour}"/>')

    def ring(self, x: float, y: float, radius: float, thickness: float, colour: str) -> None:
        self._shapes.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}" fill="none" stroke="{colour}"'
            f' stroke-width="{thickness:.0f}"/>'
        )

    def path(self, parts: str, colour: str) -> None:
        self._shapes.append(f'<path d="{parts}" fill="{colour}"/>')

    def polygon(self, points: Iterable[Point], colour: str) -> None:
        self.path("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points) + "z", colour)

    def boxes(self, boxes: Iterable[tuple[float, float, float, float]], colour: str) -> None:
        """Each from its upper left corner: x, y, width, height."""
        self.path("".join(f"M{x:.0f} {y:.0f}h{w:.0f}v{h:.0f}h{-w:.0f}z" for x, y, w, h in boxes), colour)

    def dots(self, places: Iterable[Point], radius: float, colour: str) -> None:
        """All of one size: ends of lines that have no length, which is the shortest way to say it."""
        parts = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)
        self._shapes.append(
            f'<path d="{parts}" stroke="{colour}" stroke-width="{2 * radius:.0f}" stroke-linecap="round"/>'
        )


Composition = Callable[[Field], None]
