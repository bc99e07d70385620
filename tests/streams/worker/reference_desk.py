"""References and days in a test: who builds them, and a log with the ends of days in it."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import cast

from detectors.config import CoreConfig
from detectors.peers.reference import ReferenceConfig
from streams.control.partition_time import DaysClosed, PartitionTime
from streams.control.records import OnRecord
from streams.control.reference_log import PartitionReferences, ReferenceLog
from streams.kafka.records import Record, TopicRecord
from streams.replay.topic_events import moves
from streams.worker.committed_reader import CommittedReader
from streams.worker.reference_agent import ReferenceAgent, ReferenceDependencies
from tests.builders import KafkaRecord
from tests.desks import KEYS, AgentDesk, OnePartitionGroup


class ReferenceDesk(AgentDesk):
    """The desk of the builder of the peer reference, for three partitions of events."""

    partitions = 3

    def __init__(self, group: OnePartitionGroup, *, recorded: Record | None = None) -> None:
        """Make the agent; `recorded` is the one record of its topic."""
        super().__init__(group)
        self._last = recorded
        self.agent = ReferenceAgent(
            CommittedReader(group, topic="t.summaries", start_at="beginning"),
            ReferenceDependencies(
                config=ReferenceConfig(lag_days=1, grace_hours=0),
                reference_topic="t.reference",
                partitions=self.partitions,
                keys=KEYS,
                outbox=self.outbox,
                recorded=self._recorded,
            ),
        )

    async def _recorded(self) -> AsyncIterator[TopicRecord]:
        if self._last is not None:
            yield cast("TopicRecord", self._last)


def with_days(items: Iterable[OnRecord]) -> Iterator[OnRecord | DaysClosed]:
    """Yield what a partition records as a replay reads it: with the ends of days among it."""
    time = PartitionTime(CoreConfig().reference)
    for item in items:
        if moves(time, item, kafka_ms=KafkaRecord(0, None).timestamp):
            yield time.closed
        yield item


def unknown_references() -> PartitionReferences:
    """Return the references of a partition of which none is known."""
    return PartitionReferences(ReferenceLog(CoreConfig().reference), 0)
