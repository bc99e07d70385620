"""Rows of files and of topics: headers, line ends, real logs, and whatever else comes."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ConfigError
from detectors.event import AccessEvent, time_ms
from streams.ingest.codec import decode, encode
from streams.settings.settings import load_settings
from tests.streams.ingest.mapped_rows import (
    COLUMNS,
    DATA,
    POSITIONS,
    ROOT,
    ROW,
    accepted,
    mapping,
)


def test_a_file_begins_with_its_header_and_any_other_is_rejected() -> None:
    """Columns that have moved would be read as one another."""
    lines = [",".join(COLUMNS), ROW.decode(), "", ROW.decode().replace("120", "121")]
    assert [accepted(result).bytes for result in mapping().rows(lines)] == [120, 121]
    with pytest.raises(ConfigError, match=r"mapping\.columns"):
        list(mapping().rows(reversed(lines)))


def test_rows_go_on_after_a_bad_one() -> None:
    """A cell larger than the reader allows, a row too short, and then a good one."""
    lines = io.StringIO(
        ",".join(COLUMNS) + "\n" + "x" * 200_000 + "\nshort\n" + ROW.decode() + "\n"
    )
    results = list(mapping().rows(lines))
    assert [type(result).__name__ for result in results] == ["Rejected", "Rejected", "AccessEvent"]


def test_a_quoted_cell_may_hold_a_line_end_in_a_file_and_in_a_record() -> None:
    """And gives the same event."""
    row = ROW.decode().replace("u1", '"u\n1"')
    text = io.StringIO(",".join(COLUMNS) + "\n" + row + "\n", newline="")
    (from_file,) = mapping().rows(text)
    assert from_file == mapping().row(row.encode())
    assert accepted(from_file).user == "u\n1"


@given(
    cells=st.lists(st.text(max_size=12), min_size=5, max_size=9),
    separator=st.sampled_from([",", ";", "\n"]),
    junk=st.binary(max_size=60),
)
def test_any_row_ends_as_an_event_or_a_reject(
    cells: list[str], separator: str, junk: bytes
) -> None:
    """Never an exception; and an accepted one survives the way over Kafka unchanged."""
    row = separator.join(["2026-04-01T12:00:00Z", *cells]).encode()
    for record in (row, junk, row + junk):
        result = mapping().row(record)
        if isinstance(result, AccessEvent):
            assert decode(encode(result), limits=POSITIONS) == result


@pytest.mark.parametrize(
    ("name", "rows_count", "institutions_count"),
    [("edgar", 174_856, 1_621), ("wikiticker", 39_244, 51)],
)
def test_a_real_log_is_read_whole_and_alike_from_file_and_topic(
    name: str, rows_count: int, institutions_count: int
) -> None:
    """Every row is an event; line by line, as records of a topic, they are the same."""
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    settings = load_settings(ROOT / "docs/examples" / f"{name}.toml", environment={})
    log = settings.row_mapping()
    assert log is not None
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        events = [accepted(result) for result in log.rows(lines)]
    assert len(events) == rows_count
    assert len({event.institution for event in events}) == institutions_count
    with gzip.open(path, "rb") as records:
        next(records)
        for event, record in zip(events[:20_000], records, strict=False):
            assert log.row(record.rstrip(b"\r\n")) == event
    sample = events[:: max(1, rows_count // 2_000)]
    assert [decode(encode(event), limits=settings.limits) for event in sample] == sample
    assert all(time_ms(event) > 0 for event in sample)
