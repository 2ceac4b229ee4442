"""Compositions that suggest an object or a place, each of a few simple shapes that vary at random."""

import math

from filmer.posters.canvas import BLEED, WIDTH, Canvas


def slits(canvas: Canvas) -> None:
    """A moon behind slits that grow wider."""
    radius, x = min(canvas.uniform(82, 112), canvas.height * 0.45), canvas.uniform(110, 190)
    canvas.circle(x, canvas.height / 2, radius, canvas.main)
    bars, left, width = [], x - radius - 6, canvas.uniform(16, 22)
    while left < x + radius:
        bars.append((left, -BLEED, width, canvas.height + 2 * BLEED))
        left += width + max(3.0, 26 - width)
        width *= canvas.uniform(0.75, 0.95)
    canvas.boxes(bars, canvas.background)
    canvas.circle(canvas.uniform(60, 240), canvas.height / 2, 7, canvas.second)


def fangs(canvas: Canvas) -> None:
    """Two rows of teeth, and a disc between them."""
    count = int(canvas.choice(4, 5, 6))
    step, depth = WIDTH / count, canvas.height * canvas.uniform(0.34, 0.44)
    for place in range(count):
        x = place * step
        tip = depth * canvas.uniform(0.75, 1.1)
        canvas.polygon([(x, -BLEED), (x, 0), (x + step / 2, tip), (x + step, 0), (x + step, -BLEED)], canvas.main)
    lower = [
        (WIDTH - (place + 0.5) * step, canvas.height - (10, depth * 0.8)[place % 2 == 0]) for place in range(count)
    ]
    canvas.polygon([(0, canvas.bottom), (WIDTH, canvas.bottom), *lower], canvas.second)
    canvas.circle(canvas.uniform(110, 190), canvas.height * 0.56, 17, canvas.third)


def horizon(canvas: Canvas) -> None:
    """A low sun over bands of land, and a table mountain."""
    ground = canvas.height * canvas.uniform(0.62, 0.72)
    sun = canvas.uniform(58, 86)
    canvas.circle(canvas.uniform(90, 210), ground - sun * canvas.uniform(0.1, 0.5), sun, canvas.main)
    left, top = canvas.choice(-20, 150), ground - canvas.uniform(46, 78)
    edge = ((0, ground), (24, top), (48, top), (50, top - 8), (104, top - 8), (108, top), (126, top), (172, ground))
    canvas.polygon([(left + x, y) for x, y in edge], canvas.third)
    canvas.boxes([(0, ground, WIDTH, canvas.bottom - ground)], canvas.second)
    lines, y, thick = [], ground + 14, 2.0
    while y < canvas.bottom:
        lines.append((0.0, y, float(WIDTH), thick))
        y, thick = y + thick + 11, thick + 2.5
    canvas.boxes(lines, canvas.background)


def planet(canvas: Canvas) -> None:
    """The edge of a planet, lit from one side."""
    x, radius = canvas.choice(20, 280), canvas.height * canvas.uniform(0.62, 0.74)
    y, inward = canvas.height * canvas.uniform(0.9, 1.05), 1 if x < WIDTH / 2 else -1
    canvas.circle(x, y, radius, canvas.main)
    canvas.circle(x + inward * 26, y + 30, radius * 0.96, canvas.second)
    canvas.circle(WIDTH - x - inward * 40, canvas.height * 0.2, canvas.uniform(12, 24), canvas.third)
    stars = [(canvas.uniform(20, 280), canvas.uniform(10, canvas.height * 0.35)) for _ in range(9)]
    canvas.dots(stars, 1.5, canvas.main)


def blinds(canvas: Canvas) -> None:
    """A lamp behind venetian blinds."""
    slope, step = canvas.uniform(24, 60) * canvas.choice(-1, 1), canvas.height / 8
    canvas.circle(
        canvas.uniform(90, 210), canvas.height * canvas.uniform(0.35, 0.6), canvas.height * 0.36, canvas.second
    )
    thick = step * canvas.uniform(0.28, 0.36)
    for place in range(-2, 11):
        y = place * step
        colour = canvas.third if place == 6 else canvas.main  # noqa: PLR2004 - one of them differs
        canvas.polygon([(0, y - slope), (WIDTH, y + slope), (WIDTH, y + slope + thick), (0, y - slope + thick)], colour)
        thick *= 1.07


