"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the tree."""

import re
from pathlib import Path

import pytest

from tests.documents.recipe import ROOT, blocks, changed, copy_tree, follow, run

TITLES = re.findall(r"^## Recipe: (.+)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.slow
def test_a_recipe_leads_to_what_it_promises(title: str, tmp_path: Path) -> None:
    """Every file and change as written, then every command; and the linter has nothing to say."""
    copy_tree(tmp_path)
    steps = blocks(title)
    assert [step.language for step in steps].count("sh") == 1
    for step in steps:
        follow(step, tmp_path)
    written = sorted({step.path for step in steps if step.path.endswith(".py")})
    for check in ("check", "format --check"):
        run(f".venv/bin/ruff {check} {' '.join(written)}", tmp_path)


def test_a_change_that_no_longer_fits_is_seen() -> None:
    """Where the lines around it have changed, or stand twice."""
    with pytest.raises(AssertionError, match="0 places"):
        changed("a\n", " b\n+c\n")
    with pytest.raises(AssertionError, match="2 places"):
        changed("a\na\n", " a\n+c\n")
