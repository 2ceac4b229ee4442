"""What ``filmer serve`` prints once it is ready: its address, and what to try."""

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
        lines += [
            f"  The catalogue is empty. Fill it in the office, at {address}/admin/import, or with",
            "  filmer import csv FILE, filmer import imdb PATH, filmer import demo",
        ]
    how = "sign in as admin@example.com" if settings.demo else "filmer account create --role admin makes one"
    lines.append(f"  The office   {address}/admin, for owners: {how}")
    lines += _tmdb(settings, sandbox)
    if settings.demo:
        lines += _demo(address)
    print("\n".join([*lines, "  Stop         Ctrl-C", ""]), flush=True)
    if settings.demo:
        err.print(
            "  These passwords, tokens and cards are the same in every demo, so everybody may know them. Use the demo "
            "on this machine only.\n",
            style="yellow",
            soft_wrap=True,
        )


def _tmdb(settings: Settings, sandbox: SandboxProcess | None) -> list[str]:
    if sandbox:
        return [
            f"  TMDB         a sandbox at {sandbox.address}, as no TMDB credential is set: popular films come",
            f"               from it. `kill {sandbox.process.pid}` ends it, and the shop goes on without it",
        ]
    if settings.tmdb_access_token or settings.tmdb_api_key:
        return []
    return [
        "  TMDB         no credential is set (TMDB_ACCESS_TOKEN or TMDB_API_KEY): popular films and new",
        "               favourites and ratings answer 503, everything else works",
    ]


def _demo(address: str) -> list[str]:
    """The users of the demo, and what they sign in and pay with (contract §8)."""
    from filmer.demo import CARDS, PASSWORD, USERS  # imported here, as other servers do without it

    customer = USERS[1]
    credentials = f"""'{{"email":"{customer.email}","password":"{PASSWORD}"}}'"""
    bearer = f"authorization: Bearer {customer.token}"
    lines = [
        f"  Sign in      curl -c jar {address}/api/v1/auth/login -H 'content-type: application/json' -d {credentials}",
        f"  Cart         curl -b jar {address}/api/v1/cart",
        f"  Favourites   curl -H '{bearer}' {address}/api/users/{customer.account_id}/favorites",
        "",
        f"  The demo's users, who all have the password {PASSWORD}, with their tokens and their cards:",
        "",
    ]
    for user in USERS:
        name, token = f"{user.first_name} {user.last_name}", user.token or ""
        lines.append(f"    {user.account_id}  {user.role:<8}  {user.email:<18}  {name:<10}  {token}".rstrip())
    lines.append("")
    lines += [f"    {card.number}  {card.expiration}  {card.first_name} {card.last_name} (account {card.account_id})"
              for card in CARDS]  # fmt: skip
    return [*lines, ""]
