"""Step 2 of 7: foreign records of a raw topic -> canonical events, keyed by institution.

One institution, one partition, one judge. At least once: a batch is committed after all that it
became is durable. A repeat after a crash carries the same event id, so the judge drops it.
"""

from collections.abc import Callable

from detectors.event import AccessEvent
from streams.ingest.codec import encode
from streams.ingest.cut_records import cut_problem
from streams.ingest.identity import identity_of
from streams.ingest.reject_notice import notice_of
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import Batch, Offsets, OutgoingRecord, Record, RecordPosition
from streams.worker.committed_reader import CommittedReader
from streams.worker.effect_sender import EffectSender

# Reads the value of a record that lies at an offset of a partition.
ReadRow = Callable[[bytes | None, str, int], AccessEvent | Rejected]


class RekeyAgent:
    """Re-keys one raw topic."""

    __slots__ = ("_effects", "_events_topic", "_outbox", "_read_row", "_reader", "_sending")

    def __init__(
        self,
        reader: CommittedReader,
        *,
        events_topic: str,
        read_row: ReadRow,
        outbox: Outbox,
        effects: EffectSender,
    ) -> None:
        """Keep what re-keying needs."""
        self._reader = reader
        self._events_topic = events_topic
        self._read_row = read_row
        self._outbox = outbox
        self._effects = effects
        # Of the batch at hand of each partition.
        self._sending: dict[int, list[Durable]] = {}

    def revoked(self) -> None:
        """Forget where we stood: another may have gone on from there."""
        self._reader.revoked()
        self._sending.clear()

    def positions(self) -> Offsets:
        """Return what is committed, and how many of the batch at hand are durable beyond that."""
        return {
            (topic, partition): offset
            + sum(durable.done() for durable in self._sending.get(partition, ()))
            for (topic, partition), offset in self._reader.positions().items()
        }

    async def recovery_complete(self) -> None:
        """Stand where the group has committed, or where the topic begins."""
        self.revoked()
        await self._reader.begin()

    async def handle(self, partition: int, batch: Batch) -> None:
        """Re-key a batch, and commit it once all of it is durable.

        Raises:
            OffsetGapError: records were passed over.
        """
        reading = self._reader.reading(partition)
        if reading is None:
            return
        new_from = reading.new_from(batch.span)
        reading.advance(batch.span.end)
        notices: list[Durable] = []
        sent = [
            self._send(record, partition, notices)
            for record in batch.records
            if record.offset >= new_from
        ]
        self._sending[partition] = sent
        await self._outbox.durable([*notices, *sent])
        self._sending.pop(partition, None)
        await self._reader.finish(reading)

    def _send(self, record: Record, partition: int, notices: list[Durable]) -> Durable:
        """Send the event of a row, or its dead letter, and a notice to whose row it is."""
        source = f"{self._reader.topic}/{partition}"
        event = cut_problem(record.headers) or self._read_row(record.value, source, record.offset)
        if not isinstance(event, Rejected):
            key, value = identity_of(event.institution).encode(), encode(event)
            return self._outbox.post(OutgoingRecord(topic=self._events_topic, key=key, value=value))
        position = RecordPosition(
            topic=self._reader.topic,
            partition=partition,
            offset=record.offset,
            kafka_time_ms=record.timestamp,
        )
        if event.institution:
            notice = OutgoingRecord(
                topic=self._events_topic,
                key=identity_of(event.institution).encode(),
                value=notice_of(event, f"{source}:{record.offset}", received_ms=record.timestamp),
            )
            notices.append(self._outbox.post(notice))
        return self._effects.reject(event, record, position)
