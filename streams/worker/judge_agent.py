"""Steps 1 to 7 of 7: a batch of one partition -> judged events, with their effects on the way.

A batch is decoded record by record and judged institution by institution, for what one judge needs
is then at hand. Strictly synchronous: between the change of a state and the note of its offset
nothing else may run, or a checkpoint in between would save one without the other. Nothing can leave
the loop: what cannot be read goes to dead letters, and so does what the core fails on.
"""

import logging
from typing import Final

from detectors.config_schedule import FILE_SEQUENCE, Scheduled
from detectors.errors import CoreError
from detectors.event import AccessEvent, time_ms
from detectors.instructions import switch_config
from detectors.pipeline import Profile, judge
from detectors.verdict import Effect
from streams.clock import monotonic_seconds
from streams.control.addressing import Addressing
from streams.control.config_record import CONFIG
from streams.control.partition_context import PartitionContexts
from streams.control.partition_time import TimeMarker
from streams.control.records import Instruction, control_kind, decode_control
from streams.ingest.codec import decode
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.kafka.producer import Durable
from streams.kafka.records import Batch, OutgoingRecord, Record, RecordPosition, position_of
from streams.state.protocol import StateStore
from streams.worker.batch_run import BatchRun, Counts, DecodedRecord
from streams.worker.obedience import apply_control_record, note_judges_apart
from streams.worker.partition_days import JudgeDependencies, PartitionDays
from streams.worker.rejected_records import count_rejected, log_rejected_control

logger = logging.getLogger("headgate.judge")

# Records between two looks at the clock, and for how long a batch is read before others have their
# turn: what cannot be read as it is written takes long, and a busy machine makes it longer.
READ_IN_ONE_GO: Final = 128
READ_SECONDS: Final = 0.1
# Below this many events a share of failures says nothing.
_JUDGED_COUNT_MIN: Final = 200


