"""``filmer video``: the files that are played of films."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

from cyclopts import App, Parameter

from filmer.audit.log import command_line
from filmer.clock import SystemClock
from filmer.commands.options import DataDir
from filmer.commands.terminal import database, shown
from filmer.errors import CommandFailed, Conflict, NotFound
from filmer.plurals import counted
from filmer.rentals import video_queries as queries
from filmer.rentals.media_files import MediaFiles, UnusableFile
from filmer.rentals.schemas import Video, VideoKind
from filmer.rentals.video_changes import add_video, objection, remove_video
from filmer.rentals.videos import LANGUAGE, is_address
from filmer.settings import Settings, parse_origins
from filmer.store.engines import in_transaction
from filmer.store.postgres import Connection

video_app = App(name="video", help="The videos of films. Their files stay where they are, below FILMER_MEDIA_DIR.")


@video_app.command
def add(
    film: Annotated[str, Parameter(help="The film's id.")],
    file: Annotated[str, Parameter(help="A file below FILMER_MEDIA_DIR, or an address in FILMER_MEDIA_ORIGINS.")],
    *,
    kind: Annotated[VideoKind, Parameter(help="The film itself, or a trailer, which everybody may see.")] = "feature",
    subtitles: Annotated[
        list[str] | None, Parameter(help="Language and WebVTT file: de=FILE.vtt. May be given several times.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Add a video to a film. With a feature, the film is watched; without one, it is picked up."""

    async def work(conn: Connection, settings: Settings) -> Video:
        texts = dict(map(_language_and_file, subtitles or []))
        location, *places = [_usable(settings, place) for place in (file, *texts.values())]
        return await add_video(
            conn, film, kind, location, dict(zip(texts, places, strict=True)), command_line(), now=SystemClock().now()
        )

    print(_line(_changed(data_dir, work)))


@video_app.command(name="list")
def list_videos(
    film: Annotated[str | None, Parameter(help="The film's id. Default: all films.")] = None,
    *,
    data_dir: DataDir = None,
) -> None:
    """List videos: number, film, kind, place and the languages of subtitles."""
    for video in _stored(data_dir)[1]:
        if film in {None, video.film_id}:
            print(_line(video))


@video_app.command
def remove(
    number: Annotated[int, Parameter(help="The video's number, as `filmer video list` shows it.")],
    *,
    data_dir: DataDir = None,
) -> None:
    """Remove a video from its film. The file stays; the last feature can't be removed while rentals need it."""
    video = _changed(data_dir, lambda conn, _: remove_video(conn, number, command_line(), now=SystemClock().now()))
    print(f"removed  {_line(video)}")


@video_app.command
def check(*, data_dir: DataDir = None) -> None:
    """Check whether everything can be played: files that are missing, unreadable, outside, or of an unknown type."""
    settings, videos = _stored(data_dir)
    files, wrong = MediaFiles(settings.media_dir), 0
    for video in videos:
        for location in (video.location, *video.subtitles.values()):
            if reason := objection(files, parse_origins(settings.media_origins), location):
                wrong += 1
                print(f"{video.id}  {video.film_id}  {shown(location)}: {reason}")
    if wrong:
        raise CommandFailed(f"{counted(wrong, 'file')} of {counted(len(videos), 'video')} can't be played.")
    print(f"{counted(len(videos), 'video')}, nothing is wrong")


def _stored(data_dir: str | None) -> tuple[Settings, list[Video]]:
    with database(data_dir) as settings:
        return settings, asyncio.run(in_transaction(settings, lambda conn, _: queries.select_all_videos(conn)))


def _changed(data_dir: str | None, work: Callable[[Connection, Settings], Awaitable[Video]]) -> Video:
    with database(data_dir) as settings:
        try:
            return asyncio.run(in_transaction(settings, work))
        except (CommandFailed, NotFound, Conflict) as error:
            raise CommandFailed(f"{error}. Nothing was changed.") from None


def _usable(settings: Settings, file: str) -> str:
    """The location of a file or address that the owner named. Raises CommandFailed."""
    files = MediaFiles(settings.media_dir)
    try:
        location = file if is_address(file) else files.location_of(file)
        reason = objection(files, parse_origins(settings.media_origins), location)
    except UnusableFile as error:
        reason = str(error)
    if reason:
        raise CommandFailed(f"{shown(file)}: {reason}")
    return location


def _language_and_file(entry: str) -> tuple[str, str]:
    language, _, file = entry.partition("=")
    if not (LANGUAGE.fullmatch(language) and file.endswith(".vtt")) or is_address(file):
        raise CommandFailed(f"--subtitles {shown(entry)}: expected a language and its WebVTT file: de=FILE.vtt")
    return language, file


def _line(video: Video) -> str:
    languages = f"  [{', '.join(video.subtitles)}]" if video.subtitles else ""
    return f"{video.id:>4}  {video.film_id:<10}  {video.kind:<7}  {shown(video.location)}{languages}"
