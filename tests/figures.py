"""Figures that tests record for the table of ``make trust``."""

import os


def record_figure(figure: str) -> None:
    """A figure for the table of ``make trust``, which names the file."""
    if path := os.environ.get("FILMER_TRUST_FIGURES"):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - several processes append
            file.write(f"{figure}\n")
