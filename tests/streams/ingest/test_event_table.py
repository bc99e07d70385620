"""docs/event.md states for every key what its absence and its misuse do; each cell is tried."""

import json
from pathlib import Path
from typing import Final

import pytest

from detectors.config import CohortConfig
from detectors.event import AccessEvent
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.rejects import Rejected
from streams.ingest.repairs import MEANINGS, RepairReason

PAGE: Final = (Path(__file__).parents[3] / "docs/event.md").read_text()
LIMITS: Final = decode_limits(DecodeConfig(), CohortConfig(size=1_000))
COLUMNS: Final = ("absent", "empty or unreadable", "zero", "given twice")
GOOD: Final[dict[str, object]] = {
    "id": "e-1", "time": 1_775_044_800_000, "institution": "northgate", "dataset": "imaging",
    "project": "p-1", "user": "u-1", "action": "query", "bytes": 60, "rows": 3, "files": 2,
    "participants": {"ids": [1, 2, 3]}, "fields": ["age"], "outcome": "partial",
    "source_ip": "::1", "client": "curl", "destination": "s3", "query_hash": "q",
}  # fmt: skip
# What a later, smaller or other value of the same key is.
LATER: Final[dict[str, object]] = {
    "id": "e-2", "time": 1_775_044_800_001, "institution": "southgate", "dataset": "genomes",
    "project": "p-2", "user": "u-2", "action": "export", "bytes": 1, "rows": 1, "files": 1,
    "participants": {"ids": [9]}, "fields": ["bmi"], "outcome": "error", "source_ip": "::2",
    "client": "wget", "destination": "disk", "query_hash": "r",
}  # fmt: skip
UNREADABLE: Final[dict[str, object]] = {
    "bytes": -1, "rows": "many", "files": [], "participants": "everybody", "fields": 7,
    "client": 7, "destination": 7,
}  # fmt: skip


def rows() -> dict[str, dict[str, str]]:
    """Return the table, by key and column."""
    lines = PAGE.partition("| key | absent |")[2].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    table = [row for row in cells[: cells.index([""])] if len(row) == len(COLUMNS) + 1]
    return {row[0].strip("`"): dict(zip(COLUMNS, row[1:], strict=True)) for row in table}


def message(key: str, column: str) -> bytes:
    """Return a good event in which `key` is as the column says."""
    if column == "absent":
        return json.dumps({name: value for name, value in GOOD.items() if name != key}).encode()
    if column == "given twice":
        return json.dumps(GOOD).encode()[:-1] + f', "{key}": {json.dumps(LATER[key])}}}'.encode()
    value = 0 if column == "zero" else UNREADABLE.get(key, "")
    return json.dumps(GOOD | {key: value}).encode()


def is_as_stated(event: AccessEvent | Rejected, key: str, stated: str) -> bool:
    """Tell whether what came of the message is what the cell says."""
    if not isinstance(event, AccessEvent):
        return stated == "rejected"
    value = getattr(event, key)
    if stated == "its place":
        return event.repairs == {RepairReason.ID_MISSING: 1}
    default = AccessEvent(id="e", time=0, institution="i", dataset="d")
    expected = {
        "its digits": "0",
        "left out": getattr(default, key, None),
        "0": 0,
        "the last": LATER[key],
        "the larger": GOOD[key],
    }.get(stated, stated.strip("`"))
    if key == "participants" and value is not None:
        return {"ids": value.ids} == expected
    return bool(value == expected)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("key", list(GOOD))
def test_each_cell_of_the_table_is_true(key: str, column: str) -> None:
    """Whatever a producer does to a key, the page says what comes of it."""
    event = decode(message(key, column), limits=LIMITS)
    assert is_as_stated(event, key, rows()[key][column]), event


def test_the_tables_name_every_key_and_every_repair() -> None:
    """A key or a repair that the page leaves out is one that nobody decided on."""
    assert rows().keys() == {*AccessEvent.__struct_fields__} - {"repairs"}
    for reason in RepairReason:
        assert f"| `{reason}` | {MEANINGS[reason]} |" in PAGE
