"""The command ``filmer card``, as an administrator uses it (contract §6.3)."""

from collections.abc import Callable

import pytest
from tests.commands import CommandResult, filmer
from tests.conftest import SECRET_KEY, Serve
from tests.connections import fetch
from tests.responses import data_of
from tests.shop.conftest import StartShop, pay, put_in_cart, refused
from tests.users import CARD, open_account, put_card, signed_in

NUMBER = "4539578763621486"
MARY = ("--first-name", "Mary", "--last-name", "Major", "--expiration", "2030-12")
Card = Callable[..., CommandResult]


@pytest.fixture
def card(database_url: str) -> Card:
    """``filmer card …`` with something on standard input."""

    def run(*arguments: str, typed: str = "", secret_key: str = SECRET_KEY) -> CommandResult:
        assert NUMBER not in arguments
        result = filmer("card", *arguments, typed=typed, DATABASE_URL=database_url, FILMER_SECRET_KEY=secret_key)
        assert "Traceback" not in result.stderr
        for text in (result.stdout, result.stderr):
            assert NUMBER not in text.replace(" ", "").replace("-", "")
        return result

    return run


def fine(result: CommandResult) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def failed(result: CommandResult) -> str:
    """What it says on standard error, when it could not be done."""
    assert result.returncode != 0
    assert result.stdout == ""
    return result.stderr


def test_a_card_put_on_file_pays(card: Card, database_url: str, start_shop: StartShop) -> None:
    fine(card("add", *MARY, typed="4539 5787-6362 1486\n"))
    client = start_shop().sign_in()
    put_in_cart(client)
    refused(pay(client, creditCardId="4539578763621487"))
    assert data_of(pay(client, creditCardId=NUMBER))
    put_in_cart(client)
    fine(card("remove", typed=f"{NUMBER}\r\n"))
    refused(pay(client, creditCardId=NUMBER))
    assert fetch(database_url, "SELECT count(*) FROM shop_order") == [(1,)]


def test_what_is_kept_tells_no_number(card: Card, database_url: str) -> None:
    fine(card("add", *MARY, typed=NUMBER))
    stored = fetch(database_url, "SELECT c::text, encode(digest, 'escape') FROM card c")
    assert len(stored) == 1
    assert NUMBER not in str(stored)
    assert NUMBER[:-4] not in str(stored)
    assert fetch(database_url, "SELECT last_four, account_id FROM card") == [("1486", None)]


def test_the_list_tells_the_last_four_and_whose_it_is(card: Card, database_url: str) -> None:
    assert "No card is on file" in fine(card("list"))
    person = open_account(database_url)
    output = fine(card("add", *MARY, "--account", str(person.id), typed=NUMBER))
    assert output == "the card of Mary Major, good through 2030-12, is on file\n"
    fine(card("add", "--first-name", " Zoë ", "--last-name", "Ørsted", "--expiration", "2027-01",
              typed="4000000000000002"))  # fmt: skip
    lines = fine(card("list")).splitlines()
    assert [line.split() for line in lines] == [
        ["…0002", "2027-01", "any", "account", "Zoë", "Ørsted"],
        ["…1486", "2030-12", "account", str(person.id), "Mary", "Major"],
    ]


def test_a_card_on_file_already_is_told(card: Card) -> None:
    fine(card("add", *MARY, typed=NUMBER))
    assert "on file already" in failed(card("add", *MARY, typed="4539-5787-6362-1486"))
    assert len(fine(card("list")).splitlines()) == 1


@pytest.mark.parametrize(
    "typed",
    ["", "\n", "45395787636", "45395787636214861234", "4539578763621486x", "４５３９５７８７６３６２", "card"],  # noqa: RUF001
)
def test_what_is_no_number_is_told(card: Card, typed: str) -> None:
    assert "A card number has 12 to 19 digits." in failed(card("add", *MARY, typed=typed))
    assert "No card is on file" in fine(card("list"))


@pytest.mark.parametrize("account", ["12345", "0", "-1", str(2**31), str(10**30)])
def test_an_account_that_does_not_exist_is_told(card: Card, account: str) -> None:
    assert "account" in failed(card("add", *MARY, f"--account={account}", typed=NUMBER))
    assert "No card is on file" in fine(card("list"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--expiration", "2030-13"),
        ("--expiration", "12/30"),
        ("--first-name", " "),
        ("--last-name", "M" * 101),
        ("--first-name", "Ma\nry"),
    ],
)
def test_wrong_names_and_months_are_told(card: Card, option: str, value: str) -> None:
    options = list(MARY)
    options[options.index(option) + 1] = value
    assert "names and month" in failed(card("add", *options, typed=NUMBER))
    assert "No card is on file" in fine(card("list"))


@pytest.mark.parametrize("typed", ["", "4000000000000002", "card"])
def test_a_card_that_is_not_there_can_not_be_removed(card: Card, typed: str) -> None:
    fine(card("add", *MARY, typed=NUMBER))
    assert "No card with this number" in failed(card("remove", typed=typed))
    assert len(fine(card("list")).splitlines()) == 1


def test_another_secret_key_needs_the_cards_out_first(card: Card, database_url: str, serve: Serve) -> None:
    another = "another secret key that is long enough, too"
    put_card(database_url)
    fine(card("add", *MARY, typed=NUMBER))
    for arguments in (("add", *MARY), ("remove",)):
        output = failed(card(*arguments, typed=NUMBER, secret_key=another))
        assert "another secret key" in output
        assert "filmer card remove --all" in output
        assert another not in output
        assert SECRET_KEY not in output
    assert len(fine(card("list", secret_key=another)).splitlines()) == 2  # to look takes no key
    assert fine(card("remove", "--all", secret_key=another)) == "2 cards were removed\n"
    fine(card("add", *MARY, typed=NUMBER, secret_key=another))
    server = serve(database_url, FILMER_SECRET_KEY=another)
    client = signed_in(server.client, open_account(database_url))
    put_in_cart(client)
    assert data_of(pay(client, card=CARD | {"creditCardId": NUMBER}))
    client.close()
    assert NUMBER not in server.output()
    server.stop()
    assert "another secret key" in failed(card("remove", typed=NUMBER))


def test_remove_all_of_nothing(card: Card) -> None:
    assert fine(card("remove", "--all")) == "0 cards were removed\n"


@pytest.mark.parametrize("arguments", [("add", *MARY, NUMBER[:4]), ("add", *MARY, "--number", "x"), ("remove", "x")])
def test_a_number_is_never_an_argument(card: Card, arguments: tuple[str, ...]) -> None:
    """Arguments are for everybody to see who lists processes."""
    assert card(*arguments, typed=NUMBER).returncode != 0
    assert "No card is on file" in fine(card("list"))
