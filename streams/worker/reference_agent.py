"""The aggregating agent: daily summaries of all institutions -> the peer reference, once a day.

Whoever holds the summaries' one partition reads it from its beginning: what it knows is what the
topic holds. A finished reference is recorded first and then put into every partition of the
access events; after a crash in between, the last one recorded is put there again, which changes
nothing where it was.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

import msgspec

from detectors.reference import Reference, ReferenceBuilder, ReferenceConfig
from detectors.verdict import DailySummary
from streams.control.records import (
    REFERENCE,
    control_record,
    decode_reference,
    encode_reference,
    read_control,
)
from streams.faust_driver.group import Group, commit_starts
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Outbox
from streams.kafka.records import Batch, Offsets, OutgoingRecord, Record
from streams.state.envelope import StateKeys
from streams.state.positions import PositionTracker

logger = logging.getLogger("headgate.reference")

REFERENCE_KEY: Final = b"all"
# One institution with a wrong clock must not begin a day for everybody.
_INSTITUTIONS_MIN: Final = 2

_decoder: Final = msgspec.json.Decoder(DailySummary)

Recorded = Callable[[], Awaitable[Record | None]]


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
        for found in range(first, frontier + 1):
            self._last_closed = found
            yield found


class ReferenceAgent:
    """Builds and publishes the peer reference."""

    __slots__ = (
        "_builder",
        "_config",
        "_days",
        "_events_topic",
        "_group",
        "_keys",
        "_outbox",
        "_partitions",
        "_positions",
        "_published_day",
        "_recorded",
        "_reference_topic",
        "topic",
    )

    def __init__(  # noqa: PLR0913 - the ends of the dependencies, each by name.
        self,
        config: ReferenceConfig,
        *,
        topic: str,
        events_topic: str,
        partitions: int,
        reference_topic: str,
        keys: StateKeys,
        group: Group,
        outbox: Outbox,
        recorded: Recorded,
    ) -> None:
        """Keep what aggregating needs; `recorded` reads the last reference that was recorded."""
        self.topic = topic
        self._config = config
        self._events_topic = events_topic
        self._partitions = partitions
        self._reference_topic = reference_topic
        self._keys = keys
        self._group = group
        self._outbox = outbox
        self._recorded = recorded
        self.revoked()

    def revoked(self) -> None:
        """Forget everything: another reads the topic from its beginning."""
        self._builder = ReferenceBuilder(self._config)
        self._days = DayCount()
        self._positions: PositionTracker | None = None
        self._published_day = -1

    def positions(self) -> Offsets:
        """Return what is folded, and its references published."""
        return {} if self._positions is None else {(self.topic, 0): self._positions.position}

    async def recovery_complete(self) -> None:
        """Begin at the topic's beginning, and say the last reference again."""
        self.revoked()
        assigned = self._group.assigned()
        if not assigned:
            return
        beginnings = await self._group.beginnings(assigned)
        last = await self._recorded()
        reference = None if last is None else self._read(last)
        if reference is not None:
            self._published_day = reference.day
            raw = encode_reference(reference)
            await self._outbox.durable([self._outbox.post(r) for r in self._controls(raw)])
        (partition,) = assigned
        start = beginnings.get(partition, 0)
        committed = await self._group.committed()
        await commit_starts(self._group, {partition: start}, committed=committed)
        self._positions = PositionTracker("the summaries", start)

    async def handle(self, partition: int, batch: Batch) -> None:
        """Fold a batch of summaries, and publish the references that it completes.

        Raises:
            OffsetGapError: records were passed over.
        """
        del partition
        chain = self._positions
        if chain is None:
            return
        new_from = chain.new_from(batch.span)
        for reference in self._built(r for r in batch.records if r.offset >= new_from):
            raw = encode_reference(reference)
            record = self._control(raw, topic=self._reference_topic, partition=0)
            await self._outbox.durable([self._outbox.post(record)])
            await self._outbox.durable([self._outbox.post(r) for r in self._controls(raw)])
            logger.info(
                "Published the peer reference.", extra={"reference_version": reference.version}
            )
        chain.advance(batch.span.end)

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
        return [
            self._control(raw, topic=self._events_topic, partition=partition)
            for partition in range(self._partitions)
        ]

    def _control(self, raw: bytes, *, topic: str, partition: int) -> OutgoingRecord:
        return control_record(
            REFERENCE,
            raw,
            topic=topic,
            partition=partition,
            key=REFERENCE_KEY,
            keys=self._keys,
        )

    def _read(self, record: Record) -> Reference | None:
        control = read_control(record, topic=self._reference_topic, partition=0, keys=self._keys)
        found = control if isinstance(control, Rejected) else decode_reference(control.value)
        if isinstance(found, Rejected):
            # Never said again: our signature would make it true. It is built anew.
            logger.error("The last reference on record is refused.", extra={"detail": found.detail})
            return None
        return found


def _summary(record: Record) -> DailySummary | None:
    try:
        return _decoder.decode(record.value or b"")
    except msgspec.DecodeError as error:
        logger.warning(
            "A record of the summaries is not ours.",
            extra={"offset": record.offset, "detail": str(error)},
        )
        return None
