"""The figures of the code's shape: what is counted is what is there."""

import shutil
from pathlib import Path

import pytest

from benchmarks.structure import loaded, measure, repeated_lines_count, table

PROJECT = """
[[tool.importlinter.contracts]]
type = "layers"
containers = ["streams"]
layers = ["cli", "clock : exits"]
"""
LONG = '''
"""A docstring that is not code."""

def long(values: list[int]) -> int:
    total = 0
    for value in values:
        total += value

    # A comment does not make a difference.
    total *= 2
    total -= 1
    return total
'''
FILES = {
    "pyproject.toml": PROJECT,
    "detectors/__init__.py": "",
    "streams/__init__.py": "",
    "streams/cli/__init__.py": "def main() -> None:\n    pass\n",
    "streams/cli/suspensions.py": "def short() -> None:\n    pass\n",
    "streams/clock.py": LONG,
    "streams/cellar.py": "Steward = found = 0\n",
    "tests/test_clock.py": "assert 1\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a checkout of a very small project."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_small_tree_is_counted(tree: Path) -> None:
    """Each figure of a tree that can be counted by hand; modules loaded are this machine's."""
    figures = measure(tree)
    assert int(figures.pop("modules that `headgate suspensions list` loads")) > 3
    assert float(figures.pop("its processor seconds")) > 0
    assert figures == {
        "files of detectors/ and streams/": "6",
        "lines": "17",
        "longest file, lines": "12",
        "functions": "3",
        "function: median lines": "2",
        "function: lines of nine in ten at most": "9",
        "function: longest, lines": "9",
        "entries of streams/": "4",
        "modules without a floor": "1",
        "lines that stand twice, six in a row": "0",
        "identifiers of the old list, tests too": "1",
        "names that say nothing (found, one, told, ...)": "1",
        "files of tests": "1",
        "lines of tests": "1",
        "lines of tests to lines of source": "0.06",
    }


def test_what_stands_twice_is_found_whatever_its_layout(tree: Path) -> None:
    """Comments, blank lines and indentation hide nothing."""
    copy = LONG.replace("    # A comment does not make a difference.\n", "\n\n")
    (tree / "streams" / "copy.py").write_text(copy)
    (tree / "streams" / "short.py").write_text("a = 1\nb = 2\n" * 2)
    paths = sorted((tree / "streams").glob("*.py"))
    assert repeated_lines_count(paths) == 2 * 7


def test_two_checkouts_stand_side_by_side(tree: Path) -> None:
    """Before and after, one figure a line."""
    lines = table([tree, tree]).splitlines()
    assert lines[0] == "| figure | before | after |"
    assert "| functions | 3 | 3 |" in lines
    assert table([tree]).startswith("| figure | now |")


def test_another_checkout_is_not_measured_by_mistake(tree: Path) -> None:
    """A directory without the command would be answered for by the one that is installed."""
    shutil.rmtree(tree / "streams")
    shutil.rmtree(tree / "detectors")
    with pytest.raises(RuntimeError, match="was imported instead of"):
        loaded(tree)
