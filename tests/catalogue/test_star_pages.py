"""The page of a star: /stars/{id}."""

import gzip
import re

from tests.catalogue.film_pages import BATMAN_BEGINS, DARK_KNIGHT, PROLIFIC, FilmSite, Page, film_site, page, section
from tests.sandbox import sandbox, shared_sandbox

__all__ = ["film_site", "sandbox", "shared_sandbox"]


def test_a_star_is_shown_with_what_their_career_was(film_site: FilmSite) -> None:
    found = page(film_site.client, "/stars/nm0000151")
    for known in ("Morgan Freeman", "Born 1937", "On screen 1994\N{EN DASH}2008", "Films 3", "8.8"):
        assert known in found.plain
    assert found.meta("description") == "Morgan Freeman, born 1937: 3 films, 1994\N{EN DASH}2008."
    assert found.meta("og:type") == "profile"
    assert found.described == {
        "@context": "https://schema.org",
        "@type": "Person",
        "name": "Morgan Freeman",
        "url": "/stars/nm0000151",
        "birthDate": "1937",
    }
    assert found.links("/films/") == [f"/films/{DARK_KNIGHT}", f"/films/{BATMAN_BEGINS}", "/films/tt0111161"]
    assert re.findall(r"\b\d{4}s\b", found.plain) == ["2000s", "1990s"]
    html = film_site.client.get("/stars/nm0000151").text
    often = section(html, "colleagues")
    *stars, director = often.links("/stars/")
    assert stars == ["/stars/nm0000288", "/stars/nm0000323"], "once is not often"
    assert "Christopher Nolan 2" in often.plain
    assert section(html, "acting").links("/stars/")[0] == director
    assert 'id="directing"' not in html
    assert section(html, "genres").plain == "Mostly in Crime 3 films Drama 3 films Action 2 films"


def test_a_career_is_drawn_year_by_year(film_site: FilmSite) -> None:
    found = page(film_site.client, "/stars/nm0000151")
    (drawing,) = found.all("svg", **{"class": "career-drawing"})
    assert (drawing["role"], drawing["aria-label"]) == ("img", "3 films, 1994\N{EN DASH}2008")
    bars = found.all("rect")
    assert len(bars) == 3
    places = [(float(bar["x"] or ""), float(bar["width"] or "")) for bar in bars]
    assert places == sorted(places)
    assert drawing["viewbox"] == "0 0 640 33", "one film is no wall"
    assert all(x >= 0 and x + width <= 640 for x, width in places)
    assert (places[0][0], sum(places[-1])) == (0, 640), "from end to end, as the years beneath"
    assert "1994: 1 film" in found.plain


def test_films_whose_year_nobody_knows_come_last(film_site: FilmSite) -> None:
    found = page(film_site.client, "/stars/nm9000002")
    assert found.links("/films/") == ["/films/tt0000001", "/films/tt0000005"]
    assert found.plain.index("1930s") < found.plain.index("Year unknown") < found.plain.index("batman")
    assert "Born" not in found.plain


def test_a_star_of_one_film_of_no_year(film_site: FilmSite) -> None:
    found = page(film_site.client, "/stars/lone")
    assert found.meta("description") == "Lone Star: 1 film."
    assert found.described == {
        "@context": "https://schema.org",
        "@type": "Person",
        "name": "Lone Star",
        "url": "/stars/lone",
    }
    assert not found.all("rect")
    main = found.plain.partition("Home People")[2]
    assert "None" not in main
    assert not [word for word in ("Born", "On screen", "Average", "Mostly in", "Often with") if word in main]
    assert "Year unknown 1 film Alone with her" in main


def test_a_thousand_films_are_no_trouble(film_site: FilmSite) -> None:
    with film_site.client.stream("GET", "/stars/busy", headers={"accept-encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert len(packed) <= 60 * 1024
    found = Page(gzip.decompress(packed).decode())
    assert len(found.links("/films/")) == PROLIFIC
    assert "Films 1,000" in found.plain
    assert len(found.all("rect")) == 60
    assert len(found.links("/stars/side")) == 6
    posters = found.all("img")
    assert len(posters) == PROLIFIC
    assert all(image["loading"] == "lazy" for image in posters)
