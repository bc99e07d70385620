"""The profiles of a partition in use: brought there by an event, or by whoever watches all."""

from streams.state.keys import main_key
from streams.state.partition_state import PartitionState
from streams.state.store import SavedRecord
from tests.streams.state.checkpoint_world import Counting


def test_saved_profiles_come_into_use_a_few_at_a_time() -> None:
    """Whoever watches all institutions does not wait for an event of each."""
    partition_state = PartitionState(0, Counting())
    for number, institution in enumerate(("east", "north", "south", "west")):
        saved = SavedRecord(10 + number, b"%d" % number)
        partition_state.store.apply(main_key(institution), saved)
    partition_state.loaded("north")
    in_use = []
    for count in (0, 1, 2, 3):
        partition_state.load_idle(count)
        in_use.append(len(dict(partition_state.profiles())))
    assert in_use == [1, 2, 4, 4]
    assert dict(partition_state.profiles()) == {
        "east": [0],
        "north": [1],
        "south": [2],
        "west": [3],
    }
    assert partition_state.loaded("west").applied_offset == 13
