"""What the owner has changed of films by hand: it outlives imports until it is taken back (contract §13.2).

An edit names the fields that were changed, and keeps the film as imports have it beside them: so each field can be
taken back at once. Every import, of whatever source, gives its films the changed fields, leaves hidden films out and
adds the films of the shop's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from filmer.importing.data_set import DataSet, ImportedFilm, ImportedPerson

_PEOPLE = ("directors", "cast")
# The fields that can be changed by hand. Prices are in the table ``film_terms``.
FIELDS = (
    "title", "original_title", "year", "release_date", "runtime_minutes", "certificate", "country", "language",
    "genres", "directors", "cast", "overview",
)  # fmt: skip


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A person in a film."""

    id: str
    name: str
    birth_year: int | None = None


class FilmRecord(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A film with all that an edition has of it by itself: as it is stored beside an edit."""

    id: str
    title: str
    original_title: str | None = None
    year: int | None = None
    release_date: date | None = None
    runtime_minutes: int | None = None
    certificate: str | None = None
    country: str | None = None
    language: str | None = None
    genres: tuple[str, ...] = ()
    director: str | None = None  # the names, joined with ", "; films of old editions have them alone
    directors: tuple[Credit, ...] = ()
    cast: tuple[Credit, ...] = ()
    overview: str | None = None
    rating: float | None = None
    votes: int | None = None
    popularity: float | None = None
    tmdb_id: int | None = None
    title_type: str | None = None

    def changed(self, fields: Mapping[str, Any]) -> "FilmRecord":
        """With these fields, as JSON has them, in place of its own."""
        values = {**msgspec.to_builtins(self), **fields}
        if "directors" in fields:
            values["director"] = ", ".join(name for _, name, *_ in fields["directors"]) or None
        return msgspec.convert(values, FilmRecord, strict=False)


class FilmEdit(msgspec.Struct, frozen=True):
    """``imported``: None for a film of the shop's own. ``edit``: the number of its last change (``edition.edits``)."""

    film_id: str
    imported: FilmRecord | None
    fields: Mapping[str, Any]
    hidden: bool
    edit: int

    @property
    def film(self) -> FilmRecord:
        """The film as it is shown."""
        return (self.imported or FilmRecord(id=self.film_id, title="")).changed(self.fields)


Edits = Mapping[str, FilmEdit]  # by film


def fields_of(film: FilmRecord) -> dict[str, Any]:
    """All fields that can be changed by hand, as JSON has them."""
    values = msgspec.to_builtins(film)
    defaults: dict[str, list[Any]] = {"genres": [], "directors": [], "cast": []}
    return {name: values.get(name, defaults.get(name)) for name in FIELDS}


class People:
    """The people of a data set, to which those of single films are added."""

    def __init__(self, people: list[ImportedPerson]) -> None:
        self._people = people
        self._indices: dict[str, int] | None = None  # by id, made when it is needed: there may be millions

    def indices(self, credits_: Iterable[Credit]) -> list[int]:
        if self._indices is None:
            self._indices = {person.id: index for index, person in enumerate(self._people)}
        found = []
        for person in credits_:
            index = self._indices.setdefault(person.id, len(self._people))
            if index == len(self._people):
                self._people.append(ImportedPerson(*msgspec.structs.astuple(person)))
            found.append(index)
        return list(dict.fromkeys(found))

    def credits(self, indices: Sequence[int]) -> tuple[Credit, ...]:
        return tuple(Credit(*msgspec.structs.astuple(self._people[index])) for index in indices)

    def imported(self, film: FilmRecord) -> ImportedFilm:
        values = {name: getattr(film, name) for name in _ALIKE}
        return ImportedFilm(
            directors=film.director, cast=self.indices(film.cast), directed_by=self.indices(film.directors), **values
        )

    def record(self, film: ImportedFilm) -> FilmRecord:
        values = {name: getattr(film, name) for name in _ALIKE}
        return FilmRecord(
            director=film.directors, cast=self.credits(film.cast), directors=self.credits(film.directed_by), **values
        )


_ALIKE = [name for name in FilmRecord.__struct_fields__ if name not in {"director", *_PEOPLE}]


def edited(data_set: DataSet, edits: Edits) -> tuple[DataSet, dict[str, FilmRecord]]:
    """The data set as it is to be shown, and what it said itself of the films that were edited.

    It keeps the people of the data set, and adds those that only edits name.
    """
    people, said = People(data_set.people), dict[str, FilmRecord]()
    films = []
    for film in data_set.films:
        if (edit := edits.get(film.id)) is None:
            films.append(film)
            continue
        said[film.id] = people.record(film)
        if not edit.hidden:
            films.append(people.imported(said[film.id].changed(edit.fields)))
    own = [edit for edit in edits.values() if edit.imported is None and not edit.hidden and edit.film_id not in said]
    films += [people.imported(edit.film) for edit in own]
    return DataSet(films, data_set.people), said
