"""Records of the state topic: signed for their place, and read back as they were meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import StateError
from streams.state.envelope import StateKeys, keys_from_text
from streams.state.keys import main_key
from streams.state.phases import Write
from streams.state.records import StateTopic
from streams.state.store import SavedRecord

KEYS = StateKeys("sixteen characters", "another sixteen of them")
NORTH = main_key("north")


def state_topic(
    topic: str = "t.state", *, app: str = "t-worker", keys: StateKeys = KEYS
) -> StateTopic:
    """Return a state topic, by default always the same."""
    return StateTopic(topic, app=app, keys=keys)


@given(offset=st.integers(0, 2**62), payload=st.binary(max_size=200), partition=st.integers(0, 99))
def test_what_is_written_is_read_back(offset: int, payload: bytes, partition: int) -> None:
    """Offset and bytes, from the partition and key under which they were written."""
    topic = state_topic()
    record = topic.record(Write(partition, NORTH, SavedRecord(offset, payload)))
    assert (record.topic, record.key, record.partition) == ("t.state", NORTH, partition)
    assert topic.saved(partition, NORTH, record.value) == SavedRecord(offset, payload)


def test_a_tombstone_is_nothing_on_both_ways() -> None:
    """It names nothing that anybody could trust, so it carries no signature."""
    record = state_topic().record(Write(3, NORTH, None))
    assert (record.value, state_topic().saved(3, NORTH, None)) == (None, None)


@pytest.mark.parametrize(
    ("topic", "partition", "key"),
    [
        pytest.param(state_topic(), 4, NORTH, id="another partition"),
        pytest.param(state_topic(), 3, main_key("south"), id="another institution"),
        pytest.param(state_topic("u.state"), 3, NORTH, id="another topic"),
        pytest.param(state_topic(app="u-worker"), 3, NORTH, id="another app"),
        pytest.param(state_topic(keys=keys_from_text(None)), 3, NORTH, id="no key"),
    ],
)
def test_a_record_is_read_only_where_it_belongs(
    topic: StateTopic, partition: int, key: bytes
) -> None:
    """Whoever can write the topic cannot give an institution another's past."""
    value = state_topic().record(Write(3, NORTH, SavedRecord(7, b"state"))).value
    with pytest.raises(StateError, match="is not signed by a key of ours for this place"):
        topic.saved(partition, key, value)
