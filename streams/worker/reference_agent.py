"""The aggregating agent: daily summaries of all institutions -> the peer reference of each day.

Whoever holds the summaries' one partition reads it from its beginning: what it knows is what the
topic holds. A day's reference is built once every partition has closed the days that it rests on,
and lies on the reference topic for good: what comes later changes it no more.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import msgspec
from msgspec import Struct

from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import ReferenceConfig
from detectors.verdict import DailySummary
from streams.control.day_closed import DayClosed, read_summary
from streams.control.reference_log import (
    DayAwaited,
    DayReference,
    Message,
    ReferenceLog,
    message_record,
    read_message,
)
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Outbox
from streams.kafka.records import Batch, Offsets, Record, TopicRecord
from streams.state.envelope import StateKeys
from streams.worker.committed_reader import CommittedReader

logger = logging.getLogger("headgate.reference")

ReadAll = Callable[[], AsyncIterator[TopicRecord]]


class DayCount:
    """Which days all partitions have closed.

    >>> days = DayCount(2)
    >>> [days.close(partition, day) for partition, day in [(0, 5), (1, 3), (1, 8)]]
    [None, 3, 5]
    """

    __slots__ = ("_closed", "_partitions")

    def __init__(self, partitions: int) -> None:
        """Begin with none, of so many partitions."""
        self._partitions = partitions
        self._closed: dict[int, int] = {}

    def close(self, partition: int, day: int) -> int | None:
        """Note that a partition has closed `day`; return the last one that all have closed."""
        self._closed[partition] = max(day, self._closed.get(partition, day))
        if len(self._closed) < self._partitions:
            return None
        return min(self._closed.values())


class ReferenceDependencies(Struct, frozen=True, kw_only=True):
    """What the reference agent is connected to; `recorded` reads what is on its topic."""

    config: ReferenceConfig
    reference_topic: str
    partitions: int
    keys: StateKeys
    outbox: Outbox
    recorded: ReadAll


class ReferenceAgent:
    """Builds and publishes the peer reference; its reader begins anew at each assignment."""

    __slots__ = ("_builder", "_days", "_dependencies", "_log", "_reader")

    def __init__(self, reader: CommittedReader, dependencies: ReferenceDependencies) -> None:
        """Keep what aggregating needs."""
        self._reader = reader
        self._dependencies = dependencies
        self.revoked()

    def revoked(self) -> None:
        """Forget everything: another reads the topic from its beginning."""
        self._reader.revoked()
        self._builder = ReferenceBuilder(self._dependencies.config)
        self._days = DayCount(self._dependencies.partitions)
        self._log = ReferenceLog(self._dependencies.config)

    def positions(self) -> Offsets:
        """Return what is folded, and its references published."""
        return self._reader.positions()

    async def recovery_complete(self) -> None:
        """Learn what is published, and begin at the beginning of the summaries."""
        self.revoked()
        if not self._reader.is_assigned:
            return
        topic, keys = self._dependencies.reference_topic, self._dependencies.keys
        async for record in self._dependencies.recorded():
            message = read_message(record, topic=topic, keys=keys)
            if isinstance(message, Rejected):
                logger.error(
                    "A record of the references is rejected.", extra={"detail": message.detail}
                )
            else:
                self._log.apply(message)
        await self._reader.begin()

    async def handle(self, partition: int, batch: Batch) -> None:
        """Fold a batch of summaries, and publish the references that it completes.

        Raises:
            OffsetGapError: records were passed over.
        """
        reading = self._reader.reading(partition)
        if reading is None:
            return
        new_from = reading.new_from(batch.span)
        for message in self._built(r for r in batch.records if r.offset >= new_from):
            await self._publish(message)
            if not self._reader.is_current(reading):
                # All was forgotten meanwhile: what would be built now rests on nothing.
                return
        reading.advance(batch.span.end)
        await self._reader.finish(reading)

    async def _publish(self, message: Message) -> None:
        dependencies = self._dependencies
        record = message_record(message, topic=dependencies.reference_topic, keys=dependencies.keys)
        await dependencies.outbox.durable([dependencies.outbox.post(record)])
        self._log.apply(message)
        if isinstance(message, DayReference):
            version = "prior" if message.reference is None else message.reference.version
            logger.info("Published the peer reference.", extra={"reference_version": version})

    def _built(self, records: Iterable[Record]) -> Iterator[Message]:
        for record in records:
            summary = _summary(record)
            if isinstance(summary, DayClosed):
                yield from self._closed(summary)
            elif summary is not None:
                self._builder.add(summary)

    def _closed(self, closed: DayClosed) -> Iterator[Message]:
        """Yield what all must know when a partition has closed a day."""
        before = self._log.awaited
        closed_by_all = self._days.close(closed.partition, closed.day)
        if before is None or closed.day > before.day:
            yield DayAwaited(day=closed.day, at_ms=closed.at_ms)
        if closed_by_all is None:
            return
        last = closed_by_all + self._dependencies.config.lag_days
        first = self._log.newest + 1 if self._log.newest >= 0 else last
        for day in range(first, last + 1):
            reference = self._builder.build(day)
            is_known = reference.day == day
            # As long as nothing is known of the peers, one record says so for all days up to it.
            if is_known or day == last:
                yield DayReference(day=day, reference=reference if is_known else None)
        self._builder.forget(min(self._log.newest, last))


def _summary(record: Record) -> DailySummary | DayClosed | None:
    try:
        return read_summary(record.value)
    except msgspec.DecodeError as error:
        logger.warning(
            "A record of the summaries is not ours.",
            extra={"offset": record.offset, "detail": str(error)},
        )
        return None
