"""Things a picture hints at: a horizon, a house, a moon behind slits. A few plain forms each, varied by chance."""

import math

from filmer.posters.field import BLEED, WIDTH, Field


def slits(field: Field) -> None:
    """A moon behind slits that grow wider."""
    radius, x = min(field.between(82, 112), field.height * 0.45), field.between(110, 190)
    field.circle(x, field.height / 2, radius, field.main)
    bars, left, width = [], x - radius - 6, field.between(16, 22)
    while left < x + radius:
        bars.append((left, -BLEED, width, field.height + 2 * BLEED))
        left += width + max(3.0, 26 - width)
        width *= field.between(0.75, 0.95)
    field.boxes(bars, field.back)
    field.circle(field.between(60, 240), field.height / 2, 7, field.second)


def fangs(field: Field) -> None:
    """Two rows of teeth, and something between them."""
    count = int(field.one_of(4, 5, 6))
    step, depth = WIDTH / count, field.height * field.between(0.34, 0.44)
    for place in range(count):
        x = place * step
        tip = depth * field.between(0.75, 1.1)
        field.polygon([(x, -BLEED), (x, 0), (x + step / 2, tip), (x + step, 0), (x + step, -BLEED)], field.main)
    lower = [(WIDTH - (place + 0.5) * step, field.height - (10, depth * 0.8)[place % 2 == 0]) for place in range(count)]
    field.polygon([(0, field.foot), (WIDTH, field.foot), *lower], field.second)
    field.circle(field.between(110, 190), field.height * 0.56, 17, field.third)


def horizon(field: Field) -> None:
    """A low sun over bands of land, and a table mountain."""
    ground = field.height * field.between(0.62, 0.72)
    sun = field.between(58, 86)
    field.circle(field.between(90, 210), ground - sun * field.between(0.1, 0.5), sun, field.main)
    left, top = field.one_of(-20, 150), ground - field.between(46, 78)
    edge = ((0, ground), (24, top), (48, top), (50, top - 8), (104, top - 8), (108, top), (126, top), (172, ground))
    field.polygon([(left + x, y) for x, y in edge], field.third)
    field.boxes([(0, ground, WIDTH, field.foot - ground)], field.second)
    lines, y, thick = [], ground + 14, 2.0
    while y < field.foot:
        lines.append((0.0, y, float(WIDTH), thick))
        y, thick = y + thick + 11, thick + 2.5
    field.boxes(lines, field.back)


def planet(field: Field) -> None:
    """The edge of something immense, lit from one side."""
    x, radius = field.one_of(20, 280), field.height * field.between(0.62, 0.74)
    y, inward = field.height * field.between(0.9, 1.05), 1 if x < WIDTH / 2 else -1
    field.circle(x, y, radius, field.main)
    field.circle(x + inward * 26, y + 30, radius * 0.96, field.second)
    field.circle(WIDTH - x - inward * 40, field.height * 0.2, field.between(12, 24), field.third)
    stars = [(field.between(20, 280), field.between(10, field.height * 0.35)) for _ in range(9)]
    field.dots(stars, 1.5, field.main)


def blinds(field: Field) -> None:
    """A lamp behind venetian blinds."""
    slope, step = field.between(24, 60) * field.one_of(-1, 1), field.height / 8
    field.circle(field.between(90, 210), field.height * field.between(0.35, 0.6), field.height * 0.36, field.second)
    thick = step * field.between(0.28, 0.36)
    for place in range(-2, 11):
        y = place * step
        colour = field.third if place == 6 else field.main  # noqa: PLR2004 - one of them differs
        field.polygon([(0, y - slope), (WIDTH, y + slope), (WIDTH, y + slope + thick), (0, y - slope + thick)], colour)
        thick *= 1.07


