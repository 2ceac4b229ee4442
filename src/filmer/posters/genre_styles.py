"""The style of each genre's posters: palettes, compositions and typography."""

from collections.abc import Sequence

import msgspec

from filmer.posters.abstract import (
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
from filmer.posters.canvas import Composition
from filmer.posters.palettes import BLUSH, COSMOS, DUST, NIGHT, OPEN, PLAY, QUIET, STEEL, Palette
from filmer.posters.pictorial import (
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


class GenreStyle(msgspec.Struct, frozen=True):
    """``serif`` and ``capitals``: the share of titles that are set in them, from 0 to 1."""

    palettes: tuple[Palette, ...]
    compositions: tuple[Composition, ...]
    serif: float = 0.0
    capitals: float = 0.0


# With eight or more compositions a style, few neighbours in a list of one genre share a composition, and hardly any
# share its colours too (tests/posters counts them).
DEFAULT_STYLE = GenreStyle(
    QUIET, (disc, doorway, monolith, halves, leaves, steps, lens, waves, shaft, blocks, moons), serif=0.6
)

# The first of these that is among a film's genres decides, so the most characteristic genres come first.
GENRE_STYLES = {
    "Horror": GenreStyle(NIGHT, (slits, fangs, eye, spiral, shaft, moons, blinds, doorway), serif=0.5),
    "Western": GenreStyle(DUST, (horizon, peaks, slats, burst, disc, star, halves, track), capitals=0.7),
    "Film-Noir": GenreStyle(
        NIGHT, (blinds, shaft, spiral, steps, stripes, doorway, slits, eye), serif=0.5, capitals=0.7
    ),
    "War": GenreStyle(STEEL, (stripes, ranks, burst, wedge, columns, halves, blocks, horizon), capitals=0.7),
    "Animation": GenreStyle(PLAY, (tiles, bounce, house, star, peaks, smile, bars, moons)),
    "Sci-Fi": GenreStyle(COSMOS, (orbits, planet, slats, moons, monolith, target, eye, grid, star), capitals=0.6),
    "Documentary": GenreStyle(QUIET, (grid, blocks, disc, columns, halves, lens, track, bars)),
    "Musical": GenreStyle(PLAY, (record, bars, burst, tiles, lens, star, waves, smile)),
    "Music": GenreStyle(PLAY, (record, bars, burst, tiles, lens, star, waves, target), serif=0.4),
    "Sport": GenreStyle(OPEN, (track, burst, wedge, stripes, target, bounce, ranks, peaks), capitals=0.7),
    "Fantasy": GenreStyle(COSMOS, (moons, star, doorway, planet, peaks, spiral, leaves, lens), serif=0.7),
    "History": GenreStyle(DUST, (columns, steps, ranks, horizon, monolith, halves, blocks, doorway), serif=0.7),
    "Mystery": GenreStyle(NIGHT, (spiral, eye, shaft, doorway, slits, blinds, moons, lens)),
    "Romance": GenreStyle(BLUSH, (lens, halves, leaves, waves, disc, moons, horizon, record), serif=0.6),
    "Adventure": GenreStyle(OPEN, (peaks, waves, horizon, burst, track, planet, disc, doorway, star)),
    "Thriller": GenreStyle(NIGHT, (target, spiral, slits, eye, wedge, shaft, stripes, steps, blinds), capitals=0.5),
    "Crime": GenreStyle(STEEL, (blinds, target, stripes, shaft, steps, blocks, wedge, eye, grid), capitals=0.7),
    "Biography": GenreStyle(QUIET, (steps, columns, monolith, disc, halves, leaves, lens, grid), serif=0.6),
    "Action": GenreStyle(STEEL, (burst, wedge, stripes, target, track, ranks, slats, blinds), capitals=0.7),
    "Family": GenreStyle(PLAY, (house, bounce, tiles, smile, leaves, waves, star, moons)),
    "Comedy": GenreStyle(PLAY, (smile, bounce, tiles, bars, halves, record, disc, burst)),
    "Drama": DEFAULT_STYLE,
}


def style_of(genres: Sequence[str]) -> GenreStyle:
    return next((family for genre, family in GENRE_STYLES.items() if genre in genres), DEFAULT_STYLE)
