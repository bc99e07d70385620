"""Decisions can be found: each is dated, has a status, and stands in the index once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(path for path in DECISIONS.glob("*.md") if path.name != "index.md")
STATUSES = {"accepted", "superseded"}


def front_matter(page: Path) -> dict[str, Any]:
    """Return what a page says of itself above its title."""
    _, head, _ = page.read_text().split("---\n", maxsplit=2)
    fields: dict[str, Any] = yaml.safe_load(head)
    return fields


def title(page: Path) -> str:
    """Return the first heading."""
    return next(line for line in page.read_text().splitlines() if line.startswith("# "))[2:]


def row(page: Path) -> str:
    """Return the line of the index that stands for a decision."""
    fields = front_matter(page)
    replaced = fields.get("supersedes", "")
    cells = [fields["date"], f"[{title(page)}]({page.name})", fields["status"], replaced]
    return f"| {' | '.join(str(cell) for cell in cells)} |".replace("|  |", "| |")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_decision_is_listed(page: Path) -> None:
    """With the date, the status and what it supersedes, as the page itself says."""
    assert front_matter(page)["status"] in STATUSES
    assert row(page) in (DECISIONS / "index.md").read_text().splitlines()


def test_the_index_lists_nothing_else_and_the_latest_first() -> None:
    """In the order of dates, then of names."""
    listed = [
        line for line in (DECISIONS / "index.md").read_text().splitlines() if line.startswith("| 2")
    ]
    by_name = sorted(PAGES, key=lambda page: page.name)
    expected = sorted(by_name, key=lambda page: str(front_matter(page)["date"]), reverse=True)
    assert listed == [row(page) for page in expected]