def shaft(canvas: Canvas) -> None:
    """A shaft of light, and a person in it."""
    source, bottom, half = canvas.choice(40, 150, 260), canvas.uniform(110, 190), canvas.uniform(70, 110)
    middle = canvas.height * 0.5
    canvas.polygon(
        [(source - 8, -BLEED), (source + 8, -BLEED), (bottom + half, canvas.bottom), (bottom - half, canvas.bottom)],
        canvas.main,
    )
    canvas.polygon(
        [(bottom - 9, middle), (bottom + 9, middle), (bottom + 34, canvas.bottom), (bottom - 34, canvas.bottom)],
        canvas.third,
    )
    canvas.circle(bottom, middle - 18, 15, canvas.third)


def spiral(canvas: Canvas) -> None:
    """A stair that winds down, seen from above."""
    x, y = WIDTH / 2 + canvas.uniform(-26, 26), canvas.height / 2
    turn, radius, place = canvas.uniform(0, 2 * math.pi), canvas.height * 0.62, 0
    while radius > 12:  # noqa: PLR2004 - then there is nothing left to see
        dx, dy = radius * math.cos(turn), radius * math.sin(turn)
        half = f"M{x + dx:.0f} {y + dy:.0f}A{radius:.0f} {radius:.0f} 0 0 1 {x - dx:.0f} {y - dy:.0f}z"
        canvas.path(half, (canvas.main, canvas.second, canvas.third)[place % 3])
        turn, radius, place = turn + 0.62, radius * 0.8, place + 1


def house(canvas: Canvas) -> None:
    """Toy blocks: a house, a tree, a sun."""
    bottom, left = canvas.height - 24, canvas.choice(34, 128)
    tree = 236 if left < 100 else 70  # noqa: PLR2004 - where the house is not
    canvas.boxes([(left, bottom - 92, 132, 92)], canvas.main)
    canvas.polygon([(left - 14, bottom - 92), (left + 66, bottom - 164), (left + 146, bottom - 92)], canvas.second)
    canvas.boxes([(left + 50, bottom - 56, 32, 56)], canvas.background)
    canvas.boxes([(tree - 5, bottom - 70, 10, 70), (0, bottom, WIDTH, 5)], canvas.third)
    canvas.circle(tree, bottom - 92, 38, canvas.second)
    canvas.circle(tree + (left - tree) * 0.3, 44, 22, canvas.third)


def bounce(canvas: Canvas) -> None:
    """The path of a bouncing ball."""
    floor = canvas.height * 0.86
    canvas.boxes([(0, floor, WIDTH, canvas.bottom - floor)], canvas.second)
    x, span, high = 30.0, 130.0, canvas.height * 0.62
    for colour in (canvas.third, canvas.main, canvas.second):
        outer = f"M{x:.0f} {floor:.0f}q{span / 2:.0f} {-2 * high:.0f} {span:.0f} 0"
        inner = f"h-12q{12 - span / 2:.0f} {26 - 2 * high:.0f} {24 - span:.0f} 0z"
        canvas.path(outer + inner, colour)
        x, span, high = x + span - 6, span * 0.72, high * 0.66
    canvas.circle(62 + canvas.uniform(0, 50), canvas.height * 0.2, 26, canvas.main)


def doorway(canvas: Canvas) -> None:
    """Three nested arches."""
    x = canvas.uniform(110, 190)
    for half, top, colour in ((96, 0.16, canvas.main), (62, 0.34, canvas.second), (28, 0.56, canvas.third)):
        y = canvas.height * top + half
        arch = f"M{x - half:.0f} {canvas.bottom}V{y:.0f}a{half} {half} 0 0 1 {2 * half} 0V{canvas.bottom}z"
        canvas.path(arch, colour)


def monolith(canvas: Canvas) -> None:
    """An upright slab in front of a disc."""
    x, half, side = canvas.uniform(100, 200), canvas.uniform(30, 46), canvas.choice(-1, 1)
    canvas.circle(x + side * half, canvas.height * 0.42, min(canvas.height * 0.3, 96), canvas.second)
    canvas.boxes([(x - half, canvas.height * canvas.uniform(0.16, 0.26), 2 * half, canvas.height)], canvas.main)
    canvas.boxes([(x + (half / 2 if side > 0 else -half), canvas.height * 0.56, half / 2, canvas.height)], canvas.third)


