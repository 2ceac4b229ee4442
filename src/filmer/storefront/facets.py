"""The facets beside the results of a search, as links: each chooses a value, or takes the chosen one away."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from filmer.catalogue.facets import Facets, runtime_bounds
from filmer.catalogue.schemas import GenreSize
from filmer.storefront.browsing import Choice, FilmSearch, address_of, describe_runtime, describe_years

SHOWN = 8  # values of a facet; further ones unfold
NO_YEARS: dict[str, Any] = {"year": None, "year_from": None, "year_to": None}
NO_RUNTIME: dict[str, Any] = {"min_runtime": None, "max_runtime": None}


class Facet(msgspec.Struct, frozen=True):
    name: str
    choices: list[Choice]

    @property
    def shown(self) -> list[Choice]:
        """The first values, and the chosen one wherever it is."""
        return [choice for place, choice in enumerate(self.choices) if place < SHOWN or choice.is_current]

    @property
    def further(self) -> list[Choice]:
        return [choice for choice in self.choices[SHOWN:] if not choice.is_current]


def links(params: FilmSearch, facets: Facets, genres: Sequence[GenreSize]) -> list[Facet]:
    """The facets that have something to choose or to take away."""
    names = {genre.id: genre.name for genre in genres}
    by_count = sorted(facets.genres.items(), key=lambda item: (-item[1], names.get(item[0], "")))
    runtimes = {place: runtime_bounds(place) for place in sorted(facets.runtimes)}
    found = [
        _facet(params, "Decade", NO_YEARS, describe_years(params.year_from, params.year_to) or str(params.year), [
            (f"{decade}s", {**NO_YEARS, "year_from": decade, "year_to": decade + 9}, films)
            for decade, films in sorted(facets.decades.items(), reverse=True)
        ]),
        _facet(params, "Genre", {"genre_id": None}, names.get(params.genre_id or 0, "Another genre"), [
            (names[genre], {"genre_id": genre}, films) for genre, films in by_count if genre in names
        ]),
        _facet(params, "Rating", {"min_rating": None}, f"{params.min_rating or 0:g} or better", [
            (f"{least} or better", {"min_rating": float(least)}, films)
            for least, films in sorted(facets.ratings.items(), reverse=True)
        ]),
        _facet(params, "Runtime", NO_RUNTIME, describe_runtime(params.min_runtime, params.max_runtime), [
            (describe_runtime(low, high), {"min_runtime": low, "max_runtime": high}, facets.runtimes[place])
            for place, (low, high) in runtimes.items()
        ]),
    ]  # fmt: skip
    return [facet for facet in found if facet.choices]


def _facet(
    params: FilmSearch,
    name: str,
    nothing: Mapping[str, Any],
    description: str,
    values: Sequence[tuple[str, Mapping[str, Any], int]],
) -> Facet:
    """``nothing``: the parameters without this facet. ``description``: of the parameters, if no value fits."""
    chosen = {field: getattr(params, field) for field in nothing}
    is_chosen = chosen != dict(nothing)
    choices = [
        Choice(label, _address(params, nothing if fields == chosen else fields), fields == chosen, films)
        for label, fields, films in values
    ]
    if is_chosen and not any(choice.is_current for choice in choices):
        choices.insert(0, Choice(description, _address(params, nothing), is_current=True))
    return Facet(name, choices)


def _address(params: FilmSearch, fields: Mapping[str, Any]) -> str:
    return address_of("/search", msgspec.structs.replace(params, **fields, page=1))
