"""Steps 1 to 7 of 7: a batch of one partition -> judged events, with their effects on the way.

A batch is decoded record by record and judged institution by institution, for what one judge needs
is then at hand. Strictly synchronous: between the change of a state and the note of its offset
nothing else may run, or a checkpoint in between would save one without the other. Nothing can leave
the loop: what cannot be read goes to dead letters, and so does what the core fails on.
"""

import logging
from bisect import bisect_left
from typing import Final

from detectors.adoption import adopt, follow
from detectors.config import CoreConfig
from detectors.config_schedule import FILE_SEQUENCE, Scheduled
from detectors.errors import CoreError
from detectors.event import AccessEvent, time_ms
from detectors.pipeline import Profile, judge
from detectors.verdict import Effect
from streams.control.config_record import CONFIG
from streams.control.partition_context import Contexts
from streams.control.records import Instruction, control_kind, told_by
from streams.ingest.codec import DecodeLimits, decode
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.kafka.records import Batch, Place, Record
from streams.state.envelope import StateKeys
from streams.state.protocol import Keeper, PartitionKeeper
from streams.worker.batch_run import Counts, Turn, offset_of
from streams.worker.ports import Poster, Sinks, Watcher

logger = logging.getLogger("headgate.judge")

# Below this many events a share of failures says nothing.
_JUDGED_COUNT_MIN: Final = 200


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
        turn = Turn(keeper, self._contexts.read(keeper.context))
        turn.counts.saved = bisect_left(batch.records, new_from, key=offset_of)
        waiting = turn.waiting
        for record in batch.records[turn.counts.saved :]:
            if record.headers and control_kind(record.headers) is not None:
                # What lies before it is judged by what held until then.
                self._judge_waiting(turn)
                self._obey(turn, record)
            else:
                waiting[record.key].append(record)
        self._judge_waiting(turn)
        keeper.advance(batch.span.end)
        self._count(partition, batch, turn.counts)
        return turn.counts.judged

    def _judge_waiting(self, turn: Turn) -> None:
        """Judge institution by institution; tell what follows in the order of the log.

        Judges know nothing of one another, so that only the order within each matters, and what
        is done in one go for an institution finds its state in the processor's cache.
        """
        for key, records in turn.waiting.items():
            self._judge_all(turn, key, records)
        turn.waiting.clear()
        turn.close_sittings()
        for record, outcome in turn.in_order():
            if isinstance(outcome, Rejected):
                self._refuse(outcome, record, turn.keeper.partition)
            else:
                self._send(outcome, self._place(turn.keeper.partition, record))
        turn.outcomes.clear()

    def _judge_all(self, turn: Turn, key: bytes | None, records: list[Record]) -> None:
        """Judge the records of one key, which is an institution's unless all are refused."""
        limits, outcomes, sitting = self._limits, turn.outcomes, None
        for record in records:
            event = decode(record.value, limits, key, record.headers, record.timestamp)
            if not isinstance(event, AccessEvent):
                outcomes.append((record, event))
                continue
            if sitting is None:
                sitting = turn.sitting(event.institution)
            offset = record.offset
            if offset <= sitting.applied_offset:
                turn.counts.saved += 1
                continue
            sitting.applied_offset = offset
            sitting.judged_count += 1
            if sitting.awaits_config:
                self._follow(sitting.profile, event, turn)
            try:
                effects = judge(sitting.profile, event)
            except Exception as error:  # noqa: BLE001 - it is logged.
                outcomes.append((record, self._failed(event, error)))
                continue
            if effects:
                outcomes.append((record, effects))

    def _failed(self, event: AccessEvent, error: Exception) -> Rejected:
        """Refuse an event because of a bug of the core.

        It fails in the same way at every replay, so the state that it leaves is as well defined as
        any; the event is kept, and too many end the worker.
        """
        logger.error("The core failed on event %s.", event.id, exc_info=error)
        self._failed_count += 1
        return rejected(RejectReason.CORE_FAILED, repr(error))

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

    def _obey(self, turn: Turn, record: Record) -> None:
        keeper, counts = turn.keeper, turn.counts
        partition, is_config = keeper.partition, control_kind(record.headers) == CONFIG
        told = told_by(
            record, topic=self._topic, partition=partition, keys=self._keys, base=self._base
        )
        if isinstance(told, Rejected):
            logger.error("Record %d of partition %d: %s.", record.offset, partition, told.detail)
            self._refuse(told, record, partition)
            counts.configs_refused += is_config
            return
        if isinstance(told, Instruction):
            self._instruct(keeper, told, record)
            return
        if isinstance(told, Scheduled):
            found = self._contexts.with_config(turn.context, told)
            counts.configs_accepted += found is not turn.context
        else:
            found = self._contexts.with_reference(turn.context, told)
        turn.context = found
        keeper.context = found.raw

    def _instruct(
        self, keeper: PartitionKeeper[Profile], told: Instruction, record: Record
    ) -> None:
        institution = told.body.institution
        profile = keeper.profile(institution, record.offset)
        if profile is not None:
            adopt(profile, told.body, sequence=told.sequence)
            keeper.applied(institution, record.offset)

    def _follow(self, profile: Profile, event: AccessEvent, turn: Turn) -> None:
        schedule, at_ms = turn.context.schedule, time_ms(event)
        if profile.schedule is schedule and at_ms < profile.config_due_ms:
            return
        follow(profile, schedule, at_ms=at_ms)
        if profile.state.config_sequence > self._config_sequence:
            self._config_sequence = profile.state.config_sequence
            turn.counts.config = profile.config
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
