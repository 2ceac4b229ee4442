"""How films of a genre look: their colours, their pictures, their type."""

from collections.abc import Sequence

import msgspec

from filmer.posters.field import Composition
from filmer.posters.figures import (
    bars,
    blinds,
    bounce,
    columns,
    doorway,
    fangs,
    horizon,
    house,
    leaves,
    monolith,
    peaks,
    planet,
    record,
    shaft,
    slits,
    spiral,
    steps,
    waves,
)
from filmer.posters.forms import (
    blocks,
    burst,
    disc,
    eye,
    grid,
    halves,
    lens,
    moons,
    orbits,
    ranks,
    slats,
    smile,
    star,
    stripes,
    target,
    tiles,
    track,
    wedge,
)
from filmer.posters.palettes import BLUSH, COSMOS, DUST, NIGHT, OPEN, PLAY, QUIET, STEEL, Palette


class Family(msgspec.Struct, frozen=True):
    """``serif`` and ``capitals``: how often titles are set so, from 0 to 1."""

    palettes: tuple[Palette, ...]
    compositions: tuple[Composition, ...]
    serif: float = 0.0
    capitals: float = 0.0


# Eight figures or so a family: of two films of a genre that stand side by side few then share one, and next to none
# its colours too. tests/posters counts them.
PLAIN = Family(QUIET, (disc, doorway, monolith, halves, leaves, steps, lens, waves, shaft, blocks, moons), serif=0.6)

# Of a film's genres the first one here decides: what says most about a film comes first.
FAMILIES = {
    "Horror": Family(NIGHT, (slits, fangs, eye, spiral, shaft, moons, blinds, doorway), serif=0.5),
    "Western": Family(DUST, (horizon, peaks, slats, burst, disc, star, halves, track), capitals=0.7),
    "Film-Noir": Family(NIGHT, (blinds, shaft, spiral, steps, stripes, doorway, slits, eye), serif=0.5, capitals=0.7),
    "War": Family(STEEL, (stripes, ranks, burst, wedge, columns, halves, blocks, horizon), capitals=0.7),
    "Animation": Family(PLAY, (tiles, bounce, house, star, peaks, smile, bars, moons)),
    "Sci-Fi": Family(COSMOS, (orbits, planet, slats, moons, monolith, target, eye, grid, star), capitals=0.6),
    "Documentary": Family(QUIET, (grid, blocks, disc, columns, halves, lens, track, bars)),
    "Musical": Family(PLAY, (record, bars, burst, tiles, lens, star, waves, smile)),
    "Music": Family(PLAY, (record, bars, burst, tiles, lens, star, waves, target), serif=0.4),
    "Sport": Family(OPEN, (track, burst, wedge, stripes, target, bounce, ranks, peaks), capitals=0.7),
    "Fantasy": Family(COSMOS, (moons, star, doorway, planet, peaks, spiral, leaves, lens), serif=0.7),
    "History": Family(DUST, (columns, steps, ranks, horizon, monolith, halves, blocks, doorway), serif=0.7),
    "Mystery": Family(NIGHT, (spiral, eye, shaft, doorway, slits, blinds, moons, lens)),
    "Romance": Family(BLUSH, (lens, halves, leaves, waves, disc, moons, horizon, record), serif=0.6),
    "Adventure": Family(OPEN, (peaks, waves, horizon, burst, track, planet, disc, doorway, star)),
    "Thriller": Family(NIGHT, (target, spiral, slits, eye, wedge, shaft, stripes, steps, blinds), capitals=0.5),
    "Crime": Family(STEEL, (blinds, target, stripes, shaft, steps, blocks, wedge, eye, grid), capitals=0.7),
    "Biography": Family(QUIET, (steps, columns, monolith, disc, halves, leaves, lens, grid), serif=0.6),
    "Action": Family(STEEL, (burst, wedge, stripes, target, track, ranks, slats, blinds), capitals=0.7),
    "Family": Family(PLAY, (house, bounce, tiles, smile, leaves, waves, star, moons)),
    "Comedy": Family(PLAY, (smile, bounce, tiles, bars, halves, record, disc, burst)),
    "Drama": PLAIN,
}


def family_of(genres: Sequence[str]) -> Family:
    return next((family for genre, family in FAMILIES.items() if genre in genres), PLAIN)
