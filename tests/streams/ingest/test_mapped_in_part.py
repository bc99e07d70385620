"""Step 1: a foreign row is judged by what can be read of it, as a canonical event is."""

import csv
import io
import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import CohortConfig
from detectors.event import AccessEvent, FieldCount, Participants
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.mapping import UNRESOLVED, RowMapping
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.partial_event import placed
from streams.ingest.rejects import Rejected, RejectReason
from streams.ingest.repairs import RepairReason
from tests.streams.ingest.mapped_rows import POSITIONS, ROW, accepted, mapping, read

LIMITS: Final = decode_limits(DecodeConfig(), CohortConfig(size=1_000))
COLUMNS: Final = tuple(key for key in AccessEvent.__struct_fields__ if key != "repairs")
SEPARATORS: Final = {"participant_separator": ";", "field_separator": "|"}


@pytest.mark.parametrize(
    ("row", "key", "value", "repairs"),
    [
        (ROW.replace(b"120", b"12.5"), "bytes", 12, {"amount_rewritten": 1}),
        (ROW.replace(b"120", b"1.2E4"), "bytes", 12_000, {"amount_rewritten": 1}),
        (ROW.replace(b"120", b"-12"), "bytes", 0, {"amount_unreadable": 1}),
        (ROW.replace(b"120", "١٢".encode()), "bytes", 12, {"amount_rewritten": 1}),
        (ROW.replace(b"120", b"9" * 19), "bytes", 2**53, {"amount_rewritten": 1}),
        (ROW.replace(b"120", b"9" * 900), "bytes", 0, {"amount_unreadable": 1}),
        (ROW.replace(b"4;9", b"4;100"), "participants", Participants(ids=[4]),
         {"beyond_cohort": 1}),
        (ROW.replace(b"4;9", b"4;9;c17"), "participants", Participants(ids=[4, 9]),
         {"participants_unreadable": 1}),
        (ROW.replace(b"imaging", b"x" * 300), "dataset", "x" * 256, {"text_cut": 1}),
        (ROW.replace(b"imaging", b""), "dataset", "unknown", {"dataset_missing": 1}),
        (ROW.replace(b"u1", b"u" * 200), "user", "u" * 128, {"text_cut": 1}),
        (ROW.replace(b"northgate", b"n" * 200), "institution", "n" * 128, {"text_cut": 1}),
        (ROW.replace(b"4;9", b"4;" * 700 + b"9"), "participants", Participants(ids=[4, 9]), None),
    ],
    ids=[
        "a fraction of a byte",
        "a number with an exponent",
        "negative bytes",
        "digits of another script",
        "more bytes than exist",
        "a number of 900 digits",
        "a participant beyond the cohort",
        "a name where a position belongs",
        "a dataset's name too long",
        "no dataset",
        "a user's name too long",
        "an institution's name too long",
        "more ids than people",
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_read_costs_that_cell_and_no_more(
    row: bytes, key: str, value: object, repairs: dict[str, int] | None
) -> None:
    """The rest is judged, and the repair is counted."""
    event = accepted(read(mapping(), row))
    assert getattr(event, key) == value
    assert event.repairs == repairs
    assert event.institution == ("n" * 128 if key == "institution" else "northgate")


@pytest.mark.parametrize(
    "row",
    [
        ROW.replace(b"4;9,120", b",-120"),
        ROW.replace(b"2026", b"then").replace(b"u1", b"u" * 200),
        ROW.replace(b"2026", b"1926").replace(b"u1", b"u" * 200),
    ],
    ids=["no readable amount", "no time", "a hundred years ago"],
)
def test_without_a_time_or_anything_that_left_there_is_nothing_to_judge(row: bytes) -> None:
    """A time is never guessed; an institution that is missing is no reason."""
    assert isinstance(read(mapping(), row), Rejected)
    event = accepted(read(mapping(), ROW.replace(b"northgate", b"").replace(b"120", b"-1")))
    assert event.institution == UNRESOLVED


def same_columns() -> tuple[RowMapping, RowMapping]:
    """Return mappings of CSV and of JSON rows whose columns are named as the event's keys are."""
    event = EventMapping(**{name: name for name in COLUMNS})
    formats = (("csv", COLUMNS), ("json", ()))
    csv_rows, json_rows = (
        RowMapping(
            MappingConfig(
                name="log", format=name, columns=columns, event=event,  # type: ignore[arg-type]
                time_format="milliseconds", **SEPARATORS,  # type: ignore[arg-type]
            ),
            limits=LIMITS,
        )
        for name, columns in formats
    )  # fmt: skip
    return csv_rows, json_rows


CSV_ROWS, JSON_ROWS = same_columns()

names = st.text(alphabet="abc,\"'é", min_size=1, max_size=6)
notes = names | st.just("n" * 1_100)
amounts = st.one_of(
    st.none(),
    st.integers(min_value=-3, max_value=10**20),
    st.floats(min_value=-3, max_value=1e17).filter(lambda number: not number.is_integer()),
    st.sampled_from([500.0, 12_000.0, 1e300, "many", "-", "1.2E4"]),
)
people = st.lists(
    st.one_of(
        st.integers(min_value=0, max_value=1_100),
        st.sampled_from([5.0, "x", "c17"]),
    ),
    min_size=1,
    max_size=6,
)
documents = st.fixed_dictionaries(
    {
        "time": st.integers(min_value=1_700_000_000_000, max_value=1_800_000_000_000),
        "institution": names | st.just("i" * 200),
        "dataset": st.none() | names | st.just("d" * 300),
        "rows": amounts,
        "bytes": amounts,
    },
    optional={
        "id": st.none() | names | st.just("e" * 200),
        "files": amounts,
        "user": names | st.just("u" * 200),
        "project": names,
        "action": st.sampled_from(["download", "query", "copy"]),
        "outcome": st.sampled_from(["success", "partial", "lost"]),
        "participants": people,
        "fields": st.lists(names, min_size=1, max_size=3),
        "client": notes,
        "destination": notes,
        "source_ip": names,
        "query_hash": names,
    },
)


def cell(value: object, separator: str) -> str:
    """Return a value as a CSV cell holds it."""
    if value is None:
        return ""
    return separator.join(map(str, value)) if isinstance(value, list) else str(value)


def csv_line(document: dict[str, object]) -> bytes:
    """Return the row of a document."""
    text = io.StringIO()
    cells = [cell(document.get(name), "|" if name == "fields" else ";") for name in COLUMNS]
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode()


@given(document=documents)
def test_a_mapped_row_gives_the_event_that_the_canonical_one_gives(
    document: dict[str, object],
) -> None:
    """The same content, the same event, the same repairs: as CSV, as JSON, and as an event."""
    named = {key: value for key, value in document.items() if key != "participants"}
    if "participants" in document:
        named["participants"] = {"ids": document["participants"]}
    expected = decode(json.dumps(named).encode(), limits=LIMITS)
    if isinstance(expected, AccessEvent):
        expected = placed(expected, "log", 7)
    for result in (
        CSV_ROWS.row(csv_line(document), "log", 7),
        JSON_ROWS.row(json.dumps(document).encode(), "log", 7),
    ):
        if isinstance(expected, Rejected):
            assert isinstance(result, Rejected)
            continue
        assert result == expected


@pytest.mark.parametrize(
    ("raw", "rows_count", "named"),
    [
        (b'{"rows":3,"rows":1,"participants":[1,2]', 3, [1, 2]),
        (b'{"rows":1,"participants":[1,2],"participants":[]', 1, [1, 2]),
        (b'{"rows":1,"participants":[1,2],"p\\u0061rticipants":[]', 1, [1, 2]),
        (b'{"rows":NaN,"participants":[1,2]', 0, [1, 2]),
        (b'{"rows":2,"participants":{"ids":[1,2]}', 2, [1, 2]),
        (b'{"rows":2,"client":"\xff","participants":"1;2"', 2, [1, 2]),
        (b'{"rows":2,"client":"a\\x22b","participants":[1,2]', 2, [1, 2]),
    ],
    ids=["rows", "people", "escaped", "NaN", "an event's own words", "no UTF-8", "nginx"],
)
def test_no_repetition_in_a_json_row_hides_what_left(
    raw: bytes, rows_count: int, named: list[int]
) -> None:
    """Of amounts the largest counts, as in a canonical event."""
    row = raw + b',"time":1775044800000,"institution":"i","dataset":"d","id":"e"}'
    event = accepted(JSON_ROWS.row(row, "log", 7))
    assert (event.rows, event.participants) == (rows_count, Participants(ids=named))


def fhir(participants: str) -> RowMapping:
    """Return a mapping of audit events, whose people lie in lists."""
    event = EventMapping(
        time="recorded", institution="agent[0].who", dataset="source.site", rows="size",
        participants=participants,
    )  # fmt: skip
    return RowMapping(MappingConfig(name="fhir", format="json", event=event), limits=POSITIONS)


AUDIT_EVENT: Final = json.dumps(
    {
        "recorded": "2026-04-01T12:00:00Z",
        "agent": [{"who": "northgate"}, {"who": "u-1"}],
        "source": {"site": "ehr"},
        "entity": [{"what": {"id": "4"}}, {"query": "abc"}, {"what": {"id": 9}}],
    }
).encode()


@pytest.mark.parametrize("path", ["entity[].what.id", "entity.what.id"])
def test_a_path_may_lead_into_lists(path: str) -> None:
    """Whoever is named in an element of it is seen."""
    event = accepted(read(fhir(path), AUDIT_EVENT))
    assert (event.institution, event.participants) == ("northgate", Participants(ids=[4, 9]))


def test_a_path_that_ends_at_objects_is_counted_loudly() -> None:
    """Nobody can be read there, and that is said of every event."""
    event = accepted(read(fhir("entity"), AUDIT_EVENT))
    assert (event.repairs or {})["participants_unreadable"] >= 1


def test_fields_may_be_counted_where_they_are_too_many() -> None:
    """As in a canonical event."""
    limits = decode_limits(DecodeConfig(fields_listed_max=2), CohortConfig(size=1_000))
    log = RowMapping(JSON_ROWS.config, limits=limits)
    row = json.dumps({"time": 1_775_044_800_000, "institution": "i", "dataset": "d", "rows": 1,
                      "fields": ["a", "b", "c"]}).encode()  # fmt: skip
    assert accepted(log.row(row, "log", 7)).fields == FieldCount(count=3)


def short_log() -> RowMapping:
    """Return a log whose time and institution come first, and its amounts last."""
    columns = ("time", "institution", "dataset", "rows", "bytes", "client")
    event = EventMapping(**{name: name for name in columns})
    config = MappingConfig(name="short", format="csv", columns=columns, event=event)
    return RowMapping(config, limits=LIMITS)


@pytest.mark.parametrize(
    ("row", "amounts"),
    [
        (b"2026-04-01T12:00:00Z,north,imaging,400,7", (400, 7, 1)),
        (b"2026-04-01T12:00:00Z,north,imaging,400", (400, 0, 2)),
        (b'2026-04-01T12:00:00Z,north,"imaging, whole",400', (400, 0, 2)),
    ],
)
def test_a_row_that_ends_too_early_is_judged_by_what_it_has(
    row: bytes, amounts: tuple[int, int, int]
) -> None:
    """From the left each cell is in its place; what is missing is empty, and is counted."""
    event = short_log().row(row, "log", 1)
    assert isinstance(event, AccessEvent)
    assert event.repairs is not None
    seen = (event.rows, event.bytes, event.repairs[RepairReason.CELLS_MISSING])
    assert (event.institution, seen) == ("north", amounts)


@pytest.mark.parametrize(
    "row",
    [
        b"2026-04-01T12:00:00Z,north,imaging",
        b"2026-04-01T12:00:00Z",
        b"north,imaging,400",
        b"2026-04-01T12:00:00Z,north,imaging,400,7,Mozilla (KHTML, like Gecko)",
        b'2026-04-01T12:00:00Z,north,"imaging,400',
    ],
    ids=["nothing that left", "nobody", "no time", "too many cells", "a quote left open"],
)
def test_a_row_of_which_no_cell_is_sure_is_rejected_by_name(row: bytes) -> None:
    """Nobody is accused by a cell that may be another."""
    reject = short_log().row(row, "log", 1)
    assert isinstance(reject, Rejected)
    assert reject.reason is RejectReason.ROW_INVALID
