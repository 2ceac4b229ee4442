"""Files of an owner's own catalogue, written by the tests themselves."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from filmer.importing import owner_films
from filmer.importing.data_set import DataSet, Report

WHOLE = {
    "id": "tt0111161",
    "title": "The Shawshank Redemption",
    "original_title": "Die Verurteilten",
    "year": "1994",
    "release_date": "1994-09-23",
    "runtime_minutes": "142",
    "directors": "Frank Darabont | Ann Other",
    "genres": "Drama|Crime",
    "stars": "Tim Robbins (1958) [nm0000209] | Bob Gunton | Élodie (1901) | Morgan Freeman [nm0000151]",
    "rating": "9.3",
    "votes": "2500000",
    "popularity": "120.5",
    "tmdb_id": "278",
    "price": "4.99",
    "overview": 'Two men, "in" a prison',
    "title_type": "movie",
}


def table(*rows: Mapping[str, str], columns: tuple[str, ...] = tuple(WHOLE)) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(path: Path, *rows: Mapping[str, str]) -> Path:
    path.write_text(table(*rows), "utf-8")
    return path


def read(text: str) -> tuple[DataSet, Report]:
    report = Report(list_all=True)
    return owner_films.read_rows(io.StringIO(text, newline=""), "films.csv", report), report


def film(number: int, title: str = "", **more: str) -> dict[str, str]:
    return {"id": f"f{number}", "title": title or f"Film {number}", **more}
