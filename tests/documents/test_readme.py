"""The README keeps its promises: its links lead somewhere, its commands exist."""

import re
from pathlib import Path

import pytest

from streams.cli import COMMANDS

ROOT = Path(__file__).parents[2]
TOP_PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES = [*TOP_PAGES, *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A page that was moved takes its links along."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_command_in_the_readme_exists() -> None:
    """And every command that exists is in it."""
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^(?:\| `)?headgate ([a-z]+)", text, flags=re.MULTILINE))
    assert named - set(COMMANDS) == set()
    assert {name for name in COMMANDS if f"headgate {name}" not in text} == set()


def test_the_first_screen_is_one_screen() -> None:
    """Problem, promise, picture, one command: before line forty."""
    lines = (ROOT / "README.md").read_text().splitlines()
    assert lines.index("make demo") < 40
