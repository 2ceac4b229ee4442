"""Columns of fixed-width text, joined to rows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from bench.imdb.random_draws import Ints

Texts = npt.NDArray[np.bytes_]


def text_array(texts: Sequence[str]) -> Texts:
    """Return the texts as an array of fixed-width UTF-8."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)


def join_columns(rows: int, columns: Sequence[Texts | bytes]) -> bytearray:
    """Join columns of fixed-width text, row by row, without their padding.

    A column is an array of ``rows`` texts, an array with several texts for each row, or one text for all.
    """
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    for number, column in enumerate(columns):
        if isinstance(column, bytes):
            fields.append((f"c{number}", f"S{len(column)}", ()))
        else:
            fields.append((f"c{number}", column.dtype.str, column.shape[1:]))
    layout = np.dtype(fields)
    buffer = bytearray(rows * layout.itemsize)
    records = np.frombuffer(buffer, dtype=layout)
    for number, column in enumerate(columns):
        records[f"c{number}"] = column
    return buffer.translate(None, b"\0")


class IdText:
    """The text of ids such as tt0001234 or nm12345678, looked up in two tables."""

    HIGH, LOW = 10_000, 10_000

    def __init__(self, prefix: str, suffix: str = "") -> None:
        """Make the tables; prefix and suffix frame the digits, a missing id (-1) becomes no text at all."""
        self.high = text_array([f"{prefix}{number:03}" for number in range(self.HIGH)] + [""])
        self.low = text_array([f"{number:04}{suffix}" for number in range(self.LOW)] + [""])

    def columns(self, numbers: Ints) -> list[Texts]:
        """Return the two columns that make up the ids."""
        high, low = np.divmod(numbers, self.LOW)
        missing = numbers < 0
        if missing.any():
            high[missing], low[missing] = self.HIGH, self.LOW
        return [self.high[high], self.low[low]]

    def whole(self, numbers: Ints) -> Texts:
        """Return the ids as one column."""
        high, low = self.columns(numbers)
        return np.strings.add(high, low)
