"""One story, told byte for byte as it was told before."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """Return the script that writes the golden files."""
    spec = importlib.util.spec_from_file_location("golden_make", HERE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_story_gives_the_verdicts_on_record(make: ModuleType) -> None:
    """A difference is a changed verdict: meant, then `python tests/golden/make.py`; or a fault."""
    expected = (HERE / "verdicts.jsonl").read_bytes().splitlines()
    verdicts = list(make.verdicts(HERE / "scenario.jsonl"))
    assert verdicts == expected


def test_the_story_is_what_its_script_tells(make: ModuleType) -> None:
    """The scenario can be read as code, not only as data."""
    assert list(make.story()) == (HERE / "scenario.jsonl").read_bytes().splitlines()


def test_the_golden_verdicts_are_worth_keeping() -> None:
    """The thief is caught, the honest are not, and bad records are counted."""
    lines = [json.loads(line) for line in (HERE / "verdicts.jsonl").read_bytes().splitlines()]
    alerted = {line["alert"]["institution"] for line in lines if "alert" in line}
    assert alerted == {"thief"}
    assert lines[-1] == {"rejected": {"not_json": 1, "time_far_past": 1}}
