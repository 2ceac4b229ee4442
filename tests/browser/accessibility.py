"""Is a page accessible, as far as a program can tell? axe-core, run in the page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Its default rules contain WCAG's A and AA and the best practices; those new in WCAG 2.2 have to be asked for.
_OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}


def axe(page: Page, *, only: str | None = None) -> None:
    """Raises AssertionError with every violation and the elements that have it. ``only``: of one rule."""
    options = _OPTIONS | ({"runOnly": [only]} if only else {})
    violations = Axe().run(page, options=options).response["violations"]
    findings = [
        "\n".join(
            [f"{rule['id']} ({rule['impact']}): {rule['help']}", *(f"    {node['html']}" for node in rule["nodes"])]
        )
        for rule in violations
    ]
    assert not findings, f"axe finds in {page.url}:\n" + "\n".join(findings)
