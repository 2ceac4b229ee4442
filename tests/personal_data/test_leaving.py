"""Who deletes their account has no access from then on, and is gone after a week (contract §12.3)."""

import re
from datetime import timedelta

import httpx
import pytest
from tests.accounts.forms import error_beside, notice_of, send
from tests.commands import filmer
from tests.connections import fetch
from tests.personal_data.conftest import DELETE, Leaver
from tests.users import CARD, LOGIN, PASSWORD, open_account

from filmer.personal_data.queries import ERASED

SECOND = timedelta(seconds=1)


def undo_address(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    match = re.search(r'href="(/account/undo-deletion/[^"]+)"', response.text)
    assert match
    return match[1]


def account_of(leaver: Leaver) -> dict[str, object]:
    columns = ("email", "email_key", "first_name", "last_name", "role", "disabled", "leaving", "erased")
    (row,) = fetch(leaver.url, f"SELECT {', '.join(columns)} FROM account WHERE id = %s", leaver.person.id)
    return dict(zip(columns, row, strict=True))


def log_in(leaver: Leaver, password: str = PASSWORD) -> int:
    body = {"email": leaver.person.email, "password": password}
    return leaver.shop.sign_in().post(LOGIN, json=body).status_code


def test_access_ends_at_once(leaver: Leaver) -> None:
    elsewhere = leaver.shop.sign_in(leaver.person)
    response = leaver.delete()
    assert response.headers["cache-control"] == "no-store"
    undo_address(response)
    assert "Max-Age=0" in response.headers["set-cookie"], "as a visitor one has a cart, and pages from the cache"
    assert not leaver.is_signed_in()
    assert elsewhere.get("/api/v1/orders").status_code == 401
    bearer = {"authorization": f"Bearer {leaver.token}"}
    assert leaver.client.get(f"/api/users/{leaver.person.id}/favorites", headers=bearer).status_code == 401
    assert log_in(leaver) == 401


def test_the_password_is_asked_for(leaver: Leaver) -> None:
    page = leaver.client.get(DELETE)
    assert "for seven days you can undo it" in page.text.lower()
    refused = leaver.delete("not the password")
    assert refused.status_code == 401
    assert error_beside(refused, "password") == "This is not your password. Nothing was done."
    assert leaver.is_signed_in()


def test_guessing_the_password_is_slowed(leaver: Leaver) -> None:
    statuses = [leaver.delete("not the password").status_code for _ in range(12)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    refused = leaver.delete()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert leaver.is_signed_in()


def test_other_sites_can_not_delete(leaver: Leaver) -> None:
    response = leaver.client.post(
        DELETE, data={"password": PASSWORD}, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert leaver.is_signed_in()


def test_within_a_week_it_can_be_undone_once(leaver: Leaver) -> None:
    address = undo_address(leaver.delete())
    leaver.pass_week(less=SECOND)
    leaver.tidy()
    assert "Keep my account" in leaver.client.get(address).text
    assert log_in(leaver) == 401  # to look at the page undoes nothing
    response = send(leaver.client, address)
    assert response.headers["location"] == "/sign-in"
    assert log_in(leaver) == 200
    assert account_of(leaver)["leaving"] is None
    ended = {"session", "kept_sign_in", "new_password_link", "unconfirmed_address"}
    assert all(leaver.rows(table) for table in set(ERASED) - ended - {"checkout_key"})
    again = send(leaver.client, address)
    leaver.client.cookies.update(again.cookies)
    assert notice_of(leaver.client.get("/sign-in")).startswith("There is nothing to undo")


def test_after_a_week_it_can_not_be_undone(leaver: Leaver) -> None:
    address = undo_address(leaver.delete())
    leaver.pass_week()
    send(leaver.client, address)
    assert log_in(leaver) == 401
    leaver.tidy()
    assert account_of(leaver)["erased"]
    send(leaver.client, address)
    assert account_of(leaver)["disabled"]


@pytest.mark.parametrize("wrong", ["0.00", "x", "1", "1.", "99999999999.00", "é.é", "²." + "0" * 64])
def test_a_link_that_is_none_of_ours_undoes_nothing(leaver: Leaver, wrong: str) -> None:
    leaver.delete()
    assert send(leaver.client, f"/account/undo-deletion/{wrong}").headers["location"] == "/sign-in"
    forged = send(leaver.client, f"/account/undo-deletion/{leaver.person.id}.{'0' * 64}")
    assert forged.headers["location"] == "/sign-in"
    assert log_in(leaver) == 401


def test_the_link_of_an_earlier_deletion_is_not_good_for_a_later_one(leaver: Leaver) -> None:
    first = undo_address(leaver.delete())
    send(leaver.client, first)
    leaver.client.cookies.clear()
    leaver.client = leaver.shop.sign_in(leaver.person)
    leaver.clock.move(seconds=1)
    leaver.delete()
    send(leaver.client, first)
    assert log_in(leaver) == 401


def test_after_a_week_the_person_is_gone_and_the_sums_stay(leaver: Leaver) -> None:
    sums = fetch(leaver.url, "SELECT count(*), sum(total) FROM shop_order")
    leaver.delete()
    leaver.pass_week(less=SECOND)
    leaver.tidy()
    assert account_of(leaver)["email"] == leaver.person.email
    leaver.clock.move(seconds=2)
    leaver.tidy()
    gone = account_of(leaver)
    assert (gone["email"], gone["first_name"], gone["last_name"]) == ("deleted", "deleted", "deleted")
    assert {table: leaver.rows(table) for table in ERASED} == {table: [] for table in ERASED}
    assert fetch(leaver.url, "SELECT count(*), sum(total) FROM shop_order") == sums
    assert open_account(leaver.url, email=leaver.person.email).id != leaver.person.id  # the address is free again


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        ("UPDATE account SET role = 'admin' WHERE id = %s", "it is the only one of an owner"),
        (
            "UPDATE rental SET way = 'pick up', state = 'running', began = paid, ends_at = paid WHERE account_id = %s",
            "1 film must be brought back first",
        ),
        (
            "UPDATE rental SET state = 'unpaid', paid = NULL, start_by = NULL WHERE account_id = %s",
            "1 order must be paid or cancelled first",
        ),
        (
            """
            INSERT INTO cancellation SELECT id, NULL, '', placed, total, 'failed', placed FROM shop_order
            WHERE account_id = %s
            """,
            "1 refund must be paid out first",
        ),
    ],
)
def test_who_is_still_needed_or_owes_something_stays(leaver: Leaver, obstacle: str, reason: str) -> None:
    fetch(leaver.url, obstacle, leaver.person.id)
    response = leaver.delete()
    assert response.status_code == 409
    assert error_beside(response, "password") == f"The account can't be deleted: {reason}."
    assert leaver.is_signed_in()
    result = filmer("account", "delete", leaver.person.id, DATABASE_URL=leaver.url)
    assert (result.returncode, result.stderr) == (1, f"filmer: The account can't be deleted: {reason}.\n")
    # What comes up in the week, such as a film that is handed out, keeps the person until it is settled.
    fetch(leaver.url, "UPDATE account SET leaving = %s, disabled = true WHERE id = %s", leaver.clock.now(),
          leaver.person.id)  # fmt: skip
    leaver.pass_week()
    leaver.clock.move(seconds=1)
    leaver.tidy()
    assert account_of(leaver)["erased"] is None
    fetch(leaver.url, "UPDATE account SET role = 'customer' WHERE id = %s", leaver.person.id)


def test_the_command_deletes_and_opens_again(leaver: Leaver) -> None:
    result = filmer("account", "delete", leaver.person.id, DATABASE_URL=leaver.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"`filmer account enable {leaver.person.id}` undoes it" in result.stdout
    assert not leaver.is_signed_in()
    listed = filmer("account", "list", DATABASE_URL=leaver.url).stdout
    assert next(line for line in listed.splitlines() if leaver.person.email in line).endswith("(deleted)")
    assert filmer("account", "enable", leaver.person.id, DATABASE_URL=leaver.url).returncode == 0
    assert log_in(leaver) == 200
    leaver.pass_week()
    leaver.clock.move(seconds=1)
    leaver.tidy()
    assert account_of(leaver)["erased"] is None


def test_the_link_opens_nothing_that_was_disabled_since(leaver: Leaver) -> None:
    address = undo_address(leaver.delete())
    assert filmer("account", "disable", leaver.person.id, DATABASE_URL=leaver.url).returncode == 0
    assert send(leaver.client, address).headers["location"] == "/sign-in"
    assert log_in(leaver) == 401
    leaver.pass_week()
    leaver.tidy()
    assert account_of(leaver)["erased"]


def test_those_who_have_to_stay_keep_nobody_waiting(leaver: Leaver) -> None:
    stuck = """
        WITH stuck AS (
            INSERT INTO account (id, email, email_key, first_name, last_name, password, disabled, created, leaving)
            SELECT n, n || '@x.example', n || '@x.example', 'S', 'T', '$argon2id$', true, %s, %s
            FROM generate_series(-150, -1) n RETURNING id
        ), sold AS (
            INSERT INTO shop_order (id, account_id, placed, told, item_count, total, submission, payment)
            SELECT -id, id, now(), now(), 1, 0, '', '' FROM stuck RETURNING id
        )
        INSERT INTO cancellation SELECT id, NULL, '', now(), 0, 'failed', now() FROM sold
    """
    leaver.delete()
    leaver.pass_week()
    fetch(leaver.url, stuck, leaver.clock.now(), leaver.clock.now() - timedelta(days=8))
    for _ in range(14):  # each time 100 of 151 are looked at
        leaver.tidy()
    assert account_of(leaver)["erased"]
    fetch(leaver.url, "UPDATE account SET leaving = NULL WHERE id < 0")


def test_mails_to_every_address_they_had_go_too(leaver: Leaver) -> None:
    """Also those that name no account; but no mail of whoever has such an address by now."""
    first, second, third = leaver.person.email, f"second{leaver.person.id}@example.com", "third@example.com"
    for email in (second, third):
        assert filmer("account", "email", leaver.person.id, email, DATABASE_URL=leaver.url).returncode == 0
    heir = open_account(leaver.url, email=second)
    for recipient, account in ((first.upper(), None), (second, None), (third, None), (second, heir.id)):
        fetch(
            leaver.url,
            "INSERT INTO mail (kind, recipient, account_id, fields, state, created, due)"
            " VALUES ('no_account', %s, %s, '{}', 'not set up', now(), now())",
            recipient, account,
        )  # fmt: skip
    assert filmer("account", "delete", leaver.person.id, "--now", DATABASE_URL=leaver.url).returncode == 0
    recipients = [first, second, third]
    left = fetch(leaver.url, "SELECT account_id FROM mail WHERE lower(recipient) = ANY(%s)", recipients)
    assert left == [(heir.id,)]


def test_the_books_tell_nothing_of_whose_order_it_was(leaver: Leaver) -> None:
    admin = leaver.shop.sign_in(open_account(leaver.url, role="admin"))
    found, order = f"/admin/orders?query={CARD['creditCardId'][-4:]}", f'"/admin/orders/{leaver.order}"'
    assert order in admin.get(found).text
    assert filmer("account", "delete", leaver.person.id, "--now", DATABASE_URL=leaver.url).returncode == 0
    assert order not in admin.get(found).text
    for page in (admin.get("/admin/orders"), admin.get(f"/admin/orders/{leaver.order}")):
        assert "Somebody who has left" in page.text
        assert "deleted deleted" not in page.text
    fetch(leaver.url, "DELETE FROM account WHERE role = 'admin'")


def test_the_command_removes_at_once(leaver: Leaver) -> None:
    result = filmer("account", "delete", leaver.person.id, "--now", DATABASE_URL=leaver.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert account_of(leaver)["email"] == "deleted"
    assert filmer("account", "enable", leaver.person.id, DATABASE_URL=leaver.url).returncode == 1
    listed = filmer("account", "list", DATABASE_URL=leaver.url).stdout
    assert f" {leaver.person.id}  " not in listed
    admin = leaver.shop.sign_in(open_account(leaver.url, role="admin"))
    assert f"/admin/customers/{leaver.person.id}/" not in admin.get("/admin/customers").text
    fetch(leaver.url, "DELETE FROM account WHERE role = 'admin'")
    again = filmer("account", "delete", leaver.person.id, DATABASE_URL=leaver.url)
    assert (again.returncode, "There is no account" in again.stderr) == (1, True)
