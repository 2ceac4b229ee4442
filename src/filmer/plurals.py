"""Numbers with nouns, for texts that people read."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 film``, ``2,000 films``. ``plural``: the plural of the noun if it is not formed with an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
