"""Abstract compositions of a few simple shapes that vary at random."""

import math

from filmer.posters.canvas import BLEED, WIDTH, Canvas


def eye(canvas: Canvas) -> None:
    """Discs in discs, each a little off."""
    x, y = canvas.uniform(120, 180), canvas.height / 2
    radius, turn = min(canvas.height * 0.46, 118), canvas.uniform(0, 2 * math.pi)
    for place, colour in enumerate((canvas.main, canvas.background, canvas.second, canvas.background, canvas.third)):
        off = radius * place * 0.084
        canvas.circle(x + off * math.cos(turn), y + off * math.sin(turn), radius * (1 - place / 5), colour)


def orbits(canvas: Canvas) -> None:
    """Paths around something large, and what travels on them."""
    x, y = canvas.choice(60, 150, 240), canvas.height * canvas.uniform(0.42, 0.58)
    canvas.circle(x, y, canvas.uniform(40, 56), canvas.main)
    radius, inward = 78.0, math.pi if x > WIDTH / 2 else 0.0
    for place, size in enumerate((9, 6, 13, 8)):
        turn = inward + canvas.uniform(-0.9, 0.9)
        canvas.ring(x, y, radius, 2, canvas.second)
        colour = canvas.third if place % 2 else canvas.main
        canvas.circle(x + radius * math.cos(turn), y + radius * math.sin(turn), size, colour)
        radius += canvas.uniform(32, 44)


def slats(canvas: Canvas) -> None:
    """A setting disc, cut by ever wider gaps."""
    radius, x, y = min(118.0, canvas.height * 0.42), canvas.uniform(130, 170), canvas.height / 2
    canvas.circle(x, y, radius, canvas.main)
    cuts, top, gap = [], y - radius * 0.15, 3.0
    while top < y + radius:
        cuts.append((x - radius - 2, top, 2 * radius + 4, gap))
        top, gap = top + gap + max(5.0, 22 - gap), gap + 2.2
    canvas.boxes(cuts, canvas.background)
    canvas.boxes([(0, y + radius * 0.62, WIDTH, 5)], canvas.second)


def lens(canvas: Canvas) -> None:
    """Two discs that overlap."""
    radius, turn = min(94.0, canvas.height * 0.36), canvas.choice(0, 0.35, -0.35, 0.6)
    apart = radius * canvas.uniform(0.5, 0.66)
    x, y, cos, sin = WIDTH / 2, canvas.height / 2, math.cos(turn), math.sin(turn)
    canvas.circle(x - apart * cos, y - apart * sin, radius, canvas.main)
    canvas.circle(x + apart * cos, y + apart * sin, radius, canvas.second)
    half = math.sqrt(round(radius) ** 2 - apart**2)
    bulge = radius - 1.5  # a little rounder than the discs, so that no rim of theirs shows
    start, end = f"{x - half * sin:.1f} {y + half * cos:.1f}", f"{x + half * sin:.1f} {y - half * cos:.1f}"
    canvas.path(f"M{start}A{bulge:.1f} {bulge:.1f} 0 0 0 {end}A{bulge:.1f} {bulge:.1f} 0 0 0 {start}", canvas.third)


def halves(canvas: Canvas) -> None:
    """Two half discs that lean on each other, out of step."""
    radius, x, y = min(104.0, canvas.height * 0.4), WIDTH / 2, canvas.height / 2
    slip = canvas.height * canvas.uniform(0.04, 0.09) * canvas.choice(1, -1)
    arc = f"a{radius:.0f} {radius:.0f} 0 0"
    canvas.path(f"M{x:.0f} {y - radius - slip:.0f}{arc} 0 0 {2 * radius:.0f}z", canvas.main)
    canvas.path(f"M{x:.0f} {y - radius + slip:.0f}{arc} 1 0 {2 * radius:.0f}z", canvas.second)
    canvas.circle(x + canvas.choice(-1, 1) * radius * 0.45, y, 11, canvas.third)


def target(canvas: Canvas) -> None:
    """Rings, and a line to their centre."""
    x, y = canvas.uniform(90, 210), canvas.height * canvas.uniform(0.42, 0.58)
    for radius, colour in ((150, canvas.main), (112, canvas.background), (74, canvas.main), (36, canvas.second)):
        canvas.circle(x, y, radius, colour)
    turn = canvas.choice(0.5, 2.6, -0.5, 3.7)
    cos, sin = math.cos(turn), math.sin(turn)
    far = (x + 400 * cos, y + 400 * sin)
    canvas.polygon([(x, y), (far[0] - 9 * sin, far[1] + 9 * cos), (far[0] + 9 * sin, far[1] - 9 * cos)], canvas.third)


