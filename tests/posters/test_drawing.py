"""Drawn posters: sound documents, legible titles, the same each time."""

import math
import random
import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmer.importing.data_set import Report
from filmer.importing.demo import read_demo
from filmer.posters import palettes
from filmer.posters.canvas import Canvas
from filmer.posters.drawing import HEIGHT, LINE_WIDTH, MARGIN, MIN_TITLE_SIZE, WIDTH, PosterFilm, _Poster, draw
from filmer.posters.genre_styles import DEFAULT_STYLE, GENRE_STYLES, style_of
from filmer.posters.palettes import Palette
from filmer.posters.typesetting import MAX_LINES, SANS, SERIF, Block, FontStack, is_right_to_left, typeset, width

SVG = "{http://www.w3.org/2000/svg}"
PALETTES = [palette for value in vars(palettes).values() if isinstance(value, tuple) for palette in value]
COMPOSITIONS = {
    composition.__name__: composition for style in GENRE_STYLES.values() for composition in style.compositions
}
EACH_STACK = pytest.mark.parametrize("fonts", [SANS, SERIF], ids=["sans", "serif"])
USUAL = 3 * 1024  # bytes


def film(title: str = "Zodiac", **overrides: object) -> PosterFilm:
    defaults = {"id": "tt0000009", "year": 2007, "director": "David Fincher", "genres": ["Crime", "Drama"]}
    return PosterFilm(title=title, **(defaults | overrides))  # type: ignore[arg-type]


def document(subject: PosterFilm) -> ET.Element:
    return ET.fromstring(draw(subject))


def texts(root: ET.Element) -> list[ET.Element]:
    return list(root.iter(f"{SVG}text"))


def shown_text(root: ET.Element) -> str:
    return " ".join(text.text or "" for text in texts(root))


def lines_of(root: ET.Element) -> list[str]:
    """The lines of the title: all that are larger than the credits."""
    return [text.text or "" for text in texts(root) if float(text.attrib["font-size"]) > 13]


def demo_films() -> list[PosterFilm]:
    return [
        PosterFilm(one.id, one.title, one.year, one.directors, list(one.genres)) for one in read_demo(Report()).films
    ]


# --- documents --------------------------------------------------------------------------------------


@given(
    title=st.text(max_size=400),
    director=st.none() | st.text(max_size=200),
    year=st.none() | st.integers(0, 9999),
    identifier=st.text(max_size=10),
    genres=st.lists(st.sampled_from([*GENRE_STYLES, "Épouvante"]), max_size=3),
)
def test_whatever_a_film_is_called_its_poster_is_a_sound_document(
    title: str, director: str | None, year: int | None, identifier: str, genres: list[str]
) -> None:
    subject = PosterFilm(identifier, title, year, director, genres)
    drawn = draw(subject)
    root = ET.fromstring(drawn)
    assert (root.tag, root.attrib["viewBox"]) == (f"{SVG}svg", f"0 0 {WIDTH} {HEIGHT}")
    assert lines_of(root)
    assert len(drawn.encode()) < 8 * 1024
    assert draw(subject) == drawn


def test_markup_in_a_title_stays_text() -> None:
    title = "<script>alert(\"1\")</script> & 'so' on]]>"
    root = document(film(title, director="<b>&amp;"))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {"svg", "title", "path", "circle", "g", "text"}
    assert root.findtext(f"{SVG}title") == f"{title} (2007)"
    assert "<b>&amp;" in shown_text(root)


def test_what_xml_cannot_hold_and_what_turns_text_around_is_dropped() -> None:
    root = document(film("A\x00B\x1fC\u202eD\ufffe\ud800E\x85"))
    assert root.findtext(f"{SVG}title") == "ABCDE (2007)"


def test_nothing_in_it_needs_a_style_or_anything_from_elsewhere() -> None:
    drawn = draw(film())
    assert re.findall(r"(?:style|href|url|<image|<style|<script|@import|class=)", drawn) == []


def test_it_has_title_director_and_year() -> None:
    root = document(film("Heat", year=1995, director="Michael Mann", genres=["Comedy"]))
    assert root.findtext(f"{SVG}title") == "Heat (1995)"
    assert {"Heat", "Michael Mann", "1995"} == {text.text for text in texts(root)}


def test_what_is_not_known_is_left_out() -> None:
    root = document(film("Heat", year=None, director=None, genres=[]))
    assert root.findtext(f"{SVG}title") == "Heat"
    assert [text.text for text in texts(root)] == ["Heat"]


def test_a_title_of_nothing_has_a_dash() -> None:
    assert lines_of(document(film(" \x00 "))) == ["—"]


