"""Films are brought along in the browser, with scripts or without: sent, looked for, chosen of several, taken away."""

import json

from playwright.sync_api import expect
from tests.browser.conftest import Visit
from tests.browser.page_actions import Options, come_in, expect_notice, with_and_without_scripts
from tests.browser.page_kinds import bring_films
from tests.browser.storefront import Storefront
from tests.browser.test_shelves import kept


@with_and_without_scripts
def test_films_are_brought_chosen_and_taken_away(options: Options, visit: Visit, storefront: Storefront) -> None:
    page = visit(**options)
    come_in(page, storefront)
    page.goto("/favorites")
    page.get_by_role("main").get_by_role("link", name="Bring and take your films").click()
    bring_films(page)
    expect(page.get_by_text("a rating of 9, which is not one from 0 to 5 in halves")).to_be_visible()
    page.get_by_role("button", name="Batman (1989)").click()
    expect_notice(page, "It is on your shelf.")
    page.goto("/ratings")
    assert sorted(kept(page)) == ["Batman", "Inception"]
    page.goto("/shelves/import")
    with page.expect_download() as download:
        page.get_by_role("link", name="Everything (JSON)").click()
    films = json.loads(download.value.path().read_bytes())["films"]
    assert sorted((film["title"], film["rating"]) for film in films) == [("Batman", 5), ("Inception", 4)]
