"""A topic as a group reads it: where to begin, what of a batch is new, and when to commit.

Faust's own bookkeeping of offsets is not used: it would pass over what is not durable yet. What an
agent has dealt with is committed once all that came of it is durable, and a batch that does not
begin where the one before ended is refused.
"""

from collections.abc import Mapping
from typing import Literal

from streams.faust_driver.group import Group
from streams.kafka.records import FetchSpan, Offsets
from streams.state.positions import PositionTracker

# "committed" goes on where the group has committed; "beginning" reads all at each assignment.
StartAt = Literal["committed", "beginning"]


class PartitionReading:
    """One partition for as long as it is ours; a rebalance ends it, even if it stays ours.

    Before `dealt_offset` all has been dealt with: whoever watches sees by it that work goes on.
    """

    __slots__ = ("_tracker", "beginning", "dealt_offset", "partition", "start")

    def __init__(self, partition: int, *, topic: str, beginning: int, start: int) -> None:
        """Begin at the offset `start` of a partition whose first record is at `beginning`."""
        self.partition = partition
        self.beginning = beginning
        self.start = start
        self.dealt_offset = start
        self._tracker = PositionTracker(f"{topic}[{partition}]", start)

    @property
    def position(self) -> int:
        """Return the next offset to be dealt with."""
        return self._tracker.position

    def new_from(self, span: FetchSpan) -> int:
        """Return the offset from which the batch's records are new.

        Raises:
            OffsetGapError: records were passed over.
        """
        return self._tracker.new_from(span)

    def advance(self, end: int) -> None:
        """Note that all before `end` has been taken in."""
        self._tracker.advance(end)


class CommittedReader:
    """Reads one topic for an agent; nothing of it is ours before `begin` and after `revoked`."""

    __slots__ = ("_group", "_readings", "_start_at", "topic")

    def __init__(self, group: Group, *, topic: str, start_at: StartAt) -> None:
        """Read nothing yet."""
        self.topic = topic
        self._group = group
        self._start_at = start_at
        self._readings: dict[int, PartitionReading] = {}

    @property
    def is_assigned(self) -> bool:
        """Return whether any partition is ours at this moment."""
        return bool(self._group.assigned())

    def positions(self) -> Offsets:
        """Return before which offset of each partition all has been dealt with."""
        return {(self.topic, p): reading.dealt_offset for p, reading in self._readings.items()}

    def reading(self, partition: int) -> PartitionReading | None:
        """Return how a partition is read, None while it is not ours."""
        return self._readings.get(partition)

    def is_current(self, reading: PartitionReading) -> bool:
        """Return whether no rebalance has ended this reading."""
        return self._readings.get(reading.partition) is reading

    def revoked(self) -> None:
        """End all readings: another goes on from what is committed."""
        self._readings.clear()

    async def begin(self) -> list[PartitionReading]:
        """Begin to read the partitions that are ours now, and return how."""
        self.revoked()
        assigned = self._group.assigned()
        if not assigned:
            return []
        committed = await self._group.committed()
        beginnings = await self._group.beginnings(assigned)
        for partition in sorted(assigned):
            beginning = start = beginnings.get(partition, 0)
            if self._start_at == "committed":
                # Retention may have removed what was committed; nothing of ours is lost by that.
                start = max(committed.get(partition) or 0, beginning)
            self._readings[partition] = PartitionReading(
                partition, topic=self.topic, beginning=beginning, start=start
            )
        await self._commit_starts(committed)
        return list(self._readings.values())

    async def finish(self, reading: PartitionReading) -> None:
        """Commit what has been taken in, all of whose results are durable.

        After a rebalance nothing is committed: another reads there, and does the same again.
        """
        position = reading.position
        if self._start_at == "beginning" or await self._commit(reading, position):
            reading.dealt_offset = position

    async def _commit(self, reading: PartitionReading, position: int) -> bool:
        if not self.is_current(reading):
            return False
        return await self._group.commit({reading.partition: position})

    async def _commit_starts(self, committed: Mapping[int, int | None]) -> None:
        """Commit where reading begins, where the group does not say so yet.

        Faust seeks to what is committed, and where nothing is, it stays behind what it has fetched
        and dropped during the rebalance: those records would be passed over.
        """
        starts = {p: reading.start for p, reading in self._readings.items()}
        missing = {p: start for p, start in starts.items() if committed.get(p) != start}
        if missing:
            await self._group.commit(missing)
