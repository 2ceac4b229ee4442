"""The distributions of IMDb's titles and people: kinds, genres, categories, jobs, roles, and their shares."""

# Lists of words read better as running text.
# ruff: noqa: SIM905

from dataclasses import dataclass

REAL_TITLES = 12_300_000  # in the real files, which the other figures fit
NAMES_PER_TITLE = 15_100_000 / REAL_TITLES
RATED_SHARE = 1_600_000 / REAL_TITLES
TITLE_ID_SPAN, NAME_ID_SPAN = 38_000_000, 17_500_000
CHUNK = 100_000
FIRST_YEAR, LAST_YEAR, THIS_YEAR = 1890, 2027, 2026
MAX_WORDS, MAX_CAST, MAX_DIRECTORS, MAX_WRITERS, MAX_PRINCIPALS = 7, 12, 3, 5, 20
PRINCIPAL_WRITERS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """One titleType with the habits of its titles: shares of titles, mean numbers of minutes and people."""

    name: str
    share: float
    genres: str
    adult: float
    no_year: float
    year_scale: float  # in years; the smaller, the more recent are the titles
    no_runtime: float
    runtime: float
    cast: float
    no_director: float
    no_writer: float
    crew: float
    rated: float


KINDS = (
    Kind("tvEpisode", 0.7650, "tv", 0.018, 0.120, 13, 0.70, 34, 5.05, 0.46, 0.50, 1.42, 0.080),
    Kind("movie", 0.0530, "film", 0.015, 0.130, 27, 0.36, 92, 4.70, 0.03, 0.12, 3.10, 0.510),
    Kind("tvMovie", 0.0040, "film", 0.010, 0.090, 24, 0.40, 84, 4.70, 0.06, 0.16, 2.80, 0.420),
    Kind("short", 0.0930, "short", 0.008, 0.110, 14, 0.38, 14, 3.40, 0.08, 0.20, 2.40, 0.170),
    Kind("tvSeries", 0.0270, "tv", 0.010, 0.110, 17, 0.60, 40, 4.60, 0.75, 0.60, 1.60, 0.360),
    Kind("video", 0.0290, "film", 0.200, 0.090, 16, 0.45, 70, 4.30, 0.22, 0.60, 1.40, 0.190),
    Kind("tvMiniSeries", 0.0080, "tv", 0.010, 0.110, 12, 0.60, 52, 4.90, 0.45, 0.35, 2.00, 0.320),
    Kind("tvSpecial", 0.0100, "tv", 0.005, 0.070, 22, 0.55, 66, 5.00, 0.40, 0.60, 1.70, 0.240),
    Kind("videoGame", 0.0070, "tv", 0.010, 0.080, 14, 0.98, 60, 5.00, 0.55, 0.50, 1.30, 0.420),
    Kind("tvShort", 0.0030, "short", 0.005, 0.090, 25, 0.40, 11, 3.60, 0.15, 0.30, 2.00, 0.240),
    Kind("tvPilot", 0.0010, "tv", 0.000, 0.100, 14, 0.60, 36, 4.80, 0.30, 0.30, 1.80, 0.050),
)
EPISODE, MOVIE, TV_MOVIE = 0, 1, 2
SERIES_KINDS = tuple(n for n, kind in enumerate(KINDS) if kind.name in ("tvSeries", "tvMiniSeries"))

# genre -> weights among films, television, adult titles
GENRE_WEIGHTS: dict[str, tuple[float, float, float]] = {
    "Action": (8, 7, 0),
    "Adult": (0, 0, 0),
    "Adventure": (4, 6, 0),
    "Animation": (3, 8, 0.3),
    "Biography": (3, 1, 0),
    "Comedy": (17, 24, 3),
    "Crime": (5.5, 8, 0),
    "Documentary": (15, 7, 0.5),
    "Drama": (34, 32, 4),
    "Family": (3.5, 8, 0),
    "Fantasy": (3, 4, 1),
    "Film-Noir": (0.2, 0.01, 0),
    "Game-Show": (0.03, 2.2, 0),
    "History": (2.5, 2.5, 0),
    "Horror": (6, 2, 0.4),
    "Music": (3, 3.5, 0),
    "Musical": (2, 0.6, 0),
    "Mystery": (3, 5, 0),
    "News": (0.3, 3, 0),
    "Reality-TV": (0.1, 4.5, 1),
    "Romance": (8, 9, 2),
    "Sci-Fi": (3, 3, 0.3),
    "Short": (0, 0, 0),
    "Sport": (1.5, 3, 0),
    "Talk-Show": (0.1, 5.5, 0),
    "Thriller": (7, 4, 0.3),
    "War": (2, 0.5, 0),
    "Western": (1.5, 0.8, 0),
}
GENRES = list(GENRE_WEIGHTS)
NONFICTION = {"Documentary", "News", "Reality-TV", "Talk-Show", "Game-Show"}
# set of genres -> (column of the weights, the genre every title of it has)
GENRE_SETS: dict[str, tuple[int, str | None]] = {
    "film": (0, None),
    "tv": (1, None),
    "short": (0, "Short"),
    "adult": (2, "Adult"),
}
GENRE_COMBINATIONS = 4096

CATEGORIES = (
    "actor actress self archive_footage director writer producer composer cinematographer editor "
    "production_designer casting_director"
).split()
ACTOR, ACTRESS, SELF, ARCHIVE, DIRECTOR, WRITER = range(6)
FIRST_CREW = 6
CREW_WEIGHTS = [0.33, 0.15, 0.20, 0.21, 0.055, 0.055]

# The jobs of each category, equally likely; the remaining ones of JOB_SLOTS are null.
JOBS = {
    "writer": (
        "written by|written by|screenplay|screenplay by|story|story by|novel|created by|creator|dialogue|"
        "play|based on characters created by"
    ),
    "producer": "producer|producer|producer|producer|producer|executive producer|p.g.a.|line producer",
    "cinematographer": "director of photography|director of photography|photographed by",
    "director": "co-director",
    "editor": "film editor",
    "composer": "music by",
}
JOB_SLOTS = 16

# Where a person's work lies, in the order of CATEGORIES from director on; for the skews see skewed_ranks.
ROLES = (
    "acting self director writer producer composer cinematographer editor production_designer casting_director other"
).split()
ROLE_SHARES = [0.36, 0.15, 0.065, 0.075, 0.09, 0.03, 0.035, 0.045, 0.012, 0.008, 0.13]
ACTING_SKEW, SELF_SKEW, DIRECTOR_SKEW, WRITER_SKEW, OTHER_CREW_SKEW = 1.7, 1.6, 1.8, 1.8, 1.8
ACTING_ROLE, SELF_ROLE, DIRECTOR_ROLE, WRITER_ROLE = range(4)
FILM_ACTORS_SHARE, FILM_ACTORS_SKEW = 0.14, 2.5
HEAD = 3
ACTORS_IN_FIVE = 3

SIDE_PROFESSIONS = """
producer writer director miscellaneous actor camera_department editor sound_department soundtrack
art_department music_department visual_effects editorial_department assistant_director
make_up_department production_manager animation_department costume_department stunts archive_footage
composer cinematographer script_department electrical_department special_effects location_management
casting_department art_director costume_designer set_decorator transportation_department executive
podcaster talent_agent manager publicist
""".split()
PROFESSION_COMBINATIONS = 512