def test_of_many_directors_as_many_as_there_is_room_for() -> None:
    root = document(film(director="Joel Coen, Ethan Coen, Frances McDormand, Roger Deakins, Carter Burwell"))
    assert "Joel Coen, Ethan Coen" in shown_text(root)
    assert "Burwell" not in shown_text(root)
    cut = re.search("W+…", shown_text(document(film(director="W" * 100))))
    assert cut
    assert 5 < len(cut[0]) < 30


# --- how they look ----------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """As WCAG 2 has it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def distance(one: str, other: str) -> float:
    steps = (int(one[at : at + 2], 16) - int(other[at : at + 2], 16) for at in (1, 3, 5))
    return math.hypot(*steps)


@pytest.mark.parametrize("palette", PALETTES, ids=lambda palette: palette.paper)
def test_titles_stand_out_from_their_ground(palette: Palette) -> None:
    assert contrast(palette.ink, palette.paper) >= 4.5
    colours = (palette.paper, palette.ink, palette.first, palette.second)
    assert min(distance(one, other) for one, other in combinations(colours, 2)) > 50


def test_every_genre_of_the_demo_has_its_look() -> None:
    assert len(PALETTES) > 30
    assert {genre for one in demo_films() for genre in one.genres} <= set(GENRE_STYLES)
    assert style_of(["Drama", "Western"]) is GENRE_STYLES["Western"]
    assert style_of(["Épouvante"]) is style_of([]) is DEFAULT_STYLE


def test_the_demos_films_all_have_a_small_poster_of_their_own() -> None:
    films = demo_films()
    drawn = [draw(one) for one in films]
    assert max(len(one.encode()) for one in drawn) <= USUAL
    pictures = [re.sub(r"<title>.*?</title>|<text.*?</text>", "", one) for one in drawn]
    assert len(set(pictures)) == len(films) > 400, "not in its letters alone"


def test_of_posters_side_by_side_few_share_a_figure_and_hardly_any_its_colours_too() -> None:
    """In the demo's lists as pages show them: all films and each genre, by title, rating and year."""
    films = read_demo(Report()).films
    posters = {film.id: _Poster(details) for film, details in zip(films, demo_films(), strict=True)}
    looks = {film_id: (poster._composition, poster._palette) for film_id, poster in posters.items()}
    genres = {genre for film in films for genre in film.genres}
    shown = [films, *([film for film in films if genre in film.genres] for genre in sorted(genres))]
    pairs = [
        (looks[one.id], looks[other.id])
        for some in shown
        for order in (
            sorted(some, key=lambda film: film.title.casefold()),
            sorted(some, key=lambda film: -(film.rating or 0)),
            sorted(some, key=lambda film: -(film.year or 0)),
        )
        for one, other in pairwise(order)
    ]
    assert len(pairs) > 4000
    pictorial = sum(one[0] is other[0] for one, other in pairs) / len(pairs)
    alike = sum(one == other for one, other in pairs) / len(pairs)
    assert pictorial < 0.07, f"{pictorial:.1%} of neighbours have the same composition"
    assert alike < 0.01, f"{alike:.2%} of neighbours have the same composition in the same colours"


def test_half_of_the_posters_are_turned_left_to_right() -> None:
    turned = sum('transform="matrix(-1 0 0 1' in draw(one) for one in demo_films())
    assert 0.4 < turned / len(demo_films()) < 0.6


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_a_composition_fills_a_field_of_any_height_in_few_words(name: str) -> None:
    for seed in range(40):
        height = 110 + seed * 6
        canvas = Canvas(height, ("#000001", "#000002", "#000003", "#000004"), random.Random(seed))
        COMPOSITIONS[name](canvas)
        assert len(canvas.shapes) < USUAL - 1000
        assert "nan" not in canvas.shapes
        ET.fromstring(f"<g>{canvas.shapes}</g>")
        assert len(set(re.findall("#00000[1-4]", canvas.shapes))) >= 2


# --- type -------------------------------------------------------------------------------------------

