"""The SQL of facets (``facets.py``)."""

import msgspec

from filmer.catalogue.facets import RATINGS, RUNTIMES, Facets
from filmer.catalogue.filters import Filters, Known
from filmer.catalogue.search_queries import film_conditions
from filmer.store.postgres import Connection

_OWN = {
    "decades": ("year_from", "year_to"),
    "genres": ("genre_id",),
    "ratings": ("min_rating",),
    "runtimes": ("min_runtime", "max_runtime"),
}
# What films are counted by, and the values that this stands for where it is not the value itself: of thousands of films
# there are some hundred combinations of genres.
_VALUES = {
    "decades": ("hit.year / 10 * 10", "value", ""),
    "genres": ("hit.genre_ids", "g.id", "CROSS JOIN LATERAL unnest(value) g(id)"),
    "ratings": ("floor(hit.rating)", "r.least", "JOIN unnest(%(ratings)s::integer[]) r(least) ON value >= r.least"),
    "runtimes": ("width_bucket(hit.runtime_minutes, %(runtimes)s::integer[])", "value", ""),
}


def without_facets(filters: Filters) -> Filters:
    """The filters but those that the facets choose from."""
    return msgspec.structs.replace(filters, **{name: None for own in _OWN.values() for name in own})


async def select_facets(conn: Connection, filters: Filters, known: Known, sampled_percent: float | None) -> Facets:
    """Count all facets at once, as each film that matches is then read once."""
    condition, parameters = film_conditions(without_facets(filters), known)
    parameters |= {"ratings": list(RATINGS), "runtimes": list(RUNTIMES), "percent": sampled_percent}
    tests = {}
    for facet, names in _OWN.items():
        own = Filters(**{name: getattr(filters, name) for name in names})
        tests[facet], more = film_conditions(own, Known(), indexed=False)
        parameters |= more
    # Each time the same blocks of the table are read, so that a page stays as it is until the catalogue changes.
    sample = "" if sampled_percent is None else "TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1)"
    counts = [
        f"""
        SELECT '{facet}', {value}, sum(films)::integer
        FROM (
            SELECT {combined} AS value, count(*) AS films FROM hit
            WHERE {" AND ".join(f"hit.is_{other}" for other in _OWN if other != facet)} GROUP BY 1
        ) counted {values} GROUP BY 2
        """
        for facet, (combined, value, values) in _VALUES.items()
    ]
    statement = f"""
        WITH hit AS MATERIALIZED (
            SELECT f.year, f.genre_ids, f.rating, f.runtime_minutes,
                {", ".join(f"({test}) AS is_{facet}" for facet, test in tests.items())}
            FROM film f {sample} WHERE {condition}
        )
        {" UNION ALL ".join(counts)}
    """
    facets = Facets(is_estimate=sampled_percent is not None)
    cursor = await conn.execute(statement.encode(), parameters, prepare=False)
    for facet, value, films in await cursor.fetchall():
        if value is not None:
            getattr(facets, facet)[value] = films if sampled_percent is None else round(films * 100 / sampled_percent)
    return facets
