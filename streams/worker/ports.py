"""What the agents need of others, as interfaces: who sends, who counts, what becomes of effects."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from detectors.pipeline import Profile
from detectors.verdict import Effect
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable
from streams.kafka.records import OutgoingRecord, Record, RecordPosition
from streams.state.checkpoint import Done
from streams.state.protocol import StateStore
from streams.worker.batch_run import Counts


class Sinks(Protocol):
    """What effects and rejected records become on Kafka."""

    def effect(self, effect: Effect, position: RecordPosition) -> Sequence[OutgoingRecord]:
        """Return the records that carry out an effect."""

    def dead_letter(
        self, reject: Rejected, record: Record, position: RecordPosition
    ) -> OutgoingRecord:
        """Return the dead letter of a record."""


class EventWatcher(Protocol):
    """Who counts what the judges do."""

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Count the events of a batch that ends at `position`."""

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Count a rejected record; `durable` is done once the broker has its dead letter."""

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Count an effect; `durable` is done once the broker has it."""


class RingWatcher(Protocol):
    """Who shows how the judge of several institutions stands."""

    def rings(self, speaks: bool | None, ring_days: int) -> None:  # noqa: FBT001 - what is shown.
        """Show whether rings are told; None: another worker judges them.

        `ring_days` are the days of the last eight weeks on which one was found.
        """


class RecordSender(Protocol):
    """What sends records: the outbox."""

    def post(self, record: OutgoingRecord) -> Durable:
        """Send in order; the future is done once the record is durable."""


class WorkerWatcher(EventWatcher, RingWatcher, Protocol):
    """Who counts what the judges do, and looks at the whole after each checkpoint."""

    def saved(self, done: Done | None) -> None:
        """Count a checkpoint; None where all that was judged is saved already."""

    def looked(self, ends: Mapping[int, int], state_store: StateStore[Profile, Durable]) -> None:
        """Show what is judged; `ends` are the input's ends by partition, as last seen."""
