"""Step 1: a declared mapping reads rows of files and of topics to the same events."""

import msgspec
import pytest

from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.ingest.adapters.config import CellSource, EventMapping, MappingConfig
from streams.ingest.adapters.mapping import UNRESOLVED, RowMapping
from streams.ingest.adapters.values import participant_hash
from streams.ingest.rejects import RejectReason
from tests.streams.ingest.mapped_rows import (
    COLUMNS,
    CONFIG,
    HASHED,
    POSITIONS,
    ROW,
    accepted,
    mapping,
    read,
    read_file,
    reject_reason,
)


def test_a_row_becomes_an_event_by_its_columns() -> None:
    """Names, counts, a translated status, participants by position."""
    event = accepted(read(mapping(), ROW))
    assert event == AccessEvent(
        id=event.id,
        time=1_775_044_800_000,
        institution="northgate",
        user="u1",
        dataset="imaging",
        bytes=120,
        participants=Participants(ids=[4, 9]),
        outcome="success",
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("200", "success"), ("206", "success"), ("403", "denied"), ("500", "error"), ("", "error")],
)
def test_a_status_is_translated_exactly_or_by_its_beginning(status: str, outcome: str) -> None:
    """And what is not in the table is what `otherwise` says."""
    assert accepted(read(mapping(), ROW.replace(b"200", status.encode()))).outcome == outcome


def test_an_empty_cell_is_an_absent_value() -> None:
    """Not a zero-length name, and not a zero that somebody reported."""
    event = accepted(read(mapping(), b"2026-04-01T12:00:00Z,northgate,,imaging,,,200"))
    assert (event.user, event.participants, event.bytes) == (None, None, 0)


def test_an_institution_that_is_not_known_is_judged_all_the_same() -> None:
    """Under a name of its own; never dropped."""
    event = accepted(read(mapping(), ROW.replace(b"northgate", b"")))
    assert event.institution == UNRESOLVED


def test_without_an_id_the_place_of_a_row_stands_for_it() -> None:
    """Four hundred equal rows of one second are four hundred events."""
    log = mapping()
    header = ",".join(COLUMNS).encode()
    ids = [accepted(event).id for event in read_file(log, b"\n".join([header, *[ROW] * 400]))]
    assert ids == [f"log:{line}" for line in range(2, 402)]
    assert accepted(log.row(ROW, "t.raw.log/3", 17)).id == "t.raw.log/3:17"


def digests() -> RowMapping:
    """Return a mapping whose rows are known by their content."""
    return mapping(event=msgspec.structs.replace(CONFIG.event, id="digest"))


def test_identical_rows_are_one_event_where_the_mapping_says_so() -> None:
    """A log that is sent twice has no effect, wherever its rows lie."""
    log = digests()
    first, again = accepted(read(log, ROW)), accepted(log.row(ROW, "elsewhere", 99))
    other = accepted(read(log, ROW.replace(b"120", b"121")))
    assert first.id == again.id
    assert first.id != other.id


def test_cells_that_run_together_alike_are_still_different_rows() -> None:
    """`a,bc` is not `ab,c`."""
    log = digests()
    first = accepted(read(log, b"2026-04-01T12:00:00Z,ab,c,imaging,,,200"))
    second = accepted(read(log, b"2026-04-01T12:00:00Z,a,bc,imaging,,,200"))
    assert first.id != second.id


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"", RejectReason.EMPTY_VALUE),
        (None, RejectReason.EMPTY_VALUE),
        (b"a,b", RejectReason.ROW_INVALID),
        (",".join(COLUMNS).encode(), RejectReason.ROW_INVALID),
        (ROW + b"\nsecond,row", RejectReason.ROW_INVALID),
        (b"x" * 2_000, RejectReason.ROW_INVALID),
        (ROW.replace(b"2026", b"then"), RejectReason.TIME_UNPARSABLE),
        (ROW.replace(b"Z", b""), RejectReason.TIME_UNPARSABLE),
        (ROW.replace(b"2026", b"1926"), RejectReason.TIME_FAR_PAST),
        (ROW.replace(b"2026", b"2926"), RejectReason.TIME_FAR_FUTURE),
    ],
    ids=[
        "no bytes",
        "a tombstone",
        "too few cells",
        "the header",
        "two rows in one record",
        "a row too large",
        "no time",
        "a time without an offset",
        "a hundred years ago",
        "in a thousand years",
    ],
)
def test_a_bad_row_is_rejected_by_name(row: bytes | None, reason: RejectReason) -> None:
    """As events are."""
    assert reject_reason(read(mapping(), row)) == reason