def tiles(canvas: Canvas) -> None:
    """A pattern of quarter discs and dots."""
    columns = int(canvas.choice(3, 4))
    s = WIDTH / columns
    drawn: dict[str, str] = {}
    for place in range(columns * math.ceil(canvas.height / s)):
        x, y = place % columns * s, place // columns * s
        colour = (canvas.main, canvas.second, canvas.third)[int(canvas.uniform(0, 3))]
        r = s * 0.3
        quarter, dot = f"a{s:.0f} {s:.0f} 0 0 1", f"a{r:.0f} {r:.0f} 0 0 0"
        tile = (
            f"M{x:.0f} {y:.0f}h{s:.0f}{quarter} {-s:.0f} {s:.0f}z",
            f"M{x + s:.0f} {y:.0f}v{s:.0f}{quarter} {-s:.0f} {-s:.0f}z",
            f"M{x + s:.0f} {y + s:.0f}h{-s:.0f}{quarter} {s:.0f} {-s:.0f}z",
            f"M{x:.0f} {y + s:.0f}v{-s:.0f}{quarter} {s:.0f} {s:.0f}z",
            f"M{x + s / 2 - r:.0f} {y + s / 2:.0f}{dot} {2 * r:.0f} 0{dot} {-2 * r:.0f} 0",
            "",
        )[int(canvas.uniform(0, 6))]
        drawn[colour] = drawn.get(colour, "") + tile
    for colour, parts in drawn.items():
        canvas.path(parts, colour)


def smile(canvas: Canvas) -> None:
    """A grin of one half disc; two dots look at it."""
    radius, angle = min(canvas.uniform(88, 112), canvas.height * 0.5), canvas.uniform(-0.38, 0.38)
    x, y, dx, dy = WIDTH / 2, canvas.height * 0.42, radius * math.cos(angle), radius * math.sin(angle)
    r = f"{radius:.0f}"
    canvas.path(f"M{x - dx:.0f} {y - dy:.0f}A{r} {r} 0 0 0 {x + dx:.0f} {y + dy:.0f}z", canvas.main)
    for side, colour, size in ((-1, canvas.second, 24), (1, canvas.third, canvas.choice(24, 16, 32))):
        canvas.circle(x + side * dx * 0.5 + dy * 0.45, y + side * dy * 0.5 - 50, size, colour)


def stripes(canvas: Canvas) -> None:
    """Ranks of slanted bars; one has fallen."""
    lean, step = canvas.choice(-45, 45), 480 / 7
    fallen = int(canvas.uniform(2, 5))
    for place in range(7):
        x, thick = place * step - 90, step * 0.55
        if place == fallen:
            canvas.circle(x + step / 2, canvas.height / 2, step * 0.62, canvas.second)
            continue
        corners = [
            (x + lean, -BLEED),
            (x + lean + thick, -BLEED),
            (x - lean + thick, canvas.bottom),
            (x - lean, canvas.bottom),
        ]
        canvas.polygon(corners, canvas.third if place % 3 == 2 else canvas.main)  # noqa: PLR2004 - each third


def ranks(canvas: Canvas) -> None:
    """Chevrons, one above the other, under a disc."""
    step, peak = canvas.height / 5, canvas.uniform(110, 190)
    canvas.circle(canvas.uniform(90, 210), step * 1.15, step * 0.8, canvas.second)
    for place, colour in enumerate((canvas.main, canvas.main, canvas.third, canvas.main)):
        y, thick = canvas.height * 0.3 + place * step * 0.95, step * 0.5
        upper = [(0, y + 62), (peak, y), (WIDTH, y + 62)]
        canvas.polygon([*upper, *((x, y + thick) for x, y in reversed(upper))], colour)


def disc(canvas: Canvas) -> None:
    """One large cropped disc and a small one opposite."""
    x = canvas.choice(40, 260)
    canvas.circle(x, canvas.height * canvas.uniform(0.36, 0.64), canvas.uniform(110, 150), canvas.main)
    canvas.circle(
        canvas.choice(280, 262) if x < WIDTH / 2 else 28, canvas.height - 44, canvas.uniform(14, 20), canvas.second
    )


def grid(canvas: Canvas) -> None:
    """Dots that swell towards a place."""
    middle, level = canvas.uniform(60, 240), canvas.uniform(0.25, 0.75) * canvas.height
    by_size: dict[int, list[tuple[float, float]]] = {}
    for y in range(15, canvas.height, 30):
        for x in range(15, WIDTH, 30):
            size = round(max(2.0, 15 - math.hypot(x - middle, y - level) / 12))
            by_size.setdefault(size, []).append((x, y))
    for size, places in by_size.items():
        canvas.dots(places, size, canvas.second if size == max(by_size) else canvas.main)


