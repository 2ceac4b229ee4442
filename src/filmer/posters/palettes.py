"""Colour palettes, grouped by mood."""

import msgspec


class Palette(msgspec.Struct, frozen=True):
    """``paper``: the ground of the title; ``ink``: the title; ``first`` and ``second``: accents of the picture."""

    paper: str
    ink: str
    first: str
    second: str


NIGHT = (
    Palette("#121116", "#f3ead7", "#c9341f", "#4a4552"),
    Palette("#1b1a2e", "#f4ead0", "#e2b23a", "#54507d"),
    Palette("#2b0d12", "#f7e8d8", "#e0452f", "#7a2327"),
    Palette("#0f211d", "#eee7d3", "#a9bf63", "#2f5a4d"),
    Palette("#e9e2d0", "#15120f", "#b7261c", "#8a8577"),
)
DUST = (
    Palette("#f0d9a8", "#3a1a0e", "#c8472a", "#7f3a1d"),
    Palette("#d2622f", "#150a06", "#f3c979", "#f4e5c8"),
    Palette("#23303a", "#f5e3c0", "#e58a3a", "#a64a2a"),
    Palette("#e8cfa2", "#1f2a30", "#2f6d73", "#d0642f"),
    Palette("#74290f", "#f8e8c8", "#eba94a", "#c8663c"),
    Palette("#f4e4c4", "#2a2018", "#b4502a", "#8c9763"),
)
COSMOS = (
    Palette("#0c1226", "#eef0e6", "#f06a3c", "#3d5a97"),
    Palette("#101417", "#e8f0ea", "#36b7a6", "#4b565c"),
    Palette("#e6e8e4", "#101b33", "#2757c4", "#ef5d33"),
    Palette("#241238", "#f6e9e6", "#f2578a", "#6b4fb0"),
    Palette("#d8e2e0", "#0f2427", "#e4502e", "#4d8a8d"),
)
BLUSH = (
    Palette("#f6d9cd", "#4a1026", "#d23a4c", "#f2a488"),
    Palette("#b3213a", "#fdeee2", "#f4a7a0", "#5d0f22"),
    Palette("#f4ead7", "#3b1730", "#e2637a", "#f0b53d"),
    Palette("#2e1d46", "#fbe6e0", "#f2788f", "#8a5aa8"),
    Palette("#dfe5dc", "#20333a", "#e8747c", "#5f9690"),
)
PLAY = (
    Palette("#ffd23f", "#1d1a3a", "#ee4266", "#2a7de1"),
    Palette("#1c68c8", "#fff8e3", "#ffce3a", "#f4523d"),
    Palette("#fdf3df", "#1c2b4a", "#f25f4c", "#19a08a"),
    Palette("#0f9b8e", "#06201d", "#ffe066", "#ff7a59"),
    Palette("#f9c6d3", "#2a1545", "#7a3ff2", "#f7a51e"),
    Palette("#f4623a", "#220c07", "#ffe7a8", "#2b3a67"),
)
STEEL = (
    Palette("#e2dfd2", "#1d211c", "#a63a24", "#6f7660"),
    Palette("#3d4233", "#efe9d2", "#d9a441", "#7f8765"),
    Palette("#b9301f", "#fff3e0", "#1a1512", "#f0b184"),
    Palette("#1f2628", "#ece6d8", "#d4512d", "#66777a"),
    Palette("#dbd7cb", "#1f242c", "#2e5674", "#c4532c"),
    Palette("#2a2f3b", "#f1eadb", "#cda24a", "#7c879c"),
)
OPEN = (
    Palette("#f2e8cf", "#12343b", "#e1703c", "#2d7f86"),
    Palette("#0f4c5c", "#f8edd3", "#f2a541", "#3f8793"),
    Palette("#f0b429", "#231a08", "#c43d20", "#2f5d50"),
    Palette("#264027", "#f3ecd2", "#e9a23b", "#6f8f4e"),
    Palette("#cfe0e3", "#142a3f", "#e5573b", "#4f86a6"),
)
QUIET = (
    Palette("#efe8da", "#1f1d1a", "#c8553d", "#8fa3a0"),
    Palette("#27374d", "#f1ece0", "#d8a25e", "#6b84a3"),
    Palette("#d9d3c4", "#1e2a2a", "#31666b", "#d6783f"),
    Palette("#5b2333", "#f7ebe1", "#e09f7d", "#9c4a58"),
    Palette("#e3ddd0", "#2a1f33", "#7a5c8e", "#dfa73f"),
    Palette("#1f3d36", "#f2ecdc", "#d9b26a", "#5f8d7c"),
    Palette("#f1e3cf", "#17263c", "#1f4f8b", "#d8483b"),
)
