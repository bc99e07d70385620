"""The judge of several institutions: new holdings of all -> alerts on those who share one list.

Whoever holds the holdings' one partition judges all of them, in the order of the topic. It begins
by remembering: what is committed goes through the judge again in silence. What comes after is
sent, and committed once the alerts are durable. A repeat after a crash carries the same ids.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from pyroaring import BitMap64

from detectors.models.collusion.config import PROBATION_DAYS, CollusionConfig
from detectors.models.collusion.judge import CollusionJudge
from detectors.response.decoding import json_decoder
from detectors.verdict import NewHoldings, RaiseAlert
from streams.ingest.rejects import Rejected, RejectReason, rejected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import Batch, Offsets, Record, RecordPosition
from streams.worker.committed_reader import CommittedReader, PartitionReading
from streams.worker.effect_sender import EffectSender
from streams.worker.ports import RingWatcher

logger = logging.getLogger("headgate.collusion")

# The second window says who was in a ring when the first one began. A ring that lasts longer
# than both may be told anew on another day than without the restart; nothing else can differ.
_REMEMBERED_WINDOWS: Final = 2

_decoder: Final = json_decoder(NewHoldings)

OpenJudge = Callable[[], CollusionJudge]
# Gives the records before an offset.
Past = Callable[[int], AsyncIterator[Record]]


class Memory:
    """What the judge must see again of the past: all of it once, its last weeks as they came.

    By each institution's own days, because one that sends last year's events lives in last year.

    >>> memory = Memory(days=28)
    >>> for offset, day in enumerate([1, 1, 20, 30, 30]):
    ...     memory.add(offset, NewHoldings(institution="a", day=day, at_ms=0, participants=b""))
    >>> [(is_recent, holdings.day) for is_recent, holdings in memory.in_order()]
    [(False, 1), (True, 20), (True, 30), (True, 30)]
    """

    __slots__ = ("_days", "_newest", "_old", "_recent")

    def __init__(self, *, days: int) -> None:
        """Remember nothing yet; `days` of each institution are looked at again."""
        self._days = days
        self._newest: dict[str, int] = {}
        self._recent: dict[str, deque[tuple[int, NewHoldings]]] = {}
        self._old: dict[tuple[str, int], tuple[int, NewHoldings]] = {}

    def add(self, offset: int, holdings: NewHoldings) -> None:
        """Keep one record; of a day that lies far back only the last, which holds all others."""
        name, day = holdings.institution, holdings.day
        self._newest[name] = max(day, self._newest.get(name, day))
        recent = self._recent.setdefault(name, deque())
        recent.append((offset, holdings))
        while recent[0][1].day <= self._newest[name] - self._days:
            old = recent.popleft()
            self._old[name, old[1].day] = old

    def in_order(self) -> list[tuple[bool, NewHoldings]]:
        """Return what is kept in the order of the topic, and whether rings must be looked for."""
        old = ((offset, False, holdings) for offset, holdings in self._old.values())
        recent = (
            (offset, True, holdings)
            for items in self._recent.values()
            for offset, holdings in items
        )
        in_order = sorted((*old, *recent), key=lambda item: item[0])
        return [(is_recent, holdings) for _, is_recent, holdings in in_order]


class _Assignment(Struct, frozen=True, kw_only=True):
    """The partition while it is ours, and its judge, who is there once the past has been read."""

    reading: PartitionReading
    judge: "asyncio.Task[CollusionJudge]"


class CollusionAgent:
    """Judges the holdings topic."""

    __slots__ = (
        "_assignment",
        "_effects",
        "_open_judge",
        "_outbox",
        "_past",
        "_reader",
        "_remembered_count",
        "_watcher",
    )

    def __init__(
        self,
        reader: CommittedReader,
        *,
        open_judge: OpenJudge,
        past: Past,
        outbox: Outbox,
        effects: EffectSender,
        watcher: RingWatcher,
    ) -> None:
        """Keep what judging needs; `open_judge` makes a judge that knows nobody."""
        self._reader = reader
        self._open_judge = open_judge
        self._past = past
        self._outbox = outbox
        self._effects = effects
        self._watcher = watcher
        self._assignment: _Assignment | None = None
        self._remembered_count = 0

    def positions(self) -> Offsets:
        """Return what is committed, or the last record of the batch at hand."""
        return self._reader.positions()

    def recovery_progress(self) -> int | None:
        """Return how many records have been remembered so far; None once all are."""
        if self._assignment is None or self._assignment.judge.done():
            return None
        return self._remembered_count

    def revoked(self) -> None:
        """Forget everything: another remembers it from the topic."""
        self._reader.revoked()
        if self._assignment is not None:
            self._assignment.judge.cancel()
            self._watcher.rings(None, 0)
        self._assignment = None

    async def recovery_complete(self) -> None:
        """Stand where the group has committed, and begin to remember what came before.

        Remembering goes on beside the judges of single institutions, who need not wait for it.
        """
        self.revoked()
        for reading in await self._reader.begin():
            has_past = reading.start > reading.beginning
            remembering = self._remembered(reading.start) if has_past else self._nothing()
            judge = asyncio.create_task(remembering)
            self._assignment = _Assignment(reading=reading, judge=judge)

    async def handle(self, partition: int, batch: Batch) -> None:
        """Judge a batch of holdings, and commit it once its alerts are durable.

        Raises:
            OffsetGapError: records were passed over.
            SinkError: the past could not be read.
        """
        assignment = self._assignment
        if assignment is None:
            return
        # Not awaited itself: a revocation cancels the remembering, but never whoever waits here.
        await asyncio.wait({assignment.judge})
        if self._assignment is not assignment:
            return
        reading, judge = assignment.reading, assignment.judge.result()
        new_from = reading.new_from(batch.span)
        sent: list[Durable] = []
        for record in batch.records:
            # A ring is looked for in milliseconds, and others must get on in between.
            await asyncio.sleep(0)
            if self._assignment is not assignment:
                return
            if record.offset >= new_from:
                sent += self._take(judge, record, partition)
                # A large batch takes its time, and whoever watches must see that it moves.
                reading.dealt_offset = record.offset
        self._show(judge)
        reading.advance(batch.span.end)
        await self._outbox.durable(sent)
        await self._reader.finish(reading)

    async def _nothing(self) -> CollusionJudge:
        return self._show(self._open_judge())

    def _show(self, judge: CollusionJudge) -> CollusionJudge:
        self._watcher.rings(judge.speaks, judge.ring_days)
        return judge

    async def _remembered(self, start: int) -> CollusionJudge:
        judge = self._open_judge()
        # Days with rings count for weeks: by these the judge knows whether it may speak.
        memory = Memory(days=PROBATION_DAYS + _REMEMBERED_WINDOWS * judge.config.window_days)
        async for record in self._past(start):
            self._remembered_count += 1
            holdings = _holdings(record)
            if isinstance(holdings, NewHoldings):
                memory.add(record.offset, holdings)
        remembered = memory.in_order()
        for is_recent, holdings in remembered:
            await asyncio.sleep(0)
            self._remembered_count += 1
            # Sent before, and in the dead letters if the core failed on it.
            _judged(judge.add if is_recent else judge.remember, holdings)
        logger.info(
            "The judge of all holdings remembers.",
            extra={"records_count": len(remembered), "speaks": judge.speaks},
        )
        return self._show(judge)

    def _take(self, judge: CollusionJudge, record: Record, partition: int) -> list[Durable]:
        position = RecordPosition(
            topic=self._reader.topic,
            partition=partition,
            offset=record.offset,
            kafka_time_ms=record.timestamp,
        )
        holdings = _holdings(record)
        spoke = judge.speaks
        outcome = _judged(judge.add, holdings) if isinstance(holdings, NewHoldings) else holdings
        if judge.speaks != spoke:
            logger.warning(
                "Rings begin to be told, or are in shadow again.",
                extra={"speaks": judge.speaks, "ring_days_count": judge.ring_days},
            )
        if isinstance(outcome, Rejected):
            logger.warning(
                "A record of the holdings is rejected.",
                extra={
                    "offset": record.offset,
                    "reason": outcome.reason.value,
                    "detail": outcome.detail,
                },
            )
            return [self._effects.reject(outcome, record, position)]
        # By its key, to where the institution's other alerts are: it has no event of its own.
        return [
            durable
            for effect in outcome
            for durable in self._effects.send(effect, position, by_key=True)
        ]


def judge_opener(
    config: CollusionConfig, *, cohort_size: int, hashed: bool, config_hash: str
) -> OpenJudge:
    """Return what makes a judge that knows nobody."""
    return lambda: CollusionJudge(
        config, cohort_size=cohort_size, hashed=hashed, config_hash=config_hash
    )


def _holdings(record: Record) -> NewHoldings | Rejected:
    if not record.value:
        return rejected(RejectReason.EMPTY_VALUE, "holdings without a value")
    try:
        holdings = _decoder(record.value)
        BitMap64.deserialize(holdings.participants)
    except msgspec.ValidationError as error:
        return rejected(RejectReason.WRONG_TYPE, str(error))
    except msgspec.DecodeError as error:
        return rejected(RejectReason.NOT_JSON, str(error))
    except (ValueError, IndexError) as error:
        return rejected(RejectReason.PARTICIPANTS_INVALID, str(error))
    return holdings


def _judged(
    judged: Callable[[NewHoldings], Sequence[RaiseAlert]], holdings: NewHoldings
) -> Sequence[RaiseAlert] | Rejected:
    try:
        return judged(holdings)
    except Exception as error:
        # A bug of the core: it fails in the same way at every repeat, and the record is kept.
        logger.exception(
            "The core failed on holdings.",
            extra={"institution": holdings.institution, "day": holdings.day},
        )
        return rejected(RejectReason.CORE_FAILED, repr(error))
