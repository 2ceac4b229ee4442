"""IMDb's ids and small numbers as integers, a whole column at a time: ``tt0111161`` is 111161."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

NONE = -1  # in place of a value that is no valid id or number
_SHORTEST_ID = 9  # characters
_JOINING = tuple(
    (np.uint64(factor), np.uint64(bits), np.uint64(mask))
    for factor, bits, mask in (
        (10, 8, 0x00FF_00FF_00FF_00FF),
        (100, 16, 0x0000_FFFF_0000_FFFF),
        (10_000, 32, 0x0000_0000_FFFF_FFFF),
    )
)


def title_id(number: int) -> str:
    return f"tt{number:07d}"


def name_id(number: int) -> str:
    return f"nm{number:07d}"


def parse_ids(column: pa.BinaryArray, prefix: bytes) -> Ints:
    """The numbers in a column of ids. An id is the prefix (two letters) and 7 digits, or 8 that do not start with 0."""
    data, starts, lengths = _buffers(column)
    if len(data) < _SHORTEST_ID:
        return np.full(len(column), NONE, dtype=np.int32)
    is_long = lengths == _SHORTEST_ID + 1
    valid = is_long | (lengths == _SHORTEST_ID)
    # The eight last characters of every id at once, each in a byte of an integer, the first in the lowest.
    digits = np.ndarray(len(data) - 7, "<u8", data, strides=(1,))[np.maximum(starts + lengths, 8) - 8]
    heads = np.ndarray(len(data) - 1, "<u2", data, strides=(1,))[np.minimum(starts, len(data) - 2)]
    valid &= heads == int.from_bytes(prefix, "little")
    digits ^= np.uint64(0x3030_3030_3030_3030)  # digits are 0 to 9 now, all else is more
    first = digits & np.uint64(0xFF)
    valid &= (first != 0) | ~is_long
    digits -= np.where(is_long, np.uint64(0), first)  # of a short id it is the prefix's second letter
    valid &= (digits | (digits + np.uint64(0x0606_0606_0606_0606))) & np.uint64(0xF0F0_F0F0_F0F0_F0F0) == 0
    for factor, bits, mask in _JOINING:  # single digits become pairs, pairs fours, fours eight
        digits = (digits * factor + (digits >> bits)) & mask
    return np.where(valid, digits.astype(np.int32), np.int32(NONE))


def parse_numbers(column: pa.BinaryArray) -> Ints:
    """A column of numbers of one to nine digits. What is returned can't be written to."""
    digits = pc.if_else(pc.match_substring_regex(column, "^[0-9]{1,9}$"), column, pa.scalar(None, pa.binary()))
    return np.asarray(pc.fill_null(pc.cast(pc.cast(digits, pa.string()), pa.int32()), NONE))


def _buffers(column: pa.BinaryArray) -> tuple[Bytes, Ints, Ints]:
    """The bytes of a column, and the start and length of each value in them."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    characters = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return characters, bounds[:-1], np.diff(bounds)
