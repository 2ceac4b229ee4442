"""The form of a film: what it shows, what was changed in it, and whether somebody else has changed the same.

A digest of each field as it was shown travels in the form. So fields that nobody has touched are left alone, two people
who change different fields of one film both succeed, and of one field both texts are shown before one of them wins.
"""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from filmer.catalogue.folding import by_name
from filmer.errors import Conflict, FieldError, InvalidRequest
from filmer.formats import Formats
from filmer.http.json_text import Members
from filmer.importing.film_edits import Credit, FilmRecord, fields_of
from filmer.importing.owner_films import READERS, read_people
from filmer.office.people import WhoIsMeant, find_people, label_of
from filmer.rentals.counter_queries import Terms
from filmer.rentals.terms import NewTerms
from filmer.store.postgres import Connection
from filmer.storefront.forms import Form
from filmer.storefront.office.films import RentalTerms

FIELDS = {
    "title": "Title", "original_title": "Original title", "year": "Year", "release_date": "Release date",
    "runtime_minutes": "Running time in minutes", "certificate": "Certificate", "country": "Country",
    "language": "Language", "overview": "Overview", "genres": "Genres", "directors": "Directors", "cast": "Cast",
}  # fmt: skip
TERMS = {"price": "Price", "startDays": "Days to begin", "hours": "Hours", "copies": "Copies"}
LABELS = {**FIELDS, **TERMS, "poster": "Poster", "id": "Id"}
_COLUMNS = {"startDays": "start_days", "hours": "hours", "copies": "copies"}
LISTS = ("genres", "directors", "cast")  # an entry a line
_CHOICE = "who:"  # before an entry, in the name of the field that says who is meant


def texts_of(film: FilmRecord) -> dict[str, str]:
    """The film as its form shows it."""
    values = {name: str(value or "") for name, value in fields_of(film).items()}
    values["year"] = "" if film.year is None else str(film.year)
    values["genres"] = "\n".join(sorted(film.genres, key=by_name))
    unknown = [Credit("", name) for name in film.director.split(", ")] if film.director else []  # of an old edition
    for name, people in (("directors", film.directors or unknown), ("cast", film.cast)):
        values[name] = "\n".join(label_of(person, people) for person in people)
    return values


def term_texts(price: Decimal | None, terms: Terms, formats: Formats) -> dict[str, str]:
    amount = None if price is None else formats.amount(price)
    values = zip(TERMS, (amount, *msgspec.structs.astuple(terms)), strict=True)
    return {name: "" if value is None else str(value) for name, value in values}


def sent_texts(form: Form) -> dict[str, str]:
    texts = {name: form.get(name) for name in (*FIELDS, *TERMS)}
    texts["genres"] = "\n".join([*(str(text) for name, text in form.members if name == "genre"), texts["genres"]])
    return {name: _plain(name, text) for name, text in texts.items()}


def _plain(name: str, text: str) -> str:
    """Without white space that says nothing, as an import reads a cell."""
    if name not in LISTS:
        return " ".join(text.split())
    lines = dict.fromkeys(line for line in (" ".join(line.split()) for line in text.splitlines()) if line)
    return "\n".join(sorted(lines, key=by_name) if name == "genres" else lines)


def digests(texts: Mapping[str, str]) -> str:
    """For a hidden field of the form."""
    return " ".join(f"{name}:{_digest(_plain(name, text))}" for name, text in texts.items())


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


class ChangedMeanwhile(Conflict):
    """``now``: the texts of the fields that somebody else has changed since the form was shown."""

    def __init__(self, now: Mapping[str, str]) -> None:
        names = ", ".join(LABELS.get(name, name).lower() for name in now)
        super().__init__(f"Somebody else has changed this meanwhile: {names}. Save once more to have it your way")
        self.now = now


