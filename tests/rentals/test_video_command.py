"""``filmer video``: add, list, remove and check (contract §9.3)."""

import os
from pathlib import Path

import pytest
from tests.commands import CommandResult, filmer
from tests.conftest import import_films
from tests.connections import fetch
from tests.rentals.conftest import PICKED_UP, WATCHED, RentalShop
from tests.rentals.test_sending import anybody, stream, write
from tests.shop.conftest import DARK_KNIGHT

from filmer.store.embedded import Engines

CDN = "https://cdn.example"


def video(rentals: RentalShop, *arguments: object, **settings: str) -> CommandResult:
    return filmer(
        "video",
        *arguments,
        DATABASE_URL=rentals.url,
        **{"FILMER_MEDIA_DIR": str(rentals.media), "FILMER_MEDIA_ORIGINS": CDN, **settings},
    )


def videos(rentals: RentalShop) -> list[tuple[str, str, str]]:
    return fetch(rentals.url, "SELECT film_id, kind, location FROM video ORDER BY id")


@pytest.fixture
def film(rentals: RentalShop) -> Path:
    """A file beside which is another one."""
    write(rentals.media / "texts" / "de.vtt", b"WEBVTT\n")
    return write(rentals.media / "new" / "film.webm", b"film")


def test_a_film_with_a_new_feature_is_watched(rentals: RentalShop, film: Path) -> None:
    added = video(
        rentals,
        "add",
        PICKED_UP,
        film,
        "--subtitles",
        "de=texts/de.vtt",
        "--subtitles",
        f"pt-BR={film.parent.parent}/texts/de.vtt",
    )
    assert added.stdout == f"   2  {PICKED_UP}   feature  new/film.webm  [de, pt-BR]\n", added.stderr
    rentals.buy(PICKED_UP)
    token = rentals.stream(PICKED_UP).json()["data"]["streamUrl"].split("/")[-2]
    assert stream(rentals, "film.webm", token).content == b"film"
    assert stream(rentals, "subtitles/pt-BR.vtt", token).content == b"WEBVTT\n"
    assert film.exists()


