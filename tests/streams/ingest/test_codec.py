"""Step 1: whatever comes in ends as an event within the limits, or as a named dead_letter."""

import base64
import time
from pathlib import Path

import pytest
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.event import AccessEvent, FieldCount, Participants
from streams.ingest.codec import (
    DecodeConfig,
    DecodeLimits,
    decode,
    decode_limits,
    encode,
)
from streams.ingest.rejects import MEANINGS, Rejected, RejectReason
from tests.streams.ingest.raw_events import LIMITS, NOON_MS, raw_event, with_text

HASHED = decode_limits(DecodeConfig(), CohortConfig(size=500_000, participant_ids="hashed"))


def bitmap(*, values: BitMap) -> dict[str, str]:
    """Return participants as a bitmap on the wire."""
    return {"bitmap": base64.b64encode(values.serialize()).decode()}


# Each row: what is wrong, in a sentence; the bytes; the reason.
BAD: list[tuple[str, bytes | None, RejectReason]] = [
    ("a tombstone has no value", None, RejectReason.EMPTY_VALUE),
    ("an empty message has no bytes", b"", RejectReason.EMPTY_VALUE),
    ("white space is no document", b" \n", RejectReason.NOT_JSON),
    ("text is no JSON", b"hello", RejectReason.NOT_JSON),
    ("half a document is none", raw_event()[:-9], RejectReason.NOT_JSON),
    ("two documents are not one", raw_event() * 2, RejectReason.NOT_JSON),
    ("bytes that are no UTF-8", raw_event().replace(b"north", b"\xff\xfe"), RejectReason.NOT_JSON),
    ("a byte order mark is no JSON", b"\xef\xbb\xbf" + raw_event(), RejectReason.NOT_JSON),
    ("NaN is no JSON", with_text('"bytes":NaN'), RejectReason.NOT_JSON),
    ("Infinity is no JSON", with_text('"rows":Infinity'), RejectReason.NOT_JSON),
    ("half a surrogate is no character", with_text(r'"user":"\ud800"'), RejectReason.NOT_JSON),
    ("an array is no event", b"[]", RejectReason.WRONG_TYPE),
    ("null is no event", b"null", RejectReason.WRONG_TYPE),
    ("a number is no event", b"17", RejectReason.WRONG_TYPE),
    ("an empty object lacks all keys", b"{}", RejectReason.MISSING_KEY),
    ("no id", raw_event(id=None), RejectReason.MISSING_KEY),
    ("no time", raw_event(time=None), RejectReason.MISSING_KEY),
    ("no institution", raw_event(institution=None), RejectReason.MISSING_KEY),
    ("no dataset", raw_event(dataset=None), RejectReason.MISSING_KEY),
    ("an id that is a number", raw_event(id=1), RejectReason.WRONG_TYPE),
    ("an institution that is an object", raw_event(institution={}), RejectReason.WRONG_TYPE),
    ("rows as true", raw_event(rows=True), RejectReason.WRONG_TYPE),
    ("fields as a number", raw_event(fields=5), RejectReason.WRONG_TYPE),
    ("an action nobody knows", raw_event(action="steal"), RejectReason.UNKNOWN_VALUE),
    ("an outcome nobody knows", raw_event(outcome="maybe"), RejectReason.UNKNOWN_VALUE),
    ("negative bytes", raw_event(bytes=-1), RejectReason.OUT_OF_RANGE),
    ("bytes beyond any float", with_text('"bytes":1e400'), RejectReason.OUT_OF_RANGE),
    ("an empty institution", raw_event(institution=""), RejectReason.OUT_OF_RANGE),
    ("an id of 129 characters", raw_event(id="x" * 129), RejectReason.OUT_OF_RANGE),
    ("a client of 2,000 characters", raw_event(client="x" * 2_000), RejectReason.OUT_OF_RANGE),
    ("an empty field name", raw_event(fields=["a", ""]), RejectReason.OUT_OF_RANGE),
    ("time in words", raw_event(time="noon"), RejectReason.TIME_UNPARSABLE),
    ("time without an offset", raw_event(time="2026-04-01T12:00:00"), RejectReason.TIME_UNPARSABLE),
    ("a thirteenth month", raw_event(time="2026-13-01T12:00:00Z"), RejectReason.TIME_UNPARSABLE),
    ("ms as text", raw_event(time=str(NOON_MS)), RejectReason.TIME_UNPARSABLE),
    ("time as a fraction", raw_event(time=1.5), RejectReason.WRONG_TYPE),
    ("time as null", with_text('"time":null'), RejectReason.WRONG_TYPE),
    ("the year 1970", raw_event(time=0), RejectReason.TIME_FAR_PAST),
    ("the year 1", raw_event(time="0001-01-01T00:00:00Z"), RejectReason.TIME_FAR_PAST),
    ("before all time", raw_event(time=-(2**62)), RejectReason.TIME_FAR_PAST),
    ("the year 9999", raw_event(time="9999-12-31T23:59:59Z"), RejectReason.TIME_FAR_FUTURE),
    ("seconds taken for ms, times 1,000", raw_event(time=NOON_MS * 1_000),
     RejectReason.TIME_FAR_FUTURE),
    ("time of 40 digits", with_text('"time":' + "9" * 40), RejectReason.TIME_FAR_FUTURE),
    ("deep arrays", with_text('"x":' + "[" * 100_000 + "]" * 100_000),
     RejectReason.NESTING_TOO_DEEP),
    ("deep objects", with_text('"x":' + '{"a":' * 250 + "1" + "}" * 250),
     RejectReason.NESTING_TOO_DEEP),
    ("opened and never closed", b"[" * 500_000, RejectReason.NOT_JSON),
    ("closed and never opened", b"]" * 500_000, RejectReason.NOT_JSON),
    ("20 MB in one message", b'{"id":"' + b"x" * 20_000_000 + b'"}', RejectReason.TOO_LARGE),
]  # fmt: skip


