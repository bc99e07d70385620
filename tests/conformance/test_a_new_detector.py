"""A detector is added to a copy of the tree by three things: a module, a row and a card."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TOY: Final = Path(__file__).parent / "new_detector"
IMPORT: Final = "from detectors.models.rows import Rows, RowsConfig, RowsState\n"
TABLE: Final = "_ROWS: Final[dict[str, DetectorRow]] = {\n"
FIRST_IMPORT: Final = "from detectors.models.scope"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree in which the toy is a detector like the others."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("detectors", "streams", "docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tree)
    shutil.copy(TOY / "rows.py", tree / "detectors/models/rows.py")
    shutil.copy(TOY / "rows.md", tree / "docs/detectors/rows.md")
    registry = tree / "detectors/registry.py"
    text = registry.read_text()
    for place, added in ((FIRST_IMPORT, IMPORT), (TABLE, "")):
        assert text.count(place) == 1, place
        text = text.replace(place, f"{added}{place}")
    registry.write_text(text.replace(TABLE, TABLE + (TOY / "row.txt").read_text()))
    return tree


def run(tree: Path, *arguments: str) -> str:
    """Return what a Python program in the copy prints."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        check=False,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_speaks_is_explained_documented_calibrated_and_saved(tree: Path) -> None:
    """Nothing but the module, the row and the card was written, and everything knows of it."""
    report = json.loads(run(tree, "tests/conformance/new_detector/speaks.py"))
    sentence = report.pop("sentence")
    assert sentence.startswith("north took 10,800 rows of tables in 1 day (expected 801), ")
    assert report.pop("days_count") == 33
    assert report == {
        "analytic": {"uid": "rows", "name": "rows", "type_id": 3, "type": "Statistical"},
        "remembered": True,
        "calibrated": True,
        "configured": True,
        "documented": True,
        "on": "on",
    }


def test_it_passes_the_suite_of_all_detectors(tree: Path) -> None:
    """Pure, finite, restored in the middle of a stream, silent in shadow, with a whole card."""
    run(tree, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-k", "rows", "tests/conformance",
        "--ignore=tests/conformance/test_a_new_detector.py")  # fmt: skip