WORDS = st.lists(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", min_size=1, max_size=12), min_size=1, max_size=6)


def set_title(text: str, fonts: FontStack = SANS) -> Block:
    return typeset(text, fonts, line_width=LINE_WIDTH, height=186, largest=118, smallest=MIN_TITLE_SIZE)


@EACH_STACK
@given(words=WORDS)
def test_all_words_of_a_usual_title_are_there_within_the_margins(fonts: FontStack, words: list[str]) -> None:
    block = set_title(" ".join(words), fonts)
    assert " ".join(block.lines).split() == words
    assert len(block.lines) <= MAX_LINES
    assert MIN_TITLE_SIZE <= block.size <= 118
    assert block.height <= 186 + 0.2 * block.size
    for line in block.lines:
        assert width(line, fonts, block.tracking) * block.size <= LINE_WIDTH + 0.01


@EACH_STACK
@given(text=st.text(min_size=1, max_size=300).filter(str.strip))
def test_any_title_stays_within_the_margins(fonts: FontStack, text: str) -> None:
    block = set_title(text, fonts)
    assert 1 <= len(block.lines) <= MAX_LINES
    assert block.size >= MIN_TITLE_SIZE
    assert max(block.widths) <= LINE_WIDTH + 0.01
    assert all(line.strip() for line in block.lines)


def test_lines_are_balanced_and_little_words_go_with_what_follows() -> None:
    assert set_title("The Silence of the Lambs").lines == ["The Silence", "of the Lambs"]
    assert set_title("Once Upon a Time in the West").lines == ["Once Upon", "a Time", "in the West"]
    assert set_title("One Flew Over the Cuckoo's Nest").evenness > 0.8


def test_short_titles_are_large_and_long_ones_legible() -> None:
    assert set_title("M").size == 118
    assert set_title("It's a Mad, Mad, Mad, Mad World").size > 30
    block = set_title("Dr. Strangelove or How I Learned to Stop Worrying and Love the Bomb")
    assert block.size >= MIN_TITLE_SIZE
    assert block.lines[-1].endswith("Bomb")


def test_a_very_long_title_is_cut_at_a_word() -> None:
    words = [f"word{'abcdefgh'[place % 8] * (place % 7)}" for place in range(60)]
    block = set_title(" ".join(words))
    remaining = " ".join(block.lines)
    assert remaining.endswith("…")
    assert remaining.removesuffix("…").split() == words[: len(remaining.split())]
    assert 10 < len(remaining.split()) < 60


def test_no_little_word_stays_before_the_ellipsis() -> None:
    block = set_title("and the wonderful " * 20)
    assert block.lines[-1].endswith("wonderful…")


def test_a_word_too_long_for_any_line_is_cut_evenly() -> None:
    word = "abcdefghij" * 6
    block = set_title(word)
    assert len(block.lines) > 1
    assert [line[-1] for line in block.lines[:-1]] == ["-"] * (len(block.lines) - 1)
    assert "".join(line.removesuffix("-") for line in block.lines) == word
    assert max(map(len, block.lines)) - min(map(len, block.lines)) <= len(block.lines)


def test_ideographs_break_anywhere_but_before_what_closes() -> None:
    block = set_title("千と千尋の神隠し、それから。" * 3)
    assert len(block.lines) > 1
    assert not any(line[0] in "、。" for line in block.lines)
    assert width("七人", SANS) == 2


def test_marks_take_no_room_and_joined_signs_that_of_one() -> None:
    assert width("e\u0301", SANS) == width("é", SANS) == width("e", SANS)
    assert width("\U0001f469\u200d\U0001f467", SANS) == width("\U0001f469", SANS)
    assert width("e\u0301a", SANS, 0.5) == width("ea", SANS, 0.5)


def test_a_subtitle_is_smaller() -> None:
    root = document(film("Star Wars: A New Hope", genres=["Comedy"]))
    sizes = {text.text: float(text.attrib["font-size"]) for text in texts(root)}
    titles = [size for line, size in sizes.items() if line and line in "Star Wars"]
    subtitles = [size for line, size in sizes.items() if line and line in "A New Hope"]
    assert min(titles) > max(subtitles) >= 15


def test_right_to_left_titles_begin_at_the_right() -> None:
    root = document(film("مرحبا 2049", director=None, genres=["Comedy"]))
    assert is_right_to_left("مرحبا 2049")
    assert not is_right_to_left("2049")
    assert not is_right_to_left("Batman مرحبا")
    group = root.findall(f"{SVG}g")[-1]
    assert group.attrib["direction"] == "rtl"
    title, *_, year = texts(root)
    assert float(title.attrib["x"]) > WIDTH - MARGIN - 1
    assert (year.text, year.attrib["x"], year.attrib["text-anchor"]) == ("2007", str(MARGIN), "end")


def test_lines_that_fill_the_measure_are_kept_within_it() -> None:
    lengths = [
        float(text.attrib["textLength"])
        for one in demo_films()
        for text in texts(document(one))
        if "textLength" in text.attrib
    ]
    assert len(lengths) > 100
    assert max(lengths) <= LINE_WIDTH
