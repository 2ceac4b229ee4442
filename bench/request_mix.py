"""The mix of requests to the catalogue: addresses drawn at random, the same for the same seed."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote_plus

from bench.in_process import TimedClient

API = "/api/v1"
SORTS = ("title", "year", "rating")
ORDERS = ("asc", "desc")
SORTED = ("", "&sortBy=rating&order=desc", "&sortBy=year&order=desc", "&sortBy=year")
SEARCHES = ("words", "one or two letters", "names", "several filters", "what is not there")
SAMPLE = 40  # pages of a hundred films from which words and names are taken


class RequestMix:
    """Draws addresses from what the catalogue really has."""

    def __init__(self, films: list[Any], genres: list[int], total: int, stars: int, seed: int) -> None:
        self._films = [film for film in films if film["stars"] and film["director"]]
        self._genres = genres
        self.total = total
        self._pages = max(total // 20, 1)
        self._star_pages = max(stars // 20, 1)
        self._random = random.Random(seed)

    @classmethod
    async def of(cls, filmer: TimedClient, seed: int = 1) -> "RequestMix":
        total = (await filmer.get(f"{API}/movies?size=1")).data["totalItems"]
        stars = (await filmer.get(f"{API}/stars?size=1")).data["totalItems"]
        draw = random.Random(seed)
        films: list[Any] = []
        for _ in range(SAMPLE):
            page = draw.randint(1, max(total // 100, 1))
            films += (await filmer.get(f"{API}/movies?size=100&page={page}")).data["items"]
        genres = [genre["id"] for genre in (await filmer.get(f"{API}/genres")).data["items"]]
        return cls(films, genres, total, stars, seed)

    def first_pages(self) -> str:
        return f"{API}/movies?page={self._random.randint(1, 5)}&{self._order()}"

    def any_page(self) -> str:
        return f"{API}/movies?page={self._random.randint(1, self._pages)}&{self._order()}"

    def page_one(self) -> str:
        return f"{API}/movies?page=1&{self._order()}"

    def far_page(self) -> str:
        """Page 30,000 or one beside it, where there are so many, otherwise the last."""
        return f"{API}/movies?page={min(self._pages, 30_000 + self._random.randint(-200, 200))}&{self._order()}"

    def letter(self) -> str:
        letter = self._random.choice("abcdefghijklmnopqrstuvwxyz*")
        return f"{API}/movies?startsWith={letter}&page={self._random.randint(1, 50)}&{self._order()}"

    def film(self) -> str:
        return f"{API}/movies/{self._film()['id']}"

    def star(self) -> str:
        return f"{API}/stars/{self._random.choice(self._film()['stars'])['id']}"

    def stars(self) -> str:
        return f"{API}/stars?page={self._random.randint(1, self._star_pages)}"

    def genre(self) -> str:
        genre = self._random.choice(self._genres)
        return f"{API}/genres/{genre}/movies?page={self._random.randint(1, 100)}&{self._order()}"

    def kinds(self) -> dict[str, Callable[[], str]]:
        """Every kind of address that is measured, by what the table calls it."""
        return {
            "films, first pages": self.first_pages,
            "films, any page of any order": self.any_page,
            "films by letter": self.letter,
            "a film": self.film,
            "a star": self.star,
            "stars, any page": self.stars,
            "films of a genre": self.genre,
            "search, a realistic mix": self.search,
            "suggestions": self.suggestions,
            "home, as a page": self.home,
            "any page of all films, as a page": self.browsing,
            "a film, as a page": self.film_page,
            "a star, as a page": self.star_page,
            "search by a word, as a page": self.search_page,
        }

    def searches(self) -> dict[str, Callable[[], str]]:
        """The kinds that the realistic mix is made of."""
        return {kind: partial(self._search, kind) for kind in SEARCHES}

    def search(self) -> str:
        """Words, rare and common, whole and unfinished; names; one and two letters; combinations; misses."""
        return self._search()

    def _search(self, wanted: str = "") -> str:
        chosen = [(weight, draw) for kind, weight, draw in self._searches() if wanted in {"", kind}]
        weights, draws = zip(*chosen, strict=True)
        (draw,) = self._random.choices(draws, weights)
        return f"{API}/search/movies?{draw()}"

    def suggestions(self) -> str:
        """What a visitor has typed so far: one to six letters of a title or a name."""
        text = self._random.choice([self._film()["title"], self._name()])
        return f"{API}/search/suggestions?query={quote_plus(text[: self._random.randint(1, 6)])}"

    def home(self) -> str:
        return "/"

    def film_page(self) -> str:
        return f"/films/{self._film()['id']}"

    def star_page(self) -> str:
        return f"/stars/{self._random.choice(self._film()['stars'])['id']}"

    def browsing(self) -> str:
        return f"/films?page={self._random.randint(1, self._pages)}&{self._order()}"

    def search_page(self) -> str:
        return f"/search?query={self._word()}"

    def _searches(self) -> list[tuple[str, int, Callable[[], str]]]:
        word, some = self._word, self._random
        words, letters, names, combined, missed = SEARCHES
        return [
            (words, 25, lambda: f"query={word()}{some.choice(SORTED)}"),
            (words, 8, lambda: f"query={quote_plus(' '.join(self._film()['title'].split()[:3]))}"),
            (words, 7, lambda: f"query={quote_plus(self._plain_word()[: some.randint(1, 4)])}"),
            (combined, 7, lambda: f"query={quote_plus(self._name().split()[-1])}+{word()}"),
            (words, 10, lambda: f"title={word()}{some.choice(SORTED)}"),
            (letters, 3, lambda: f"title={some.choice('abcdefghijklmnopqrstuvwxyz')}"),
            (letters, 4, lambda: f"title={some.choice('abcdeghilmnorst')}{some.choice('abcdeghilmnorstz')}"),
            (names, 5, lambda: f"director={quote_plus(self._film()['director'].split()[-1])}{some.choice(SORTED)}"),
            (names, 7, lambda: f"star={quote_plus(self._name())}"),
            (names, 3, lambda: f"star={quote_plus(self._name().split()[0])}"),
            (combined, 4, lambda: f"title={word()}&genreId={some.choice(self._genres)}"),
            (combined, 4, lambda: f"year={self._year()}&genreId={some.choice(self._genres)}{some.choice(SORTED)}"),
            (combined, 3, lambda: f"yearFrom={some.randint(1950, 2010)}&yearTo=2015&title={word()}"),
            (combined, 3, lambda: f"yearFrom={some.randint(1950, 2010)}&yearTo=2020&sortBy=rating&order=desc"),
            (missed, 4, lambda: f"query=zzq{some.randint(1, 9999)}"),
            (missed, 3, lambda: f"title=qxz{some.randint(1, 999)}"),
        ]  # fmt: skip

    def _order(self) -> str:
        return f"sortBy={self._random.choice(SORTS)}&order={self._random.choice(ORDERS)}"

    def _film(self) -> Any:
        return self._random.choice(self._films)

    def _year(self) -> int:
        return int(self._film()["year"] or 1999)

    def _plain_word(self) -> str:
        return str(self._random.choice(self._film()["title"].split()))

    def _word(self) -> str:
        return quote_plus(self._plain_word())

    def _name(self) -> str:
        return str(self._random.choice(self._film()["stars"])["name"])
