"""The sort orders that a catalogue stores: the rank of every film and star in each, and the lists in chunks.

Orders are total (contract §2.2): by the key, then title, then id, with unknown keys last in both directions. The films
passed in are already sorted by (folded title, id), so a stable sort by the key is enough.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from filmer.catalogue import listing
from filmer.catalogue.folding import initial, is_a_to_z
from filmer.importing.data_set import ImportedFilm

Order = npt.NDArray[np.int32]  # indices (from 0) in sorted order


def order_by(key: npt.NDArray[np.float64], *, descending: bool = False) -> Order:
    """Indices sorted by a key, which is NaN where unknown. The sort is stable."""
    keys = -key if descending else key
    return np.argsort(keys, kind="stable").astype(np.int32)  # NaN sorts last


def ranks(order: Order) -> Order:
    """The place of each entry in an order, from 1."""
    places = np.empty(len(order), dtype=np.int32)
    places[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    return places


def text_descending(folded: Sequence[str]) -> Order:
    """Indices of sorted texts in descending order; equal texts stay in the order they are in."""
    changes = [0, *(text != following for text, following in pairwise(folded))]
    return order_by(np.cumsum(changes[: len(folded)], dtype=np.float64), descending=True)


def numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    """Values with NaN for what is unknown."""
    return np.array(values, dtype=np.float64)


def film_orders(folded: Sequence[str], films: Sequence[ImportedFilm]) -> dict[str, Order]:
    """The orders of films, by the values of ``sortBy`` and ``order``."""
    year, rating = numbers([film.year for film in films]), numbers([film.rating for film in films])
    popularity, votes = numbers([film.popularity for film in films]), numbers([film.votes for film in films])
    return {
        "title asc": np.arange(len(folded), dtype=np.int32),
        "title desc": text_descending(folded),
        "year asc": order_by(year),
        "year desc": order_by(year, descending=True),
        "rating asc": order_by(rating),
        "rating desc": order_by(rating, descending=True),
        # The votes decide where popularity is the same or unknown, as it is of all films from IMDb.
        "popularity asc": np.lexsort((votes, popularity)).astype(np.int32),
        "popularity desc": np.lexsort((-votes, -popularity)).astype(np.int32),
    }


def star_orders(folded: Sequence[str], birth_years: Sequence[int | None]) -> dict[str, Order]:
    birth = numbers(birth_years)
    return {
        "name asc": np.arange(len(folded), dtype=np.int32),
        "name desc": text_descending(folded),
        "birthYear asc": order_by(birth),
        "birthYear desc": order_by(birth, descending=True),
    }


def best_known(votes: npt.NDArray[Any], film_counts: npt.NDArray[Any]) -> Order:
    """Indices of people: those whose films have the most votes first, then those with the most films."""
    return np.lexsort((-film_counts, -votes)).astype(np.int32)


def film_lists(
    orders: dict[str, Order], folded: Sequence[str], genre_ids: Sequence[Sequence[int]]
) -> Iterator[tuple[str, str, Order]]:
    """Every list of films in every order: (list, sort, film numbers)."""
    letters = np.array([ord(initial(title)) for title in folded], dtype=np.int32)
    not_a_to_z = np.array([not is_a_to_z(initial(title)) for title in folded], dtype=bool)
    genres = {genre: np.zeros(len(folded), dtype=bool) for genre in {genre for ids in genre_ids for genre in ids}}
    for index, ids in enumerate(genre_ids):
        for genre in ids:
            genres[genre][index] = True
    for sort, order in orders.items():
        yield listing.ALL, sort, order + 1
        for character, part in _by_letter(order, letters):
            if listing.letter(character) != listing.NOT_A_TO_Z:
                yield listing.letter(character), sort, part + 1
        if not_a_to_z.any():
            yield listing.NOT_A_TO_Z, sort, order[not_a_to_z[order]] + 1
        for genre, members in genres.items():
            yield listing.genre(genre), sort, order[members[order]] + 1


def _by_letter(order: Order, letters: npt.NDArray[np.int32]) -> Iterator[tuple[str, Order]]:
    if not len(order):
        return
    grouped = order[np.argsort(letters[order], kind="stable")]
    codes = letters[grouped]
    bounds = np.flatnonzero(np.diff(codes)) + 1
    for part in np.split(grouped, bounds):
        yield chr(int(letters[part[0]])), part


def chunks(numbers_of: Order) -> Iterator[tuple[int, Order]]:
    """A list in the chunks of the table ``listing``: chunk number and film or star numbers."""
    for chunk, start in enumerate(range(0, len(numbers_of), listing.CHUNK)):
        yield chunk, numbers_of[start : start + listing.CHUNK]
