"""Accent colours: contrast as WCAG measures it, and tints that can be read by day and by night."""

import random

import pytest

from filmer.office.colours import DARK_GROUND, LIGHT_GROUND, READABLE, Accent, accent_of, contrast, read_accent
from filmer.office.identity import ShopIdentity
from filmer.settings import Settings
from filmer.storefront.rendering import Assets


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),  # the well-known grey that just fails
        ("#767676", "#ffffff", 4.54),  # and the one that just passes
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
        ("#008000", "#ffffff", 5.14),
        ("#ffff00", "#000000", 19.56),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, expected: float) -> None:
    assert contrast(one, other) == contrast(other, one)
    assert round(contrast(one, other), 2) == expected


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    css = (Assets(ShopIdentity(Settings())).find("site.css") or (b"", ""))[0].decode()
    light, dark = (part.partition("--line")[0] for part in css.split("--ground:")[1:3])
    assert f"--sunk: {LIGHT_GROUND};" in light
    assert f"--sunk: {DARK_GROUND};" in dark
    accent = Accent()
    for value in (accent.colour, accent.strong, accent.on_colour, accent.dark, accent.dark_strong, accent.on_dark):
        assert value in css


@pytest.mark.parametrize("colour", ["#ffff99", "#ffffff", "#ff0000", "#f5d90a", "#808080", "#00ff00"])
def test_a_colour_too_light_is_refused_and_the_one_that_is_proposed_would_do(colour: str) -> None:
    with pytest.raises(ValueError, match="is too light to be read") as refused:
        read_accent(colour)
    proposed = str(refused.value).split()[-3]
    assert read_accent(proposed) == proposed
    assert contrast(proposed, LIGHT_GROUND) < READABLE + 0.3, "no darker than it has to be"


@pytest.mark.parametrize(
    "text", ["", "red", "#fff", "#b5370", "#b5370f;}", "b5370f", "url(x)", "#b5370f\n}", "#B5370G"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a colour"):
        read_accent(text)


def test_whatever_colour_is_taken_can_be_read_everywhere() -> None:
    draw, taken = random.Random(8), 0
    while taken < 300:
        colour = f"#{draw.randrange(2**24):06x}"
        if contrast(colour, LIGHT_GROUND) < READABLE:
            continue
        taken += 1
        accent = accent_of(read_accent(colour.upper()))
        assert accent.colour == colour
        for text, ground in (
            (accent.colour, LIGHT_GROUND), (accent.strong, LIGHT_GROUND), (accent.on_colour, accent.colour),
            (accent.on_colour, accent.strong), (accent.dark, DARK_GROUND), (accent.dark_strong, DARK_GROUND),
            (accent.on_dark, accent.dark), (accent.on_dark, accent.dark_strong),
        ):  # fmt: skip
            assert contrast(text, ground) >= READABLE, (colour, text, ground)
