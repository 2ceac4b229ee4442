"""What a first visit to a page costs, on a slow machine: requests, bytes, layout shift, time to paint."""

from collections import Counter
from typing import Any, NamedTuple

from playwright.sync_api import Page

SLOWER = 4  # the processor, by this factor

# Once a document, however often the page was measured before.
_WATCH = """
if (!window.filmerCost) {
  window.filmerCost = {shift: 0, lcp: 0};
  filmerCost.painted = new Promise(resolve => { filmerCost.isPainted = resolve; });
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) filmerCost.shift += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) filmerCost.lcp = entry.startTime;
    filmerCost.isPainted();
  }).observe({type: "largest-contentful-paint", buffered: true});
}
"""
# Not by wait_for_function: that evals in the page, which its Content-Security-Policy forbids.
_SEEN = """() => Promise.race([
  filmerCost.painted.then(() => [filmerCost.shift, filmerCost.lcp]),
  new Promise((_, fail) => setTimeout(fail, 15000, new Error("nothing was painted"))),
])"""


class Cost(NamedTuple):
    requests: int  # the icon's too, which a browser asks for when it likes
    bytes_by_type: Counter[str]  # over the wire, headers included: Document, Stylesheet, Script, Image, Fetch, …
    layout_shift: float  # all that moved without being asked to; 0: nothing did
    largest_paint: float  # when the largest part stood there, in ms since the page was asked for

    def bytes_without(self, *types: str) -> int:
        return sum(count for kind, count in self.bytes_by_type.items() if kind not in types)


def budget(page: Page, path: str) -> Cost:
    """Goes there with nothing kept from before."""
    requests: set[str] = set()
    types: dict[str, str] = {}
    sizes: Counter[str] = Counter()

    def on_request(event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):  # data: addresses ask nobody
            requests.add(event["requestId"])

    def on_response(event: dict[str, Any]) -> None:
        types[event["requestId"]] = event["type"]

    def on_finished(event: dict[str, Any]) -> None:
        if event["requestId"] in requests:
            sizes[types[event["requestId"]]] += round(event["encodedDataLength"])

    cdp = page.context.new_cdp_session(page)
    cdp.on("Network.requestWillBeSent", on_request)
    cdp.on("Network.responseReceived", on_response)
    cdp.on("Network.loadingFinished", on_finished)
    cdp.send("Network.enable")
    cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(_WATCH)
    page.goto(path, wait_until="networkidle")
    shift, largest_paint = page.evaluate(_SEEN)
    cdp.detach()
    return Cost(len(requests), sizes, shift, largest_paint)
