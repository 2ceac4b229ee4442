"""Promise 8, of mail: no link is at rest or in a log; the mail server's password is in the environment alone."""

import re
from contextlib import closing
from urllib.parse import quote

import pytest
from tests.accounts.forms import send
from tests.conftest import MakeDatabase, Serve
from tests.figures import record_figure
from tests.mail.conftest import FROM, PUBLIC
from tests.mail.mail_server import PASSWORD, USER, MailServer
from tests.server_processes import eventually
from tests.shop.test_no_secrets import METRICS_TOKEN, command, everywhere, hits
from tests.users import PASSWORD as ACCOUNT_PASSWORD
from tests.users import open_account, signed_in, visitor

from filmer.store.embedded import Engines

pytestmark = [pytest.mark.proof, pytest.mark.parallel]


def test_no_link_and_no_password_is_left_anywhere(engines: Engines, make_database: MakeDatabase, serve: Serve) -> None:
    database, mails = make_database(films=True), MailServer(needs_login=True)
    smtp = f"smtp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{mails.port}"
    try:
        server = serve(
            database, FILMER_LOG_LEVEL="debug", FILMER_ACCESS_LOG="true", FILMER_METRICS_TOKEN=METRICS_TOKEN,
            FILMER_SMTP_URL=smtp, FILMER_MAIL_FROM=FROM, FILMER_PUBLIC_URL=PUBLIC,
        )  # fmt: skip
        mails.fail("DATA 421")  # which is logged
        person = open_account(database)
        with closing(signed_in(server.client, person)) as leaver:
            page = send(leaver, "/account/delete", password=ACCOUNT_PASSWORD)
            assert page.status_code == 200, page.text
        assert eventually(lambda: mails.delivered, 60)
        token = re.findall(r"/account/undo-deletion/([\w.-]+)", mails.delivered[0].text)[0]
        assert token in page.text
        with visitor(server.client) as browser:
            assert browser.get(f"/account/undo-deletion/{token}").status_code == 200
            assert browser.post(f"/account/undo-deletion/{token}x").status_code == 303
        printed = command(database, "mail", "list") + command(database, "mail", "retry")
    finally:
        mails.stop()
    places = {**everywhere(server, database, engines), "the commands": printed}
    assert b"/account/undo-deletion/" in places["the server's output"]
    assert b"mail not delivered" in places["the server's output"]
    assert b"account_deleted" in places["table mail"]
    secrets = {"token of the link": token, "its digest token": token.partition(".")[2]}
    assert not hits(secrets, places)
    keyless = {place: text for place, text in places.items() if not place.startswith("environ")}
    assert not hits({"the mail server's password": PASSWORD, "the same in its URL": quote(PASSWORD, safe="")}, keyless)
    record_figure(f"mail: a link and a password, {len(places)} places: 0 hits")
