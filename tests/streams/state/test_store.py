"""What the state topic says of a partition, in whatever order records were written."""

from hypothesis import example, given
from hypothesis import strategies as st

from streams.state.keys import PARTITION_RECORD_KEY, main_key, part_key
from streams.state.store import RecoveredPartition, SavedRecord

NORTH, SOUTH = main_key("north"), main_key("south")
OFFSETS = st.lists(st.integers(0, 9), min_size=1, max_size=12)


def read(*records: tuple[bytes, SavedRecord | None]) -> RecoveredPartition:
    """Return what is known after reading records in the order of the topic."""
    store = RecoveredPartition()
    for key, saved in records:
        store.apply(key, saved)
    return store


def saved(offset: int, payload: bytes = b"") -> SavedRecord:
    """Return a record that contains everything up to an offset."""
    return SavedRecord(offset, payload)


def test_an_empty_topic_says_nothing() -> None:
    """No state, no part, no partition record, and nothing that compaction could lose."""
    store = read()
    assert (dict(store.mains), store.parts, store.partition_record) == ({}, {}, None)
    assert (store.shadowed, store.partition_record_shadowed) == (set(), False)


@given(offsets=OFFSETS)
def test_the_furthest_state_counts_and_the_last_written_of_equals(offsets: list[int]) -> None:
    """A worker that was replaced long ago cannot win by writing late."""
    written = [(NORTH, saved(offset, bytes([n]))) for n, offset in enumerate(offsets)]
    store = read(*written)
    furthest = max(offsets)
    last = len(offsets) - 1 - offsets[::-1].index(furthest)
    assert store.mains == {"north": saved(furthest, bytes([last]))}


@example(offsets=[5, 3, 5])
@given(offsets=OFFSETS)
def test_a_state_is_shadowed_while_another_was_written_after_it(offsets: list[int]) -> None:
    """Compaction keeps the last record of a key: if that is not the best, it must be rewritten."""
    store = read(*[(NORTH, saved(offset)) for offset in offsets], (SOUTH, saved(0)))
    assert store.shadowed == ({"north"} if offsets[-1] < max(offsets) else set())


@given(offsets=OFFSETS)
def test_the_partition_record_is_held_to_the_same_rule(offsets: list[int]) -> None:
    """The furthest counts, and is known to be shadowed where it does not stand last."""
    store = read(*[(PARTITION_RECORD_KEY, saved(offset)) for offset in offsets])
    assert store.partition_record == saved(max(offsets))
    assert store.partition_record_shadowed == (offsets[-1] < max(offsets))
    assert (dict(store.mains), store.parts) == ({}, {})


def test_a_part_is_there_until_its_tombstone() -> None:
    """Parts never change under one name: the last word counts, however often it is said."""
    first, second = part_key("north", "imaging@1"), part_key("north", "imaging@2")
    store = read((first, saved(1, b"a")), (second, saved(2, b"b")), (first, None), (first, None))
    assert store.parts == {"north": {"imaging@2": saved(2, b"b")}}


def test_a_tombstone_of_a_state_takes_nothing_away() -> None:
    """Nobody writes one: an institution's past is never taken as empty."""
    store = read((NORTH, saved(3)), (PARTITION_RECORD_KEY, saved(4)))
    store.apply(NORTH, None)
    store.apply(PARTITION_RECORD_KEY, None)
    assert store.mains == {"north": saved(3)}
    assert (store.partition_record, store.partition_record_shadowed) == (saved(4), False)


def test_institutions_and_their_parts_do_not_meet() -> None:
    """Whatever their names hold, each finds its own again."""
    odd = "north\0\2part"
    store = read(
        (main_key(odd), saved(1)), (part_key("north", "part"), saved(2)), (NORTH, saved(3))
    )
    assert store.mains == {odd: saved(1), "north": saved(3)}
    assert store.parts == {"north": {"part": saved(2)}}
