"""Which profiles stay in memory, and what the saved ones of the others cost."""

from streams.kafka.records import FetchSpan
from streams.state.keys import PARTITION_RECORD_KEY, main_key
from streams.state.packed_records import PackedRecords, SavedRecord
from streams.state.partition_state import PartitionState
from streams.state.phases import Checkpoint, Phase
from tests.streams.state.checkpoint_world import Counting

NAMES = [f"i{number}" for number in range(6)]


def judged(*names: str) -> PartitionState[list[int]]:
    """Return a partition in which each name was judged once, in order, and all is saved."""
    partition_state = PartitionState(0, Counting())
    partition_state.store.apply(PARTITION_RECORD_KEY, SavedRecord(0, b""))
    partition_state.new_from(FetchSpan(0, len(names)))
    for offset, name in enumerate(names):
        judge(partition_state, name, offset)
    save(partition_state)
    return partition_state


def judge(partition_state: PartitionState[list[int]], name: str, offset: int) -> None:
    """Judge one event of an institution."""
    profile = partition_state.profile(name, offset)
    assert profile is not None
    profile[0] += 1
    partition_state.applied(name, offset)


def save(partition_state: PartitionState[list[int]]) -> None:
    """Carry a checkpoint out."""
    checkpoint = Checkpoint[str](0)
    partition_state.add_to(checkpoint, rewrite_count=0)
    for phase in Phase:
        for write in checkpoint.writes[phase]:
            partition_state.store.apply(write.key, write.saved)


def resident(partition_state: PartitionState[list[int]]) -> list[str]:
    """Return who is in memory."""
    return sorted(name for name, _ in partition_state.profiles())


def test_nobody_goes_while_there_is_room() -> None:
    """As many as may stay do."""
    partition_state = judged(*NAMES)
    partition_state.evict_idle(resident_max=6, needed=lambda _: False)
    assert (resident(partition_state), partition_state.resident_count) == (NAMES, 6)
    assert partition_state.institutions_count == 6


def test_half_go_when_there_are_too_many_the_idle_first() -> None:
    """Who was judged lately stays longest; an event brings the others back as they were."""
    partition_state = judged(*NAMES)
    judge(partition_state, "i1", 10)
    save(partition_state)
    partition_state.evict_idle(resident_max=4, needed=lambda _: False)
    assert resident(partition_state) == ["i1", "i5"]
    assert list(partition_state.idle()) == ["i0", "i2", "i3", "i4"]
    assert partition_state.institutions_count == 6
    back = partition_state.loaded("i2")
    assert (back.profile, back.applied_offset) == ([1], 2)


def test_what_is_not_saved_as_it_is_stays() -> None:
    """Changed since the checkpoint, shadowed by another record, or needed."""
    partition_state = judged(*NAMES)
    judge(partition_state, "i0", 10)
    partition_state.store.apply(main_key("i3"), SavedRecord(99, b"7"))
    partition_state.loaded("i4").profile[0] = 5
    partition_state.evict_idle(resident_max=1, needed=lambda profile: profile == [5])
    assert resident(partition_state) == ["i0", "i3", "i4"]


def test_records_are_kept_as_they_were_large_and_small() -> None:
    """Empty, small, at the bound of what is packed, and beyond it."""
    records = PackedRecords()
    saved = {
        f"i{size}": SavedRecord(size - 1, bytes(number % 251 for number in range(size)))
        for size in (0, 1, 300, 4_095, 4_096, 4_097, 9_000)
    }
    for name, record in saved.items():
        records[name] = SavedRecord(0, b"before")
        records[name] = record
    assert dict(records) == saved
    assert {name: records.offset(name) for name in saved} == {
        name: record.offset for name, record in saved.items()
    }
    assert (records.offset("nobody"), len(records), "i0" in records) == (None, 7, True)
    del records["i300"]
    assert ("i300" in records, len(records)) == (False, 6)


def test_small_records_that_differ_in_little_cost_little() -> None:
    """A state of three hundred bytes takes less than sixty beside another like it."""
    records = PackedRecords()
    common = bytes(range(150)) * 2
    records["first"] = SavedRecord(1, common)
    records["second"] = SavedRecord(2, common + b"second")
    assert records["second"] == SavedRecord(2, common + b"second")
    assert len(records._packed["second"]) < 60
    large = bytes(number % 251 for number in range(9_000))
    records["large"] = SavedRecord(3, large)
    assert len(records._packed["large"]) > 9_000
