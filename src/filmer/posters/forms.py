"""Forms that hint at nothing but a mood, varied by chance."""

import math

from filmer.posters.field import BLEED, WIDTH, Field


def eye(field: Field) -> None:
    """Discs in discs, each a little off."""
    x, y = field.between(120, 180), field.height / 2
    radius, turn = min(field.height * 0.46, 118), field.between(0, 2 * math.pi)
    for place, colour in enumerate((field.main, field.back, field.second, field.back, field.third)):
        off = radius * place * 0.084
        field.circle(x + off * math.cos(turn), y + off * math.sin(turn), radius * (1 - place / 5), colour)


def orbits(field: Field) -> None:
    """Paths around something large, and what travels on them."""
    x, y = field.one_of(60, 150, 240), field.height * field.between(0.42, 0.58)
    field.circle(x, y, field.between(40, 56), field.main)
    radius, inward = 78.0, math.pi if x > WIDTH / 2 else 0.0
    for place, size in enumerate((9, 6, 13, 8)):
        turn = inward + field.between(-0.9, 0.9)
        field.ring(x, y, radius, 2, field.second)
        colour = field.third if place % 2 else field.main
        field.circle(x + radius * math.cos(turn), y + radius * math.sin(turn), size, colour)
        radius += field.between(32, 44)


def slats(field: Field) -> None:
    """A setting disc, cut by ever wider gaps."""
    radius, x, y = min(118.0, field.height * 0.42), field.between(130, 170), field.height / 2
    field.circle(x, y, radius, field.main)
    cuts, top, gap = [], y - radius * 0.15, 3.0
    while top < y + radius:
        cuts.append((x - radius - 2, top, 2 * radius + 4, gap))
        top, gap = top + gap + max(5.0, 22 - gap), gap + 2.2
    field.boxes(cuts, field.back)
    field.boxes([(0, y + radius * 0.62, WIDTH, 5)], field.second)


def lens(field: Field) -> None:
    """Two that overlap."""
    radius, turn = min(94.0, field.height * 0.36), field.one_of(0, 0.35, -0.35, 0.6)
    apart = radius * field.between(0.5, 0.66)
    x, y, cos, sin = WIDTH / 2, field.height / 2, math.cos(turn), math.sin(turn)
    field.circle(x - apart * cos, y - apart * sin, radius, field.main)
    field.circle(x + apart * cos, y + apart * sin, radius, field.second)
    half = math.sqrt(round(radius) ** 2 - apart**2)
    bulge = radius - 1.5  # a little rounder than the discs, so that no rim of theirs shows
    one, other = f"{x - half * sin:.1f} {y + half * cos:.1f}", f"{x + half * sin:.1f} {y - half * cos:.1f}"
    field.path(f"M{one}A{bulge:.1f} {bulge:.1f} 0 0 0 {other}A{bulge:.1f} {bulge:.1f} 0 0 0 {one}", field.third)


def halves(field: Field) -> None:
    """Two half discs that lean on each other, out of step."""
    radius, x, y = min(104.0, field.height * 0.4), WIDTH / 2, field.height / 2
    slip = field.height * field.between(0.04, 0.09) * field.one_of(1, -1)
    arc = f"a{radius:.0f} {radius:.0f} 0 0"
    field.path(f"M{x:.0f} {y - radius - slip:.0f}{arc} 0 0 {2 * radius:.0f}z", field.main)
    field.path(f"M{x:.0f} {y - radius + slip:.0f}{arc} 1 0 {2 * radius:.0f}z", field.second)
    field.circle(x + field.one_of(-1, 1) * radius * 0.45, y, 11, field.third)


def target(field: Field) -> None:
    """Rings, and a line that finds them."""
    x, y = field.between(90, 210), field.height * field.between(0.42, 0.58)
    for radius, colour in ((150, field.main), (112, field.back), (74, field.main), (36, field.second)):
        field.circle(x, y, radius, colour)
    turn = field.one_of(0.5, 2.6, -0.5, 3.7)
    cos, sin = math.cos(turn), math.sin(turn)
    far = (x + 400 * cos, y + 400 * sin)
    field.polygon([(x, y), (far[0] - 9 * sin, far[1] + 9 * cos), (far[0] + 9 * sin, far[1] - 9 * cos)], field.third)


