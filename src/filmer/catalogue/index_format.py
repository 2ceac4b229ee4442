"""The search index of an edition: its fields, and the files beside it. The importer writes what a search reads.

Its documents are films and people, the best known first: a film's place is its rank by votes. What ranking needs of
each place is in a file of records, and its spellings are in a file of text.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import tantivy

FORMAT = 1  # an index of another format is not read
KNOWN = 60_000  # films, and people, among which misspelt words are looked for: the best known
PART = 1 << 20  # bytes of a row of the table search_index

FILMS, PEOPLE = "films", "people"
# Where its text starts, its number in the edition, log10 of the votes, the year of a film or of a birth (0: unknown).
RECORD = struct.Struct("<IifI")

FIELDS = (
    # Of all: words, and the beginnings of one and two letters of each after a ^; beginnings written in one; all in one.
    "title", "start", "key", "name", "name_key",
    # Of the best known alone: pieces of the key; the key; words of title, cast and directors; p and the number of each
    # star, d and each director written in one.
    "known_piece", "known_key", "known_word", "credit", "genre", "overview", "known_name_piece", "known_name_key",
)  # fmt: skip
SCORED = ("overview", "known_piece", "known_name_piece")  # fields in which it counts how rare a word is


def schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    for name in FIELDS:
        option = "freq" if name in SCORED else "basic"
        builder.add_text_field(name, tokenizer_name="whitespace", index_option=option)
    builder.add_unsigned_field("place", fast=True)
    builder.add_unsigned_field("year", indexed=True)
    builder.add_bytes_field("names", stored=True)  # of stars and directors, a line each
    return builder.build()


class Manifest(msgspec.Struct, frozen=True):
    """What the parts are, which make one stream of bytes. ``digest``: of the stream, in hexadecimal."""

    format: int
    digest: str
    files: list[tuple[str, int]]  # names and sizes, in the order of the stream