def test_participants_known_by_name_become_stable_64_bit_ids() -> None:
    """The numbers are pinned: another release must not call the same person by another id."""
    event = accepted(
        read(RowMapping(CONFIG, limits=HASHED), ROW.replace(b"4;9", "c1584509;ß".encode()))
    )
    assert event.participants == Participants(
        ids=[18_002_307_717_899_490_607, participant_hash("ß")]
    )
    assert participant_hash("ß") == 5_987_886_946_319_110_985


def test_a_column_may_say_how_many_where_it_is_not_known_who() -> None:
    """Then holdings are an upper bound."""
    counted = msgspec.structs.replace(CONFIG.event, participants=None, participants_count="bytes")
    event = accepted(read(mapping(event=counted), ROW.replace(b"120", b"12")))
    assert event.participants == Participants(count=12)


def test_json_is_read_by_paths() -> None:
    """Numbers, lists and what is nested; what is absent is an empty cell."""
    config = MappingConfig(
        name="trail",
        format="json",
        time_format="milliseconds",
        event=EventMapping(
            id="eventID",
            time="at",
            institution="actor.org",
            dataset="request.bucket",
            bytes="extra.bytes",
            participants="who",
            fields="columns",
            outcome=CellSource(column="error", values={"Denied*": "denied"}, otherwise="success"),
            action=CellSource(constant="export"),
        ),
    )
    trail = RowMapping(config, limits=POSITIONS)
    document = {
        "eventID": "t-1",
        "at": 1_775_044_800_000,
        "actor": {"org": "northgate"},
        "request": {"bucket": "imaging"},
        "extra": {"bytes": 12},
        "who": [1, 2],
        "columns": ["age", "sex"],
    }
    event = accepted(read(trail, msgspec.json.encode(document)))
    assert event == AccessEvent(
        id="t-1",
        time=1_775_044_800_000,
        institution="northgate",
        action="export",
        dataset="imaging",
        bytes=12,
        participants=Participants(ids=[1, 2]),
        fields=["age", "sex"],
    )
    denied = accepted(read(trail, msgspec.json.encode(document | {"error": "DeniedByPolicy"})))
    assert denied.outcome == "denied"
    lost = accepted(read(trail, msgspec.json.encode(document | {"actor": None})))
    assert lost.institution == UNRESOLVED
    assert reject_reason(read(trail, b"[" * 900)) == RejectReason.NOT_JSON
    deep = b'{"a":' + b"[" * 250 + b"]" * 250 + b"}"
    assert reject_reason(read(trail, deep)) == RejectReason.NESTING_TOO_DEEP
    assert reject_reason(read(trail, b"[]")) == RejectReason.WRONG_TYPE
    assert reject_reason(read(trail, b"x" * 2_000)) == RejectReason.TOO_LARGE
    assert reject_reason(read(trail, b"nonsense")) == RejectReason.NOT_JSON


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"columns": ()}, "mapping.columns"),
        ({"columns": ("at", "at")}, "mapping.columns"),
        ({"format": "json"}, "mapping.columns"),
        ({"event": EventMapping(time="then", institution="who", dataset="what")},
         "mapping.event.time"),
        ({"event": EventMapping(time="at", institution=CellSource(), dataset="what")},
         "mapping.event.institution"),
        ({"event": EventMapping(time="at", institution="who", dataset="what",
                                participants="whom", participants_count="bytes")},
         "mapping.event.participants_count"),
    ],
    ids=["none", "twice", "json", "unknown", "no source", "who and how many"],
)  # fmt: skip
def test_a_mapping_that_cannot_work_is_refused_before_anything_starts(
    config: dict[str, object], path: str
) -> None:
    """With the key's path."""
    with pytest.raises(ConfigError) as caught:
        mapping(msgspec.structs.replace(CONFIG, **config))
    assert caught.value.path == path


def test_a_column_of_names_is_split_where_the_mapping_says() -> None:
    """Names stay names, however many."""
    config = msgspec.structs.replace(CONFIG.event, fields="user")
    event = accepted(read(mapping(event=config, field_separator="|"), ROW.replace(b"u1", b"a|b")))
    assert event.fields == ["a", "b"]
