"""Makes the demo's short films anew: ``python -m bench.make_demo_films FFMPEG``, the path of an ffmpeg with VP9.

A camera glides over a film's drawn poster, shows the whole of it, and says what one is looking at. They are part of the
package, in ``src/filmer/rentals/demo_films``, so nothing but this script needs ffmpeg.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from filmer.demo import VIDEOS
from filmer.importing.data_set import Report
from filmer.importing.demo import read_demo
from filmer.posters.drawing import HEIGHT as POSTER_HEIGHT
from filmer.posters.drawing import WIDTH as POSTER_WIDTH
from filmer.posters.drawing import PosterFilm, draw
from filmer.posters.rasterizing import FONT, png
from filmer.rentals.media_files import DEMO_FOLDER

WIDTH, HEIGHT, FRAMES_A_SECOND = 480, 270, 12
MAX_BYTES = 150 * 1024
GLIDE, POSTER, CARD = 6.0, 4.0, 3.0  # seconds
FEATURE_CARDS = ("A short film of the house", "drawn from its own poster", "You have rented it. Enjoy!")
TRAILER_CARDS = ("Soon on your sofa",)
INK, GROUND = "#f3ead7", "#121116"


def main() -> None:
    ffmpeg = sys.argv[1]
    films = {film.id: film for film in posters()}
    for video in VIDEOS:
        is_trailer = video.kind == "trailer"
        path = DEMO_FOLDER / video.file
        make(
            ffmpeg, path, films[video.film_id], TRAILER_CARDS if is_trailer else FEATURE_CARDS, GLIDE / (1 + is_trailer)
        )
        size = path.stat().st_size
        print(f"{path.name}: {size:,} bytes")
        if size > MAX_BYTES:
            raise SystemExit(f"{path.name} is too large: {size} bytes")


def posters() -> Iterator[PosterFilm]:
    """Of the demo's films that have a video."""
    wanted = {video.film_id for video in VIDEOS}
    for film in read_demo(Report()).films:
        if film.id in wanted:
            yield PosterFilm(film.id, film.title, film.year, film.directors, list(film.genres))


def make(ffmpeg: str, path: Path, film: PosterFilm, cards: tuple[str, ...], glide: float) -> None:
    encode = [
        ffmpeg, "-y", "-loglevel", "error", "-f", "image2pipe", "-framerate", str(FRAMES_A_SECOND), "-c:v", "png",
        "-i", "-", "-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-crf", "44", "-b:v", "0", "-g", "48",
        "-deadline", "good", "-cpu-used", "1", "-row-mt", "0", "-threads", "1", "-map_metadata", "-1", "-fflags",
        "+bitexact", "-flags:v", "+bitexact", str(path),
    ]  # fmt: skip
    with subprocess.Popen(encode, stdin=subprocess.PIPE) as process:
        if process.stdin is None:
            raise RuntimeError("ffmpeg has no standard input")
        for frame in frames(film, cards, glide):
            process.stdin.write(png(frame, width=WIDTH))
    if process.returncode:
        raise SystemExit(f"ffmpeg failed: {process.returncode}")


def frames(film: PosterFilm, cards: tuple[str, ...], glide: float) -> Iterator[str]:
    """Each as an SVG document."""
    poster = draw(film)
    narrow = HEIGHT * POSTER_WIDTH // POSTER_HEIGHT
    window = POSTER_WIDTH * HEIGHT / WIDTH
    for part in parts(glide):  # down the picture, and a little nearer
        width = POSTER_WIDTH * (1 - 0.12 * part)
        top = (POSTER_HEIGHT - window) * part
        yield document(placed(poster, f"{(POSTER_WIDTH - width) / 2} {top} {width} {width * HEIGHT / WIDTH}"))
    for part in parts(POSTER):
        yield document(placed(poster, f"0 0 {POSTER_WIDTH} {POSTER_HEIGHT}", narrow), veil=max(0.0, 1 - 4 * part))
    for card in cards:
        for part in parts(CARD):
            yield document(words(card), veil=max(0.0, 1 - 4 * part, 4 * part - 3))


def parts(seconds: float) -> Iterator[float]:
    count = round(seconds * FRAMES_A_SECOND)
    yield from (number / count for number, _ in pairwise(range(count + 1)))


def document(shapes: str, veil: float = 0.0) -> str:
    """``veil``: how much of it is hidden, 0 to 1."""
    cover = f'<path d="M0 0h{WIDTH}v{HEIGHT}H0z" fill="{GROUND}" fill-opacity="{veil:.3f}"/>' if veil else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<path d="M0 0h{WIDTH}v{HEIGHT}H0z" fill="{GROUND}"/>{shapes}{cover}</svg>'
    )


def placed(poster: str, view: str, width: int = WIDTH) -> str:
    """In the middle, ``width`` pixels wide; ``view``: the part of the poster that is seen."""
    inner = poster[poster.index(">") + 1 : poster.rindex("</svg>")]
    return f'<svg x="{(WIDTH - width) / 2}" width="{width}" height="{HEIGHT}" viewBox="{view}">{inner}</svg>'


def words(text: str) -> str:
    return (
        f'<text x="{WIDTH / 2}" y="{HEIGHT / 2 + 10}" text-anchor="middle" font-family="{FONT}" font-size="30"'
        f' fill="{INK}">{text}</text>'
    )


if __name__ == "__main__":
    main()