def test_what_a_path_means(rentals: RentalShop, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the current folder, else from the media directory; links are followed once, now."""
    (rentals.media / "link.webm").symlink_to(film)
    monkeypatch.chdir(film.parent)
    for typed in ("film.webm", "new/film.webm", "../link.webm", "link.webm", film):
        fetch(rentals.url, "DELETE FROM video WHERE film_id = %s", PICKED_UP)
        assert video(rentals, "add", PICKED_UP, typed).returncode == 0
        assert videos(rentals)[-1] == (PICKED_UP, "feature", "new/film.webm")


def test_trailers_and_addresses(rentals: RentalShop, film: Path) -> None:
    assert video(rentals, "add", PICKED_UP, film, "--kind", "trailer").returncode == 0
    assert video(rentals, "add", PICKED_UP, f"{CDN}/a/b.m3u8?x=1").returncode == 0
    assert videos(rentals)[1:] == [
        (PICKED_UP, "trailer", "new/film.webm"),
        (PICKED_UP, "feature", f"{CDN}/a/b.m3u8?x=1"),
    ]
    assert anybody(rentals).get("/trailers/2/film.webm").content == b"film"
    listed = video(rentals, "list", PICKED_UP).stdout
    assert [line.split()[:3] for line in listed.splitlines()] == [
        ["2", PICKED_UP, "trailer"],
        ["3", PICKED_UP, "feature"],
    ]
    assert len(video(rentals, "list").stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("tt9999999", "new/film.webm"), "There is no film tt9999999"),
        ((PICKED_UP, "new/missing.webm"), "it is missing"),
        ((PICKED_UP, "/etc/hostname"), "it is outside FILMER_MEDIA_DIR"),
        ((PICKED_UP, "../secret.webm"), "it is outside FILMER_MEDIA_DIR"),
        ((PICKED_UP, "out.webm"), "it is outside FILMER_MEDIA_DIR"),
        ((PICKED_UP, "new"), "it is not a file"),
        ((PICKED_UP, "new/notes.txt"), "its name does not end as those of videos do"),
        ((PICKED_UP, "demo:/x.webm"), "a name must not begin with demo:/"),
        ((PICKED_UP, "https://other.example/a.mp4"), "https://other.example is not in FILMER_MEDIA_ORIGINS"),
        ((PICKED_UP, "https://a:b@cdn.example/a.mp4"), "it is not an address"),
        ((PICKED_UP, f"{CDN}/a"), "its name does not end as those of videos do"),
        ((WATCHED, "films/feature.webm"), "The Shawshank Redemption has this feature already"),
        ((PICKED_UP, "new/film.webm", "--subtitles", "texts/de.vtt"), "expected a language and its WebVTT file"),
        ((PICKED_UP, "new/film.webm", "--subtitles", "../de=texts/de.vtt"), "expected a language and its WebVTT file"),
        ((PICKED_UP, "new/film.webm", "--subtitles", "de=new/film.webm"), "expected a language and its WebVTT file"),
        ((PICKED_UP, "new/film.webm", "--subtitles", "de=texts/fr.vtt"), "texts/fr.vtt: it is missing"),
    ],
)
def test_what_is_refused_changes_nothing(
    rentals: RentalShop, film: Path, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    write(film.parent / "notes.txt", b"")
    write(rentals.media.parent / "secret.webm", b"secret")
    write(rentals.media / "demo:" / "x.webm", b"")
    write(tmp_path / "out.webm", b"")
    (rentals.media / "out.webm").symlink_to(tmp_path / "out.webm")
    failed = video(rentals, "add", *arguments)
    assert failed.returncode == 1
    assert reason in failed.stderr
    assert "Nothing was changed." in failed.stderr
    assert len(videos(rentals)) == 1
    assert "FILMER_MEDIA_DIR is not set" in video(rentals, "add", PICKED_UP, "film.webm", FILMER_MEDIA_DIR="").stderr


def test_a_playlist_has_a_folder_of_its_own(rentals: RentalShop, film: Path) -> None:
    """Whoever rents its film gets what is beside it."""
    write(rentals.media / "new" / "list.m3u8", b"")
    write(rentals.media / "list.m3u8", b"")
    assert video(rentals, "add", PICKED_UP, film).returncode == 0
    for playlist in ("new/list.m3u8", "list.m3u8"):
        refused = video(rentals, "add", DARK_KNIGHT, playlist)
        assert "give the playlist a folder of its own" in refused.stderr
    assert video(rentals, "add", PICKED_UP, "new/list.m3u8").returncode == 0, "of the same film"
    write(rentals.media / "new" / "deep" / "other.webm", b"")
    assert "folder of its own" in video(rentals, "add", DARK_KNIGHT, "new/deep/other.webm").stderr
    assert len(videos(rentals)) == 3


def test_a_video_is_removed_and_its_file_stays(rentals: RentalShop, film: Path) -> None:
    video(rentals, "add", PICKED_UP, film)
    assert video(rentals, "remove", "2").stdout.startswith("removed")
    assert len(videos(rentals)) == 1
    assert film.exists()
    assert "There is no video 2" in video(rentals, "remove", "2").stderr


@pytest.mark.parametrize("state", ["waiting", "running", "unpaid"])
def test_the_last_feature_stays_while_rentals_need_it(rentals: RentalShop, film: Path, state: str) -> None:
    video(rentals, "add", WATCHED, film)
    rentals.buy()
    if state == "running":
        rentals.begin()
    if state == "unpaid":
        fetch(rentals.url, "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL")
    assert video(rentals, "remove", "1").returncode == 0, "there is another one"
    refused = video(rentals, "remove", "2")
    assert refused.returncode == 1
    assert f"Rentals of film {WATCHED} need its last feature" in refused.stderr
    assert len(videos(rentals)) == 1
    fetch(rentals.url, "UPDATE rental SET state = 'cancelled', ended = now()")
    assert video(rentals, "remove", "2").returncode == 0


def test_check_says_what_cannot_be_played(rentals: RentalShop, tmp_path: Path) -> None:
    assert video(rentals, "check").stdout == "1 video, nothing is wrong\n"
    for place in ("away.webm", "unreadable.webm", "notes.txt"):
        write(rentals.media / place, b"")
    (rentals.media / "out.webm").symlink_to(tmp_path)
    for number, location in enumerate(
        ["missing.webm", "away/x.webm", "../out.webm", "notes.txt", "https://other.example/a.mp4"]
    ):
        fetch(
            rentals.url,
            "INSERT INTO video (film_id, kind, location, subtitles, added)"
            " VALUES (%s, 'feature', %s, '{\"de\": \"no.vtt\"}', now())",
            f"tt{number}",
            location,
        )
    checked = video(rentals, "check")
    assert checked.returncode == 1
    lines = [line.partition("  ")[2] for line in checked.stdout.splitlines()]
    assert [line for line in lines if "no.vtt" not in line] == [
        "tt0  missing.webm: it is missing, or this user may not look into its folder",
        "tt1  away/x.webm: it is missing, or this user may not look into its folder",
        "tt2  ../out.webm: it is outside FILMER_MEDIA_DIR: move it there",
        "tt3  notes.txt: its name does not end as those of videos do, such as .webm, .mp4 or .m3u8",
        "tt4  https://other.example/a.mp4: https://other.example is not in FILMER_MEDIA_ORIGINS: add it there",
    ]
    assert "10 files of 6 videos can't be played." in checked.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_check_finds_what_may_not_be_read(rentals: RentalShop) -> None:
    (rentals.media / "films" / "feature.webm").chmod(0)
    assert "it can't be read: Permission denied" in video(rentals, "check").stdout


def test_a_film_with_a_video_outlives_an_import_without_it(rentals: RentalShop, film: Path, tmp_path: Path) -> None:
    """As every film in use does, with its title: what is rented next has one."""
    assert fetch(rentals.url, "SELECT count(*) FROM film_in_use WHERE film_id = %s", DARK_KNIGHT) == [(0,)]
    assert video(rentals, "add", DARK_KNIGHT, film).returncode == 0
    other = tmp_path / "other.csv"
    other.write_text("id,title\ntt7000001,Another\n")
    import_films(rentals.url, other)
    assert "already" in video(rentals, "add", DARK_KNIGHT, film).stderr
    rentals.buy(DARK_KNIGHT)
    assert rentals.stream(DARK_KNIGHT).status_code == 200
    import_films(rentals.url)


def test_the_doctor_looks_at_the_folder(rentals: RentalShop, engines: Engines, tmp_path: Path) -> None:
    def told(folder: str) -> str:
        result = filmer("doctor", DATABASE_URL=rentals.url, REDIS_URL=engines.redis_url, FILMER_MEDIA_DIR=folder)
        return "".join(line for line in result.stderr.splitlines() if "in FILMER_MEDIA_DIR" in line)

    assert told(str(rentals.media)) == f"ok   1 video in FILMER_MEDIA_DIR, which is {rentals.media}"
    assert told("") == "FAIL 1 video in FILMER_MEDIA_DIR, which is not set"
    assert told(str(tmp_path / "nowhere")).startswith("FAIL")
    fetch(rentals.url, "DELETE FROM video")
    assert told("") == ""
