"""More like this, on a film's page: films that share people, genres, era or words of the overview, and why."""

import re
from pathlib import Path

import httpx
import pytest
from tests.conftest import MakeDatabase, ServeHere, import_films
from tests.search_index import wait_for_index

HEADER = (
    "id,title,original_title,year,release_date,runtime_minutes,directors,genres,stars,rating,votes,popularity,tmdb_id,"
    "price,overview"
)
FILMS = [
    "tt1,Alone,,2000,,,Ann Director,Adventure | Drama,Ida Lead [nm1] | Bo Two [nm2],7,900,,,,Castaway at lighthouse",
    "tt2,Ann's Next,,1950,,,Ann Director,Comedy,Eve Other [nm3],7,500,,,,",
    "tt3,Ida Again,,1951,,,X Nobody,Comedy,Ida Lead [nm1] | Bo Two [nm2],7,400,,,,",
    "tt4,Near in Kind,,2004,,,Y Nobody,Adventure | Drama,Lee Third [nm4],7,300,,,,",
    "tt5,Castaway Kin,,1930,,,Z Nobody,Western,Lou Fourth [nm5],7,200,,,,Another castaway in another lighthouse",
    "tt6,Nothing Shared,,1931,,,W Nobody,Western,Mo Fifth [nm6],7,9999,,,,",
]


@pytest.fixture(scope="module")
def likeness(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path_factory: pytest.TempPathFactory
) -> httpx.Client:
    path = tmp_path_factory.mktemp("alike") / "films.csv"
    path.write_text("\n".join([HEADER, *FILMS, ""]), "utf-8")
    url = make_database()
    import_films(url, path)
    return wait_for_index(serve_here(url, CACHE_DURATION_SECONDS="0").client)


def section(client: httpx.Client, film_id: str) -> list[tuple[str, str]]:
    """The films under "More like this", each with its reason."""
    page = client.get(f"/films/{film_id}").text
    found = re.search(r'id="more-like">More like this</h2>(.*?)</section>', page, re.DOTALL)
    if not found:
        return []
    return re.findall(r'href="/films/(\w+)".*?class="film-reason">([^<]*)<', found[1], re.DOTALL)


def test_each_film_says_why_it_is_there(likeness: httpx.Client) -> None:
    """Those with the same people have lists of their own on the page, and are not shown twice."""
    assert section(likeness, "tt1") == [
        ("tt4", "Adventure and drama of the 2000s"),
        ("tt5", "About lighthouse and castaway"),
    ]


def test_what_shares_nothing_is_not_shown(likeness: httpx.Client) -> None:
    assert "tt6" not in [film_id for film_id, _ in section(likeness, "tt1")]
    assert section(likeness, "tt4")[0][0] == "tt1"


def test_without_index_the_page_is_as_before(
    make_database: MakeDatabase, serve_here: ServeHere, tmp_path: Path
) -> None:
    url = make_database(films=True)
    (tmp_path / "search").write_text("in the way")
    client = serve_here(url, FILMER_DATA_DIR=str(tmp_path), CACHE_DURATION_SECONDS="0").client
    response = client.get("/films/tt0468569")
    assert response.status_code == 200
    assert "More like this" not in response.text