def changed_texts(form: Form, now: Mapping[str, str]) -> dict[str, str]:
    """What was changed in the form, by field. ``now``: the texts as they would be shown now.

    Raises ChangedMeanwhile.
    """
    sent = sent_texts(form)
    shown = dict(entry.partition(":")[::2] for entry in form.get("shown").split())
    current = {name: _plain(name, text) for name, text in now.items()}
    before = {name: shown.get(name) or _digest(text) for name, text in current.items()}
    changed = {
        name: sent[name] for name in current if sent[name] != current[name] and _digest(sent[name]) != before[name]
    }
    if others := {name: now[name] for name in changed if _digest(current[name]) != before[name]}:
        raise ChangedMeanwhile(others)
    return changed


async def read_values(
    conn: Connection,
    film: FilmRecord | None,
    texts: Mapping[str, str],
    form: Form,
    formats: Formats,
    poster: InvalidRequest | None,
) -> tuple[dict[str, Any], Decimal | UnsetType | None, NewTerms]:
    """The film's fields, its price and its rental terms. ``poster``: what is wrong with that file.

    Raises InvalidRequest naming every offending field, and WhoIsMeant for names that several people have.
    """
    errors = poster.field_errors if poster else ()
    fields: dict[str, Any] = {}
    price: Decimal | UnsetType | None = UNSET
    terms = NewTerms()
    try:
        price, terms = read_terms(texts, formats)
    except InvalidRequest as error:
        errors = error.field_errors + errors
    try:
        fields = await read_fields(conn, film, texts, form)
    except InvalidRequest as error:
        errors = error.field_errors + errors
    if errors:
        raise InvalidRequest(errors)
    return fields, price, terms


async def read_fields(
    conn: Connection, film: FilmRecord | None, texts: Mapping[str, str], form: Form
) -> dict[str, Any]:
    """The values of those texts that are fields of the film, as JSON has them; bounds are those of an import.

    Raises InvalidRequest naming every offending field, and WhoIsMeant for names that several people have.
    """
    choices = {name.removeprefix(_CHOICE): str(text) for name, text in form.members if name.startswith(_CHOICE)}
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    questions: dict[str, Any] = {}
    for name in FIELDS.keys() & texts.keys():
        text = texts[name].replace("\n", "|") if name in LISTS else texts[name]
        try:
            if name in {"directors", "cast"}:
                known = getattr(film, name) if film else ()
                values[name] = await find_people(conn, read_people(text), known, choices)
            else:
                values[name] = READERS[name](text)
        except ValueError as error:
            errors.append(FieldError(name, _reason(name, str(error))))
        except WhoIsMeant as asked:
            questions |= asked.questions
    if errors:
        raise InvalidRequest(sorted(errors, key=lambda error: list(FIELDS).index(error.field)))
    if questions:
        raise WhoIsMeant(questions)
    builtins: dict[str, Any] = msgspec.to_builtins(values)
    return builtins


def read_terms(texts: Mapping[str, str], formats: Formats) -> tuple[Decimal | UnsetType | None, NewTerms]:
    """The price and the rental terms among these texts. Raises InvalidRequest naming every offending field."""
    errors: list[FieldError] = []
    price: Decimal | UnsetType | None = UNSET
    new = NewTerms()
    try:
        if "price" in texts:
            price = formats.read_amount(texts["price"]) if texts["price"].strip() else None
    except ValueError as error:
        errors.append(FieldError("price", str(error)))
    form = Form(Members((name, texts[name]) for name in _COLUMNS if name in texts))
    try:
        terms = form.without_blanks().read(RentalTerms)
        new = NewTerms(**{_COLUMNS[name]: getattr(terms, _COLUMNS[name]) for name, _ in form.members})
    except InvalidRequest as error:
        errors += error.field_errors
    if errors:
        raise InvalidRequest(errors)
    return price, new


def _reason(name: str, reason: str) -> str:
    """An import's reason without the column's name, which the form has as the field's label."""
    words = {"no title": "must not be empty", "a star that": "an entry that", "a star with": "an entry with"}
    for words_of_import, ours in words.items():
        reason = reason.replace(words_of_import, ours)
    reason = reason.removeprefix(f"{name} ")
    return f"has {reason}" if reason.startswith(("a ", "an ", "over ", "text ")) else reason
