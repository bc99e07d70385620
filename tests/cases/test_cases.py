"""`make cases` counts what differs, and cannot pass where nothing was looked at."""

from pathlib import Path

from click.testing import CliRunner

from tests.cases.__main__ import main
from tests.cases.expected import cases_of

WORLD = """
import json, sys
from pathlib import Path

out = Path(sys.argv[1])
out.mkdir()
event = {"id": "e", "time": 1775044800000, "institution": "north", "dataset": "imaging",
         "participants": {"ids": [1]}}
for name in ("honest", "a_theft_that_is_none"):
    (out / f"{name}.ndjson").write_text(json.dumps(event) + "\\n")
"""


def test_each_case_is_replayed_and_the_differences_are_counted(tmp_path: Path) -> None:
    """A world that nobody described is taken for a theft, which must be seen."""
    (tmp_path / "world.py").write_text(WORLD)
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 1
    *rows, last = result.output.splitlines()
    assert last == "cases 2, differences 1"
    assert [row.split()[-1] for row in rows] == ["seen", "nobody", "be"]


def test_a_folder_that_is_not_there_is_skipped_with_a_reason(tmp_path: Path) -> None:
    """Cases are kept outside of the project."""
    result = CliRunner().invoke(main, [str(tmp_path / "nowhere")])
    assert (result.exit_code, "skipped: there is no " in result.output) == (0, True)


def test_two_halves_of_a_log_are_one_case() -> None:
    """They are given to one replay, as the files of two front ends."""
    (case,) = cases_of(["front_end_2", "front_end_1"])
    assert (case.parts, case.flagged) == (("front_end_1", "front_end_2"), frozenset())
