"""The aggregating agent: daily summaries of all institutions -> the peer reference, once a day.

Whoever holds the summaries' one partition reads it from its beginning: what it knows is what the
topic holds. A finished reference is recorded first and then put into every partition of the
access events; after a crash in between, the last one recorded is put there again, which changes
nothing where it was.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from detectors.reference import Reference, ReferenceBuilder, ReferenceConfig
from detectors.response.decoding import json_decoder
from detectors.verdict import DailySummary
from streams.control.records import (
    REFERENCE,
    control_record,
    decode_reference,
    encode_reference,
    read_control,
)
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Outbox
from streams.kafka.records import Batch, Offsets, OutgoingRecord, Record
from streams.state.envelope import StateKeys
from streams.worker.committed_reader import CommittedReader

logger = logging.getLogger("headgate.reference")

REFERENCE_KEY: Final = b"all"
# One institution with a wrong clock must not begin a day for everybody.
_INSTITUTIONS_MIN: Final = 2

_decoder: Final = json_decoder(DailySummary)

ReadLastRecord = Callable[[], Awaitable[Record | None]]


class DayCount:
    """Which days enough institutions have closed.

    >>> days = DayCount()
    >>> [list(days.closed(name, day)) for name, day in [("a", 5), ("b", 5), ("a", 8), ("b", 7)]]
    [[], [5], [], [6, 7]]
    """

    __slots__ = ("_last_closed", "_reached")

    def __init__(self) -> None:
        """Begin with none."""
        self._reached: dict[str, int] = {}
        self._last_closed: int | None = None

    def closed(self, institution: str, day: int) -> Iterator[int]:
        """Note that an institution has closed `day`; yield the days that are closed by it."""
        self._reached[institution] = max(day, self._reached.get(institution, day))
        if len(self._reached) < _INSTITUTIONS_MIN:
            return
        frontier = sorted(self._reached.values())[-_INSTITUTIONS_MIN]
        first = min(self._reached.values()) if self._last_closed is None else self._last_closed + 1
        for closed_day in range(first, frontier + 1):
            self._last_closed = closed_day
            yield closed_day


class ReferenceDependencies(Struct, frozen=True, kw_only=True):
    """What the reference agent is connected to; `recorded` reads the last one on record."""

    config: ReferenceConfig
    reference_topic: str
    events_topic: str
    partitions: int
    keys: StateKeys
    outbox: Outbox
    recorded: ReadLastRecord


class ReferenceAgent:
    """Builds and publishes the peer reference; its reader begins anew at each assignment."""

    __slots__ = ("_builder", "_days", "_dependencies", "_published_day", "_reader")

    def __init__(self, reader: CommittedReader, dependencies: ReferenceDependencies) -> None:
        """Keep what aggregating needs."""
        self._reader = reader
        self._dependencies = dependencies
        self.revoked()

    def revoked(self) -> None:
        """Forget everything: another reads the topic from its beginning."""
        self._reader.revoked()
        self._builder = ReferenceBuilder(self._dependencies.config)
        self._days = DayCount()
        self._published_day = -1

    def positions(self) -> Offsets:
        """Return what is folded, and its references published."""
        return self._reader.positions()

    async def recovery_complete(self) -> None:
        """Publish the last reference again, and begin at the topic's beginning."""
        self.revoked()
        if not self._reader.is_assigned:
            return
        last = await self._dependencies.recorded()
        reference = None if last is None else self._read(last)
        if reference is not None:
            self._published_day = reference.day
            await self._send(self._controls(encode_reference(reference)))
        await self._reader.begin()

    async def handle(self, partition: int, batch: Batch) -> None:
        """Fold a batch of summaries, and publish the references that it completes.

        Raises:
            OffsetGapError: records were passed over.
        """
        reading = self._reader.reading(partition)
        if reading is None:
            return
        new_from = reading.new_from(batch.span)
        for reference in self._built(r for r in batch.records if r.offset >= new_from):
            raw = encode_reference(reference)
            topic = self._dependencies.reference_topic
            await self._send([self._control(raw, topic=topic, partition=0)])
            await self._send(self._controls(raw))
            logger.info(
                "Published the peer reference.", extra={"reference_version": reference.version}
            )
        reading.advance(batch.span.end)
        await self._reader.finish(reading)

    def _built(self, records: Iterable[Record]) -> list[Reference]:
        built = []
        for record in records:
            summary = _summary(record)
            if summary is None:
                continue
            self._builder.add(summary)
            for day in self._days.closed(summary.institution, summary.day):
                # It holds for the day that has begun, and leaves out the last ones by its lag.
                reference = self._due(day + 1)
                if reference is not None:
                    built.append(reference)
        return built

    def _due(self, day: int) -> Reference | None:
        if day <= self._published_day:
            return None
        self._published_day = day
        reference = self._builder.build(day)
        return reference if reference.day == day else None

    def _controls(self, raw: bytes) -> list[OutgoingRecord]:
        topic = self._dependencies.events_topic
        return [
            self._control(raw, topic=topic, partition=partition)
            for partition in range(self._dependencies.partitions)
        ]

    async def _send(self, records: Sequence[OutgoingRecord]) -> None:
        outbox = self._dependencies.outbox
        await outbox.durable([outbox.post(record) for record in records])

    def _control(self, raw: bytes, *, topic: str, partition: int) -> OutgoingRecord:
        return control_record(
            REFERENCE,
            raw,
            topic=topic,
            partition=partition,
            key=REFERENCE_KEY,
            keys=self._dependencies.keys,
        )

    def _read(self, record: Record) -> Reference | None:
        keys, topic = self._dependencies.keys, self._dependencies.reference_topic
        control = read_control(record, topic=topic, partition=0, keys=keys)
        reference = control if isinstance(control, Rejected) else decode_reference(control.value)
        if isinstance(reference, Rejected):
            # Never sent again: our signature would make it true. It is built anew.
            logger.error(
                "The last reference on record is rejected.", extra={"detail": reference.detail}
            )
            return None
        return reference


def _summary(record: Record) -> DailySummary | None:
    try:
        return _decoder(record.value or b"")
    except msgspec.DecodeError as error:
        logger.warning(
            "A record of the summaries is not ours.",
            extra={"offset": record.offset, "detail": str(error)},
        )
        return None
