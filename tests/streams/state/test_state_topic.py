"""Records of the state topic: signed for their place, and read back as they were meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ConfigError, StateError
from streams.state.envelope import PLAIN_BYTES_MAX, StateKeys, keys_from_text
from streams.state.keys import main_key
from streams.state.phases import Write
from streams.state.records import StateTopic
from streams.state.store import SavedRecord

KEYS = StateKeys("sixteen characters", "another sixteen of them")
TOPIC = StateTopic("t.state", app="t-worker", keys=KEYS)
NORTH = main_key("north")


@given(offset=st.integers(0, 2**62), payload=st.binary(max_size=200), partition=st.integers(0, 99))
def test_what_is_written_is_read_back(offset: int, payload: bytes, partition: int) -> None:
    """Offset and bytes, from the partition and key under which they were written."""
    record = TOPIC.record(Write(partition, NORTH, SavedRecord(offset, payload)))
    assert (record.topic, record.key, record.partition) == ("t.state", NORTH, partition)
    assert TOPIC.saved(partition, NORTH, record.value) == SavedRecord(offset, payload)


def test_a_tombstone_is_nothing_on_both_ways() -> None:
    """It names nothing that anybody could trust, so it carries no signature."""
    record = TOPIC.record(Write(3, NORTH, None))
    assert (record.value, TOPIC.saved(3, NORTH, None)) == (None, None)


@pytest.mark.parametrize(
    ("topic", "partition", "key"),
    [
        pytest.param(TOPIC, 4, NORTH, id="another partition"),
        pytest.param(TOPIC, 3, main_key("south"), id="another institution"),
        pytest.param(
            StateTopic("u.state", app="t-worker", keys=KEYS), 3, NORTH, id="another topic"
        ),
        pytest.param(StateTopic("t.state", app="u-worker", keys=KEYS), 3, NORTH, id="another app"),
        pytest.param(
            StateTopic("t.state", app="t-worker", keys=keys_from_text(None)), 3, NORTH, id="no key"
        ),
    ],
)
def test_a_record_is_read_only_where_it_belongs(
    topic: StateTopic, partition: int, key: bytes
) -> None:
    """Whoever can write the topic cannot give an institution another's past."""
    value = TOPIC.record(Write(3, NORTH, SavedRecord(7, b"state"))).value
    with pytest.raises(StateError, match="is not signed by a key of ours for this place"):
        topic.saved(partition, key, value)


def test_keys_can_be_changed_while_states_lie_there() -> None:
    """The first signs; the one before is still read, until all states have been rewritten."""
    old, new = "the key of last year", "the key of this year"
    before = StateTopic("t.state", app="t-worker", keys=keys_from_text(old))
    both = StateTopic("t.state", app="t-worker", keys=keys_from_text(f"{new}, {old}"))
    after = StateTopic("t.state", app="t-worker", keys=keys_from_text(new))
    state = Write(0, NORTH, SavedRecord(1, b"state"))
    assert both.saved(0, NORTH, before.record(state).value) == state.saved
    assert after.saved(0, NORTH, both.record(state).value) == state.saved
    with pytest.raises(StateError):
        after.saved(0, NORTH, before.record(state).value)


@pytest.mark.parametrize("text", ["short", "the key of this year, short", ","])
def test_a_short_key_is_refused(text: str) -> None:
    """Whichever of them it is: one that can be guessed protects nothing."""
    with pytest.raises(ConfigError, match="expected at least 16 characters in every key"):
        keys_from_text(text)


def test_a_state_that_is_too_large_is_not_written() -> None:
    """It would be refused by the topic, or by whoever reads it."""
    write = Write(0, NORTH, SavedRecord(1, bytes(PLAIN_BYTES_MAX + 1)))
    with pytest.raises(StateError, match="more than 16777216"):
        TOPIC.record(write)