class JudgeAgent:
    """The judges of this worker's partitions."""

    __slots__ = (
        "_addressing",
        "_config_sequence",
        "_days",
        "_dependencies",
        "_failed_count",
        "_judged_count",
        "_state_store",
        "contexts",
    )

    def __init__(
        self, state_store: StateStore[Profile, Durable], dependencies: JudgeDependencies
    ) -> None:
        """Keep what judging needs."""
        self._state_store = state_store
        self._dependencies = dependencies
        self.contexts = PartitionContexts(dependencies.base, register=dependencies.register)
        self._days = PartitionDays(state_store, dependencies, self.contexts)
        self._addressing = Addressing(
            topic=dependencies.topic, partitions=dependencies.partitions, keys=dependencies.keys
        )
        self._config_sequence = FILE_SEQUENCE
        self._judged_count = 0
        self._failed_count = 0

    def begin(self, partition: int, batch: Batch) -> BatchRun:
        """Return the run of a batch, of which nothing is judged yet.

        Raises:
            OffsetGapError: records were passed over.
            StateError: a saved state cannot be read.
        """
        return self._days.begin(partition, batch)

    def proceed(self, batch_run: BatchRun) -> int | None:
        """Judge on for a moment; return the day without whose reference it cannot, if so.

        Else it is to be called again, after others have had their turn, until `is_over`.

        Raises:
            StateError: a saved state cannot be read.
            CoreError: the core fails on too many events.
        """
        partition_state, batch = batch_run.partition_state, batch_run.batch
        if batch_run.closing is not None:
            self._days.close_some(batch_run, batch_run.closing)
        if batch_run.closing is None:
            self._read_on(batch_run)
            self._judge_waiting(batch_run)
        if batch_run.next_index < len(batch.records):
            partition_state.advance(batch.records[batch_run.next_index].offset)
            return None if batch_run.closing is not None else batch_run.references.missing_day
        partition_state.advance(batch.span.end)
        note_judges_apart(batch_run, addressing=self._addressing)
        self._count(partition_state.partition, batch, batch_run.counts)
        batch_run.is_over = True
        return None

    def _read_on(self, batch_run: BatchRun) -> None:
        """Decode records for as long as nothing else may run, or up to where `_read` stops."""
        pause_seconds, count = monotonic_seconds() + READ_SECONDS, len(batch_run.batch.records)
        while batch_run.next_index < count:
            end = min(batch_run.next_index + READ_IN_ONE_GO, count)
            self._read(batch_run, end)
            if batch_run.next_index < end or monotonic_seconds() >= pause_seconds:
                return

    def _read(self, batch_run: BatchRun, end: int) -> None:
        """Decode records up to the index `end`, and judge at each end of a day what is before it.

        Stops at the first one that is of a day without its reference, and where days end.
        """
        limits, waiting = self._dependencies.limits, batch_run.waiting
        records, clock = batch_run.batch.records, batch_run.time.clock
        references = batch_run.references
        due_ms, is_missing = clock.due_ms, references.missing_day is not None
        if is_missing and not references.is_begun:
            # What ends a day by time alone would close it for saved states without their reference.
            return
        references.is_begun = True
        for index in range(batch_run.next_index, end):
            record = records[index]
            if record.headers and control_kind(record.headers) is not None:
                # What lies before it is judged by what held until then.
                self._judge_waiting(batch_run)
                batch_run.next_index = index
                self._apply_control(batch_run, record)
                if batch_run.closing is not None:
                    return
                due_ms, is_missing = clock.due_ms, references.missing_day is not None
                continue
            event = decode(record.value, limits, record.headers, record.timestamp)
            if isinstance(event, AccessEvent) and time_ms(event) >= due_ms:
                if batch_run.time.see(event, kafka_ms=record.timestamp):
                    self._judge_waiting(batch_run)
                    # Seen again once they are closed, it ends no more days.
                    self._days.begin_to_close(batch_run, record, applied_offset=record.offset - 1)
                    batch_run.next_index = index
                    return
                self._days.keep_time(batch_run)
                due_ms, is_missing = clock.due_ms, references.missing_day is not None
            if is_missing:
                batch_run.next_index = index
                return
            waiting[record.key].append((record, event))
        batch_run.next_index = end

    def _judge_waiting(self, batch_run: BatchRun) -> None:
        """Judge institution by institution; tell what follows in the order of the log.

        Judges know nothing of one another, so that only the order within each matters, and what
        is done in one go for an institution finds its state in the processor's cache.
        """
        for events in batch_run.by_judge():
            self._judge_all(batch_run, events)
        batch_run.waiting.clear()
        batch_run.finish()
        for record, outcome in batch_run.in_order():
            if isinstance(outcome, Rejected):
                self._reject(outcome, record, batch_run.partition_state.partition)
            elif isinstance(outcome, OutgoingRecord):
                # Awaited by the checkpoint before the stray's offset is committed.
                self._state_store.sent(self._dependencies.effects.post(outcome))
            else:
                self._send(outcome, self._position(batch_run.partition_state.partition, record))
        batch_run.outcomes.clear()

    def _judge_all(self, batch_run: BatchRun, events: list[DecodedRecord]) -> None:
        """Judge the events that may have the same judge, as nearly all of them have."""
        outcomes = batch_run.outcomes
        addressing, directory = self._addressing, batch_run.context.directory
        # The last name and key that lead to a judge whatever else a record says.
        name, key, institution_run = "", None, None
        partition = batch_run.partition_state.partition
        for record, event in events:
            if not isinstance(event, AccessEvent):
                count_rejected(batch_run, addressing, record, event)
                continue
            if event.institution != name or record.key != key:
                institution_run = batch_run.judge_of(event, record, addressing=addressing)
                name, key = addressing.lasting(
                    event, record, partition=partition, directory=directory
                )
            offset = record.offset
            if institution_run is None or offset <= institution_run.applied_offset:
                batch_run.counts.saved += institution_run is not None
                continue
            institution_run.applied_offset = offset
            institution_run.judged_count += 1
            if institution_run.awaits_config:
                self._switch_config(institution_run.profile, event, batch_run)
            try:
                effects = judge(
                    institution_run.profile,
                    event
                    if event.repairs is None
                    else addressing.placed(event, record, partition=partition, offset=offset),
                )
            except Exception as error:  # noqa: BLE001 - it is logged.
                outcomes.append((record, self._failed(event, error)))
                continue
            if effects:
                outcomes.append((record, effects))

    def _failed(self, event: AccessEvent, error: Exception) -> Rejected:
        """Reject an event because of a bug of the core.

        It fails in the same way at every replay, so the state that it leaves is as well defined as
        any; the event is kept, and too many end the worker.
        """
        logger.error(
            "The core failed on an event.",
            exc_info=error,
            extra={"institution": event.institution, "event_id": event.id},
        )
        self._failed_count += 1
        return rejected(RejectReason.CORE_FAILED, repr(error))

    def _send(self, effects: tuple[Effect, ...], position: RecordPosition) -> None:
        for effect in effects:
            for durable in self._dependencies.effects.send(effect, position):
                self._state_store.sent(durable)

    def _reject(self, reject: Rejected, record: Record, partition: int) -> None:
        position = self._position(partition, record)
        self._state_store.sent(self._dependencies.effects.reject(reject, record, position))

    def _apply_control(self, batch_run: BatchRun, record: Record) -> None:
        dependencies, counts = self._dependencies, batch_run.counts
        partition_state = batch_run.partition_state
        partition = partition_state.partition
        control = decode_control(
            record,
            topic=dependencies.topic,
            partition=partition,
            keys=dependencies.keys,
            base=dependencies.base,
        )
        match control:
            case Rejected():
                log_rejected_control(control, record, partition=partition)
                self._reject(control, record, partition)
                counts.configs_refused += control_kind(record.headers) == CONFIG
            case Instruction():
                apply_control_record(
                    batch_run, control, record, contexts=self.contexts, addressing=self._addressing
                )
            case Scheduled():
                context = self.contexts.with_config(batch_run.context, control)
                counts.configs_accepted += context is not batch_run.context
                batch_run.switch_context(context)
            case TimeMarker():
                if batch_run.time.mark(control, kafka_ms=record.timestamp):
                    self._days.begin_to_close(batch_run, record, applied_offset=record.offset)
                else:
                    self._days.keep_time(batch_run)

    def _switch_config(self, profile: Profile, event: AccessEvent, batch_run: BatchRun) -> None:
        schedule, at_ms = batch_run.context.schedule, time_ms(event)
        cursor = profile.config_cursor
        if cursor.schedule is schedule and at_ms < cursor.due_ms:
            return
        switch_config(profile, schedule, at_ms=at_ms)
        if profile.state.config_sequence > self._config_sequence:
            self._config_sequence = profile.state.config_sequence
            batch_run.counts.config = profile.config
            logger.info(
                "A configuration holds from here on.", extra={"config_hash": profile.config_hash}
            )

    def _position(self, partition: int, record: Record) -> RecordPosition:
        return position_of(record, topic=self._dependencies.topic, partition=partition)

    def _count(self, partition: int, batch: Batch, counts: Counts) -> None:
        self._judged_count += counts.judged
        if batch.records:
            self._dependencies.watcher.judged(self._position(partition, batch.records[-1]), counts)
        failed = self._failed_count
        ratio_max = self._dependencies.dead_letter_ratio_max
        if failed > ratio_max * max(self._judged_count, _JUDGED_COUNT_MIN):
            message = f"the core failed on {failed} of {self._judged_count} events"
            raise CoreError(message)
