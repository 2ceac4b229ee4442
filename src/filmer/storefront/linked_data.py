"""Films and people in schema.org's vocabulary, for programs that read pages."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from filmer.catalogue.schemas import Film, Person
from filmer.office.identity import ShopIdentity
from filmer.office.opening_hours import specifications

JsonLd = dict[str, Any]


def describe_film(
    film: Film,
    cast: Sequence[Person],
    price: Decimal,
    *,
    origin: str,
    currency: str | None,
    directors: Sequence[Person] = (),
) -> JsonLd:
    """A Movie. ``origin``: of this server, or "". ``currency``: a code; without one there is no offer.

    ``directors``: empty where they are known by name alone.
    """
    identifier = quote(film.id, safe="")
    address = f"{origin}/films/{identifier}"
    properties = {
        "@context": "https://schema.org",
        "@type": "Movie",
        "name": film.title,
        "alternateName": film.original_title,
        "url": address,
        "image": f"{origin}/posters/{identifier}",
        "description": film.overview,
        "datePublished": film.release_date.isoformat() if film.release_date else _year(film.year),
        "duration": f"PT{film.runtime_minutes}M" if film.runtime_minutes else None,
        "genre": [genre.name for genre in film.genres],
        "director": _people(directors, origin) or [{"@type": "Person", "name": name} for name in film.directors],
        "actor": _people(cast, origin),
        "aggregateRating": _rating(film),
        "offers": _offer(price, address, currency),
    }
    return _without_empty(properties)


def describe_star(star: Person, *, origin: str) -> JsonLd:
    """A Person."""
    properties = {
        "@context": "https://schema.org",
        "@type": "Person",
        "name": star.name,
        "url": _star_address(star, origin),
        "birthDate": _year(star.birth_year),
    }
    return _without_empty(properties)


def describe_shop(shop: ShopIdentity, *, origin: str) -> JsonLd:
    """A Store."""
    stored = shop.stored
    properties = {
        "@context": "https://schema.org",
        "@type": "Store",
        "name": shop.name,
        "url": f"{origin}/",
        "address": ", ".join(stored.address.splitlines()) or None,
        "email": stored.email or None,
        "telephone": stored.phone or None,
        "currenciesAccepted": shop.formats.code,
        "openingHoursSpecification": specifications(shop.hours),
    }
    return _without_empty(properties)


def _without_empty(properties: JsonLd) -> JsonLd:
    return {name: value for name, value in properties.items() if value not in (None, [])}


def _year(year: int | None) -> str | None:
    return None if year is None else f"{year:04}"


def _people(people: Sequence[Person], origin: str) -> list[JsonLd]:
    return [{"@type": "Person", "name": person.name, "url": _star_address(person, origin)} for person in people]


def _star_address(star: Person, origin: str) -> str:
    return f"{origin}/stars/{quote(star.id, safe='')}"


def _rating(film: Film) -> JsonLd | None:
    if film.rating is None or not film.votes:
        return None
    return {
        "@type": "AggregateRating",
        "ratingValue": film.rating,
        "ratingCount": film.votes,
        "bestRating": 10,
        "worstRating": 0,
    }


def _offer(price: Decimal, address: str, currency: str | None) -> JsonLd | None:
    if currency is None:
        return None
    return {
        "@type": "Offer",
        "url": address,
        "price": f"{price:.2f}",
        "priceCurrency": currency,
        "businessFunction": "http://purl.org/goodrelations/v1#LeaseOut",
        "availability": "https://schema.org/InStock",
    }
