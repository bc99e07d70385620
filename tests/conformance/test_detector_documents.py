import importlib
import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from detectors.detector import DetectorRow
from detectors.registry import DETECTORS

ROOT: Final = Path(__file__).parents[2]
CARD_SECTIONS: Final = (
    "Goal",
    "Data",
    "Assumptions",
    "Evasion",
    "Known gaps",
    "False positives",
    "What to do",
)

every_row = pytest.mark.parametrize(
    "row", [pytest.param(row, id=name) for name, row in sorted(DETECTORS.items())]
)


@every_row
def test_a_detector_says_what_it_catches_what_it_misses_and_where_it_is_from(
    row: DetectorRow,
) -> None:
    """The module's docstring opens with its step, and names catches, misses and source."""
    doc = importlib.import_module(row.config.__module__).__doc__ or ""
    assert doc.startswith(("Step 4 of 7: ", "Second stage: "))
    assert [word for word in ("Catches", "Misses", "Source") if word not in doc] == []


@every_row
def test_no_number_of_a_detector_is_without_a_bound(row: DetectorRow) -> None:
    """A knob without a range is a trap for whoever tunes it."""
    schema = msgspec.json.schema(row.config)["$defs"][row.config.__name__]
    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    bare = [
        name
        for name, knob in schema["properties"].items()
        for kind in knob.get("anyOf", [knob])
        if kind.get("type") in {"integer", "number"} and not bounds & set(kind)
    ]
    assert bare == []


@every_row
def test_a_detector_has_a_card_with_every_section(row: DetectorRow) -> None:
    """One card per detector: without it nobody can trust an alert of it."""
    card = ROOT / row.card
    assert card.is_file()
    sections = re.findall(r"^## (.+)$", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert tuple(sections) == CARD_SECTIONS


def test_no_card_is_left_of_a_detector_that_is_gone() -> None:
    """The cards are those of the registry, and no others."""
    cards = {f"docs/detectors/{path.name}" for path in (ROOT / "docs/detectors").glob("*.md")} - {
        "docs/detectors/index.md"
    }
    assert cards == {row.card for row in DETECTORS.values()}
