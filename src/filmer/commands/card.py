"""``filmer card``: the cards on file, which checkouts are paid with."""

from typing import Annotated

from cyclopts import App, Parameter

from filmer.accounts.schemas import read_name
from filmer.audit.log import Personal, command_line, record
from filmer.commands.options import DataDir
from filmer.commands.terminal import ask_secret, in_database
from filmer.errors import CommandFailed
from filmer.plurals import counted
from filmer.secret import SecretKey
from filmer.settings import Settings
from filmer.shop import card_queries as queries
from filmer.shop.cards import CardRefused, digest_of, digits_of, put_on_file
from filmer.shop.schemas import read_month
from filmer.store.postgres import Connection

card_app = App(
    name="card",
    help="Add, list and remove cards on file. A checkout is paid for with one of them: filmer is no payment network, "
    "no money moves, and nothing here has been assessed for PCI DSS.",
)


@card_app.command
def add(
    *,
    first_name: str,
    last_name: str,
    expiration: Annotated[str, Parameter(help="The last month in which the card is valid, YYYY-MM.")],
    account: Annotated[int | None, Parameter(help="Id of the account that may pay with it. Default: any.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Put a card on file. You are asked for its number, or it is read from standard input; only a digest is stored."""
    try:
        first, last, month = read_name(first_name), read_name(last_name), read_month(expiration)
    except ValueError as error:
        raise CommandFailed(f"The names and month of the card: {error}.") from None
    number = ask_secret("Card number", twice=False)

    async def work(conn: Connection, settings: Settings) -> bool:
        is_new = await put_on_file(
            conn,
            SecretKey(settings),
            number,
            first_name=first,
            last_name=last,
            expiration=month,
            account_id=account,
        )
        if is_new:
            told = {"last_four": digits_of(number)[-4:], "first_name": first, "last_name": last, "expiration": month}
            await _record(conn, "card.add", account, told)
        return is_new

    try:
        is_new = in_database(data_dir, work, keyed=True)
    except CardRefused as error:
        raise CommandFailed(f"{error}.") from None
    if not is_new:
        raise CommandFailed("This card is on file already. To change it, first remove it: `filmer card remove`.")
    print(f"the card of {first} {last}, good through {month}, is on file")


@card_app.command(name="list")
def list_cards(*, data_dir: DataDir = None) -> None:
    """List the cards on file by their last four digits."""

    async def work(conn: Connection, _: Settings) -> list[queries.StoredCard]:
        return await queries.select_cards(conn)

    cards = in_database(data_dir, work)
    if not cards:
        print("No card is on file. Add one: filmer card add --first-name … --last-name … --expiration YYYY-MM")
    for card in cards:
        owner = "any account" if card.account_id is None else f"account {card.account_id}"
        demo = "  (demo)" if card.demo else ""
        print(f"…{card.last_four}  {card.expiration}  {owner:<16}  {card.first_name} {card.last_name}{demo}")


@card_app.command
def remove(
    *,
    every: Annotated[
        bool, Parameter(name="--all", negative="", help="Remove all cards, as is needed if the secret key is lost.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Remove a card. You are asked for its number, or it is read from standard input. Orders paid with it stay."""
    if every:
        removed = in_database(data_dir, _remove_all)
        print(f"{counted(removed, 'card')} {'was' if removed == 1 else 'were'} removed")
        return
    number = ask_secret("Card number", twice=False)

    async def work(conn: Connection, settings: Settings) -> bool:
        removed = await queries.delete_card(conn, digest_of(SecretKey(settings), number))
        for card in removed:
            await _record(conn, "card.remove", card.account_id, {"last_four": card.last_four})
        return bool(removed)

    if not in_database(data_dir, work, keyed=True):
        raise CommandFailed("No card with this number is on file: `filmer card list` shows the cards' last digits.")
    print("the card was removed")


async def _remove_all(conn: Connection, _: Settings) -> int:
    removed = await queries.delete_cards(conn)
    if removed:
        await record(conn, command_line(), "card.remove_all", ("card", "all"), before={"cards": removed})
    return removed


async def _record(conn: Connection, action: str, account_id: int | None, card: dict[str, str]) -> None:
    """Names and digits go with the account; of a card that belongs to none, they are not kept at all."""
    subject = ("card", "of any account") if account_id is None else ("account", account_id)
    personal = Personal(account_id, after=card) if account_id is not None else None
    await record(conn, command_line(), action, subject, personal=personal)
