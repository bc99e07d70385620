"""Step 2 of 7: foreign records of a raw topic -> canonical events, keyed by institution.

One institution, one partition, one judge. At least once: a batch is committed after all that it
became is durable. A repeat after a crash carries the same event id, so the judge drops it.
"""

from collections import defaultdict
from collections.abc import Callable

from detectors.event import AccessEvent
from streams.faust_driver.group import Group, commit_starts
from streams.ingest.codec import encode
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import Batch, Offsets, OutgoingRecord, Record, RecordPosition
from streams.state.positions import PositionTracker
from streams.worker.ports import Sinks, Watcher

Read = Callable[[bytes | None], AccessEvent | Rejected]


class RekeyAgent:
    """Re-keys one raw topic."""

    __slots__ = (
        "_chains",
        "_committed",
        "_events_topic",
        "_group",
        "_outbox",
        "_read",
        "_sending",
        "_sinks",
        "_watcher",
        "topic",
    )

    def __init__(  # noqa: PLR0913 - the ends of the dependencies, each by name.
        self,
        topic: str,
        *,
        events_topic: str,
        read: Read,
        group: Group,
        outbox: Outbox,
        sinks: Sinks,
        watcher: Watcher,
    ) -> None:
        """Keep what re-keying needs."""
        self.topic = topic
        self._events_topic = events_topic
        self._read = read
        self._group = group
        self._outbox = outbox
        self._sinks = sinks
        self._watcher = watcher
        self._chains: dict[int, PositionTracker] = {}
        self._committed: dict[int, int] = {}
        self._sending: defaultdict[int, list[Durable]] = defaultdict(list)

    def revoked(self) -> None:
        """Forget where we stood: another may have gone on from there."""
        self._chains.clear()
        self._committed.clear()
        self._sending.clear()

    def positions(self) -> Offsets:
        """Return what is committed, and how many of the batch at hand are durable beyond that."""
        return {
            (self.topic, partition): at + sum(sent.done() for sent in self._sending[partition])
            for partition, at in self._committed.items()
        }

    async def recovery_complete(self) -> None:
        """Stand where the group has committed, or where the topic begins."""
        self.revoked()
        assigned = self._group.assigned()
        if not assigned:
            return
        committed = await self._group.committed()
        beginnings = await self._group.beginnings(assigned)
        # Retention may have removed what was committed; nothing of ours is lost by that.
        starts = {p: max(committed.get(p) or 0, beginnings.get(p, 0)) for p in assigned}
        await commit_starts(self._group, starts, committed=committed)
        for partition, start in starts.items():
            self._chains[partition] = PositionTracker(f"{self.topic}[{partition}]", start)
            self._committed[partition] = start

    async def handle(self, partition: int, batch: Batch) -> None:
        """Re-key a batch, and commit it once all of it is durable.

        Raises:
            OffsetGapError: records were passed over.
        """
        chain = self._chains.get(partition)
        if chain is None:
            return
        new_from = chain.new_from(batch.span)
        chain.advance(batch.span.end)
        sent = [
            self._send(record, partition) for record in batch.records if record.offset >= new_from
        ]
        self._sending[partition] = sent
        await self._outbox.durable(sent)
        self._sending.pop(partition, None)
        # After a rebalance another chain stands there: what we sent will be sent again.
        position = chain.position
        if self._chains.get(partition) is not chain:
            return
        if await self._group.commit({partition: position}) and self._chains.get(partition) is chain:
            self._committed[partition] = position

    def _send(self, record: Record, partition: int) -> Durable:
        event = self._read(record.value)
        if isinstance(event, Rejected):
            return self._reject(event, record, partition)
        key = event.institution.encode()
        return self._outbox.post(
            OutgoingRecord(topic=self._events_topic, key=key, value=encode(event))
        )

    def _reject(self, reject: Rejected, record: Record, partition: int) -> Durable:
        position = RecordPosition(
            topic=self.topic,
            partition=partition,
            offset=record.offset,
            kafka_time_ms=record.timestamp,
        )
        durable = self._outbox.post(self._sinks.dead_letter(reject, record, position))
        self._watcher.rejected(reject, durable)
        return durable
