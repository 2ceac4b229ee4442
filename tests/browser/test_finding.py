"""Finding films and people: as one types, by filters, page by page, along genres and careers."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.accessibility import axe
from tests.browser.conftest import Visit
from tests.browser.page_actions import suggested

pytestmark = [pytest.mark.proof, pytest.mark.parallel]

PER_PAGE = 24


def box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search titles and people")


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def titles(page: Page) -> list[str]:
    """Of the grid of films."""
    return page.locator("main .film-title").all_inner_texts()


def test_a_film_is_chosen_with_the_keyboard(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    expect(box(page)).to_have_attribute("aria-expanded", "false")
    suggestions = suggested(page, "batm")
    assert 1 <= suggestions.count() <= 10
    expect(box(page)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_have_attribute("aria-selected", "true")
    assert box(page).get_attribute("aria-activedescendant") == suggestions.first.get_attribute("id")
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_have_attribute("aria-selected", "false")
    page.keyboard.press("ArrowUp")
    expect(suggestions.first).to_contain_text("Batman Begins")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("Batman Begins")


def test_the_arrows_go_round(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    suggestions = suggested(page, "the")
    assert suggestions.count() == 10
    page.keyboard.press("ArrowUp")
    expect(suggestions.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")  # to the box
    expect(box(page)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.press("ArrowDown")
    expect(suggestions.first).to_have_attribute("aria-selected", "true")
    expect(box(page)).to_have_value("the")


def test_escape_closes_the_suggestions_and_leaves_the_text(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    suggested(page, "batm")
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(box(page)).to_have_attribute("aria-expanded", "false")
    expect(box(page)).to_have_value("batm")
    expect(box(page)).to_be_focused()


def test_enter_searches_when_nothing_was_chosen(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    suggested(page, "batm")
    page.keyboard.press("Enter")
    expect(heading(page)).to_have_text("“batm”")
    assert page.url.endswith("/search?query=batm")
    expect(box(page)).to_have_value("batm")
    assert "Batman Begins" in titles(page)


def test_a_person_is_chosen_with_the_mouse(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    person = suggested(page, "tim rob").filter(has_text="Tim Robbins")
    expect(person).to_contain_text("person")
    person.click()
    expect(heading(page)).to_have_text("Tim Robbins")


def test_what_is_behind_the_suggestions_closes_them(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    suggested(page, "batm")
    page.get_by_role("contentinfo").click()
    expect(options(page)).to_have_count(0)


def test_finding_nothing_leads_on(visit: Visit) -> None:
    page = visit()
    page.goto("/search?query=qqqq")
    expect(page.get_by_role("heading", name="No film found")).to_be_visible()
    expect(page.get_by_text("Is everything spelt as it should be?")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Drama")).click()
    expect(heading(page)).to_have_text("Drama")


def test_filters_stay_in_address_and_form(visit: Visit) -> None:
    page = visit()
    page.goto("/search?query=the")
    page.get_by_text("More filters").click()
    page.get_by_label("Director", exact=True).fill("nolan")
    page.get_by_label("From year").fill("2005")
    page.get_by_label("Genre", exact=True).select_option(label="Drama")
    page.get_by_label("Sort by").select_option(label="Oldest first")
    page.get_by_role("button", name="Show films").click()
    expect(page.get_by_role("main")).to_contain_text("“nolan”")
    for part in ("query=the", "director=nolan", "yearFrom=2005", "genreId=", "sort=year"):
        assert part in page.url
    assert titles(page) == ["The Prestige", "The Dark Knight", "The Dark Knight Rises"]
    expect(page.get_by_label("Director", exact=True)).to_have_value("nolan")
    expect(page.get_by_label("From year")).to_have_value("2005")
    expect(page.get_by_label("Genre", exact=True).locator("option:checked")).to_have_text("Drama")
    expect(page.get_by_label("Sort by").locator("option:checked")).to_have_text("Oldest first")
    page.reload()
    assert titles(page) == ["The Prestige", "The Dark Knight", "The Dark Knight Rises"]


def test_slash_leads_into_the_search_box_but_not_from_a_field(visit: Visit) -> None:
    page = visit()
    page.goto("/search?query=batman")
    page.get_by_role("link", name="Films", exact=True).first.focus()
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.type("ro/")
    expect(box(page)).to_have_value("ro/")  # what was there was selected; here it is a character as any other
    page.keyboard.press("Escape")
    page.get_by_text("More filters").click()
    director = page.get_by_label("Director", exact=True)
    director.fill("a")
    page.keyboard.press("/")
    expect(director).to_have_value("a/")
    page.get_by_label("Sort by").focus()
    page.keyboard.press("/")
    expect(page.get_by_label("Sort by")).to_be_focused()


def test_suggestions_show_posters_and_reasons(visit: Visit) -> None:
    page = visit()
    found = {"kind": "movie", "id": "tt0372784", "text": "\U0001f987 Batman", "year": 2005}
    items = [
        {**found, "reason": "with Michael Caine", "matches": [[2, 5]]},
        {**found, "id": "tt0468569", "reason": None, "matches": []},
    ]
    page.route("**/search/suggestions?*", lambda route: route.fulfill(json={"success": True, "data": {"items": items}}))
    page.goto("/genres")
    first = suggested(page, "bat").first
    expect(first.locator("mark")).to_have_text("Bat")
    expect(first).to_contain_text("with Michael Caine")
    expect(first.locator("img")).to_have_attribute("src", "/posters/tt0372784")
    assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    expect(options(page).nth(1).locator("mark")).to_have_count(0)
    axe(page)


@pytest.mark.parametrize("width", ["phone", "wide"])
@pytest.mark.parametrize("scripts", [True, False])
def test_facets_narrow_the_results(visit: Visit, width: str, *, scripts: bool) -> None:
    page = visit(width=width, scripts=scripts)
    page.goto("/search?query=the")
    nav = page.get_by_role("navigation", name="Narrow the results")
    unfold(nav, page, width)
    nav.get_by_role("link", name="1990s").click()
    page.wait_for_url("**yearFrom=1990**")
    unfold(nav, page, width)
    expect(nav.get_by_role("link", name="1990s")).to_have_attribute("aria-current", "true")
    nav.get_by_role("link", name="8 or better").click()
    page.wait_for_url("**minRating=8**")
    unfold(nav, page, width)
    shown = nav.get_by_role("link", name="Take away: 8 or better")
    number = int(shown.locator(".facet-count").inner_text().split()[0])
    assert 0 < len(titles(page)) == number
    assert "yearFrom=1990" in page.url
    nav.get_by_role("link", name="Take away: 1990s").click()
    expect(page.get_by_role("main")).not_to_contain_text("1990 to 1999")
    page.get_by_role("navigation", name="Order").get_by_role("link", name="Best rated").click()
    page.wait_for_url(lambda url: "minRating=8" in url and "sortBy=rating" in url)


@pytest.mark.parametrize("options", [{"width": "phone"}, {"width": "wide", "color_scheme": "dark"}])
def test_open_facets_are_accessible(visit: Visit, options: dict[str, str]) -> None:
    page = visit(**options)
    page.goto("/search?query=the&yearFrom=1990&yearTo=1999")
    nav = page.get_by_role("navigation", name="Narrow the results")
    unfold(nav, page, options["width"])
    for more in nav.locator(".facet-more summary").all():
        more.click()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def unfold(nav: Locator, page: Page, width: str) -> None:
    if width == "phone":
        expect(nav).to_be_hidden()
        page.get_by_text("Narrow the results").click()
    expect(nav).to_be_visible()


def test_years_of_a_genre_turn_page_by_page(visit: Visit) -> None:
    page = visit()
    page.goto("/films")
    page.get_by_label("Genre", exact=True).select_option(label="Drama")
    page.get_by_label("From year").fill("1960")
    page.get_by_role("button", name="Show these films").click()
    page.get_by_role("link", name="Newest first").click()
    expect(page.get_by_role("link", name="Newest first")).to_have_attribute("aria-current", "true")
    first = titles(page)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Page 2")).to_have_attribute("aria-current", "page")
    for part in ("genreId=7", "yearFrom=1960", "sortBy=year", "order=desc", "page=2"):
        assert part in page.url
    second = titles(page)
    assert len(first) == len(second) == PER_PAGE
    assert not set(first) & set(second)
    expect(page.get_by_label("From year")).to_have_value("1960")
    page.go_back()
    assert titles(page) == first


def test_years_in_the_wrong_order_are_told_beside_the_field(visit: Visit) -> None:
    page = visit(expected_statuses={400})
    page.goto("/films?yearFrom=2001&yearTo=1999")
    field = page.get_by_label("From year")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("2001")
    field.fill("1999")
    page.get_by_role("button", name="Show these films").click()
    expect(heading(page)).to_have_text("Films: 1999")


def test_letters(visit: Visit) -> None:
    page = visit()
    page.goto("/films")
    letters = page.get_by_role("navigation", name="First letter")
    letters.get_by_role("link", name="C", exact=True).click()
    expect(heading(page)).to_have_text("Titles that begin with C")
    assert titles(page)
    assert all(title.upper().startswith("C") for title in titles(page))
    letters.get_by_role("link", name="beyond A to Z").click()
    expect(heading(page)).to_have_text("Titles beyond A to Z")
    assert not any(re.match("[A-Za-z]", title) for title in titles(page))


def test_from_a_genre_to_a_career(visit: Visit) -> None:
    page = visit()
    page.goto("/genres")
    page.get_by_role("main").get_by_role("link", name="Crime").click()
    expect(heading(page)).to_have_text("Crime")
    page.get_by_role("link", name="Best rated first").click()
    page.get_by_role("link", name="The Dark Knight", exact=True).click()
    page.get_by_role("region", name="Cast").get_by_role("link", name="Christian Bale").click()
    expect(heading(page)).to_have_text("Christian Bale")
    films = page.get_by_role("region", name="Acting", exact=True)
    decades = [text.split("\n")[0][:5] for text in films.get_by_role("heading", level=3).all_inner_texts()]
    assert decades == sorted(decades, reverse=True)
    assert "2000s" in decades
    expect(page.get_by_role("img", name=re.compile("films?, "))).to_be_visible()
    expect(films.get_by_role("link", name="Batman Begins")).to_be_visible()


def test_without_scripts_the_box_is_a_form(visit: Visit) -> None:
    page = visit(scripts=False)
    page.goto("/genres")
    field = page.get_by_role("searchbox", name="Search titles and people")
    field.fill("batm")
    page.get_by_role("search").get_by_role("button", name="Search").click()
    expect(heading(page)).to_have_text("“batm”")
    expect(field).to_have_value("batm")
    page.get_by_role("main").get_by_role("link", name="Batman Begins").click()
    expect(heading(page)).to_have_text("Batman Begins")