def tiles(field: Field) -> None:
    """A game of quarter discs and dots."""
    columns = int(field.one_of(3, 4))
    s = WIDTH / columns
    drawn: dict[str, str] = {}
    for place in range(columns * math.ceil(field.height / s)):
        x, y = place % columns * s, place // columns * s
        colour = (field.main, field.second, field.third)[int(field.between(0, 3))]
        r = s * 0.3
        quarter, dot = f"a{s:.0f} {s:.0f} 0 0 1", f"a{r:.0f} {r:.0f} 0 0 0"
        tile = (
            f"M{x:.0f} {y:.0f}h{s:.0f}{quarter} {-s:.0f} {s:.0f}z",
            f"M{x + s:.0f} {y:.0f}v{s:.0f}{quarter} {-s:.0f} {-s:.0f}z",
            f"M{x + s:.0f} {y + s:.0f}h{-s:.0f}{quarter} {s:.0f} {-s:.0f}z",
            f"M{x:.0f} {y + s:.0f}v{-s:.0f}{quarter} {s:.0f} {s:.0f}z",
            f"M{x + s / 2 - r:.0f} {y + s / 2:.0f}{dot} {2 * r:.0f} 0{dot} {-2 * r:.0f} 0",
            "",
        )[int(field.between(0, 6))]
        drawn[colour] = drawn.get(colour, "") + tile
    for colour, parts in drawn.items():
        field.path(parts, colour)


def smile(field: Field) -> None:
    """A grin of one half disc; two dots look at it."""
    radius, angle = min(field.between(88, 112), field.height * 0.5), field.between(-0.38, 0.38)
    x, y, dx, dy = WIDTH / 2, field.height * 0.42, radius * math.cos(angle), radius * math.sin(angle)
    r = f"{radius:.0f}"
    field.path(f"M{x - dx:.0f} {y - dy:.0f}A{r} {r} 0 0 0 {x + dx:.0f} {y + dy:.0f}z", field.main)
    for side, colour, size in ((-1, field.second, 24), (1, field.third, field.one_of(24, 16, 32))):
        field.circle(x + side * dx * 0.5 + dy * 0.45, y + side * dy * 0.5 - 50, size, colour)


def stripes(field: Field) -> None:
    """Ranks of slanted bars; one has fallen."""
    lean, step = field.one_of(-45, 45), 480 / 7
    fallen = int(field.between(2, 5))
    for place in range(7):
        x, thick = place * step - 90, step * 0.55
        if place == fallen:
            field.circle(x + step / 2, field.height / 2, step * 0.62, field.second)
            continue
        corners = [
            (x + lean, -BLEED),
            (x + lean + thick, -BLEED),
            (x - lean + thick, field.foot),
            (x - lean, field.foot),
        ]
        field.polygon(corners, field.third if place % 3 == 2 else field.main)  # noqa: PLR2004 - each third


def ranks(field: Field) -> None:
    """Chevrons, one above the other, under a disc."""
    step, peak = field.height / 5, field.between(110, 190)
    field.circle(field.between(90, 210), step * 1.15, step * 0.8, field.second)
    for place, colour in enumerate((field.main, field.main, field.third, field.main)):
        y, thick = field.height * 0.3 + place * step * 0.95, step * 0.5
        upper = [(0, y + 62), (peak, y), (WIDTH, y + 62)]
        field.polygon([*upper, *((x, y + thick) for x, y in reversed(upper))], colour)


def disc(field: Field) -> None:
    """One large disc, cropped, and a small answer to it."""
    x = field.one_of(40, 260)
    field.circle(x, field.height * field.between(0.36, 0.64), field.between(110, 150), field.main)
    field.circle(
        field.one_of(280, 262) if x < WIDTH / 2 else 28, field.height - 44, field.between(14, 20), field.second
    )