def blocks(canvas: Canvas) -> None:
    """Rectangles laid out like the page of a newspaper."""
    split = canvas.choice(100, 200)
    row = canvas.height * canvas.uniform(0.3, 0.42)
    low = row + (canvas.height - row) * canvas.uniform(0.45, 0.6)
    canvas.boxes([(0, -BLEED, split, row + BLEED)], canvas.main)
    canvas.boxes([(split, row, WIDTH - split, low - row)], canvas.second)
    canvas.boxes([(0, low, split, canvas.bottom - low)], canvas.third)
    canvas.circle(split / 2, (row + low) / 2, min(split, low - row) * 0.32, canvas.main)
    lines = range(round(low) + 16, canvas.height - 8, 14)
    canvas.boxes([(split + 14, y, WIDTH - split - 40, 4) for y in lines], canvas.main)


def moons(canvas: Canvas) -> None:
    """A moon, and its phases around it."""
    x, y, reach = WIDTH / 2, canvas.height / 2, min(110.0, canvas.height * 0.38)
    canvas.circle(x, y, reach * 0.46, canvas.main)
    canvas.circle(x + reach * 0.2, y - reach * 0.1, reach * 0.4, canvas.background)
    turn = canvas.uniform(0, 1)
    for place in range(8):
        angle = turn + place * math.pi / 4
        cx, cy = x + reach * math.cos(angle), y + reach * math.sin(angle)
        canvas.circle(cx, cy, 19, canvas.second if place % 2 else canvas.main)
        if place % 4:
            canvas.circle(cx + (place - 4) * 5.6, cy, 19, canvas.background)


def star(canvas: Canvas) -> None:
    """A star of many points, and a disc in it."""
    x, y, reach = WIDTH / 2 + canvas.uniform(-20, 20), canvas.height / 2, canvas.height * 0.47
    count, turn = int(canvas.choice(8, 12, 16)), canvas.uniform(0, 1)
    points = []
    for place in range(2 * count):
        angle, far = turn + place * math.pi / count, reach if place % 2 else reach * 0.55
        points.append((x + far * math.cos(angle), y + far * math.sin(angle)))
    canvas.polygon(points, canvas.main)
    canvas.circle(x, y, reach * 0.4, canvas.second)
    canvas.circle(x + reach * 0.14, y - reach * 0.1, reach * 0.26, canvas.third)


def burst(canvas: Canvas) -> None:
    """Rays and their source."""
    x, y = canvas.choice(30, 150, 270), canvas.height * canvas.choice(0.95, 0.5)
    turn, half = canvas.uniform(0, 0.5), math.pi / 22
    for place in range(11):
        angle = turn + place * math.pi / 5.5
        edges = [(x + 520 * math.cos(angle + side), y + 520 * math.sin(angle + side)) for side in (-half, half)]
        canvas.polygon([(x, y), *edges], canvas.main)
    canvas.circle(x, y, 74, canvas.second)
    canvas.circle(x, y, 34, canvas.third)


def wedge(canvas: Canvas) -> None:
    """A wedge driven into a disc."""
    way, y, tilt = canvas.choice(1, -1), canvas.height / 2, canvas.uniform(-70, 70)
    middle = WIDTH / 2
    canvas.circle(middle + way * 46, y, min(104.0, canvas.height * 0.4), canvas.main)
    edge = middle - way * 165
    canvas.polygon([(edge, y - 74 + tilt), (middle + way * 20, y), (edge, y + 74 + tilt)], canvas.second)
    for place in range(3):
        near, far, top = middle - way * (20 + place * 40), middle - way * (110 + place * 14), 14 + place * 17
        canvas.polygon([(near, top), (far, top + 12), (near, top + 8)], canvas.third)


def track(canvas: Canvas) -> None:
    """Lanes around a bend, and a runner in front."""
    x, y = canvas.choice(0, WIDTH), canvas.height * canvas.choice(0.05, 0.95)
    for place, radius in enumerate((250, 206, 162, 118)):
        canvas.ring(x, y, radius, 20, canvas.second if place % 2 else canvas.main)
    angle = math.atan2(canvas.height / 2 - y, WIDTH / 2 - x) + canvas.uniform(-0.2, 0.2)
    canvas.circle(x + 206 * math.cos(angle), y + 206 * math.sin(angle), 22, canvas.third)
