"""A catalogue of some thousand made-up films, the same each time: few words, some of them very frequent."""

import csv
import random
from pathlib import Path

FILMS = 6500
STARS = 7000  # of whom not all get a part
DIRECTORS = 300
GENRES = [
    "Action",
    "Animation",
    "Comedy",
    "Crime",
    "Drama",
    "Film-Noir",
    "Horror",
    "Sci-Fi",
    "War",
    "Western",
]

# The first of each are the frequent ones.
_WORDS = r"""
    love night of man day the last Batman dark Amélie house city red little great king Élan star lost home boy
    spider-man girl wolf 8½ don't 100% under_score back\slash E.T. rock'n'roll X-Ray ¡Átame! Ørsted Straße
    Жизнь 千と千尋 ii iii 7 1984 2001: _ % \ -- zodiac Zoë heart blood summer world time life death dream
    story island river mountain train letter secret garden winter mother father brother sister children woman
    IV four 4 & + XII twelve 12 man² Nº ¾ Le L'été $ 東京物語 物語 spider spiderman batman² and R&B X
"""
_FIRST = """
    Anna John Maria Zoë José Jean-Pierre Åse Li Mary O'Neal Robert René Jürgen Anatoly Ann Joan Hannah Morgan
    Bob Ingrid Søren Łucja J.J. Mc Al
"""
_LAST = """
    Nolan Andersson Freeman García O'Hara Ødegård Anderson Müller Van-Dyke Kurosawa Nolander Hansen Brandt
    Ivanov Иванов 黒澤 Bale Chan Da_Vinci St.John Dupont Świątek Mann Newman Goodman Banderas
"""
WORDS, FIRST, LAST = _WORDS.split(), _FIRST.split(), _LAST.split()
JOINTS = [" "] * 16 + ["-", ": ", "_", "'s ", ", ", " & ", "/", "%", "\\", "  "]


def some(chance: random.Random, words: list[str]) -> str:
    """One of the words, the first ones far more often."""
    return words[min(int(chance.expovariate(5) * len(words)), len(words) - 1)]


def name(chance: random.Random) -> str:
    return f"{some(chance, FIRST)} {some(chance, LAST)}{chance.choice(['', '', '', ' Jr.', ' II'])}"


def title(chance: random.Random) -> str:
    if chance.random() < 0.01:
        return "The"  # a title that is itself what many others start with
    text = chance.choice(["The ", "The ", "", "", ""]) + some(chance, WORDS)
    for _ in range(chance.choice([0, 1, 1, 2, 2, 3])):
        text += chance.choice(JOINTS) + some(chance, WORDS)
    if chance.random() < 0.1:
        text = chance.choice([text.upper(), text.lower(), text.title()])
    return " ".join(text.split())


def maybe(chance: random.Random, share: float, value: str) -> str:
    return value if chance.random() < share else ""


def several(chance: random.Random, numbers: list[int], words: list[str]) -> str:
    return " | ".join({some(chance, words): None for _ in range(chance.choice(numbers))})


def write_films(path: Path, *, seed: int = 27) -> None:
    chance = random.Random(seed)
    stars = []
    for number in range(STARS):
        born = maybe(chance, 0.8, f" ({chance.randint(1900, 1999)})")
        stars.append(f"{name(chance)}{born} [nm{number:07}]")
    directors = [f"{first} Nolan" for first in FIRST] + [name(chance) for _ in range(DIRECTORS)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "title", "year", "directors", "genres", "stars", "rating", "votes", "original_title"))
        for number in chance.sample(range(10**7), FILMS):
            writer.writerow(
                (
                    f"tt{number:07}",
                    title(chance),
                    maybe(chance, 0.92, str(chance.randint(1930, 2025))),
                    several(chance, [0, 1, 1, 1, 1, 1, 2, 2], directors),
                    several(chance, [0, 1, 2, 3], GENRES),
                    several(chance, [0, 1, 2, 3, 4, 6], stars),
                    maybe(chance, 0.85, f"{chance.randint(10, 100) / 10}"),
                    maybe(chance, 0.85, str(int(chance.paretovariate(0.5)) % 3_000_000)),
                    maybe(chance, 0.2, title(chance)),
                )
            )
