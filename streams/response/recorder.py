"""Step 7 of 7: the recorder: the one writer of the audit, and the only one who suspends.

Each poll of its sources becomes one batch of entries, written with the suspensions that follow
in one transaction. Its transactional id fences out whoever held the role before. What the judges
must know goes into their partitions after that, once; the last batch is said again at every
start, since the recorder may have died in between, and so is what was pushed for all judges. A
judge knows a repeat by its sequence.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct

from detectors.response.entries import (
    Body,
    Configured,
    DecisionMade,
    Erased,
    Refused,
    SourceRecord,
    Tick,
)
from detectors.response.push import ConfigRefused
from detectors.response.state import ResponseState, next_due_ms
from streams.clock import wall_ms
from streams.kafka.cluster import Cluster
from streams.kafka.log_reader import last_by_key
from streams.kafka.producer import sent_headers
from streams.kafka.records import Offsets, OutgoingRecord
from streams.kafka.topics import ALERTS, AUDIT, DECISIONS, PEOPLE
from streams.response.journal import Followed, read_journal
from streams.response.outputs import Outputs
from streams.response.people import People
from streams.response.sources import Sources
from streams.state.envelope import StateKeys

logger = logging.getLogger("headgate.recorder")

_POLL_MS: Final = 500
# One batch is one transaction; more would only be a larger one to repeat.
_BATCH_RECORDS_MAX: Final = 500
_TRANSACTION_MS: Final = 30_000
_STOP_SECONDS: Final = 3.0


class RecorderWatcher(Protocol):
    """Who counts what the response does."""

    def responded(
        self, state: ResponseState, followed: Sequence[Followed], *, entries_count: int
    ) -> None:
        """Note what followed, and how all stands."""

    def ended(self) -> None:
        """Note that another records from now on."""


class RecorderDependencies(Struct, frozen=True, kw_only=True):
    """What a recorder is connected to."""

    cluster: Cluster
    prefix: str
    partitions: int
    configured: Configured
    keys: StateKeys
    watcher: RecorderWatcher
    now_ms: Callable[[], int] = wall_ms


class Recorder:
    """Runs until it is cancelled, or fenced out by another."""

    __slots__ = (
        "_dependencies",
        "_journal",
        "_outputs",
        "_people",
        "_positions",
        "_producer",
        "_sources",
    )

    def __init__(self, dependencies: RecorderDependencies) -> None:
        """Connect to nothing yet."""
        self._dependencies = dependencies
        self._positions: Offsets = {}

    def positions(self) -> Offsets:
        """Return what of each source is recorded; nothing while it does not run."""
        return self._positions

    async def run(self) -> None:
        """Fence out the one before, read the journal, and go on from there."""
        dependencies = self._dependencies
        self._producer = AIOKafkaProducer(
            **dependencies.cluster.client_options(),
            transactional_id=f"{dependencies.prefix}-recorder",
            transaction_timeout_ms=_TRANSACTION_MS,
            acks="all",
        )
        try:
            # From here on nobody else can commit: the journal's end stays where we find it.
            await self._producer.start()
            await self._remember()
            await self._go_on()
        finally:
            dependencies.watcher.ended()
            self._positions = {}
            # Without a broker it would wait for one; what is not committed, the next one undoes.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._producer.stop()

    async def _remember(self) -> None:
        dependencies = self._dependencies
        topic = AUDIT.full_name(dependencies.prefix)
        self._journal = await read_journal(topic, cluster=dependencies.cluster)
        people = PEOPLE.full_name(dependencies.prefix)
        self._people = People(await last_by_key(people, cluster=dependencies.cluster))
        self._outputs = Outputs(
            dependencies.prefix,
            self._people,
            partitions=dependencies.partitions,
            keys=dependencies.keys,
        )
        self._sources = Sources(
            self._people,
            alerts=ALERTS.full_name(dependencies.prefix),
            decisions=DECISIONS.full_name(dependencies.prefix),
            keys=dependencies.configured.response.keys,
        )
        await self._tell(self._outputs.controls(self._journal.to_say_again()))
        self._look(())
        if self._journal.configured != dependencies.configured:
            await self._record([(None, dependencies.configured)])
        logger.info("The recorder has read the audit.", extra={"line": self._journal.sequence})

    async def _go_on(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._dependencies.cluster.client_options(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            self._take_places(consumer)
            while True:
                await self._turn(consumer)
        finally:
            await consumer.stop()

    def _take_places(self, consumer: AIOKafkaConsumer) -> None:
        alerts = ALERTS.full_name(self._dependencies.prefix)
        positions = [
            TopicPartition(alerts, number) for number in range(self._dependencies.partitions)
        ]
        positions.append(TopicPartition(DECISIONS.full_name(self._dependencies.prefix), 0))
        consumer.assign(positions)
        for place in positions:
            consumer.seek(place, self._journal.next_offset(place.topic, place.partition))

    async def _turn(self, consumer: AIOKafkaConsumer) -> None:
        """Record what has arrived, or that time has passed."""
        self._positions = {
            (place.topic, place.partition): await consumer.position(place)
            for place in consumer.assignment()
        }
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH_RECORDS_MAX)
        causes: list[tuple[SourceRecord | None, Body]] = [
            cause
            for place in sorted(polled, key=self._sources.order)
            for cause in self._sources.causes(place, polled[place])
        ]
        due_ms = next_due_ms(self._journal.state)
        if not causes and due_ms is not None and due_ms <= self._dependencies.now_ms():
            causes = [(None, Tick())]
        if causes:
            await self._record(causes)

    async def _record(self, causes: Sequence[tuple[SourceRecord | None, Body]]) -> None:
        written = self._journal.append(causes, now_ms=self._dependencies.now_ms())
        erased = self._erased(causes)
        # Never aborted: whatever fails ends the recorder, and the next one's start undoes it.
        await self._producer.begin_transaction()
        await self._send(self._outputs.lines(written.lines))
        await self._send(self._outputs.suspensions(written.actions))
        await self._send(self._outputs.register(written.actions))
        for token in erased:
            await self._send(self._outputs.forgotten(self._people.erase(token)))
        await self._send(self._outputs.people(self._people.taken_changes()))
        await self._producer.commit_transaction()
        await self._tell(self._outputs.controls(written.actions))
        for _, body in causes:
            if isinstance(body, Refused):
                # Who sent it has been told that it was sent, and no more.
                logger.warning(
                    "A record had no effect.",
                    extra={"reason": body.reason, "detail": body.detail},
                )
        self._look(written.actions)
        for step in written.actions:
            if isinstance(step.action, ConfigRefused):
                logger.error(
                    "A pushed configuration is refused.",
                    extra={"line": step.sequence, "detail": step.action.problem},
                )

    def _look(self, followed: Sequence[Followed]) -> None:
        journal = self._journal
        self._dependencies.watcher.responded(
            journal.state, followed, entries_count=journal.sequence
        )

    def _erased(self, causes: Sequence[tuple[SourceRecord | None, Body]]) -> list[str]:
        """Return whom to forget now; never somebody who is suspended, whom none could release."""
        wanted = [
            body.verb.token
            for _, body in causes
            if isinstance(body, DecisionMade) and isinstance(body.verb, Erased)
        ]
        held = {suspension.subject for suspension in self._journal.state.open.values()}
        return [token for token in wanted if token not in held]

    async def _send(self, records: Sequence[OutgoingRecord]) -> None:
        sent = [
            await self._producer.send(
                record.topic,
                key=record.key,
                value=record.value,
                partition=record.partition,
                headers=sent_headers(record.headers),
            )
            for record in records
        ]
        await asyncio.gather(*sent)

    async def _tell(self, records: Sequence[OutgoingRecord]) -> None:
        """Let the judges know, in the partitions of their institutions."""
        if records:
            await self._producer.begin_transaction()
            await self._send(records)
            await self._producer.commit_transaction()
