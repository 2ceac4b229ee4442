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


PLAIN = Family(QUIET, (disc, doorway, monolith, halves, leaves, steps), serif=0.6)

# Of a film's genres the first one here decides: what says most about a film comes first.
FAMILIES = {
    "Horror": Family(NIGHT, (slits, fangs, eye), serif=0.5),
    "Western": Family(DUST, (horizon,), capitals=0.7),
    "Film-Noir": Family(NIGHT, (blinds, shaft), serif=0.5, capitals=0.7),
    "War": Family(STEEL, (stripes, ranks), capitals=0.7),
    "Animation": Family(PLAY, (tiles, bounce, house)),
    "Sci-Fi": Family(COSMOS, (orbits, planet, slats), capitals=0.6),
    "Documentary": Family(QUIET, (grid, blocks)),
    "Musical": Family(PLAY, (record, bars)),
    "Music": Family(PLAY, (record, bars), serif=0.4),
    "Sport": Family(OPEN, (track,), capitals=0.7),
    "Fantasy": Family(COSMOS, (moons, star, doorway), serif=0.7),
    "History": Family(DUST, (columns, steps), serif=0.7),
    "Mystery": Family(NIGHT, (spiral, eye, shaft)),
    "Romance": Family(BLUSH, (lens, halves, leaves), serif=0.6),
    "Adventure": Family(OPEN, (peaks, waves, horizon)),
    "Thriller": Family(NIGHT, (target, spiral, slits), capitals=0.5),
    "Crime": Family(STEEL, (blinds, target, stripes), capitals=0.7),
    "Biography": Family(QUIET, (steps, columns, monolith), serif=0.6),
    "Action": Family(STEEL, (burst, wedge, stripes), capitals=0.7),
    "Family": Family(PLAY, (house, bounce, tiles)),
    "Comedy": Family(PLAY, (smile, bounce, tiles)),
    "Drama": PLAIN,
}


def family_of(genres: Sequence[str]) -> Family:
    return next((family for genre, family in FAMILIES.items() if genre in genres), PLAIN)
