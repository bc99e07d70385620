"""Step 1: whose data left is judged as far as it can be read, and nobody is hidden by the rest."""

import base64
import json
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.event import AccessEvent, time_ms
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.rejects import Rejected, RejectReason
from tests.streams.ingest.partial_documents import (
    COHORT,
    HASHED,
    NOON_MS,
    TINY,
    document,
    people,
    read,
    values,
)


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


def test_of_people_given_twice_the_larger_number_counts() -> None:
    """The first three, or the later one."""
    raw = json.dumps(document()).encode()[:-1] + b',"participants":{"ids":[9]}}'
    event = read(raw)
    assert (people(event), event.repairs) == ([1, 2, 3], {"key_repeated": 1})


@pytest.mark.parametrize(
    ("participants", "named"),
    [
        ('{"ids":[1,2,3,4],"ids":[]}', [1, 2, 3, 4]),
        ('{"count":400,"count":0}', 400),
        ('{"ranges":[[0,99]],"ids":[1,2]}', list(range(100))),
        ('{"ids":[1,2]},"participants":{"ranges":[[0,99]]}', list(range(100))),
        ('{"ids":[1,2],"i\\u0064s":[]}', [1, 2]),
        ('{"ids":[7]},"p\\u0061rticipants":{"ids":[]}', [7]),
    ],
)
def test_no_repetition_within_or_of_the_people_hides_them(participants: str, named: object) -> None:
    """Of all that is said of whose data left, the largest counts."""
    raw = json.dumps(document()).encode()
    raw = raw.replace(b'{"ids": [1, 2, 3]}', participants.encode())
    assert people(read(raw)) == named


def test_few_names_among_many_unreadable_ones_hide_nobody() -> None:
    """Five hundred ids of another kind and one number are five hundred and one people."""
    event = read(document(participants={"ids": [1, *[f"P{place}" for place in range(500)]]}))
    assert people(event) == 501


def test_overlapping_ranges_cost_no_more_than_their_number() -> None:
    """Each names the whole of a large cohort."""
    limits = decode_limits(DecodeConfig(), CohortConfig(size=2**33))
    raw = json.dumps(document(participants={"ranges": [[0, 1e300]] * 2_000})).encode()
    event = decode(raw, limits=limits)
    assert isinstance(event, AccessEvent)
    assert event.participants is not None
    assert event.participants.ranges == [(0, 2**33 - 1)]


@pytest.mark.parametrize(
    ("participants", "count"),
    [
        ({"ids": list(range(100_000, 450_000))}, 350_000),
        ({"ids": [0] * 1_500_000}, 500_000),
        ({"ranges": [[place, place] for place in range(200_000)]}, 500_000),
        ({"ids": [*range(350_000), None]}, 350_001),
        ({"ids": [float(place) for place in range(300_000)]}, 300_000),
        ({"ranges": [*([place, place] for place in range(200_000)), [5, None]]}, 500_000),
        ({"bitmap": "A" * 3_000_000}, None),
        ({"bitmap": base64.b64encode(BitMap(range(0, 500_000, 7)).serialize()).decode()}, 71_429),
    ],
    ids=[
        "ids",
        "more ids than people",
        "ranges",
        "one is null",
        "floats",
        "half a range",
        "a bitmap that is none",
        "a bitmap",
    ],
)
def test_a_message_too_large_to_decode_is_judged_by_its_head(
    participants: dict[str, object], count: int | None
) -> None:
    """The largest theft must not be the unseen one: lists are counted, an upper bound."""
    raw = msgspec.json.encode(document(participants=participants, rows=5))
    assert len(raw) > TINY.event_bytes_max
    event = decode(raw, limits=TINY)
    assert isinstance(event, AccessEvent)
    assert (event.institution, time_ms(event), event.user, event.rows) == (
        "northgate", NOON_MS, "u-1", 5
    )  # fmt: skip
    outcome = people(event)
    assert (outcome if isinstance(outcome, int) or outcome is None else len(outcome)) == count
    assert bool(event.repairs) == ("bitmap" not in participants or count is None)


def test_a_message_that_stays_too_large_is_refused() -> None:
    """What no list makes large cannot be made small."""
    raw = msgspec.json.encode(document(**{f"k{place}": 1 for place in range(2_100_000)}))
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
    # Where most cannot be read, they are counted with those who can.
    assert named >= len(good) if isinstance(named, int) else good <= set(named or ())
