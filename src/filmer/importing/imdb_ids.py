"""IMDb's identifiers and small numbers as integers, whole columns at a time: ``tt0111161`` is 111161."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

NONE = -1  # in place of what is no identifier, or no number
_ZERO = ord("0")


def title_id(number: int) -> str:
    return f"tt{number:07d}"


def name_id(number: int) -> str:
    return f"nm{number:07d}"


def identifiers(column: pa.BinaryArray, prefix: bytes) -> Ints:
    """Numbers of identifiers: a prefix of two letters and seven digits, or eight that do not start with 0."""
    data, starts, lengths = _parts(column)
    numbers = np.full(len(column), NONE, dtype=np.int32)
    for length in (9, 10):
        at = np.flatnonzero(lengths == length)
        if not len(at):
            continue
        letters = _table(data, starts, at, length)
        values, sound = _digits(letters[:, 2:])
        sound &= (letters[:, 0] == prefix[0]) & (letters[:, 1] == prefix[1])
        if length == 10:
            sound &= letters[:, 2] != _ZERO
        numbers[at] = np.where(sound, values, NONE)
    return numbers


def small_numbers(column: pa.BinaryArray) -> Ints:
    """Numbers of one to nine digits."""
    data, starts, lengths = _parts(column)
    numbers = np.full(len(column), NONE, dtype=np.int32)
    for length in np.unique(lengths).tolist():
        if not 1 <= length <= 9:
            continue
        at = np.flatnonzero(lengths == length)
        values, sound = _digits(_table(data, starts, at, length))
        numbers[at] = np.where(sound, values, NONE)
    return numbers


def _digits(letters: Bytes) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Rows of ASCII digits as numbers, and which rows are digits throughout. Column by column, which is fast."""
    values = np.zeros(len(letters), dtype=np.int32)
    sound = np.ones(len(letters), dtype=bool)
    for place in range(letters.shape[1]):
        digit = letters[:, place] - np.uint8(_ZERO)  # whatever is no digit wraps round to more than 9
        sound &= digit <= 9
        values *= 10
        values += digit
    return values, sound


def _parts(column: pa.BinaryArray) -> tuple[Bytes, Ints, Ints]:
    """The bytes of a column, and where in them each value starts and how long it is."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return letters, bounds[:-1], np.diff(bounds)


def _table(data: Bytes, starts: Ints, at: npt.NDArray[np.int64], length: int) -> Bytes:
    """Values of one length as a table of letters: without a copy where they lie side by side."""
    if len(at) == len(starts):
        first = int(starts[0])
        table: Bytes = data[first : first + len(at) * length].reshape(-1, length)
    else:
        table = data[starts[at][:, None] + np.arange(length, dtype=np.int32)]
    return table
