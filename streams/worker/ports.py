"""What the agents need of others, as interfaces: who sends, who counts, what becomes of effects."""

from collections.abc import Sequence
from typing import Protocol

from detectors.verdict import Effect
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outgoing
from streams.kafka.records import Place, Record
from streams.worker.batch_run import Counts


class Sinks(Protocol):
    """What effects and refusals become on Kafka."""

    def effect(self, effect: Effect, place: Place) -> Sequence[Outgoing]:
        """Return the records that carry out an effect."""

    def refusal(self, refused: Rejected, record: Record, place: Place) -> Outgoing:
        """Return the dead letter of a record."""


class Watcher(Protocol):
    """Who counts what the judges do."""

    def judged(self, place: Place, counts: Counts) -> None:
        """Count the events of a batch that ends at `place`."""

    def refused(self, refused: Rejected, durable: Durable) -> None:
        """Count a refusal; `durable` is done once the broker has its dead letter."""

    def happened(self, effect: Effect, place: Place, durable: Durable) -> None:
        """Count an effect; `durable` is done once the broker has it."""


class Poster(Protocol):
    """Where outgoing records are posted."""

    def post(self, record: Outgoing) -> Durable:
        """Send in order; the future is done once the record is durable."""
