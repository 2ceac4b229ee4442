"""What searches remember takes little, whatever is searched for."""

import gc
import tracemalloc

from filmer.catalogue import search
from filmer.catalogue.api import SearchFilters
from filmer.catalogue.search import DENSE, MAX_TOTALS, Totals

SEARCHES = 20  # Python counts memory slowly


def test_totals_are_told_apart_by_all_that_is_asked_and_by_edition() -> None:
    totals = Totals()
    filters = SearchFilters(query="ray").filters
    totals.put("a:1", filters, DENSE)
    totals.put("a:1", ("ray", "stars"), DENSE + 1)
    assert totals.get("a:1", filters) == DENSE
    assert totals.get("a:1", ("ray", "stars")) == DENSE + 1
    assert totals.get("a:2", filters) is None
    for other in ({"query": "ray "}, {"query": "ray", "genre_id": 1}, {"query": None, "star": "ray"}):
        assert (totals.get("a:1", SearchFilters(**other).filters) is None) is (other != {"query": "ray "})


def test_long_searches_take_no_more_memory_than_short_ones() -> None:
    totals = Totals()

    def remember(year: int) -> None:
        totals.put("a:1", SearchFilters(query="ray " * 2000, year_from=year).filters, DENSE)

    remember(0)  # what is loaded once
    tracemalloc.start()
    for year in range(1, SEARCHES + 1):
        remember(year)
    gc.collect()
    # Not what other threads took meanwhile: other tests' servers.
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern=path) for path in (__file__, search.__file__)]
    taken = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(ours).traces)
    tracemalloc.stop()
    assert taken < SEARCHES * 1000
    assert MAX_TOTALS * 1000 < 32 * 2**20
