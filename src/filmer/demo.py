"""The demo's users, tokens and cards (contract §8). Everybody may know them; they work under ``serve --demo`` only."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from filmer.accounts import queries as accounts
from filmer.accounts.passwords import Passwords
from filmer.accounts.schemas import Role
from filmer.accounts.tokens import allow_public
from filmer.audit.log import command_line
from filmer.clock import SystemClock
from filmer.errors import NotFound
from filmer.rentals import video_queries
from filmer.rentals.media_files import DEMO
from filmer.rentals.schemas import VideoKind
from filmer.rentals.video_changes import add_video
from filmer.secret import SecretKey
from filmer.settings import Settings, SettingsError
from filmer.shop.cards import put_on_file
from filmer.store.engines import in_transaction
from filmer.store.postgres import Connection

PASSWORD = "filmer-demo"  # noqa: S105 - public, as contract §8 prints it


class DemoUser(NamedTuple):
    account_id: int
    role: Role
    email: str
    first_name: str
    last_name: str
    token: str | None


class DemoCard(NamedTuple):
    number: str
    first_name: str
    last_name: str
    expiration: str
    account_id: int


USERS = (
    DemoUser(1, "admin", "admin@example.com", "Ada", "Admin", "abcdef1234567890"),
    DemoUser(2, "customer", "user@example.com", "John", "Doe", "1234567890"),
    DemoUser(3, "customer", "jane@example.com", "Jane", "Smith", None),
)
CARDS = (
    DemoCard("4111111111111111", "John", "Doe", "2030-12", 2),
    DemoCard("5555555555554444", "Jane", "Smith", "2031-06", 3),
    DemoCard("4000000000000069", "John", "Doe", "2020-01", 2),
)


def card_hint(month: str) -> str:
    """A sentence for the checkout page: which cards are valid in a month (YYYY-MM), and whose they are."""
    valid = [
        f"{card.first_name} {card.last_name} with {_grouped(card.number)}, good through {card.expiration}"
        for card in CARDS
        if card.expiration >= month
    ]
    return f"In this demo pay: {'; '.join(valid)}." if valid else "The demo's cards are over."


def _grouped(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def open_demo(settings: Settings) -> None:
    """Creates the demo's accounts and cards if there are no accounts, and those of its tokens that are missing.

    Raises SettingsError if there are other accounts: they do not belong in a shop whose admin's password is public.
    """
    asyncio.run(in_transaction(settings, _open))


async def _open(conn: Connection, settings: Settings) -> None:
    rows = await accounts.select_accounts(conn)
    is_demo = {user.account_id for user in USERS} <= {row.user.id for row in rows} and any(row.demo for row in rows)
    if rows and not is_demo:
        raise SettingsError(
            "This database has accounts of its own, and everybody may know the demo's passwords. Serve it without "
            "--demo, or give the demo another --data-dir (or DATABASE_URL)."
        )
    if not rows:
        await _insert_users(conn, settings)
    # At each start, as the demos of earlier versions had users, but no tokens.
    for user in USERS:
        if user.token:
            await allow_public(conn, user.token, user.account_id, name="demo", now=SystemClock().now())


async def _insert_users(conn: Connection, settings: Settings) -> None:
    passwords = Passwords(threads=1)
    for user in USERS:
        await accounts.insert_account(
            conn,
            account_id=user.account_id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            role=user.role,
            password=await passwords.hash(PASSWORD),
            now=SystemClock().now(),
            demo=True,
        )
    await accounts.skip_ids(conn)
    secret = SecretKey(settings)
    for card in CARDS:
        await put_on_file(
            conn,
            secret,
            card.number,
            first_name=card.first_name,
            last_name=card.last_name,
            expiration=card.expiration,
            account_id=card.account_id,
            demo=True,
        )


class DemoVideo(NamedTuple):
    film_id: str
    kind: VideoKind
    file: str
    languages: tuple[str, ...] = ()


VIDEOS = (
    DemoVideo("tt0111161", "feature", "shawshank.webm"),
    DemoVideo("tt0017136", "feature", "metropolis.webm", ("en", "de")),
    DemoVideo("tt0133093", "feature", "matrix.webm"),
    DemoVideo("tt1375666", "feature", "inception.webm"),
    DemoVideo("tt0245429", "feature", "spirited-away.webm"),
    DemoVideo("tt1375666", "trailer", "inception-trailer.webm"),
)


def add_demo_videos(settings: Settings) -> None:
    """Gives some films of the demo their short films, in a shop that never had a video: what was removed stays so."""
    asyncio.run(in_transaction(settings, _add_videos))


async def _add_videos(conn: Connection, _: Settings) -> None:
    if await video_queries.select_had_videos(conn):
        return
    for video in VIDEOS:
        subtitles = {language: f"{DEMO}{video.file.removesuffix('webm')}{language}.vtt" for language in video.languages}
        with suppress(NotFound):  # the catalogue is another one
            await add_video(
                conn,
                video.film_id,
                video.kind,
                f"{DEMO}{video.file}",
                subtitles,
                command_line(),
                now=SystemClock().now(),
            )
