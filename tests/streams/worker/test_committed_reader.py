"""Where a group's topic is read from, and that only what is durable and still ours is committed."""

import asyncio

import pytest

from streams.kafka.records import FetchSpan
from streams.state.positions import OffsetGapError
from streams.worker.committed_reader import CommittedReader, PartitionReading, StartAt
from tests.desks import OnePartitionGroup


def begun(group: OnePartitionGroup, start_at: StartAt = "committed") -> CommittedReader:
    """Return a reader that has begun."""
    reader = CommittedReader(group, topic="t.raw", start_at=start_at)
    asyncio.run(reader.begin())
    return reader


def only(reader: CommittedReader) -> PartitionReading:
    """Return how the one partition is read."""
    reading = reader.reading(0)
    assert reading is not None
    return reading


@pytest.mark.parametrize(
    ("start_at", "committed", "beginning", "start"),
    [
        ("committed", 7, 3, 7),
        ("committed", None, 3, 3),
        # Retention has removed what was committed.
        ("committed", 2, 3, 3),
        ("beginning", 7, 3, 3),
        ("beginning", None, 0, 0),
    ],
)
def test_reading_starts_where_it_should_and_the_group_knows(
    start_at: StartAt, committed: int | None, beginning: int, start: int
) -> None:
    """Faust seeks to what is committed, so the start is committed unless it is already."""
    group = OnePartitionGroup(committed=committed, beginning=beginning)
    reader = begun(group, start_at)
    assert reader.positions() == {("t.raw", 0): start}
    assert group.commits == ([] if start == committed else [{0: start}])


def test_what_is_finished_is_committed_and_shown() -> None:
    """What was only taken in is neither."""
    group = OnePartitionGroup(committed=5)
    reader = begun(group)
    reading = only(reader)
    assert reading.new_from(FetchSpan(4, 9)) == 5
    reading.advance(9)
    assert (reader.positions(), group.commits) == ({("t.raw", 0): 5}, [])
    asyncio.run(reader.finish(reading))
    assert (reader.positions(), group.commits) == ({("t.raw", 0): 9}, [{0: 9}])


def test_a_reading_that_a_rebalance_has_ended_commits_nothing() -> None:
    """Though the partition stays ours: the new reading does the same records again."""
    group = OnePartitionGroup(committed=5)
    reader = begun(group)
    reading = only(reader)
    reading.advance(9)
    asyncio.run(reader.begin())
    asyncio.run(reader.finish(reading))
    assert (reader.positions(), group.commits) == ({("t.raw", 0): 5}, [])
    reader.revoked()
    assert (reader.reading(0), reader.positions()) == (None, {})


def test_a_reader_from_the_beginning_commits_no_more_than_its_start() -> None:
    """Or another worker would begin behind what it has to know."""
    group = OnePartitionGroup(committed=None)
    reader = begun(group, "beginning")
    reading = only(reader)
    reading.advance(9)
    asyncio.run(reader.finish(reading))
    assert (reader.positions(), group.commits) == ({("t.raw", 0): 9}, [{0: 0}])


def test_a_batch_behind_a_gap_is_refused() -> None:
    """Records that were passed over come again only after a restart."""
    reading = only(begun(OnePartitionGroup(committed=5)))
    with pytest.raises(OffsetGapError, match=r"records 5 to 5 of t\.raw\[0\] were passed over"):
        reading.new_from(FetchSpan(6, 7))


def test_nothing_is_begun_without_a_partition() -> None:
    """Neither does anything ask the broker."""
    group = OnePartitionGroup(committed=5)
    group.ours = False
    reader = begun(group)
    assert (reader.positions(), reader.is_assigned, group.commits) == ({}, False, [])
