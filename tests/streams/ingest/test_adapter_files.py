"""Rows of files and of topics: headers, line ends, real logs, and whatever else comes."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants, time_ms
from streams.ingest.codec import decode, encode
from streams.ingest.rejects import RejectReason
from streams.settings.settings import load_settings
from tests.streams.ingest.mapped_rows import (
    COLUMNS,
    DATA,
    POSITIONS,
    ROOT,
    ROW,
    accepted,
    mapping,
    read,
    read_file,
    reject_reason,
)

HEADER = ",".join(COLUMNS).encode()


def test_a_file_begins_with_its_header_and_any_other_is_rejected() -> None:
    """Columns that have moved would be read as one another."""
    lines = [HEADER, ROW, b"", ROW.replace(b"120", b"121")]
    events = read_file(mapping(), b"\n".join(lines))
    assert [accepted(event).bytes for event in events] == [120, 121]
    with pytest.raises(ConfigError, match=r"mapping\.columns"):
        read_file(mapping(), b"\n".join(reversed(lines)))


def test_rows_go_on_after_a_bad_one() -> None:
    """Rows too short, and then a good one."""
    results = read_file(mapping(), b"\n".join([HEADER, b"x" * 200_000, b"short", ROW]))
    assert [type(result).__name__ for result in results] == ["Rejected", "Rejected", "AccessEvent"]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_may_be_longer_than_other_readers_allow(quote: bytes) -> None:
    """A list of people is: in a row, and a header may be as long."""
    people = quote + b";".join(b"%d" % (place % 100) for place in range(60_000)) + quote
    event = accepted(read_file(mapping(), b"\n".join([HEADER, ROW.replace(b"4;9", people)]))[0])
    assert event.participants == Participants(ids=list(range(100)))
    with pytest.raises(ConfigError, match=r"mapping\.columns"):
        read_file(mapping(), b"x" * 200_000)


def test_a_quoted_cell_may_hold_a_line_end_in_a_file_and_in_a_record() -> None:
    """And gives the same event."""
    row = ROW.replace(b"u1", b'"u\n1"')
    from_file, after = read_file(mapping(), b"\n".join([HEADER, row, ROW]))
    assert from_file == mapping().row(row, "log", 2)
    assert accepted(from_file).user == "u\n1"
    assert accepted(after).id == "log:4"


@pytest.mark.parametrize(
    ("cell", "user"), [(b'"u1', '"u1'), (b'u"1', 'u"1'), (b'"u"1', "u1"), (b'u1"', 'u1"')]
)
@pytest.mark.parametrize("others", [ROW, ROW.replace(b"u1", b'"u1"')], ids=["plain", "quoted"])
def test_a_stray_quote_costs_nobody_anything(cell: bytes, user: str, others: bytes) -> None:
    """Neither the rows after it, nor its own: it is read as a letter."""
    lines = [HEADER, *[others] * 1_699, ROW.replace(b"u1", cell), *[others] * 3_300]
    events = [accepted(event) for event in read_file(mapping(), b"\n".join(lines))]
    assert len(events) == 5_000
    assert events[1_699].user == user
    assert {events[0].user, events[-1].user} == {"u1"}
    from_topic = accepted(mapping().row(ROW.replace(b"u1", cell), "log", 1_701))
    assert from_topic == events[1_699]


def test_rows_within_a_quoted_cell_are_no_events_and_are_not_gone_in_silence() -> None:
    """Whoever can write a text could accuse others; whoever writes quotes could hide others."""
    row = ROW.replace(b"u1", b'"' + b"u\n" + ROW.replace(b"northgate", b"victim") + b'\n"')
    first, reject, last = read_file(mapping(), b"\n".join([HEADER, row, ROW]))
    assert accepted(first).institution == "northgate"
    assert reject_reason(reject) is RejectReason.ROW_INVALID
    assert accepted(last).id == "log:5"


def test_bytes_that_are_no_utf_8_cost_their_text_and_no_more() -> None:
    """Two names stay two, and the repair is counted."""
    first, second = (
        accepted(read(mapping(), ROW.replace(b"u1", b"M" + letter + b"ller")))
        for letter in (b"\xfc", b"\xf6")
    )
    assert first.user != second.user
    assert first.repairs == {"text_unreadable": 1}


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
        result = read(mapping(), record)
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
    with gzip.open(path, "rb") as file:
        lines = (line.rstrip(b"\r\n") for line in file)
        events = [accepted(row.result) for row in log.rows(lines, source="log")]
    assert len(events) == rows_count
    assert len({event.institution for event in events}) == institutions_count
    with gzip.open(path, "rb") as records:
        next(records)
        for number, (event, record) in enumerate(zip(events[:20_000], records, strict=False), 2):
            assert log.row(record.rstrip(b"\r\n"), "log", number) == event
    sample = events[:: max(1, rows_count // 2_000)]
    assert [decode(encode(event), limits=settings.limits) for event in sample] == sample
    assert all(time_ms(event) > 0 for event in sample)
