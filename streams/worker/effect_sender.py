"""Step 7 of 7: effects and rejected records -> on their way to Kafka, and counted."""

from msgspec import structs

from detectors.verdict import Effect
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable
from streams.kafka.records import OutgoingRecord, Record, RecordPosition
from streams.worker.ports import EventWatcher, RecordSender, Sinks


class EffectSender:
    """Has sinks make the records, sends them, and lets the watcher know; futures say when."""

    __slots__ = ("_sender", "_sinks", "_watcher")

    def __init__(self, sinks: Sinks, *, sender: RecordSender, watcher: EventWatcher) -> None:
        """Connect the three."""
        self._sinks = sinks
        self._sender = sender
        self._watcher = watcher

    def send(
        self, effect: Effect, position: RecordPosition, *, by_key: bool = False
    ) -> list[Durable]:
        """Send the records that carry out an effect of the record at `position`.

        `by_key` sends them to the partition of their key instead of that of the record's number.
        """
        sent = []
        for outgoing in self._sinks.effect(effect, position):
            record = structs.replace(outgoing, partition=None) if by_key else outgoing
            durable = self._sender.post(record)
            self._watcher.happened(effect, position, durable)
            sent.append(durable)
        return sent

    def post(self, record: OutgoingRecord) -> Durable:
        """Send a record that is no effect of the core's: a stray, or the end of a day."""
        return self._sender.post(record)

    def reject(self, reject: Rejected, record: Record, position: RecordPosition) -> Durable:
        """Send the dead letter of a record."""
        durable = self._sender.post(self._sinks.dead_letter(reject, record, position))
        self._watcher.rejected(reject, durable)
        return durable
