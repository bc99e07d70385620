"""Steps 3 to 6 of 7: a partition whose time has moved -> days closed for all of its institutions.

Days are closed when the record that ends them is seen, before it is judged: whoever waited with
that for the reference of its own day would wait for itself. They are closed for a few institutions
at a time, for there may be many thousands of them, and nothing else runs meanwhile.
"""

from bisect import bisect_left
from typing import Final

from msgspec import Struct

from detectors.config import CoreConfig
from detectors.day_rollover import close_days
from detectors.pipeline import Profile, follow_references
from detectors.profile import due_day
from detectors.register import Register
from detectors.verdict import Effect
from streams.control.day_closed import DayClosed, closed_record
from streams.control.partition_context import PartitionContexts
from streams.control.partition_time import PartitionTime
from streams.control.reference_log import PartitionReferences, ReferenceLog
from streams.ingest.codec import DecodeLimits
from streams.kafka.producer import Durable
from streams.kafka.records import Batch, Record, position_of
from streams.state.envelope import StateKeys
from streams.state.protocol import StateStore
from streams.worker.batch_run import BatchRun, ClosingDays, offset_of
from streams.worker.effect_sender import EffectSender
from streams.worker.ports import EventWatcher

# Institutions: some 50 ms, where their states must be brought back into memory.
CLOSED_IN_ONE_GO: Final = 50


class JudgeDependencies(Struct, frozen=True, kw_only=True):
    """What judging is connected to; `base` is the configuration of the worker's own file."""

    topic: str
    summaries_topic: str
    limits: DecodeLimits
    keys: StateKeys
    base: CoreConfig
    reference_log: ReferenceLog
    effects: EffectSender
    watcher: EventWatcher
    dead_letter_ratio_max: float
    partitions: int = 1
    register: Register = Register()


class PartitionDays:
    """Lets the days of this worker's partitions end."""

    __slots__ = ("_contexts", "_dependencies", "_references", "_state_store")

    def __init__(
        self,
        state_store: StateStore[Profile, Durable],
        dependencies: JudgeDependencies,
        contexts: PartitionContexts,
    ) -> None:
        """Keep what is needed for it."""
        self._state_store = state_store
        self._dependencies = dependencies
        self._contexts = contexts
        self._references: dict[int, PartitionReferences] = {}

    def begin(self, partition: int, batch: Batch) -> BatchRun:
        """Return the run of a batch, at the time up to which the partition's record has come.

        Raises:
            OffsetGapError: records were passed over.
            StateError: a saved state cannot be read.
        """
        partition_state = self._state_store.partition(partition)
        if partition_state.position is None:
            self._references[partition] = PartitionReferences(
                self._dependencies.reference_log, partition
            )
        new_from = partition_state.new_from(batch.span)
        context = self._contexts.read(partition_state.context)
        config = self._dependencies.base.reference
        batch_run = BatchRun(
            batch,
            partition_state,
            context=context,
            time=PartitionTime(config, context.time, is_live=context.is_live),
            references=self._references[partition],
        )
        batch_run.next_index = bisect_left(batch.records, new_from, key=offset_of)
        batch_run.counts.saved = batch_run.next_index
        return batch_run

    def keep_time(self, batch_run: BatchRun) -> None:
        """Let the partition's record keep how late it is."""
        time = batch_run.time
        batch_run.references.day = time.clock.day
        batch_run.switch_context(
            self._contexts.with_time(batch_run.context, time.clock.time, is_live=time.is_live)
        )

    def begin_to_close(self, batch_run: BatchRun, record: Record, *, applied_offset: int) -> None:
        """Let what is over at `record` be closed, of judges who have dealt with `applied_offset`.

        Until all of it is, the partition stands before the record, at the time before it: whoever
        begins again there closes what is not saved as closed.
        """
        batch_run.closing = ClosingDays(
            record=record,
            applied_offset=applied_offset,
            institutions=sorted(batch_run.partition_state.awake, reverse=True),
        )

    def close_some(self, batch_run: BatchRun, closing: ClosingDays) -> None:
        """Close what is over for a few more institutions; after the last one, keep the time."""
        partition, record = batch_run.partition_state.partition, closing.record
        position = position_of(record, topic=self._dependencies.topic, partition=partition)
        for _ in range(min(CLOSED_IN_ONE_GO, len(closing.institutions))):
            institution = closing.institutions.pop()
            for effect in self._closed(
                batch_run, institution, applied_offset=closing.applied_offset
            ):
                for durable in self._dependencies.effects.send(effect, position):
                    self._state_store.sent(durable)
        if closing.institutions:
            return
        last_closed_day = batch_run.time.clock.last_closed_day
        if last_closed_day > batch_run.closed_day:
            batch_run.closed_day = last_closed_day
            closed = DayClosed(partition=partition, day=last_closed_day, at_ms=record.timestamp)
            topic = self._dependencies.summaries_topic
            durable = self._dependencies.effects.post(closed_record(closed, topic=topic))
            self._state_store.sent(durable)
        self.keep_time(batch_run)
        batch_run.closing = None

    def _closed(
        self, batch_run: BatchRun, institution: str, *, applied_offset: int
    ) -> tuple[Effect, ...]:
        """Close the days of one institution, unless its state has seen this moment already."""
        partition_state = batch_run.partition_state
        loaded = partition_state.loaded(institution)
        if loaded.applied_offset > applied_offset:
            return ()
        profile = loaded.profile
        follow_references(profile, batch_run.references)
        effects = close_days(profile, batch_run.time.clock.last_closed_day)
        if effects:
            partition_state.applied(institution, applied_offset)
        if due_day(profile) is None:
            partition_state.awake.discard(institution)
        return effects
