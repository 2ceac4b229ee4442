"""IMDb's ids and small numbers as integers, a whole column at a time: ``tt0111161`` is 111161."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

NONE = -1  # in place of a value that is no valid id or number
_ZERO = ord("0")


def title_id(number: int) -> str:
    return f"tt{number:07d}"


def name_id(number: int) -> str:
    return f"nm{number:07d}"


def parse_ids(column: pa.BinaryArray, prefix: bytes) -> Ints:
    """The numbers in a column of ids. An id is the prefix (two letters) and 7 digits, or 8 that do not start with 0."""
    data, starts, lengths = _buffers(column)
    numbers = np.full(len(column), NONE, dtype=np.int32)
    for length in (9, 10):
        at = np.flatnonzero(lengths == length)
        if not len(at):
            continue
        characters = _matrix(data, starts, at, length)
        values, valid = _digits(characters[:, 2:])
        valid &= (characters[:, 0] == prefix[0]) & (characters[:, 1] == prefix[1])
        if length == 10:
            valid &= characters[:, 2] != _ZERO
        numbers[at] = np.where(valid, values, NONE)
    return numbers


def parse_numbers(column: pa.BinaryArray) -> Ints:
    """A column of numbers of one to nine digits."""
    data, starts, lengths = _buffers(column)
    numbers = np.full(len(column), NONE, dtype=np.int32)
    for length in np.unique(lengths).tolist():
        if not 1 <= length <= 9:
            continue
        at = np.flatnonzero(lengths == length)
        values, valid = _digits(_matrix(data, starts, at, length))
        numbers[at] = np.where(valid, values, NONE)
    return numbers


def _digits(characters: Bytes) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Rows of ASCII digits as numbers, and which rows have nothing but digits."""
    values = np.zeros(len(characters), dtype=np.int32)
    valid = np.ones(len(characters), dtype=bool)
    for place in range(characters.shape[1]):
        digit = characters[:, place] - np.uint8(_ZERO)  # what is not a digit wraps around to more than 9
        valid &= digit <= 9
        values *= 10
        values += digit
    return values, valid


def _buffers(column: pa.BinaryArray) -> tuple[Bytes, Ints, Ints]:
    """The bytes of a column, and the start and length of each value in them."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    characters = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return characters, bounds[:-1], np.diff(bounds)


def _matrix(data: Bytes, starts: Ints, at: npt.NDArray[np.int64], length: int) -> Bytes:
    """Values of one length as a matrix, a row per value: without a copy where they are contiguous."""
    if len(at) == len(starts):
        first = int(starts[0])
        matrix: Bytes = data[first : first + len(at) * length].reshape(-1, length)
    else:
        matrix = data[starts[at][:, None] + np.arange(length, dtype=np.int32)]
    return matrix
