"""Is a page accessible, as far as a program can tell? axe-core, run in the page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Its default rules contain WCAG's A and AA and the best practices; those new in WCAG 2.2 have to be asked for.
_OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


def axe(page: Page, *, only: str | None = None) -> None:
    """Raises AssertionError with every violation and the elements that have it. ``only``: of one rule."""
    options = _OPTIONS | ({"runOnly": [only]} if only else {})
    found = Axe().run(page, options=options).response["violations"]
    told = [
        "\n".join(
            [f"{rule['id']} ({rule['impact']}): {rule['help']}", *(f"    {node['html']}" for node in rule["nodes"])]
        )
        for rule in found
    ]
    assert not told, f"axe finds in {page.url}:\n" + "\n".join(told)
