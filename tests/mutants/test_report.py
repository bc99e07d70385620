"""What `make mutants` says of mutants: figures that add up, and explanations that fit."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.mutants.__main__ import copy_changed, counted
from tests.mutants.report import (
    Explained,
    Mutant,
    changes_in,
    read_mutants,
    stale_explanations,
    table,
)

NAME = "a.tail.x_fit__mutmut_3"
DIFF = f"""\
# {NAME}: survived
--- detectors/calibration/tail.py
+++ detectors/calibration/tail.py
@@ -1,3 +1,3 @@
 def fit(exceedances):
-    if rank <= COUNTED_MIN:
+    if rank < COUNTED_MIN:
         break
"""
CHANGE = changes_in(DIFF)[NAME]
SURVIVOR = Mutant(name=NAME, status="survived", **CHANGE)
WHY = Explained(function="a.tail.fit", **CHANGE, why="nobody can tell")


def test_every_mutant_counts_in_one_column() -> None:
    """Killed by whatever noticed it, alive and explained or not, or not tried at all."""
    statuses = ["killed", "timeout", "no tests", "not checked", "skipped"]
    mutants = [SURVIVOR, *(Mutant(name=f"a.x_f__mutmut_{s}", status=s) for s in statuses)]
    counts, unexplained = counted(mutants, [WHY])
    assert counts == {"killed": 2, "explained": 1, "survived": 1, "not run": 2}
    assert [mutant.status for mutant in unexplained] == ["no tests"]


@pytest.mark.parametrize("change", ["function", "removed", "added"])
def test_an_explanation_is_of_one_change_to_one_function(change: str) -> None:
    """Not of its number, which moves with every edit of the function."""
    values = {"function": "a.tail.fit", **CHANGE}
    assert Explained(**values, why="").explains(SURVIVOR)
    assert not Explained(**values | {change: "another"}, why="").explains(SURVIVOR)


@pytest.mark.parametrize(
    ("line", "explained"),
    [
        ("dict(zip(a, b, strict=False))", True),
        ("dict(zip(a, c, strict=False))", False),
        ("dict(zip(a, b, strict=None))", False),
        ("dict(zip(a, b, strict=True))", False),
    ],
)
def test_one_explanation_may_be_of_a_change_to_any_function(line: str, *, explained: bool) -> None:
    """The rest of the line is as it was."""
    why = Explained(function="*", removed="strict=True", added="strict=False", why="equal lengths")
    mutant = Mutant(
        name=NAME, status="survived", removed="dict(zip(a, b, strict=True))", added=line
    )
    assert why.explains(mutant) == explained


def test_a_part_that_a_line_has_twice_is_changed_once() -> None:
    """In whichever place."""
    why = Explained(function="*", removed="x=1", added="x=2", why="")
    for added, explained in [
        ("f(x=2, g(x=1))", True),
        ("f(x=1, g(x=2))", True),
        ("f(x=2, g(x=2))", False),
    ]:
        mutant = Mutant(name=NAME, status="survived", removed="f(x=1, g(x=1))", added=added)
        assert why.explains(mutant) == explained


def test_an_explanation_of_what_no_longer_lives_is_stale() -> None:
    """In the modules that were tried; one of any function never is."""
    everywhere = Explained(function="*", removed="a", added="b", why="")
    elsewhere = Explained(function="a.tails.fit", **CHANGE, why="")
    explained = [WHY, everywhere, elsewhere]
    killed = Mutant(name=NAME, status="killed", **CHANGE)
    assert stale_explanations([SURVIVOR], explained) == []
    assert stale_explanations([killed], explained) == [WHY]


def test_the_table_sums_all_parts() -> None:
    """So that a figure can be quoted with the command that prints it."""
    lines = table({"a": Counter(killed=3), "b": Counter(killed=1, survived=2)}).splitlines()
    assert lines[-1].split() == ["all", "6", "4", "0", "2", "0"]


def test_every_part_names_tests_that_exist() -> None:
    """And every explanation says why."""
    root = Path(__file__).parents[2]
    mutants = read_mutants(Path(__file__).with_name("mutants.toml").read_bytes())
    for name, part in mutants.parts.items():
        paths = (name, *part.tests, *(test.partition("::")[0] for test in part.left_out))
        assert [path for path in paths if not (root / path).exists()] == []
    assert [explained for explained in mutants.explained if not explained.why] == []


def test_a_copy_is_new_where_it_differs_alone(tmp_path: Path) -> None:
    """By its time it is known what must be tried again: also what was edited during a run."""
    original, copy = tmp_path / "original.py", tmp_path / "copy.py"
    for path, text, day in ((original, "now", 1), (copy, "before", 2)):
        path.write_text(text)
        os.utime(path, (day * 86_400, day * 86_400))
    copy_changed(str(original), str(copy))
    assert copy.read_text() == "now"
    written_ns = copy.stat().st_mtime_ns
    assert written_ns > 2 * 86_400 * 10**9
    copy_changed(str(original), str(copy))
    assert copy.stat().st_mtime_ns == written_ns