BAD_PARTICIPANTS: list[tuple[str, object, RejectReason]] = [
    ("nobody said how", {}, RejectReason.PARTICIPANTS_INVALID),
    ("a negative count", {"count": -1}, RejectReason.OUT_OF_RANGE),
    ("a bitmap that is no base64", {"bitmap": "!!"}, RejectReason.PARTICIPANTS_INVALID),
    ("an empty bitmap", {"bitmap": ""}, RejectReason.PARTICIPANTS_INVALID),
    ("a bitmap of noise", {"bitmap": "AAAAAAAAAAAA"}, RejectReason.PARTICIPANTS_INVALID),
]


@pytest.mark.parametrize(("raw", "reason"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_every_kind_of_bad_event_has_its_name(raw: bytes | None, reason: RejectReason) -> None:
    """Named by the same reason on every machine."""
    rejected = decode(raw, limits=LIMITS)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason
    assert rejected.detail


@pytest.mark.parametrize(
    ("participants", "reason"),
    [row[1:] for row in BAD_PARTICIPANTS],
    ids=[row[0] for row in BAD_PARTICIPANTS],
)
def test_every_wrong_way_to_say_whose_data_left_has_its_name(
    participants: object, reason: RejectReason
) -> None:
    """Before anything is built from it."""
    rejected = decode(raw_event(participants=participants), limits=LIMITS)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


def test_every_reason_has_a_meaning() -> None:
    """People read them in dead letters and on dashboards."""
    assert set(MEANINGS) == set(RejectReason)


@pytest.mark.parametrize(
    "participants",
    [
        Participants(ids=[]),
        Participants(ids=[0, 499_999, 3, 3]),
        Participants(ranges=[]),
        Participants(ranges=[(0, 9), (5, 499_990)]),
        Participants(count=500_000),
        Participants(bitmap=BitMap(range(0, 500_000, 7)).serialize()),
        Participants(bitmap=BitMap().serialize()),
    ],
    ids=["nobody", "ids", "no ranges", "ranges", "count", "bitmap", "empty bitmap"],
)
def test_good_participants_come_through_as_they_were(participants: Participants) -> None:
    """All four ways, up to the whole cohort."""
    event = AccessEvent(
        id="e", time=NOON_MS, institution="i", dataset="d", participants=participants
    )
    assert decode(encode(event), limits=LIMITS) == event


def test_hashed_ids_take_all_of_64_bits_and_nothing_else_is_a_position() -> None:
    """A range of hashes names nobody."""
    whole = decode(raw_event(participants={"ids": [2**64 - 1]}), limits=HASHED)
    beyond = decode(raw_event(participants={"ids": [2**64]}), limits=HASHED)
    ranged = decode(raw_event(participants={"ranges": [[1, 2]]}), limits=HASHED)
    assert isinstance(whole, AccessEvent)
    assert isinstance(beyond, AccessEvent)
    assert beyond.repairs == {"beyond_cohort": 1}
    assert isinstance(ranged, Rejected)
    assert ranged.reason == RejectReason.PARTICIPANTS_INVALID


def test_keys_that_nobody_knows_are_let_through() -> None:
    """Producers evolve; of a key given twice the last one counts."""
    event = decode(with_text('"new":{"a":[1,2]},"id":"e-2"'), limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert event.id == "e-2"


def test_the_details_of_a_reject_are_bounded() -> None:
    """A hostile value must not fill a header."""
    rejected = decode(raw_event(action="x" * 100_000), limits=LIMITS)
    assert isinstance(rejected, Rejected)
    assert len(rejected.detail) == 200


def worst_cases(limits: DecodeLimits) -> dict[str, bytes]:
    """Return messages of full size, each made to cost as much as it can."""
    size = limits.event_bytes_max - 200
    dense = BitMap(range(0, 500_000, 2)).serialize()
    return {
        "quotes that never end": b'{"x":"' + b'\\"' * (size // 2),
        "backslashes": b'{"x":"' + b"\\" * size,
        "nested to the limit, many times": with_text(
            '"x":[' + ",".join(["[" * 29 + "]" * 29] * (size // 60)) + "]"
        ),
        "ids to the last byte": raw_event(participants={"ids": [1] * (size // 2)}),
        "ranges over everybody": raw_event(participants={"ranges": [[0, 499_999]] * (size // 11)}),
        "a dense bitmap": raw_event(participants={"bitmap": base64.b64encode(dense).decode()}),
        "one long number": with_text('"bytes":' + "1" * size),
        "one long key": with_text('"' + "k" * size + '":1'),
        "many keys": with_text(",".join(f'"k{place}":1' for place in range(size // 12))),
    }


@pytest.mark.parametrize("name", list(worst_cases(LIMITS)))
def test_no_message_within_the_size_limit_stalls_the_worker(name: str) -> None:
    """Generous by a factor of ten: nothing here may grow with the square of its size."""
    raw = worst_cases(LIMITS)[name]
    assert len(raw) <= LIMITS.event_bytes_max
    begun = time.process_time()
    result = decode(raw, limits=LIMITS)
    spent_seconds = time.process_time() - begun
    assert isinstance(result, AccessEvent | Rejected)
    assert spent_seconds < 1.0


def test_an_event_comes_back_from_its_own_bytes() -> None:
    """Encode and decode are each other's inverse."""
    event = AccessEvent(
        id="e-1",
        time=NOON_MS,
        institution="Zürich \U0001f600",
        project="p \u0000",
        user="u",
        action="export",
        dataset="imaging",
        bytes=2**53,
        rows=1,
        files=2,
        participants=Participants(ranges=[(1, 2)]),
        fields=FieldCount(count=3),
        outcome="denied",
        source_ip="::1",
        client="c",
        destination="s3",
        query_hash="q",
    )
    assert decode(encode(event), limits=LIMITS) == event


def test_the_documented_event_is_a_good_one_and_every_key_is_documented() -> None:
    """As producers copy it from docs/event.md."""
    page = (Path(__file__).parents[3] / "docs/event.md").read_text()
    example = page.partition("```json")[2].partition("```")[0]
    assert isinstance(decode(example.strip().encode(), limits=LIMITS), AccessEvent)
    assert [key for key in AccessEvent.__struct_fields__ if f"`{key}`" not in page] == []
