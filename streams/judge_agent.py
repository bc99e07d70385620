"""Steps 1 to 7 of 7: a batch of one partition -> judged events, with their effects on the way.

Strictly synchronous: between the change of a state and the note of its offset nothing else may
run, or a checkpoint in between would save one without the other. Nothing can leave the loop: what
cannot be read goes to dead letters, and so does what the core fails on.
"""

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from detectors.adoption import adopt, follow
from detectors.config import CoreConfig
from detectors.configured import FILE_SEQUENCE, Schedule, Scheduled
from detectors.errors import CoreError
from detectors.event import AccessEvent, time_ms
from detectors.pipeline import Profile, adopt_reference, judge
from detectors.verdict import Effect
from streams.adapters.mapping import UNRESOLVED
from streams.codec import DecodeLimits, decode
from streams.config_record import CONFIG
from streams.control import Instruction, control_kind, told_by
from streams.envelope import StateKeys
from streams.outbox import Durable, Outgoing
from streams.partition_context import Context, Contexts
from streams.protocol import Keeper, PartitionKeeper
from streams.rejects import Rejected, RejectReason, rejected
from streams.transport import Batch, Record

logger = logging.getLogger("headgate.judge")

# Below this many events a share of failures says nothing.
_JUDGED_COUNT_MIN: Final = 200
# What is this much older than the newest of its institution came late.
_LATE_MS: Final = 3_600_000


class Place(Struct, frozen=True, kw_only=True, gc=False):
    """Where on Kafka a record lies, and when Kafka received it."""

    topic: str
    partition: int
    offset: int
    kafka_time_ms: int


class Counts(Struct, kw_only=True):
    """What a batch came to, for the metrics."""

    judged: int = 0
    late: int = 0
    unresolved: int = 0
    repeated: int = 0
    saved: int = 0
    configs_accepted: int = 0
    configs_refused: int = 0
    # The newest that a judge has come under, where it is news.
    config: CoreConfig | None = None


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