def leaves(canvas: Canvas) -> None:
    """Leaves that grow from one stem."""
    x, size = canvas.uniform(130, 170), canvas.height / 3
    canvas.boxes([(x - 2, 10, 4, canvas.height)], canvas.third)
    for place in range(6):
        side, sweep = (size, 0) if place % 2 else (-size, 1)
        y = canvas.height - 12 - place // 2 * size * 0.92
        arc = f"a{size:.0f} {size:.0f} 0 0 {sweep} "
        leaf = f"M{x:.0f} {y:.0f}{arc}{side:.0f} {-size:.0f}{arc}{-side:.0f} {size:.0f}z"
        canvas.path(leaf, canvas.second if place == 3 else canvas.main)  # noqa: PLR2004 - one of them differs


def record(canvas: Canvas) -> None:
    """Grooves around a label, and the arm."""
    x, y = canvas.choice(110, 150, 190), canvas.height * canvas.uniform(0.46, 0.56)
    canvas.circle(x, y, 132, canvas.main)
    for radius in (116, 102, 88, 74):
        canvas.ring(x, y, radius, 2, canvas.background)
    canvas.circle(x, y, 54, canvas.second)
    canvas.circle(x, y, 8, canvas.background)
    canvas.polygon([(WIDTH, -BLEED), (WIDTH, 34), (x + 84, y - 30), (x + 76, y - 38)], canvas.third)


def bars(canvas: Canvas) -> None:
    """The bars of a level meter."""
    pace, step = canvas.uniform(0.6, 0.9), WIDTH / 9
    for place in range(9):
        high = canvas.height * (0.2 + 0.6 * abs(math.sin(place * pace * 1.7 + 0.6)))
        colour = (canvas.main, canvas.second, canvas.main, canvas.third)[place % 4]
        canvas.boxes([(place * step + 4, canvas.height - high, step - 8, high + BLEED)], colour)


def peaks(canvas: Canvas) -> None:
    """Mountains in layers, and a sun over a pass."""
    high = canvas.height
    canvas.circle(canvas.uniform(80, 220), high * 0.28, canvas.uniform(30, 46), canvas.second)
    ridge = ((-20, 0.7), (70, 0.3), (165, 1.0), (255, 0.4), (320, 0.75))
    for place, (colour, share) in enumerate(((canvas.third, 0.72), (canvas.main, 0.52), (canvas.background, 0.2))):
        shift = canvas.uniform(-60, 60) + place * 37
        tops = [(x + shift, high * (1 - share * top)) for x, top in ridge]
        canvas.polygon([(-140 + shift, canvas.bottom), *tops, (460 + shift, canvas.bottom)], colour)


def waves(canvas: Canvas) -> None:
    """A sail on water, line upon line."""
    sea, x = canvas.height * 0.58, canvas.uniform(90, 190)
    canvas.polygon([(x, sea + 14), (x, sea - 112), (x + 74, sea + 14)], canvas.main)
    canvas.polygon([(x - 8, sea + 14), (x - 8, sea - 82), (x - 50, sea + 14)], canvas.third)
    swell = "q20 -17 40 0t40 0" * 5 + f"V{canvas.bottom}H-60z"
    for place, colour in enumerate((canvas.second, canvas.main, canvas.second)):
        left, y = -20 - place * 20, sea + 14 + place * (canvas.height - sea) / 3
        canvas.path(f"M{left} {y:.0f}{swell}", colour)
        canvas.path(f"M{left} {y + 13:.0f}{swell}", canvas.background)


def steps(canvas: Canvas) -> None:
    """Stairs, and a ball on one of the steps."""
    way, count = canvas.choice(1, -1), int(canvas.choice(5, 6))
    wide, high = WIDTH / count, canvas.height * 0.72 / count
    at, boxes = int(canvas.uniform(1, count - 1)), []
    for place in range(count):
        x, top = place * wide if way > 0 else WIDTH - (place + 1) * wide, canvas.height - (place + 1) * high
        boxes.append((x, top, wide + 1, canvas.bottom - top))
        if place == at:
            canvas.circle(x + wide / 2, top - 20, 20, canvas.second)
    canvas.boxes(boxes, canvas.main)


def columns(canvas: Canvas) -> None:
    """Columns that carry a pediment."""
    count, top = int(canvas.choice(5, 7)), canvas.height * 0.42
    step, peak = 240 / count, canvas.height * canvas.uniform(0.12, 0.2)
    shafts = [(30 + (place + 0.18) * step, top + 18, step * 0.64, canvas.bottom - top - 18) for place in range(count)]
    canvas.boxes([*shafts, (24, top, 252, 10)], canvas.main)
    canvas.polygon([(24, top - 8), (150, peak), (276, top - 8)], canvas.second)
    canvas.circle(150, (top + peak) / 2 + 14, 13, canvas.third)
