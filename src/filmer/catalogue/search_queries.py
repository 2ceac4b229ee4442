"""The SQL of search. Patterns are literal: percent sign, underscore and backslash mean themselves (contract §3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from filmer.catalogue import listing
from filmer.catalogue.filters import Known
from filmer.catalogue.folding import A_TO_Z
from filmer.catalogue.queries import MOVIE_ITEM, STAR_ITEM, movie_item, star_item
from filmer.catalogue.words import ORIGINAL_MARK
from filmer.store.postgres import escape_like

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.rows import TupleRow

    from filmer.catalogue.filters import Filters
    from filmer.catalogue.schemas import MovieItem, StarItem
    from filmer.catalogue.words import QueryWord
    from filmer.store.postgres import Connection

MOVIE_RANK = {
    "title asc": "no", "title desc": "title_desc", "year asc": "year_asc", "year desc": "year_desc",
    "rating asc": "rating_asc", "rating desc": "rating_desc", "known": "votes_desc",
    "popularity asc": "popularity_asc", "popularity desc": "popularity_desc",
}  # fmt: skip
STAR_RANK = {
    "name asc": "no", "name desc": "name_desc", "birthYear asc": "birth_asc", "birthYear desc": "birth_desc",
    "known": "known_desc",
}  # fmt: skip


async def select_terms(
    conn: Connection, keys: list[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, list[int] | None]]:
    """By field and term: how many match, and which, where they are few."""
    statement = """
        SELECT t.field, t.term, t.total, t.nos
        FROM unnest(%s::text[], %s::text[]) k(field, term) JOIN term t USING (field, term)
    """
    rows = await (await conn.execute(statement, [[key[0] for key in keys], [key[1] for key in keys]])).fetchall()
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


async def select_tally(conn: Connection, filters: Filters) -> int:
    """How many films lie in a span of years and a genre, where nothing else is asked."""
    statement = """
        SELECT coalesce(sum(films), 0) FROM tally
        WHERE genre_id = %(genre_id)s AND (%(any_year)s OR year BETWEEN %(year_from)s AND %(year_to)s)
    """
    parameters = {
        "genre_id": filters.genre_id or 0,
        "any_year": filters.year_from is None and filters.year_to is None,
        "year_from": filters.year_from if filters.year_from is not None else 0,
        "year_to": filters.year_to if filters.year_to is not None else 9999,
    }
    row = await (await conn.execute(statement, parameters)).fetchone()
    return int(row[0]) if row else 0


async def select_matches(
    conn: Connection, filters: Filters, known: Known, sort: str, first: int, size: int
) -> tuple[int, list[MovieItem]]:
    """All matches, counted, and one page of them."""
    conditions, parameters = _conditions(filters, known, indexed=True)
    order = _relevance(filters, parameters) if sort == "relevance" else f"f.{MOVIE_RANK[sort]}"
    hits = f"SELECT f.no, {order} AS place FROM film f WHERE {conditions}"
    total, rows = await _page_of(conn, "film", hits, MOVIE_ITEM, parameters | {"first": first, "size": size})
    return total, [movie_item(row) for row in rows]


async def count_matches(conn: Connection, filters: Filters, known: Known) -> int:
    conditions, parameters = _conditions(filters, known, indexed=True)
    statement = f"SELECT count(*) FROM film f WHERE {conditions}"
    row = await (await conn.execute(statement.encode(), parameters, prepare=False)).fetchone()
    return int(row[0]) if row else 0


async def _page_of(
    conn: Connection, table: str, hits: str, columns: str, parameters: dict[str, Any]
) -> tuple[int, list[TupleRow]]:
    """How many there are of ``hits``, a statement that gives them numbers and places; and one page of their rows."""
    statement = f"""
        WITH hit AS MATERIALIZED ({hits}),
             page AS MATERIALIZED (SELECT no, place FROM hit ORDER BY place, no LIMIT %(size)s OFFSET %(first)s)
        SELECT t.total, {columns}
        FROM (SELECT count(*) AS total FROM hit) t
        LEFT JOIN (page JOIN {table} f USING (no)) ON true
        ORDER BY page.place, page.no
    """
    rows = await (await conn.execute(statement.encode(), parameters, prepare=False)).fetchall()
    return int(rows[0][0]), [row[1:] for row in rows if row[1] is not None]


_JOINED = 2  # words that a title may have written in one


async def select_titled(conn: Connection, filters: Filters, first: int, size: int) -> list[MovieItem]:
    """Those whose title starts with the query, by relevance, from place ``first`` on: among many, the best films.

    They come in two lists, each in an order that an index knows: titles that are the query, and longer ones. Of the
    first, those of which only the original title is come last.
    """
    tests, parameters = _scalars(filters, indexed=True)
    is_title, is_original, starts = _title_tests(filters, parameters)
    is_either = f"({is_title} OR {is_original})"
    # A title that starts with the query's key may have other words: "ii" and "iii", "de la c" and "delacroix".
    if len(filters.keys) > 1 or len(filters.words) > _JOINED:
        tests.append("f.words @@ %(words)s::tsquery")
        parameters["words"] = _tsquery(filters.words)
    same = " AND ".join([is_either, *tests])
    longer = " AND ".join([starts, f"{is_either} IS NOT TRUE", *tests])
    counting = f"SELECT count(*) FROM film f WHERE {same}"
    row = await (await conn.execute(counting.encode(), parameters, prepare=False)).fetchone()
    among_same = min(max((row[0] if row else 0) - first, 0), size)
    parameters |= {"first": first, "among_same": among_same, "longer": size - among_same}
    parameters["skipped"] = max(first - (row[0] if row else 0), 0)
    statement = f"""
        WITH page AS MATERIALIZED (
            (SELECT CASE WHEN {is_title} THEN 0 ELSE 1 END AS kind, f.no, f.votes_desc FROM film f WHERE {same}
             ORDER BY kind, f.votes_desc LIMIT %(among_same)s OFFSET %(first)s)
            UNION ALL
            (SELECT 2, f.no, f.votes_desc FROM film f WHERE {longer}
             ORDER BY f.votes_desc LIMIT %(longer)s OFFSET %(skipped)s))
        SELECT {MOVIE_ITEM} FROM page JOIN film f USING (no) ORDER BY page.kind, page.votes_desc
    """
    rows = await (await conn.execute(statement.encode(), parameters, prepare=False)).fetchall()
    return [movie_item(row) for row in rows]


async def select_in_order(
    conn: Connection, filters: Filters, sort: str, first: int, size: int, *, few_stars: bool = False
) -> list[MovieItem]:
    """Films in their order, tested one by one until the page is full: for what many match.

    ``few_stars``: the stars asked for have so few films that all of those are looked up beforehand.
    """
    conditions, parameters = _conditions(filters, Known(), indexed=False, few_stars=few_stars)
    rank = MOVIE_RANK[sort]
    conditions += _start(filters, sort)
    statement = f"""
        SELECT {MOVIE_ITEM} FROM film f WHERE {conditions}
        ORDER BY f.{rank} LIMIT %(size)s OFFSET %(first)s
    """
    parameters |= {"first": first, "size": size}
    rows = await (await conn.execute(statement.encode(), parameters, prepare=False)).fetchall()
    return [movie_item(row) for row in rows]


def _start(filters: Filters, sort: str) -> str:
    """In the order of years, the years before those asked for need not be tested."""
    tally = "(SELECT coalesce(sum(films), 0) FROM tally WHERE genre_id = 0 AND year"
    if sort == "year asc" and filters.year_from is not None:
        return f" AND f.year_asc > {tally} < %(year_from)s)"
    if sort == "year desc" and filters.year_to is not None:
        return f" AND f.year_desc > {tally} > %(year_to)s)"
    return ""


async def select_star_matches(
    conn: Connection, name: str, known: Known, sort: str, first: int, size: int
) -> tuple[int, list[StarItem]]:
    condition, parameters = _contains("f", "name", "star", name, known, indexed=True)
    hits = f"SELECT f.no, f.{STAR_RANK[sort]} AS place FROM star f WHERE {condition}"
    total, rows = await _page_of(conn, "star", hits, STAR_ITEM, parameters | {"first": first, "size": size})
    return total, [star_item(row) for row in rows]


async def select_stars_in_order(conn: Connection, name: str, sort: str, first: int, size: int) -> list[StarItem]:
    condition, parameters = _contains("f", "name", "star", name, Known(), indexed=False)
    statement = f"""
        SELECT {STAR_ITEM} FROM star f WHERE {condition}
        ORDER BY f.{STAR_RANK[sort]} LIMIT %(size)s OFFSET %(first)s
    """
    parameters |= {"first": first, "size": size}
    rows = await (await conn.execute(statement.encode(), parameters, prepare=False)).fetchall()
    return [star_item(row) for row in rows]


def _conditions(
    filters: Filters, known: Known, *, indexed: bool, few_stars: bool = False
) -> tuple[str, dict[str, Any]]:
    """What a film must fulfil, as SQL and its parameters.

    ``indexed=False`` writes the tests so that no index fits them and the order's own index leads.
    """
    tests: list[str] = []
    parameters: dict[str, Any] = {}

    def add(test: str, **more: Any) -> None:
        tests.append(test)
        parameters.update(more)

    tested = known.common_starts if indexed else filters.words
    if looked_up := [word for word in filters.words if word not in tested]:
        add("f.words @@ %(words)s::tsquery", words=_tsquery(looked_up))
    if tested:
        add("strip(f.words) @@ %(tested_words)s::tsquery", tested_words=_tsquery(tested))
    for name, column in (("literal", "title"), ("title", "title"), ("director", "director")):
        if text := getattr(filters, name):
            test, more = _contains("f", column, name, text, known, indexed=indexed)
            add(test, **more)
    if filters.star:
        test, more = _contains("s", "name", "star", filters.star, known, indexed=indexed or few_stars)
        if indexed or few_stars:
            films_of_stars = f"f.no IN (SELECT unnest(s.film_nos) FROM star s WHERE {test})"
            add(
                films_of_stars if indexed else f"({films_of_stars}) IS TRUE", **more
            )  # as such it is no join, but tested film by film
        else:
            add(f"EXISTS (SELECT FROM star s WHERE s.no = ANY (f.star_nos) AND {test})", **more)
    more_tests, more = _scalars(filters, indexed=indexed)
    return " AND ".join([*tests, *more_tests]) or "true", parameters | more


def film_conditions(filters: Filters, known: Known, *, indexed: bool = True) -> tuple[str, dict[str, Any]]:
    """What a film ``f`` must fulfil, as SQL and its parameters, for statements of other modules."""
    return _conditions(filters, known, indexed=indexed)


def _scalars(filters: Filters, *, indexed: bool) -> tuple[list[str], dict[str, Any]]:
    """The tests of what is no text, and their parameters."""
    year = "f.year" if indexed else "f.year + 0"
    tests = {
        "year_from": f"{year} >= %(year_from)s",
        "year_to": f"{year} <= %(year_to)s",
        "genre_id": "f.genre_ids @> ARRAY[%(genre_id)s]::integer[]" if indexed else "%(genre_id)s = ANY (f.genre_ids)",
        "initial": _initial(filters.initial, indexed=indexed),
        "types": "f.title_type = ANY (%(types)s::text[])",
        "min_rating": "f.rating >= %(min_rating)s",
        "min_votes": "f.votes >= %(min_votes)s",
        "min_runtime": "f.runtime_minutes >= %(min_runtime)s",
        "max_runtime": "f.runtime_minutes <= %(max_runtime)s",
    }
    parameters: dict[str, Any] = {name: value for name in tests if (value := getattr(filters, name)) is not None}
    chosen = [tests[name] for name in parameters]
    if filters.types is not None:
        parameters["types"] = list(filters.types)
    if initial := parameters.pop("initial", None):
        parameters["letters"] = [listing.letter(letter) for letter in (A_TO_Z if initial == "*" else initial)]
    return chosen, parameters


def _initial(initial: str | None, *, indexed: bool) -> str:
    """The test of the letter that a film is listed under (contract §2.3), which its search form may lack.

    Films are numbered by title, so those of a letter, or of A-Z, are the numbers from the first of a list on.
    """
    no = "f.no" if indexed else "(f.no + 0)"
    first, end = (
        f"""(SELECT coalesce({bound}, 1) FROM listing l JOIN listing_size s USING (list)
        WHERE l.list = ANY (%(letters)s) AND l.sort = 'title asc' AND l.chunk = 0)"""
        for bound in ("min(l.nos[1])", "min(l.nos[1]) + sum(s.size)")
    )
    return f"({no} < {first} OR {no} >= {end})" if initial == "*" else f"({no} >= {first} AND {no} < {end})"


def _contains(
    table: str, column: str, name: str, text: str, known: Known, *, indexed: bool
) -> tuple[str, dict[str, Any]]:
    """A literal substring test of ``<column>_folded``. Short terms that are rare come with their places."""
    if name in known.rare_terms:
        return f"{table}.no = ANY (%({name}_nos)s::integer[])", {f"{name}_nos": known.rare_terms[name]}
    folded = f"{table}.{column}_folded" if indexed else f"({table}.{column}_folded || '')"
    return f"{folded} LIKE %({name}_like)s", {f"{name}_like": f"%{escape_like(text)}%"}


def _tsquery(words: Sequence[QueryWord]) -> str:
    """Each of the words in one of its alternatives, which are letters and digits: nothing needs escaping."""
    return " & ".join(
        "(" + " | ".join(f"'{text}'{':*' if unfinished else ''}" for text, unfinished in word) + ")" for word in words
    )


def _title_tests(filters: Filters, parameters: dict[str, Any]) -> tuple[str, str, str]:
    """Tests whether the query is the title or the original title, with or without its article, or the title's start."""
    if filters.literal:
        parameters |= {"phrase": filters.phrase, "phrase_start": f"{escape_like(filters.phrase)}%"}
        return "f.title_folded = %(phrase)s", "false", "f.title_folded LIKE %(phrase_start)s"
    parameters["keys"] = list(filters.keys)
    parameters["originals"] = " | ".join(f"'{ORIGINAL_MARK}{key}'" for key in filters.keys)
    starts = []
    for place, key in enumerate(filters.keys):
        parameters[f"start_{place}"] = f"{escape_like(key)}%"
        starts += [f"f.title_key LIKE %(start_{place})s", f"f.bare_key LIKE %(start_{place})s"]
    return (
        "(f.title_key = ANY (%(keys)s) OR f.bare_key = ANY (%(keys)s))",
        "f.no = ANY (ARRAY(SELECT no FROM film WHERE words @@ %(originals)s::tsquery))",  # looked up once
        f"({' OR '.join(starts)})",
    )


def _relevance(filters: Filters, parameters: dict[str, Any]) -> str:
    """Best first: the title itself, the original title, titles that start so, that contain it, the rest; by votes."""
    is_title, is_original, starts = _title_tests(filters, parameters)
    parameters["phrase_like"] = f"%{escape_like(filters.phrase)}%"
    return f"""(CASE WHEN {is_title} THEN 0 WHEN {is_original} THEN 1 WHEN {starts} THEN 2
        WHEN f.title_folded LIKE %(phrase_like)s THEN 3 ELSE 4 END)::bigint << 32 | f.votes_desc"""
