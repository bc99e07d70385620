"""A prefix on a real Kafka, a clock that stands, and one recorder at a time."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import (
    AuditEntry,
    Configured,
    Verb,
)
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension
from detectors.verdict import RaiseAlert
from streams.control.keys import public_text
from streams.control.signature import Decision, sign
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import committed_records, last_by_key
from streams.response.journal import Followed
from streams.response.recorder import Recorder, RecorderDependencies
from streams.sinks import alerts, suspensions
from streams.state.envelope import StateKeys
from tests.builders import alert
from tests.waiting import until

KEYS = StateKeys("a secret of sixteen")
ANN, EVE = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PARTITIONS = 2
DAY_MS = 86_400_000
NOW_MS = 1_775_044_800_000
ALERT = alert(
    at_ms=NOW_MS,
    started_ms=NOW_MS - 1_000,
    confidence=1.0,
    sentence="north took 200 people, 90 % of it by user u-17; now holds 20 % of imaging.",
    taken_participants=200,
    top_user="u-17",
    top_user_share=0.9,
    top_project=None,
)


class World:
    """One prefix on the broker, a clock, and a recorder at a time."""

    def __init__(self, bootstrap: str, prefix: str, **changes: object) -> None:
        """Make the topics."""
        self.bootstrap, self.prefix = bootstrap, prefix
        self.now_ms = NOW_MS
        self.turn_ended = asyncio.Condition()
        self.state = ResponseState()
        self.turns_count = 0
        modes = Modes(throttle="automatic", suspend="automatic")
        response = ResponseConfig(modes=modes, keys={"ann": public_text(ANN)})
        self.configured = Configured(
            response=replace(response, **changes), cohort_size=1_000, config_hash="c", version="1"
        )
        ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)

    def ended(self) -> None:
        """Note nothing."""

    def responded(
        self, state: ResponseState, followed: Sequence[Followed], *, entries_count: int
    ) -> None:
        """Wake whoever waits for the recorder."""
        del followed, entries_count
        self.state = copy.deepcopy(state)
        self.turns_count += 1
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.turn_ended:
            self.turn_ended.notify_all()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Return once the recorder's state is as wanted."""
        async with asyncio.timeout(30), self.turn_ended:
            await self.turn_ended.wait_for(seen)

    @contextlib.asynccontextmanager
    async def recording(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run a recorder."""
        recorder = Recorder(
            RecorderDependencies(
                cluster=unprotected(self.bootstrap),
                prefix=self.prefix,
                partitions=PARTITIONS,
                configured=self.configured,
                keys=KEYS,
                watcher=self,
                now_ms=lambda: self.now_ms,
            )
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Write one record."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(f"{self.prefix}.{topic}", value, key=key)
        finally:
            await producer.stop()

    async def alert(self, **changes: Any) -> None:  # noqa: ANN401 - fields of many types.
        """State an alert."""
        stated = replace(ALERT, **changes)
        record = alerts.record(RaiseAlert(alert=stated), topic_prefix=self.prefix)
        await self.send("alerts", record.key, record.value)

    async def decide(
        self, verb: Verb, *, key: Ed25519PrivateKey = ANN, who: str = "ann", topic: str = ""
    ) -> None:
        """Sign and send a decision."""
        decision = Decision(decision_id="d", note="because", at_ms=NOW_MS, verb=verb)
        record = sign(decision, key, who=who, topic=topic or f"{self.prefix}.decisions")
        await self.send("decisions", b"north", record)

    async def lines(self) -> list[bytes]:
        """Return the journal, once the markers of its transactions are written."""
        end = await self.end("read_uncommitted")

        async def are_written() -> bool:
            return await self.end("read_committed") == end

        await until(are_written)
        records = committed_records(f"{self.prefix}.audit", cluster=unprotected(self.bootstrap))
        return [record.value or b"" async for record in records]

    async def end(self, isolation_level: str) -> int:
        """Return where the journal ends, to a reader of this isolation."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level=isolation_level
        )
        await consumer.start()
        try:
            journal = TopicPartition(f"{self.prefix}.audit", 0)
            return int((await consumer.end_offsets([journal]))[journal])
        finally:
            await consumer.stop()

    async def entries(self) -> list[AuditEntry]:
        """Return the journal's entries."""
        return [msgspec.json.decode(line, type=AuditEntry) for line in await self.lines()]

    async def world(self) -> list[Suspension]:
        """Return what the suspensions topic says now."""
        values_by_key = await last_by_key(
            f"{self.prefix}.suspensions", cluster=unprotected(self.bootstrap)
        )
        return [suspensions.suspension_of(raw) for raw in values_by_key.values()]


def open_count(world: World, count: int) -> Callable[[], bool]:
    """Return whether so many suspensions are open."""
    return lambda: len(world.state.open) == count


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario to its end."""

    async def limited() -> None:
        async with asyncio.timeout(120):
            await scenario()

    asyncio.run(limited())
