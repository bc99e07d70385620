"""Which ids are somebody's: a biobank's own numbers, hashes, and hashes that were rounded."""

import base64
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from detectors.config import CohortConfig
from detectors.event import AccessEvent, Participants
from streams.ingest.adapters.values import participant_hash
from streams.ingest.codec import DecodeConfig, DecodeLimits, decode, decode_limits
from streams.ingest.rejects import Rejected, RejectReason

HASHED = decode_limits(DecodeConfig(), CohortConfig(size=20_000, participant_ids="hashed"))
# A biobank's: seven digits, of which most are nobody's.
SPARSE = decode_limits(
    DecodeConfig(), CohortConfig(size=500_000, id_first=1_000_000, id_last=6_999_999)
)
# As many numbers as people.
DENSE = decode_limits(DecodeConfig(), CohortConfig(size=1_000, id_first=1_000_000))


def decoded(participants: object, limits: DecodeLimits) -> AccessEvent | Rejected:
    """Return what an event with these participants decodes to."""
    document = {
        "id": "e",
        "time": 1_767_225_600_000,
        "institution": "north",
        "dataset": "imaging",
        "rows": 1,
        "participants": participants,
    }
    return decode(msgspec.json.encode(document), limits=limits)


def people_and_repairs(
    participants: object, limits: DecodeLimits
) -> tuple[Participants | None, dict[str, int] | None]:
    """Return whose data left, and what was mended."""
    event = decoded(participants, limits)
    assert isinstance(event, AccessEvent)
    return event.participants, event.repairs


@pytest.mark.parametrize("limits", [SPARSE, DENSE])
def test_ids_begin_where_the_cohort_says(limits: DecodeLimits) -> None:
    """The first and the last are people; the ids beside them are left out and counted."""
    first, last = limits.id_first, limits.id_end - 1
    good, none = people_and_repairs({"ids": [first, last]}, limits)
    assert (good, none) == (Participants(ids=[first, last]), None)
    people, repairs = people_and_repairs({"ids": [first - 1, first, last, last + 1, 7]}, limits)
    assert (people, repairs) == (Participants(ids=[first, last]), {"beyond_cohort": 3})


def test_bitmaps_begin_where_the_cohort_says() -> None:
    """As lists do."""
    first = DENSE.id_first
    bitmap = {"bitmap": base64.b64encode(BitMap([7, first, first + 5]).serialize()).decode()}
    people, repairs = people_and_repairs(bitmap, DENSE)
    assert people == Participants(bitmap=BitMap([first, first + 5]).serialize())
    assert repairs == {"beyond_cohort": 1}


def test_ranges_of_a_dense_cohort_are_people_and_of_a_sparse_one_a_bound() -> None:
    """Where not each id is a person, a range says at most how many people it is of."""
    first = DENSE.id_first
    ranges = {"ranges": [[first - 10, first + 9]]}
    assert people_and_repairs(ranges, DENSE) == (
        Participants(ranges=[(first, first + 9)]),
        {"beyond_cohort": 10},
    )
    wide = {"ranges": [[1_000_000, 1_000_999], [2_000_000, 2_000_009]]}
    assert people_and_repairs(wide, SPARSE) == (
        Participants(count=1_010),
        {"ranges_counted": 2},
    )
    everybody = {"ranges": [[0, 9_999_999]]}
    people, _ = people_and_repairs(everybody, SPARSE)
    assert people == Participants(count=500_000)


@given(numbers=st.sets(st.integers(0, 10**9), min_size=1, max_size=60), data=st.data())
def test_hashes_as_they_are_or_as_text_name_the_same_people(
    numbers: set[int], data: st.DataObject
) -> None:
    """Decimal text survives every JSON writer."""
    hashes = sorted(participant_hash(str(number)) for number in numbers)
    written = [str(each) if data.draw(st.booleans()) else each for each in hashes]
    people, repairs = people_and_repairs({"ids": written}, HASHED)
    assert people is not None
    assert (sorted(people.ids or ()), repairs) == (hashes, None)


@given(
    numbers=st.sets(st.integers(0, 10**9), min_size=8, max_size=60),
    written=st.sampled_from(["binary", "shortest", "seventeen digits", "float"]),
)
def test_hashes_that_a_writer_rounded_are_rejected_with_the_cause(
    numbers: set[int], written: str
) -> None:
    """They are other people's, and would make of a re-reading a theft."""
    doubles = [float(participant_hash(str(number))) for number in numbers]
    rounded: dict[str, list[object]] = {
        "binary": [int(double) for double in doubles],
        "shortest": [int(Decimal(repr(double))) for double in doubles],
        "seventeen digits": [int(Decimal(f"{double:.16e}")) for double in doubles],
        "float": [*doubles],
    }
    event = decoded({"ids": rounded[written]}, HASHED)
    assert isinstance(event, Rejected)
    assert event.reason is RejectReason.IDS_ROUNDED
    assert "end in zeros" in event.detail


@given(numbers=st.sets(st.integers(0, 2**53), max_size=40))
def test_ids_that_a_double_holds_are_not_rounded(numbers: set[int]) -> None:
    """Whatever they end in."""
    people, _ = people_and_repairs({"ids": sorted(numbers)}, HASHED)
    assert people is not None
    assert sorted(people.ids or ()) == sorted(numbers)


@pytest.mark.parametrize(
    "cohort",
    [
        {"size": 10, "id_first": 5, "id_last": 9},
        {"size": 10, "id_first": 5, "participant_ids": "hashed"},
    ],
)
def test_bounds_that_cannot_hold_are_refused(cohort: dict[str, object]) -> None:
    """Fewer ids than people, or bounds of hashes."""
    with pytest.raises(msgspec.ValidationError, match="id_first"):
        msgspec.convert(cohort, CohortConfig)
