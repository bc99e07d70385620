"""Step 1: what left is judged by what can be read of its record, and what was mended is counted."""

import base64
import json
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.event import AccessEvent, FieldCount, time_ms
from detectors.features.participant_sets import bitmap_of
from streams.ingest.codec import PARTIAL_BYTES_MAX, DecodeConfig, decode, decode_limits, encode
from streams.ingest.partial_event import placed
from streams.ingest.rejects import Rejected, RejectReason
from streams.ingest.repairs import MEANINGS, RepairReason

COHORT = 1_000
LIMITS = decode_limits(DecodeConfig(), CohortConfig(size=COHORT))
HASHED = decode_limits(DecodeConfig(), CohortConfig(size=COHORT, participant_ids="hashed"))
TINY = decode_limits(DecodeConfig(event_bytes_max=1_024), CohortConfig(size=500_000))
NOON_MS = 1_775_044_800_000
TAKEN = {"ids": [1, 2, 3]}


def document(**changes: object) -> dict[str, object]:
    """Return a good event that names three people."""
    return {
        "id": "e-1",
        "time": NOON_MS,
        "institution": "northgate",
        "user": "u-1",
        "dataset": "imaging",
        "action": "download",
        "bytes": 6_000,
        "rows": 3,
        "participants": TAKEN,
    } | changes


def read(raw: dict[str, object] | bytes) -> AccessEvent:
    """Return the event of a document that must be judged."""
    event = decode(raw if isinstance(raw, bytes) else json.dumps(raw).encode(), limits=LIMITS)
    assert isinstance(event, AccessEvent)
    return event


def people(event: AccessEvent) -> list[int] | int | None:
    """Return who is named, or how many."""
    if event.participants is None:
        return None
    named = bitmap_of(event.participants)
    return event.participants.count if named is None else list(named)


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
    ("participants", "named", "repairs"),
    [
        ({"ids": [3, 1_000]}, [3], {"beyond_cohort": 1}),
        ({"ids": [3, -1, "x", 5.0, "7"]}, [3, 5, 7], {"participants_unreadable": 2}),
        ({"ids": [10**39]}, [], {"beyond_cohort": 1}),
        ([1, 2], [1, 2], {"participants_ambiguous": 1}),
        ({"ranges": [[998, 1_001]]}, [998, 999], {"beyond_cohort": 2}),
        ({"ranges": [[0, 10**18]]}, list(range(COHORT)), None),
        ({"ranges": [[9, 7]]}, [7, 8, 9], None),
        ({"ranges": [[9]]}, [9], None),
        ({"ranges": [[1, 2, 3], [5, 5]]}, [5], {"participants_unreadable": 1}),
        ({"ranges": [[0, 999], [0, 999]]}, list(range(COHORT)), None),
        ({"count": 5_000}, COHORT, {"beyond_cohort": 4_000}),
        ({"count": "12"}, 12, None),
        ({"ids": [1], "count": 500}, 500, {"participants_ambiguous": 1}),
        ({"ids": [1, 2], "count": 1}, [1, 2], {"participants_ambiguous": 1}),
        ({"bitmap": "!!"}, None, {"participants_unreadable": 1}),
        ({"bitmap": base64.b64encode(BitMap([5, 1_000]).serialize()).decode()}, [5],
         {"beyond_cohort": 1}),
        ("everybody", None, {"participants_unreadable": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_people_are_judged_as_far_as_they_can_be_read(
    participants: object, named: object, repairs: dict[str, int] | None
) -> None:
    """What lies beyond the cohort is left out and counted; of several ways the largest counts."""
    event = read(document(participants=participants))
    assert people(event) == named
    if repairs is not None:
        assert event.repairs == repairs


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


def test_of_people_given_twice_the_larger_number_counts() -> None:
    """The first three, or the later one."""
    raw = json.dumps(document()).encode()[:-1] + b',"participants":{"ids":[9]}}'
    event = read(raw)
    assert (people(event), event.repairs) == ([1, 2, 3], {"key_repeated": 1})


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


@pytest.mark.parametrize(
    ("participants", "count"),
    [
        ({"ids": list(range(100_000, 450_000))}, 350_000),
        ({"ids": [0] * 1_500_000}, 500_000),
        ({"ranges": [[place, place] for place in range(200_000)]}, 500_000),
        ({"bitmap": "A" * 3_000_000}, None),
    ],
    ids=["ids", "more ids than people", "ranges", "bitmap"],
)
def test_a_message_too_large_to_decode_is_judged_by_its_head(
    participants: object, count: int | None
) -> None:
    """The largest theft must not be the unseen one: lists are counted, an upper bound."""
    raw = msgspec.json.encode(document(participants=participants, rows=5))
    assert len(raw) > PARTIAL_BYTES_MAX
    event = decode(raw, limits=TINY)
    assert isinstance(event, AccessEvent)
    assert (event.institution, time_ms(event), event.user, event.rows) == (
        "northgate", NOON_MS, "u-1", 5
    )  # fmt: skip
    outcome = people(event)
    assert (outcome if isinstance(outcome, int) or outcome is None else len(outcome)) == count
    assert event.repairs


def test_a_message_that_stays_too_large_is_refused() -> None:
    """What no list makes large cannot be made small."""
    raw = msgspec.json.encode(document(**{f"k{place}": 1 for place in range(250_000)}))
    outcome = decode(raw, limits=TINY)
    assert isinstance(outcome, Rejected)
    assert outcome.reason is RejectReason.TOO_LARGE


def test_a_whole_cohort_of_ids_is_an_ordinary_event() -> None:
    """Four megabytes of ids are no reason to look away."""
    limits = decode_limits(DecodeConfig(), CohortConfig(size=500_000))
    raw = msgspec.json.encode(document(participants={"ids": list(range(500_000))}))
    event = decode(raw, limits=limits)
    assert isinstance(event, AccessEvent)
    assert event.repairs is None


def test_hashed_ids_may_be_written_as_text() -> None:
    """The only way in which twenty digits survive every JSON writer."""
    event = decode(
        json.dumps(document(participants={"ids": [str(2**64 - 1), "17"]})).encode(), limits=HASHED
    )
    assert isinstance(event, AccessEvent)
    assert people(event) == [17, 2**64 - 1]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
OTHER_KEYS = [
    key for key in AccessEvent.__struct_fields__
    if key not in {"institution", "time", "participants", "repairs"}
]  # fmt: skip


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


@given(
    good=st.sets(st.integers(0, COHORT - 1)),
    bad=st.lists(values, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_no_value_beside_them_hides_the_people_who_can_be_read(
    good: set[int], bad: list[object], order: random.Random
) -> None:
    """Valid people are judged whatever else stands in their list."""
    ids: list[object] = [*good, *bad]
    order.shuffle(ids)
    try:
        raw = json.dumps(document(participants={"ids": ids}), allow_nan=False).encode()
    except ValueError:
        return
    named = people(read(raw))
    assert isinstance(named, list)
    assert good <= set(named)


def test_every_repair_has_a_meaning() -> None:
    """People read them in alerts and on dashboards."""
    assert set(MEANINGS) == set(RepairReason)
