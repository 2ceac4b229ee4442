"""Links are keyed digests of a row's id: nobody makes one without the key (contract §12.1)."""

import pytest
from tests.conftest import SECRET_KEY

from filmer.mail.links import Links
from filmer.secret import SecretKey
from filmer.settings import Settings

LINKS = Links(SecretKey(Settings(secret_key=SECRET_KEY)))


def test_a_token_names_its_row_for_its_purpose_alone() -> None:
    token = LINKS.token("new password", 12)
    assert LINKS.read("new password", token) == 12
    assert LINKS.read("confirm address", token) is None
    assert LINKS.token("new password", 12) == token
    assert Links(SecretKey(Settings(secret_key="x" * 32))).read("new password", token) is None


@pytest.mark.parametrize(
    "token",
    ["", ".", "12", "12.", "-1.x", "٣.x", "1" * 5000, "1" * 18 + ".x", "\0", "12.\udcff", "é.é", "a.b.c"],
)
def test_what_is_no_token_of_ours_is_none(token: str) -> None:
    assert LINKS.read("new password", token) is None


def test_each_character_counts() -> None:
    token = LINKS.token("new password", 12)
    for place in range(len(token)):
        other = "0" if token[place] != "0" else "1"
        assert LINKS.read("new password", token[:place] + other + token[place + 1 :]) is None
    for longer in (f"0{token}", f"{token}=", f"{token} ", token + "a", token.replace(".", "..")):
        assert LINKS.read("new password", longer) is None
