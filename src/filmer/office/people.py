"""Whom the names in a form mean: people of the catalogue, or new ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filmer.catalogue.folding import fold
from filmer.importing.film_edits import Credit
from filmer.importing.owner_films import Named, made_id
from filmer.office import film_queries as queries
from filmer.office.film_queries import Namesake
from filmer.store.postgres import Connection

SOMEBODY_NEW = "new"  # a choice; no id of a person is asked for that is not one of the choices


def label_of(person: Credit, among: Iterable[Credit] = ()) -> str:
    """As a form has it: with the id only where others have the same name and year of birth."""
    born = f" ({person.birth_year})" if person.birth_year is not None else ""
    is_alone = all(
        (other.name, other.birth_year) != (person.name, person.birth_year) or other == person for other in among
    )
    return f"{person.name}{born}" + ("" if is_alone else f" [{person.id}]")


class WhoIsMeant(Exception):
    """Several people have that name. ``questions``: they, by the entry of the form."""

    def __init__(self, questions: dict[str, list[Namesake]]) -> None:
        super().__init__()
        self.questions = questions


async def find_people(
    conn: Connection, named: Sequence[Named], known: Sequence[Credit], choices: Mapping[str, str]
) -> list[Credit]:
    """``known``: of the film already, who are not asked for again. ``choices``: an id or SOMEBODY_NEW by entry.

    Raises WhoIsMeant.
    """
    found: dict[str, Credit] = {}
    questions: dict[str, list[Namesake]] = {}
    for name, born, identifier in named:
        entry = label_of(Credit("", name, born))
        same = [person for person in known if fold(person.name) == fold(name) and born in {None, person.birth_year}]
        if identifier is not None:
            person = await _of_id(conn, identifier, name, born)
        elif len(same) == 1 and entry not in choices:
            person = same[0]
        else:
            there = await queries.select_namesakes(conn, name)
            there = [one for one in there if born in {None, one.birth_year}]
            chosen = [one for one in there if one.id == choices.get(entry)] or there
            if choices.get(entry) == SOMEBODY_NEW or not there:
                person = await _somebody_new(conn, name, born)
            elif len(chosen) > 1:
                questions[entry] = there
                continue
            else:
                person = Credit(chosen[0].id, chosen[0].name, chosen[0].birth_year)
        found.setdefault(person.id, person)
    if questions:
        raise WhoIsMeant(questions)
    return list(found.values())


async def _of_id(conn: Connection, identifier: str, name: str, born: int | None) -> Credit:
    """Whoever has this id, whatever the name: as an import takes it."""
    there = await queries.select_people(conn, [identifier])
    return Credit(identifier, *there.get(identifier, (name, born)))


async def _somebody_new(conn: Connection, name: str, born: int | None) -> Credit:
    """With the id that an import would make, or the next like it that nobody has."""
    ids = [made_id("p", f"{fold(name)} {born or ''}{number or ''}") for number in range(20)]
    taken = await queries.select_people(conn, ids)
    return Credit(next(identifier for identifier in ids if identifier not in taken), name, born)


async def new_among(conn: Connection, fields: Mapping[str, Any]) -> list[str]:
    """The names of those in a film's new directors and cast whom the catalogue does not know yet."""
    named = {identifier: name for field in ("directors", "cast") for identifier, name, *_ in fields.get(field, ())}
    there = await queries.select_people(conn, list(named))
    return [name for identifier, name in named.items() if identifier not in there]