def shaft(field: Field) -> None:
    """A wedge of light in the dark, and somebody in it."""
    source, foot, half = field.one_of(40, 150, 260), field.between(110, 190), field.between(70, 110)
    middle = field.height * 0.5
    field.polygon(
        [(source - 8, -BLEED), (source + 8, -BLEED), (foot + half, field.foot), (foot - half, field.foot)], field.main
    )
    field.polygon(
        [(foot - 9, middle), (foot + 9, middle), (foot + 34, field.foot), (foot - 34, field.foot)], field.third
    )
    field.circle(foot, middle - 18, 15, field.third)


def spiral(field: Field) -> None:
    """A stair that winds down, seen from above."""
    x, y = WIDTH / 2 + field.between(-26, 26), field.height / 2
    turn, radius, place = field.between(0, 2 * math.pi), field.height * 0.62, 0
    while radius > 12:  # noqa: PLR2004 - then there is nothing left to see
        dx, dy = radius * math.cos(turn), radius * math.sin(turn)
        half = f"M{x + dx:.0f} {y + dy:.0f}A{radius:.0f} {radius:.0f} 0 0 1 {x - dx:.0f} {y - dy:.0f}z"
        field.path(half, (field.main, field.second, field.third)[place % 3])
        turn, radius, place = turn + 0.62, radius * 0.8, place + 1


def house(field: Field) -> None:
    """Toy blocks: a house, a tree, a sun."""
    foot, left = field.height - 24, field.one_of(34, 128)
    tree = 236 if left < 100 else 70  # noqa: PLR2004 - where the house is not
    field.boxes([(left, foot - 92, 132, 92)], field.main)
    field.polygon([(left - 14, foot - 92), (left + 66, foot - 164), (left + 146, foot - 92)], field.second)
    field.boxes([(left + 50, foot - 56, 32, 56)], field.back)
    field.boxes([(tree - 5, foot - 70, 10, 70), (0, foot, WIDTH, 5)], field.third)
    field.circle(tree, foot - 92, 38, field.second)
    field.circle(tree + (left - tree) * 0.3, 44, 22, field.third)


def bounce(field: Field) -> None:
    """A ball that leaps away."""
    floor = field.height * 0.86
    field.boxes([(0, floor, WIDTH, field.foot - floor)], field.second)
    x, span, high = 30.0, 130.0, field.height * 0.62
    for colour in (field.third, field.main, field.second):
        outer = f"M{x:.0f} {floor:.0f}q{span / 2:.0f} {-2 * high:.0f} {span:.0f} 0"
        inner = f"h-12q{12 - span / 2:.0f} {26 - 2 * high:.0f} {24 - span:.0f} 0z"
        field.path(outer + inner, colour)
        x, span, high = x + span - 6, span * 0.72, high * 0.66
    field.circle(62 + field.between(0, 50), field.height * 0.2, 26, field.main)


def doorway(field: Field) -> None:
    """An arch within an arch, and a way in."""
    x = field.between(110, 190)
    for half, top, colour in ((96, 0.16, field.main), (62, 0.34, field.second), (28, 0.56, field.third)):
        y = field.height * top + half
        arch = f"M{x - half:.0f} {field.foot}V{y:.0f}a{half} {half} 0 0 1 {2 * half} 0V{field.foot}z"
        field.path(arch, colour)


def monolith(field: Field) -> None:
    """An upright slab before a disc."""
    x, half, side = field.between(100, 200), field.between(30, 46), field.one_of(-1, 1)
    field.circle(x + side * half, field.height * 0.42, min(field.height * 0.3, 96), field.second)
    field.boxes([(x - half, field.height * field.between(0.16, 0.26), 2 * half, field.height)], field.main)
    field.boxes([(x + (half / 2 if side > 0 else -half), field.height * 0.56, half / 2, field.height)], field.third)


def leaves(field: Field) -> None:
    """Leaves that grow from one stem."""
    x, size = field.between(130, 170), field.height / 3
    field.boxes([(x - 2, 10, 4, field.height)], field.third)
    for place in range(6):
        side, sweep = (size, 0) if place % 2 else (-size, 1)
        y = field.height - 12 - place // 2 * size * 0.92
        arc = f"a{size:.0f} {size:.0f} 0 0 {sweep} "
        leaf = f"M{x:.0f} {y:.0f}{arc}{side:.0f} {-size:.0f}{arc}{-side:.0f} {size:.0f}z"
        field.path(leaf, field.second if place == 3 else field.main)  # noqa: PLR2004 - one of them differs


