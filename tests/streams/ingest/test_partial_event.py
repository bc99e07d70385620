"""Step 1: what left is judged by what can be read of its record, and what was mended is counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import CohortConfig
from detectors.event import AccessEvent, FieldCount, time_ms
from streams.ingest.codec import DecodeConfig, decode, decode_limits, encode
from streams.ingest.partial_event import placed
from streams.ingest.rejects import Rejected, RejectReason
from streams.ingest.repairs import MEANINGS, RepairReason
from tests.streams.ingest.partial_documents import (
    LIMITS,
    OTHER_KEYS,
    document,
    people,
    read,
    values,
)

NAMES_NOTHING = {"id": "e", "time": 1_775_044_800_000, "institution": "north", "dataset": "wgs"}


@pytest.mark.parametrize(
    ("changes", "key", "value", "repair"),
    [
        ({"client": "x" * 1_025}, "client", "x" * 1_024, "text_cut"),
        ({"user": "u" * 200}, "user", "u" * 128, "text_cut"),
        ({"user": ""}, "user", None, "text_unreadable"),
        ({"project": 17}, "project", None, "text_unreadable"),
        ({"bytes": -1}, "bytes", 0, "amount_unreadable"),
        ({"bytes": [1]}, "bytes", 0, "amount_unreadable"),
        ({"rows": 500.0}, "rows", 500, "amount_rewritten"),
        ({"rows": "1.2E4"}, "rows", 12_000, "amount_rewritten"),
        ({"bytes": 2**60}, "bytes", 2**53, "amount_rewritten"),
        ({"bytes": 10**200}, "bytes", 2**53, "amount_rewritten"),
        ({"action": "copy"}, "action", "other", "value_unknown"),
        ({"outcome": 5}, "outcome", "other", "value_unknown"),
        ({"dataset": None}, "dataset", "unknown", "dataset_missing"),
        ({"dataset": "d" * 300}, "dataset", "d" * 256, "text_cut"),
        ({"fields": ["a", "", 3]}, "fields", ["a"], "fields_unreadable"),
        ({"fields": 3}, "fields", None, "fields_unreadable"),
        ({"fields": {"count": 3.0}}, "fields", FieldCount(count=3), None),
        ({"institution": 7}, "institution", "7", "text_unreadable"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_read_costs_that_value_and_no_more(
    changes: dict[str, object], key: str, value: object, repair: str | None
) -> None:
    """The same three people are judged, and the repair is counted."""
    event = read(document(**changes))
    assert getattr(event, key) == value
    assert people(event) == [1, 2, 3]
    if repair is not None:
        assert (event.repairs or {}).get(repair, 0) >= 1


@pytest.mark.parametrize(
    ("raw", "key", "value"),
    [
        (b'"rows":3,"rows":1', "rows", 3),
        (b'"rows":-1,"rows":3', "rows", 3),
        (b'"bytes":"9","bytes":6', "bytes", 9),
    ],
)
def test_of_a_key_given_twice_the_larger_amount_counts(raw: bytes, key: str, value: int) -> None:
    """A repetition must not make a taking smaller, and it is counted."""
    whole = json.dumps(document()).encode()
    event = read(whole[:-1] + b"," + raw + b"}")
    assert getattr(event, key) == max(value, 3 if key == "rows" else 6_000)
    assert (event.repairs or {})[RepairReason.KEY_REPEATED] >= 1


@pytest.mark.parametrize("key", ["institution", "time", "dataset", "id"])
@pytest.mark.parametrize("nothing", ["null", '""', "[]", "{}"])
def test_a_name_is_not_taken_back_by_an_empty_one(key: str, nothing: str) -> None:
    """Else nobody took what the rest of the event says."""
    raw = json.dumps(document()).encode()[:-1] + f', "{key}": {nothing}}}'.encode()
    assert getattr(read(raw), key) == getattr(read(document()), key)


@pytest.mark.parametrize("client", [b"curl/8 \xff", b"a\x01b\tc", b"\\u0000"])
def test_no_byte_of_a_text_costs_more_than_the_text(client: bytes) -> None:
    """The accused chooses what their client calls itself."""
    raw = json.dumps(document(client="CLIENT")).encode().replace(b"CLIENT", client)
    assert people(read(raw)) == [1, 2, 3]


@pytest.mark.parametrize("time", ["\\ud800", "\\udfff 2026-04-01T12:00:00Z"])
def test_half_a_character_in_a_time_is_no_time(time: str) -> None:
    """And no exception either: one record must not end a worker."""
    raw = json.dumps(document(time="TIME")).replace("TIME", time).encode()
    rejected = decode(raw, limits=LIMITS)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is RejectReason.TIME_UNPARSABLE


def test_a_time_is_cut_in_an_event_judged_in_part_too() -> None:
    """Else the length of a client would move an event into the next day."""
    event = read(document(time="2026-04-01T23:59:59.9999999Z", client="x" * 2_000))
    assert time_ms(event) == time_ms(read(document(time="2026-04-01T23:59:59.999Z")))


def test_what_was_mended_is_still_known_after_another_reading() -> None:
    """An event judged in part is sent on, and may be read in part again."""
    event = read(document(client="x" * 2_000, dataset="rows", user="bytes"))
    assert event.repairs == {"text_cut": 1}
    assert decode(encode(event), limits=LIMITS) == event


def test_a_text_that_names_a_key_repeats_none() -> None:
    """As a client may call itself."""
    event = read(document(client='"bytes","rows"', action="query"))
    assert event.repairs is None


@pytest.mark.parametrize(
    "changes",
    [
        {"institution": None, "client": 5},
        {"institution": "", "client": 5},
        {"time": None, "client": 5},
        {"time": "noon"},
        {"time": 1.5},
        {"time": "2026-04-01T12:00:00"},
        {"bytes": -1, "rows": 0, "participants": None},
    ],
    ids=str,
)
def test_without_institution_time_or_anything_that_left_there_is_nothing_to_judge(
    changes: dict[str, object],
) -> None:
    """A time is never guessed."""
    assert isinstance(decode(json.dumps(document(**changes)).encode(), limits=LIMITS), Rejected)


def test_without_an_id_the_place_in_the_input_stands_for_it() -> None:
    """So that two equal rows are two events, and the same row is the same event at a repeat."""
    event = read(document(id=None))
    assert (event.repairs, event.id != "") == ({"id_missing": 1}, True)
    first, second = placed(event, "log.ndjson", 1), placed(event, "log.ndjson", 2)
    assert (first.id, second.id) == ("log.ndjson:1", "log.ndjson:2")
    assert len(placed(event, "d/" * 200, 10**15).id) <= 128
    named = read(document())
    assert placed(named, "log.ndjson", 1) is named


@given(changes=st.dictionaries(st.sampled_from(OTHER_KEYS), values, max_size=5))
def test_no_way_of_filling_another_key_hides_whose_data_left(changes: dict[str, object]) -> None:
    """Whatever stands under any key but the people's: the same three people are judged."""
    try:
        raw = json.dumps(document(**changes), allow_nan=False).encode()
    except ValueError:
        return
    event = decode(raw, limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert people(event) == [1, 2, 3]
    # What was judged in part can be sent on, and says the same again.
    assert decode(encode(event), limits=LIMITS) == event


def test_every_repair_has_a_meaning() -> None:
    """People read them in alerts and on dashboards."""
    assert set(MEANINGS) == set(RepairReason)


@pytest.mark.parametrize("declared", [True, False])
def test_a_flaw_hides_no_request_for_what_is_declared(*, declared: bool) -> None:
    """Where datasets stand for people, what names nothing counts, however it is written."""
    limits = decode_limits(DecodeConfig(), CohortConfig(), declares_people=declared)
    result = decode(json.dumps({**NAMES_NOTHING, "client": 7}).encode(), limits)
    assert isinstance(result, AccessEvent) is declared


def test_an_amount_that_is_null_is_as_one_that_is_absent() -> None:
    """It says nothing, which is no flaw."""
    absent, null = NAMES_NOTHING, NAMES_NOTHING | {"rows": None}
    assert decode(json.dumps(null).encode(), LIMITS) == decode(json.dumps(absent).encode(), LIMITS)