def grid(field: Field) -> None:
    """Dots that swell towards a place."""
    middle, level = field.between(60, 240), field.between(0.25, 0.75) * field.height
    by_size: dict[int, list[tuple[float, float]]] = {}
    for y in range(15, field.height, 30):
        for x in range(15, WIDTH, 30):
            size = round(max(2.0, 15 - math.hypot(x - middle, y - level) / 12))
            by_size.setdefault(size, []).append((x, y))
    for size, places in by_size.items():
        field.dots(places, size, field.second if size == max(by_size) else field.main)


def blocks(field: Field) -> None:
    """Plain fields, as the page of a newspaper has them."""
    split = field.one_of(100, 200)
    row = field.height * field.between(0.3, 0.42)
    low = row + (field.height - row) * field.between(0.45, 0.6)
    field.boxes([(0, -BLEED, split, row + BLEED)], field.main)
    field.boxes([(split, row, WIDTH - split, low - row)], field.second)
    field.boxes([(0, low, split, field.foot - low)], field.third)
    field.circle(split / 2, (row + low) / 2, min(split, low - row) * 0.32, field.main)
    lines = range(round(low) + 16, field.height - 8, 14)
    field.boxes([(split + 14, y, WIDTH - split - 40, 4) for y in lines], field.main)


def moons(field: Field) -> None:
    """The phases of a moon, round the moon."""
    x, y, reach = WIDTH / 2, field.height / 2, min(110.0, field.height * 0.38)
    field.circle(x, y, reach * 0.46, field.main)
    field.circle(x + reach * 0.2, y - reach * 0.1, reach * 0.4, field.back)
    turn = field.between(0, 1)
    for place in range(8):
        angle = turn + place * math.pi / 4
        cx, cy = x + reach * math.cos(angle), y + reach * math.sin(angle)
        field.circle(cx, cy, 19, field.second if place % 2 else field.main)
        if place % 4:
            field.circle(cx + (place - 4) * 5.6, cy, 19, field.back)


def star(field: Field) -> None:
    """A star of many points, and a disc in it."""
    x, y, reach = WIDTH / 2 + field.between(-20, 20), field.height / 2, field.height * 0.47
    count, turn = int(field.one_of(8, 12, 16)), field.between(0, 1)
    points = []
    for place in range(2 * count):
        angle, far = turn + place * math.pi / count, reach if place % 2 else reach * 0.55
        points.append((x + far * math.cos(angle), y + far * math.sin(angle)))
    field.polygon(points, field.main)
    field.circle(x, y, reach * 0.4, field.second)
    field.circle(x + reach * 0.14, y - reach * 0.1, reach * 0.26, field.third)


def burst(field: Field) -> None:
    """Rays, and where they come from."""
    x, y = field.one_of(30, 150, 270), field.height * field.one_of(0.95, 0.5)
    turn, half = field.between(0, 0.5), math.pi / 22
    for place in range(11):
        angle = turn + place * math.pi / 5.5
        edges = [(x + 520 * math.cos(angle + side), y + 520 * math.sin(angle + side)) for side in (-half, half)]
        field.polygon([(x, y), *edges], field.main)
    field.circle(x, y, 74, field.second)
    field.circle(x, y, 34, field.third)


def wedge(field: Field) -> None:
    """A wedge driven into a disc."""
    way, y, tilt = field.one_of(1, -1), field.height / 2, field.between(-70, 70)
    middle = WIDTH / 2
    field.circle(middle + way * 46, y, min(104.0, field.height * 0.4), field.main)
    edge = middle - way * 165
    field.polygon([(edge, y - 74 + tilt), (middle + way * 20, y), (edge, y + 74 + tilt)], field.second)
    for place in range(3):
        near, far, top = middle - way * (20 + place * 40), middle - way * (110 + place * 14), 14 + place * 17
        field.polygon([(near, top), (far, top + 12), (near, top + 8)], field.third)


def track(field: Field) -> None:
    """Lanes around a bend, and one who leads."""
    x, y = field.one_of(0, WIDTH), field.height * field.one_of(0.05, 0.95)
    for place, radius in enumerate((250, 206, 162, 118)):
        field.ring(x, y, radius, 20, field.second if place % 2 else field.main)
    angle = math.atan2(field.height / 2 - y, WIDTH / 2 - x) + field.between(-0.2, 0.2)
    field.circle(x + 206 * math.cos(angle), y + 206 * math.sin(angle), 22, field.third)
