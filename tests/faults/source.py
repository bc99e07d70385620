"""Seeded events for a worker that is being struck: honest, greedy, repeated, broken, control."""

import asyncio
import random
import threading
from typing import Self

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig
from detectors.config_schedule import Scheduled
from detectors.event import AccessEvent, Participants
from streams.control.config_record import CONFIG, encode_scheduled
from streams.control.partition_time import TIME, TimeMarker, encode_marker
from streams.control.records import control_record
from streams.state.envelope import StateKeys, keys_from_text

START_MS = 1_767_600_000_000
DAY_MS = 86_400_000
STEP_MS = 300_000
BEAT_SECONDS = 0.05
MARKER_EVERY = 400
PUSH_EVERY = 300
INSTITUTIONS = 12
OURS = keys_from_text(None)
FORGER = StateKeys("somebody else's key")


class Source:
    """Produces from a thread of its own, so that faults do not slow it, until told to stop."""

    def __init__(
        self,
        bootstrap: str,
        topic: str,
        *,
        partitions: int,
        seed: int = 7,
        per_second: int = 400,
        hot_ratio: float = 0.0,
        sent_count: int = 0,
    ) -> None:
        """Prepare; `hot_ratio` of all events are one institution's, `sent_count` came before."""
        self._bootstrap, self._topic, self._partitions = bootstrap, topic, partitions
        self._per_second, self.first = per_second, sent_count
        self._random = random.Random(seed)
        self._burst = max(1, round(per_second * BEAT_SECONDS))
        self._hot_ratio = hot_ratio
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._produce()))
        self.sent_count = sent_count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def has_sent(self, count: int) -> bool:
        """Return whether more than `count` events have been sent."""
        return self.sent_count > count

    def after(self) -> "Source":
        """Return a source that goes on where this one has ended."""
        return Source(
            self._bootstrap,
            self._topic,
            partitions=self._partitions,
            seed=self.sent_count,
            per_second=self._per_second,
            hot_ratio=self._hot_ratio,
            sent_count=self.sent_count,
        )

    async def _produce(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            partitioner=DefaultPartitioner(),
            enable_idempotence=True,
            retry_backoff_ms=500,
            # It waits for a broker that is gone, however long.
            request_timeout_ms=300_000,
        )
        await producer.start()
        while not self._stopped.is_set():
            for _ in range(self._burst):
                await self._send(producer)
            await asyncio.sleep(BEAT_SECONDS)
        await producer.stop()

    async def _send(self, producer: AIOKafkaProducer) -> None:
        self.sent_count += 1
        number, source = self.sent_count, self._random
        at_ms = START_MS + number * STEP_MS - source.randrange(2 * STEP_MS)
        if number % MARKER_EVERY == 0:
            marker = encode_marker(TimeMarker(at_ms=at_ms + source.randrange(DAY_MS)))
            await self._send_control(producer, TIME, marker)
        if number % PUSH_EVERY == 0:
            await self._send_config(producer, number=number, at_ms=at_ms)
        hot = source.random() < self._hot_ratio
        institution = f"institution {0 if hot else source.randrange(INSTITUTIONS)}"
        key = institution.encode()
        if source.random() < 0.01:
            await producer.send(self._topic, b'{"broken": %d}' % number, key=key)
            return
        first = source.randrange(400_000)
        taken = int(source.lognormvariate(4.0, 2.0))
        event = AccessEvent(
            # One in fifty repeats the id of an earlier event.
            id=f"e{number - 50 if source.random() < 0.02 else number}",
            time=at_ms,
            institution=institution,
            user=f"user {source.randrange(5)}",
            dataset=source.choice(("imaging", "genomes")),
            bytes=taken * 1_000,
            participants=Participants(ranges=[(first, min(499_999, first + taken))]),
        )
        await producer.send(self._topic, msgspec.json.encode(event), key=key)

    async def _send_config(self, producer: AIOKafkaProducer, *, number: int, at_ms: int) -> None:
        """Push a configuration for about now; one in four is of another cohort, and refused."""
        size = 500_000 if self._random.random() < 0.75 else 9
        days = self._random.choice((0.5, 5.0, 50.0))
        config = CoreConfig(
            cohort=CohortConfig(size=size),
            budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=days),
        )
        from_ms = at_ms + self._random.randrange(-DAY_MS // 4, DAY_MS // 4)
        value = encode_scheduled(Scheduled(sequence=number, from_ms=from_ms, config=config))
        await self._send_control(producer, CONFIG, value)

    async def _send_control(self, producer: AIOKafkaProducer, kind: str, value: bytes) -> None:
        for partition in range(self._partitions):
            # One in four is forged: it must come back as a dead letter, and change nothing.
            keys = FORGER if self._random.random() < 0.25 else OURS
            record = control_record(
                kind, value, topic=self._topic, partition=partition, key=b"all", keys=keys
            )
            await producer.send(
                self._topic,
                record.value,
                key=record.key,
                partition=partition,
                headers=list(record.headers),
            )
