"""Numbers with nouns, for texts that people read."""


def counted(number: int, thing: str, things: str = "") -> str:
    """``1 film``, ``2,000 films``. ``things``: the plural, where it is more than an s."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
