"""GET /api/v1/movies/{movieId}: shop-api.md "Get Movie Details", contract §2."""

import httpx
import pytest
from tests.responses import data_of, not_found


def get(shop: httpx.Client, movie_id: str) -> httpx.Response:
    return shop.get(f"/api/v1/movies/{movie_id}")


def genre_ids(shop: httpx.Client) -> dict[str, int]:
    return {genre["name"]: genre["id"] for genre in data_of(shop.get("/api/v1/genres"))["items"]}


def test_movie_is_as_the_spec_prints_it(shop: httpx.Client) -> None:
    known = genre_ids(shop)
    movie = data_of(get(shop, "tt0111161"))
    assert movie == {
        "id": "tt0111161",
        "title": "The Shawshank Redemption",
        "year": 1994,
        "director": "Frank Darabont",
        "rating": 9.3,
        "numVotes": 2500000,
        "genres": [{"id": known["Crime"], "name": "Crime"}, {"id": known["Drama"], "name": "Drama"}],
        "stars": [
            {"id": "nm0000209", "name": "Tim Robbins", "birthYear": 1958},
            {"id": "nm0000151", "name": "Morgan Freeman", "birthYear": 1937},
            {"id": "nm0348409", "name": "Bob Gunton", "birthYear": 1945},
            {"id": "nm0006669", "name": "William Sadler", "birthYear": 1950},
        ],
    }
    assert list(movie) == ["id", "title", "year", "director", "rating", "numVotes", "genres", "stars"]
    assert all(list(genre) == ["id", "name"] for genre in movie["genres"])
    assert all(list(star) == ["id", "name", "birthYear"] for star in movie["stars"])


def test_all_stars_are_there_in_billing_order(shop: httpx.Client) -> None:
    """contract §2.4"""
    names = [star["name"] for star in data_of(get(shop, "tt0468569"))["stars"]]
    assert names == ["Christian Bale", "Heath Ledger", "Michael Caine", "Morgan Freeman"]


def test_genres_sort_by_name(shop: httpx.Client) -> None:
    """contract §2.4; films.csv has them the other way round"""
    assert [genre["name"] for genre in data_of(get(shop, "tt0111161"))["genres"]] == ["Crime", "Drama"]


def test_genres_sort_by_folded_name(shop: httpx.Client) -> None:
    """contract §2.2: case and accents ignored"""
    genres = data_of(get(shop, "tt0000014"))["genres"]
    assert [genre["name"] for genre in genres] == ["Drama", "Épouvante", "western"]


def test_a_genre_keeps_its_own_id_wherever_it_stands(shop: httpx.Client) -> None:
    known = genre_ids(shop)
    for movie_id in ("tt0000014", "tt0096895", "tt0245429"):
        assert all(genre["id"] == known[genre["name"]] for genre in data_of(get(shop, movie_id))["genres"])


def test_what_is_unknown_is_null_and_what_there_is_none_of_is_empty(shop: httpx.Client) -> None:
    """contract §1.2"""
    assert data_of(get(shop, "tt0000005")) == {
        "id": "tt0000005",
        "title": "batman",
        "year": None,
        "director": None,
        "rating": None,
        "numVotes": None,
        "genres": [],
        "stars": [{"id": "nm9000002", "name": "Ada Bright", "birthYear": None}],
    }
    assert data_of(get(shop, "tt0000003"))["stars"] == []


@pytest.mark.parametrize(
    ("movie_id", "title", "director"),
    [
        ("tt0000010", "Spider-Man's Day", "Sam Raimi, Åse Ødegård"),
        ("tt0000004", "Back\\slash", "Ann O'Hara"),
        ("tt0000011", "8½", "Federico Fellini"),
        ("tt0000008", "Жизнь и судьба", "Sergey Ursulyak"),
        ("tt0245429", "Spirited Away", "Hayao Miyazaki"),
    ],
)
def test_text_comes_as_it_was_given(shop: httpx.Client, movie_id: str, title: str, director: str) -> None:
    movie = data_of(get(shop, movie_id))
    assert (movie["title"], movie["director"]) == (title, director)


def test_unknown_movie_is_404_with_the_words_of_the_spec(shop: httpx.Client) -> None:
    not_found(get(shop, "tt9999999"), "Movie not found with id: tt9999999")


@pytest.mark.parametrize("movie_id", ["tt01111611", "TT0111161", "0111161", "nm0000209", "tt0111161%20", "tt011116_"])
def test_an_id_is_matched_whole_and_to_the_letter(shop: httpx.Client, movie_id: str) -> None:
    plain = movie_id.replace("%20", " ")
    not_found(get(shop, movie_id), f"Movie not found with id: {plain}")


@pytest.mark.parametrize("movie_id", ["tt011116111", "t" * 100, "%C3%A9" * 11])
def test_an_id_over_ten_characters_is_404(shop: httpx.Client, movie_id: str) -> None:
    """contract §2.5"""
    plain = movie_id.replace("%C3%A9", "é")
    not_found(get(shop, movie_id), f"Movie not found with id: {plain}")


@pytest.mark.parametrize("movie_id", ["%00", "tt%00", "%FF", "%ED%A0%80", "a%2Fb", "'", "%F0%9F%8E%AC"])
def test_an_id_no_column_could_hold_is_404(shop: httpx.Client, movie_id: str) -> None:
    """contract §1.3, §2.5"""
    answer = get(shop, movie_id)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_query_parameters_mean_nothing_here(shop: httpx.Client) -> None:
    """contract §1.3: unknown ones are ignored"""
    assert data_of(get(shop, "tt0111161?page=0&page=x&id=%00")) == data_of(get(shop, "tt0111161"))


def test_every_listed_movie_has_its_details(shop: httpx.Client) -> None:
    for item in data_of(shop.get("/api/v1/movies?size=100"))["items"]:
        movie = data_of(get(shop, item["id"]))
        same = ("id", "title", "year", "director", "rating", "numVotes")
        assert [movie[name] for name in same] == [item[name] for name in same]
        assert [genre["name"] for genre in movie["genres"]] == item["genres"]
        assert [{"id": star["id"], "name": star["name"]} for star in movie["stars"][:3]] == item["stars"]
