import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import StateError
from streams.kafka.records import FetchSpan
from streams.state.keys import PARTITION_RECORD_KEY, StateKey, main_key, parse_key, part_key
from streams.state.positions import OffsetGapError, PositionTracker

NAMES = st.text(min_size=1, max_size=40)


@given(institution=NAMES, part=NAMES)
def test_every_key_names_its_owner(institution: str, part: str) -> None:
    """Keys read back as what they were made of, whatever the names hold."""
    assert StateKey(institution=institution) == parse_key(main_key(institution))
    assert StateKey(institution=institution, part=part) == parse_key(part_key(institution, part))


@given(institution=NAMES, other=NAMES, part=NAMES)
def test_no_institution_can_take_anothers_key(institution: str, other: str, part: str) -> None:
    """No name makes a main record's key read as a part or as the partition_record."""
    assert main_key(institution) not in {part_key(other, part), PARTITION_RECORD_KEY}


def test_a_foreign_key_is_refused() -> None:
    """A key that is not text is not ours."""
    with pytest.raises(StateError, match="a key that is not ours"):
        parse_key(b"\xff\xfe")


def test_a_batch_that_begins_too_late_is_a_hole() -> None:
    """The message names the records that were passed over."""
    chain = PositionTracker("access[0]", 10)
    with pytest.raises(OffsetGapError, match=r"records 10 to 11 of access\[0\] were passed over"):
        chain.new_from(FetchSpan(start=12, end=15))


def test_only_progress_is_worth_a_commit() -> None:
    """Whoever has dealt with the same again stands where they stood."""
    tracker = PositionTracker("access[0]", 10)
    steps = []
    for end in (9, 10, 11):
        tracker.advance(end)
        steps.append((tracker.position, tracker.moved))
    assert steps == [(10, False), (10, False), (11, True)]


def test_an_overlapping_batch_is_admitted_and_moves_nothing_back() -> None:
    """A replayed batch is new only from where the chain stands."""
    chain = PositionTracker("access[0]", 10)
    assert chain.new_from(FetchSpan(start=5, end=8)) == 10
    chain.advance(8)
    assert (chain.position, chain.moved) == (10, False)
