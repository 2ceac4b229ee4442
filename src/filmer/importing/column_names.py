"""What the columns of an owner's file are: known by their names, in several languages and spellings, or by content."""

import re
from collections.abc import Sequence

from filmer.catalogue.folding import fold

# Names of columns, as ``normal`` writes them, by the field that they are read into. IMDb's lists are among them.
_NAMES = {
    "id": "id const imdbid imdb imdbconst tconst filmid movieid imdbnummer imdbnumber ttnumber",
    "title": "title name film movie filmtitle movietitle titel filmtitel titre nom titulo titolo tytul",
    "original_title": "originaltitle originalname originaltitel titreoriginal titulooriginal titolooriginale"
    " originelletitel tytuloryginalny otitle",
    "year": "year releaseyear jahr erscheinungsjahr produktionsjahr annee ano anno jaar ar rok startyear",
    "release_date": "releasedate released date premiere erscheinungsdatum datedesortie fechadeestreno datadiuscita"
    " releasedatemonthdayyear",
    "runtime_minutes": "runtimeminutes runtime runtimemins runtimemin minutes length duration laufzeit dauer duree"
    " duracion durata speelduur",
    "directors": "directors director directedby regie regisseur regisseure realisateur realisateurs realisation"
    " regia directeur diretor dirigidopor",
    "genres": "genres genre genero generos genere generi gatunek category categories kategorie",
    "stars": "stars star cast actors starring darsteller besetzung schauspieler acteurs distribution reparto actores"
    " elenco attori acteur",
    "rating": "rating imdbrating averagerating score bewertung note puntuacion valutazione nota",
    "votes": "votes numvotes imdbvotes stimmen numberofvotes",
    "popularity": "popularity",
    "tmdb_id": "tmdbid tmdb",
    "price": "price rentalprice preis prix precio prezzo preco prijs cena",
    "overview": "overview description plot synopsis summary beschreibung handlung inhalt resume sinopsis trama",
    "title_type": "titletype type kind",
    "certificate": "certificate certification mpaa fsk agerating altersfreigabe classification clasificacion",
    "country": "country countries land pays pais paese productioncountry",
    "language": "language languages sprache sprachen langue idioma lingua taal",
}
FIELDS = {name: field for field, names in _NAMES.items() for name in names.split()}
TITLES = tuple(_NAMES["title"].split())
_CONTENT = {
    "id": re.compile(r"tt[0-9]{7,8}"),
    "year": re.compile(r"(18[89]|19[0-9]|20[0-9])[0-9]"),
    "release_date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_ALIKE = 0.8  # of the cells that are not empty


def normal(name: str) -> str:
    """The name of a column without what spellings differ in."""
    return re.sub(r"[\W_]+", "", fold(name))


def is_imdb_list(header: Sequence[str]) -> bool:
    """Whether it is a list, watchlist or ratings as IMDb exports them, where commas separate names."""
    return {"const", "titletype"} <= {normal(name) for name in header}


def by_name(header: Sequence[str]) -> list[str]:
    """The field of each column; "" where none is known. A field has one column: the one that is named exactly so."""
    exact = [name.casefold() if name.casefold() in _NAMES else "" for name in header]
    fields = list(exact)
    own_words = {"description", "yourrating"} if is_imdb_list(header) else set()  # the list's author's, not the film's
    for place, name in enumerate(map(normal, header)):
        field = FIELDS.get(name, "")
        if not fields[place] and field not in fields and name not in own_words:
            fields[place] = field
    return fields


def by_content(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """As ``by_name``; then columns without a field by what most of their cells look like."""
    fields = by_name(header)
    for field, pattern in _CONTENT.items():
        for place in (place for place, known in enumerate(fields) if not known and field not in fields):
            cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
            if cells and sum(bool(pattern.fullmatch(cell)) for cell in cells) >= _ALIKE * len(cells):
                fields[place] = field
                break
    return fields
