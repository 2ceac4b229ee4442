"""The lists of films and stars beside the same oracle: random pages of them (contract §2)."""

import random
from typing import Any

import pytest
from tests.catalogue.conftest import Catalogue
from tests.catalogue.oracle import Film, Star
from tests.catalogue.random_requests import SEARCHES, difference, page_and_size
from tests.responses import data_of

LETTERS = [*"abcdefghijklmnopqrstuvwxyzATEÉØß8¡Ж千%_\\-9'", *["*"] * 4]

pytestmark = [pytest.mark.proof, pytest.mark.parallel, pytest.mark.timeout(120 + SEARCHES // 5)]


def order(chance: random.Random, *keys: str) -> dict[str, Any]:
    return {"sortBy": chance.choice(keys), "order": chance.choice(["asc", "desc"])}


def test_random_pages_of_movies(catalogue: Catalogue) -> None:
    client, oracle, *_ = catalogue
    chance = random.Random(1)
    differences: list[str] = []
    for _ in range(SEARCHES):
        asked = order(chance, "title", "year", "rating")
        films = oracle.sorted_films(oracle.films, asked["sortBy"], asked["order"])
        if chance.random() < 0.6:
            asked["startsWith"] = chance.choice(LETTERS)
            listed = {film.id for film in oracle.starting_with(asked["startsWith"])}
            films = [film for film in films if film.id in listed]
        asked["page"], asked["size"] = page_and_size(chance, len(films))
        answer = client.get("/api/v1/movies", params=asked)
        differences += difference(answer, films, Film.as_item, asked["page"], asked["size"])
    assert differences[:5] == [], f"{len(differences)} differences"


def test_random_pages_of_genres(catalogue: Catalogue) -> None:
    client, oracle, genres, _ = catalogue
    chance = random.Random(2)
    differences: list[str] = []
    for _ in range(SEARCHES):
        genre_id = chance.choice(sorted(genres))
        asked = order(chance, "title", "year", "rating")
        films = oracle.sorted_films(oracle.of_genre(genres[genre_id]), asked["sortBy"], asked["order"])
        asked["page"], asked["size"] = page_and_size(chance, len(films))
        answer = client.get(f"/api/v1/genres/{genre_id}/movies", params=asked)
        differences += difference(answer, films, Film.as_genre_item, asked["page"], asked["size"])
        if data_of(answer)["genre"] != {"id": genre_id, "name": genres[genre_id]}:
            differences.append(f"{answer.request.url}: genre")
    assert differences[:5] == [], f"{len(differences)} differences"


def test_random_pages_of_stars(catalogue: Catalogue) -> None:
    client, oracle, *_ = catalogue
    chance = random.Random(3)
    differences: list[str] = []
    for _ in range(SEARCHES):
        asked = order(chance, "name", "birthYear")
        stars = oracle.sorted_stars(oracle.stars.values(), asked["sortBy"], asked["order"])
        asked["page"], asked["size"] = page_and_size(chance, len(stars))
        answer = client.get("/api/v1/stars", params=asked)
        differences += difference(answer, stars, oracle.as_star_item, asked["page"], asked["size"])
    assert differences[:5] == [], f"{len(differences)} differences"


def test_random_stars_have_their_films_newest_first(catalogue: Catalogue) -> None:
    """contract §2.4"""
    client, oracle, *_ = catalogue
    chance = random.Random(4)

    def shown(star: Star) -> dict[str, Any]:
        films = oracle.sorted_films(oracle.plays[star.id], "year", "desc")
        names = ("id", "title", "year", "director")
        movies = [{name: film.as_item()[name] for name in names} for film in films]
        return {"id": star.id, "name": star.name, "birthYear": star.born, "movies": movies}

    busiest = sorted(oracle.stars.values(), key=lambda star: -len(oracle.plays[star.id]))[:20]
    for star in [*busiest, *chance.sample(sorted(oracle.stars.values()), SEARCHES // 5)]:
        assert data_of(client.get(f"/api/v1/stars/{star.id}")) == shown(star)


def test_random_films_have_their_whole_cast_and_their_genres(catalogue: Catalogue) -> None:
    """contract §2.4"""
    client, oracle, genres, _ = catalogue
    ids = {name: number for number, name in genres.items()}
    for film in random.Random(5).sample(oracle.films, min(SEARCHES // 2, len(oracle.films))):
        assert data_of(client.get(f"/api/v1/movies/{film.id}")) == {
            **film.as_genre_item(),
            "numVotes": film.votes,
            "genres": [{"id": ids[name], "name": name} for name in film.genres],
            "stars": [{"id": star.id, "name": star.name, "birthYear": star.born} for star in film.cast],
        }