def record(field: Field) -> None:
    """Grooves around a label, and the arm."""
    x, y = field.one_of(110, 150, 190), field.height * field.between(0.46, 0.56)
    field.circle(x, y, 132, field.main)
    for radius in (116, 102, 88, 74):
        field.ring(x, y, radius, 2, field.back)
    field.circle(x, y, 54, field.second)
    field.circle(x, y, 8, field.back)
    field.polygon([(WIDTH, -BLEED), (WIDTH, 34), (x + 84, y - 30), (x + 76, y - 38)], field.third)


def bars(field: Field) -> None:
    """What a loudness meter shows."""
    pace, step = field.between(0.6, 0.9), WIDTH / 9
    for place in range(9):
        high = field.height * (0.2 + 0.6 * abs(math.sin(place * pace * 1.7 + 0.6)))
        colour = (field.main, field.second, field.main, field.third)[place % 4]
        field.boxes([(place * step + 4, field.height - high, step - 8, high + BLEED)], colour)


def peaks(field: Field) -> None:
    """Mountains in layers, and a sun over a pass."""
    high = field.height
    field.circle(field.between(80, 220), high * 0.28, field.between(30, 46), field.second)
    ridge = ((-20, 0.7), (70, 0.3), (165, 1.0), (255, 0.4), (320, 0.75))
    for place, (colour, share) in enumerate(((field.third, 0.72), (field.main, 0.52), (field.back, 0.2))):
        shift = field.between(-60, 60) + place * 37
        tops = [(x + shift, high * (1 - share * top)) for x, top in ridge]
        field.polygon([(-140 + shift, field.foot), *tops, (460 + shift, field.foot)], colour)


def waves(field: Field) -> None:
    """A sail on water, line upon line."""
    sea, x = field.height * 0.58, field.between(90, 190)
    field.polygon([(x, sea + 14), (x, sea - 112), (x + 74, sea + 14)], field.main)
    field.polygon([(x - 8, sea + 14), (x - 8, sea - 82), (x - 50, sea + 14)], field.third)
    swell = "q20 -17 40 0t40 0" * 5 + f"V{field.foot}H-60z"
    for place, colour in enumerate((field.second, field.main, field.second)):
        left, y = -20 - place * 20, sea + 14 + place * (field.height - sea) / 3
        field.path(f"M{left} {y:.0f}{swell}", colour)
        field.path(f"M{left} {y + 13:.0f}{swell}", field.back)


def steps(field: Field) -> None:
    """A stair, and what rolls on it."""
    way, count = field.one_of(1, -1), int(field.one_of(5, 6))
    wide, high = WIDTH / count, field.height * 0.72 / count
    at, boxes = int(field.between(1, count - 1)), []
    for place in range(count):
        x, top = place * wide if way > 0 else WIDTH - (place + 1) * wide, field.height - (place + 1) * high
        boxes.append((x, top, wide + 1, field.foot - top))
        if place == at:
            field.circle(x + wide / 2, top - 20, 20, field.second)
    field.boxes(boxes, field.main)


def columns(field: Field) -> None:
    """Columns, and the weight they bear."""
    count, top = int(field.one_of(5, 7)), field.height * 0.42
    step, peak = 240 / count, field.height * field.between(0.12, 0.2)
    shafts = [(30 + (place + 0.18) * step, top + 18, step * 0.64, field.foot - top - 18) for place in range(count)]
    field.boxes([*shafts, (24, top, 252, 10)], field.main)
    field.polygon([(24, top - 8), (150, peak), (276, top - 8)], field.second)
    field.circle(150, (top + peak) / 2 + 14, 13, field.third)