class JudgeAgent:
    """The judges of this worker's partitions."""

    __slots__ = (
        "_base",
        "_config_sequence",
        "_contexts",
        "_dead_letter_ratio_max",
        "_failed_count",
        "_judged_count",
        "_keeper",
        "_keys",
        "_limits",
        "_poster",
        "_sinks",
        "_topic",
        "_watcher",
    )

    def __init__(  # noqa: PLR0913 - the ends of the wires, each by name.
        self,
        keeper: Keeper[Profile],
        *,
        topic: str,
        limits: DecodeLimits,
        keys: StateKeys,
        base: CoreConfig,
        sinks: Sinks,
        poster: Poster,
        watcher: Watcher,
        dead_letter_ratio_max: float,
    ) -> None:
        """Keep what judging needs; `base` is the configuration of the worker's own file."""
        self._keeper = keeper
        self._topic = topic
        self._limits = limits
        self._keys = keys
        self._base = base
        self._sinks = sinks
        self._poster = poster
        self._watcher = watcher
        self._dead_letter_ratio_max = dead_letter_ratio_max
        self._contexts = Contexts(base)
        self._config_sequence = FILE_SEQUENCE
        self._judged_count = 0
        self._failed_count = 0

    def handle(self, partition: int, batch: Batch) -> int:
        """Judge what is new in `batch` and return how many events that was.

        Raises:
            HoleError: records were passed over.
            StateError: a saved state cannot be read.
            CoreError: the core fails on too many events.
        """
        keeper = self._keeper.partition(partition)
        new_from = keeper.admit(batch.span)
        context = self._contexts.read(keeper.context)
        counts = Counts()
        for record in batch.records:
            if record.offset < new_from:
                counts.saved += 1
            elif record.headers and control_kind(record.headers) is not None:
                context = self._obey(keeper, record, context, counts)
            else:
                self._take(keeper, record, context, counts)
        keeper.advance(batch.span.end)
        self._count(partition, batch, counts)
        return counts.judged

    def _take(
        self,
        keeper: PartitionKeeper[Profile],
        record: Record,
        context: Context,
        counts: Counts,
    ) -> None:
        event = decode(
            record.value,
            key=record.key,
            headers=record.headers,
            kafka_time_ms=record.timestamp,
            limits=self._limits,
        )
        if isinstance(event, Rejected):
            self._refuse(event, record, keeper.partition)
            return
        profile = keeper.profile(event.institution, record.offset)
        if profile is None:
            counts.saved += 1
            return
        if profile.reference is not context.reference:
            adopt_reference(profile, context.reference)
        at_ms = time_ms(event)
        if profile.schedule is not context.schedule or at_ms >= profile.config_due_ms:
            self._follow(profile, context.schedule, at_ms, counts)
        state = profile.state
        repeats_count = state.repeats_count
        counts.late += at_ms < state.frontier_ms - _LATE_MS
        effects = self._judge(profile, event, record, keeper.partition)
        keeper.applied(event.institution, record.offset)
        if effects:
            self._send(effects, self._place(keeper.partition, record))
        counts.judged += 1
        counts.repeated += state.repeats_count - repeats_count
        counts.unresolved += event.institution == UNRESOLVED

    def _judge(
        self, profile: Profile, event: AccessEvent, record: Record, partition: int
    ) -> tuple[Effect, ...]:
        try:
            return judge(profile, event)
        except Exception as error:
            # A bug of the core. It fails in the same way at every replay, so the state that it
            # leaves is as well defined as any; the event is kept, and too many end the worker.
            logger.exception("The core failed on event %s.", event.id)
            self._refuse(rejected(RejectReason.CORE_FAILED, repr(error)), record, partition)
            self._failed_count += 1
            return ()

    def _send(self, effects: tuple[Effect, ...], place: Place) -> None:
        for effect in effects:
            for outgoing in self._sinks.effect(effect, place):
                durable = self._poster.post(outgoing)
                self._keeper.sent(durable)
                self._watcher.happened(effect, place, durable)

    def _refuse(self, refused: Rejected, record: Record, partition: int) -> None:
        letter = self._sinks.refusal(refused, record, self._place(partition, record))
        durable = self._poster.post(letter)
        self._keeper.sent(durable)
        self._watcher.refused(refused, durable)

    def _obey(
        self, keeper: PartitionKeeper[Profile], record: Record, context: Context, counts: Counts
    ) -> Context:
        partition, is_config = keeper.partition, control_kind(record.headers) == CONFIG
        told = told_by(
            record, topic=self._topic, partition=partition, keys=self._keys, base=self._base
        )
        if isinstance(told, Rejected):
            logger.error("Record %d of partition %d: %s.", record.offset, partition, told.detail)
            self._refuse(told, record, partition)
            counts.configs_refused += is_config
            return context
        if isinstance(told, Instruction):
            self._instruct(keeper, told, record)
            return context
        if isinstance(told, Scheduled):
            found = self._contexts.with_config(context, told)
            counts.configs_accepted += found is not context
        else:
            found = self._contexts.with_reference(context, told)
        keeper.context = found.raw
        return found

    def _instruct(
        self, keeper: PartitionKeeper[Profile], told: Instruction, record: Record
    ) -> None:
        institution = told.body.institution
        profile = keeper.profile(institution, record.offset)
        if profile is not None:
            adopt(profile, told.body, sequence=told.sequence)
            keeper.applied(institution, record.offset)

    def _follow(self, profile: Profile, schedule: Schedule, at_ms: int, counts: Counts) -> None:
        follow(profile, schedule, at_ms=at_ms)
        if profile.state.config_sequence > self._config_sequence:
            self._config_sequence = profile.state.config_sequence
            counts.config = profile.config
            logger.info("Configuration %s holds from here on.", profile.config_hash)

    def _place(self, partition: int, record: Record) -> Place:
        return Place(
            topic=self._topic,
            partition=partition,
            offset=record.offset,
            kafka_time_ms=record.timestamp,
        )

    def _count(self, partition: int, batch: Batch, counts: Counts) -> None:
        self._judged_count += counts.judged
        if batch.records:
            self._watcher.judged(self._place(partition, batch.records[-1]), counts)
        failed = self._failed_count
        if failed > self._dead_letter_ratio_max * max(self._judged_count, _JUDGED_COUNT_MIN):
            message = f"the core failed on {failed} of {self._judged_count} events"
            raise CoreError(message)
