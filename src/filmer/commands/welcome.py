"""What ``filmer serve`` says once it answers: where, and what to try."""

from filmer import __version__
from filmer.commands.terminal import err
from filmer.importing import queries
from filmer.plurals import counted
from filmer.settings import Settings
from filmer.store.engines import connect
from filmer.tmdb.sandbox.child import SandboxProcess


def say_ready(address: str, settings: Settings, sandbox: SandboxProcess | None) -> None:
    with connect(settings) as conn:
        films = queries.select_state(conn)["films"] or 0
    lines = ["", f"filmer {__version__} is ready at {address}  ({counted(films, 'film')})", ""]
    if films:
        lines += [
            f"  Look around  {address}/",
            f"  The APIs     {address}/docs",
            f"  Best films   curl '{address}/api/v1/movies?sortBy=rating&order=desc&size=5'",
            f"  Search       curl '{address}/api/v1/search/movies?query=nolan+batm'",
            f"  Popular now  curl {address}/api/movies/popular",
        ]
    else:
        lines.append("  The catalogue is empty: filmer import imdb PATH, filmer import csv FILE, filmer import demo")
    lines += _tmdb(settings, sandbox)
    if settings.demo:
        lines += _demo(address)
    print("\n".join([*lines, "  Stop         Ctrl-C", ""]), flush=True)
    if settings.demo:
        err.print(
            "  All of these are public knowledge: for trying things out on this machine alone.\n",
            style="yellow",
            soft_wrap=True,
        )


def _tmdb(settings: Settings, sandbox: SandboxProcess | None) -> list[str]:
    if sandbox:
        return [
            f"  TMDB         a sandbox at {sandbox.address}, as no TMDB credential is set: popular films come",
            f"               from it. `kill {sandbox.process.pid}` ends it, and the shop goes on without",
        ]
    if settings.tmdb_access_token or settings.tmdb_api_key:
        return []
    return [
        "  TMDB         no credential is set (TMDB_ACCESS_TOKEN or TMDB_API_KEY): popular films and new",
        "               favourites and ratings answer 503, everything else works",
    ]


def _demo(address: str) -> list[str]:
    """Who can sign in, and with what (contract §8)."""
    from filmer.demo import CARDS, PASSWORD, USERS  # which the main process of other servers does without

    somebody = USERS[1]
    credentials = f"""'{{"email":"{somebody.email}","password":"{PASSWORD}"}}'"""
    bearer = f"authorization: Bearer {somebody.token}"
    lines = [
        f"  Sign in      curl -c jar {address}/api/v1/auth/login -H 'content-type: application/json' -d {credentials}",
        f"  Cart         curl -b jar {address}/api/v1/cart",
        f"  Favourites   curl -H '{bearer}' {address}/api/users/{somebody.account_id}/favorites",
        "",
        f"  The demo's people, all with the password {PASSWORD}, their tokens and their cards:",
        "",
    ]
    for one in USERS:
        name = f"{one.first_name} {one.last_name}"
        lines.append(f"    {one.account_id}  {one.role:<8}  {one.email:<18}  {name:<10}  {one.token or ''}".rstrip())
    lines.append("")
    lines += [f"    {one.number}  {one.expiration}  {one.first_name} {one.last_name} (account {one.account_id})"
              for one in CARDS]  # fmt: skip
    return [*lines, ""]
