"""The judges of a partition: which are in use, and what of them a checkpoint writes again."""

from collections.abc import Mapping

import pytest

from streams.kafka.records import FetchSpan
from streams.state.keys import PARTITION_RECORD_KEY, main_key, part_key
from streams.state.partition_state import PartitionState
from streams.state.phases import Checkpoint, Phase, Write
from streams.state.protocol import StateStore
from streams.state.store import SavedRecord
from tests.streams.state.checkpoint_world import Counting

EAST, NORTH = main_key("east"), main_key("north")
PART = part_key("north", "part@2")
SAVED = {
    EAST: SavedRecord(10, b"1"),
    NORTH: SavedRecord(11, b"2"),
    PART: SavedRecord(11, b"large"),
    PARTITION_RECORD_KEY: SavedRecord(40, b"context"),
}


def saved_partition() -> PartitionState[list[int]]:
    """Return partition 3 as its state topic has it: two institutions, one of them with a part."""
    partition_state = PartitionState(3, Counting())
    for key, saved in SAVED.items():
        partition_state.store.apply(key, saved)
    return partition_state


def written(partition_state: PartitionState[list[int]], *, rewrite_count: int) -> list[list[Write]]:
    """Return the parts, mains, partition records and tombstones of the next checkpoint."""
    checkpoint = Checkpoint[str](0)
    partition_state.add_to(checkpoint, rewrite_count=rewrite_count)
    phases = (Phase.PARTS, Phase.MAINS, Phase.PARTITION_RECORDS, Phase.TOMBSTONES)
    return [checkpoint.writes[phase] for phase in phases]


def again(*keys: bytes) -> list[Write]:
    """Return what is saved under some keys, written once more."""
    return [Write(3, key, SAVED[key]) for key in keys]


def test_quiet_states_are_written_again_in_rounds() -> None:
    """A few with each checkpoint, with their parts; the partition record once a round."""
    partition_state = saved_partition()
    rounds = [written(partition_state, rewrite_count=count) for count in (1, 0, 1, 1, 5)]
    north = [again(PART), again(NORTH), [], []]
    with_record = [[], again(EAST), again(PARTITION_RECORD_KEY), []]
    assert rounds == [with_record, [[], [], [], []], north, with_record, north]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (EAST, [[], again(EAST), [], []]),
        (NORTH, [again(PART), again(NORTH), [], []]),
        (PARTITION_RECORD_KEY, [[], [], again(PARTITION_RECORD_KEY), []]),
    ],
    ids=["a state", "a state with a part", "the partition record"],
)
def test_what_a_late_write_shadows_is_written_again_at_once(
    key: bytes, expected: list[list[Write]]
) -> None:
    """Compaction would keep the late one; no round is waited for."""
    partition_state = saved_partition()
    partition_state.store.apply(key, SavedRecord(5, b"late"))
    assert written(partition_state, rewrite_count=0) == expected


def test_what_has_changed_is_written_as_it_is_now() -> None:
    """Not once more as it was, though its turn has come; the part of before goes in the end."""
    partition_state = saved_partition()
    partition_state.new_from(FetchSpan(40, 42))
    profile = partition_state.profile("north", 41)
    assert profile is not None
    profile[0] += 1
    partition_state.applied("north", 41)
    partition_state.advance(42)
    parts, mains, records, tombstones = written(partition_state, rewrite_count=9)
    assert mains == [Write(3, NORTH, SavedRecord(41, b"3")), *again(EAST)]
    assert parts == [Write(3, part_key("north", "part@3"), SavedRecord(41, b"large")), *again(PART)]
    assert records == [Write(3, PARTITION_RECORD_KEY, SavedRecord(42, b"context"))]
    assert tombstones == [Write(3, PART, None)]


@pytest.mark.parametrize(("offset", "goes"), [(40, True), (41, True), (42, False)])
def test_a_part_goes_that_is_no_longer_named_unless_it_is_of_a_later_offset(
    offset: int, *, goes: bool
) -> None:
    """One of a later offset is from a worker that went further: it will be named soon."""
    partition_state = saved_partition()
    other = part_key("north", "part@9")
    partition_state.store.apply(other, SavedRecord(offset, b"large"))
    partition_state.loaded("north")
    partition_state.applied("north", 41)
    _, _, _, tombstones = written(partition_state, rewrite_count=0)
    assert tombstones == ([Write(3, other, None)] if goes else [])


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


class Noting(Counting):
    """A core that writes down what it is asked for."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.asked: list[tuple[str, bytes, dict[str, bytes]]] = []

    def open(self, institution: str) -> list[int]:
        """Note whose profile is opened."""
        self.asked.append((institution, b"", {}))
        return super().open(institution)

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> list[int]:
        """Note whose profile is loaded, and of what."""
        self.asked.append((institution, main, dict(parts)))
        return super().load(main, parts, institution=institution)


def test_a_profile_is_opened_or_loaded_once_under_its_name() -> None:
    """With its own parts, from the offset that they contain; a new one contains nothing."""
    core = Noting()
    partition_state = PartitionState(3, core)
    for key, saved in SAVED.items():
        partition_state.store.apply(key, saved)
    for _ in range(2):
        names = ("east", "north", "south")
        offsets = [partition_state.loaded(name).applied_offset for name in names]
        assert offsets == [10, 11, -1]
    assert core.asked == [
        ("east", b"1", {}),
        ("north", b"2", {"part@2": b"large"}),
        ("south", b"", {}),
    ]


def test_an_institution_has_a_judge_once_it_is_saved_or_in_use() -> None:
    """Either is enough."""
    partition_state = saved_partition()
    names = ("east", "north", "south", "west")
    partition_state.loaded("north")
    partition_state.loaded("south")
    assert [partition_state.knows(name) for name in names] == [True, True, True, False]
    assert (partition_state.institutions_count, list(partition_state.idle())) == (3, ["east"])


def test_a_rebalance_leaves_what_the_topic_holds() -> None:
    """Position, context and whoever was in use are forgotten; they are read back when asked for."""
    partition_state = saved_partition()
    assert (partition_state.position, partition_state.context) == (None, b"")
    partition_state.new_from(FetchSpan(40, 42))
    partition_state.loaded("south")
    partition_state.applied("south", 41)
    assert (partition_state.position, partition_state.context) == (40, b"context")
    assert partition_state.awake == {"east", "north"}
    partition_state.drop()
    assert (partition_state.position, partition_state.context) == (None, b"")
    assert partition_state.awake == set()
    assert dict(partition_state.profiles()) == {}
    assert not partition_state.knows("south")
    assert written(partition_state, rewrite_count=0) == [[], [], [], []]
    assert partition_state.new_from(FetchSpan(40, 42)) == 40
    assert partition_state.context == b"context"


def test_a_rebalance_drops_what_is_on_its_way_and_asks_to_be_read_back() -> None:
    """Nothing begun before it may be carried out after it, and no state opened meanwhile."""
    state_store: StateStore[list[int], str] = StateStore(Counting())
    state_store.partition(3).store.apply(EAST, SAVED[EAST])
    assert state_store.settled is False
    state_store.settled = True
    state_store.sent("an alert")
    before = state_store.begin_checkpoint(rewrite_count=0)
    state_store.sent("another alert")
    assert (before.outputs, state_store.holds(before)) == (["an alert"], True)
    state_store.drop()
    assert (state_store.settled, state_store.holds(before)) == (False, False)
    assert not state_store.begin_checkpoint(rewrite_count=0)
    assert state_store.partition(3).knows("east")
    state_store.retain([4])
    assert not state_store.partition(3).knows("east")
