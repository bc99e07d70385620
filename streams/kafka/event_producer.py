"""Canonical events to Kafka, as a platform would send them: keyed by institution, in order.

aiokafka, because it queues 90,000 records a second where kafka-python's thread manages 10,000.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from detectors.errors import SinkError
from detectors.event import AccessEvent
from streams.ingest.codec import encode
from streams.ingest.identity import identity_of
from streams.kafka.cluster import Cluster

_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024
# How many records may be on their way; beyond it, the sender waits for the broker.
_FLIGHT_RECORDS_MAX: Final = 20_000


class EventProducer:
    """Sends to one topic; leaving the block waits until the broker has everything."""

    __slots__ = ("_cluster", "_flight", "_producer", "_topic")

    def __init__(self, cluster: Cluster, *, topic: str) -> None:
        """Connect to nothing yet."""
        self._cluster = cluster
        self._topic = topic
        self._flight: list[asyncio.Future[object]] = []
        self._producer: AIOKafkaProducer | None = None

    async def send(self, event: AccessEvent) -> None:
        """Queue one event under its institution's identity."""
        await self.send_bytes(encode(event), key=identity_of(event.institution).encode())

    async def send_bytes(self, value: bytes | None, *, key: bytes | None) -> None:
        """Queue a record as it is.

        Raises:
            SinkError: a record before it was refused.
        """
        assert self._producer is not None  # noqa: S101 - set on entering
        try:
            future = await self._producer.send(self._topic, value=value, key=key)
        except KafkaError as error:
            raise self._failed(error) from error
        self._flight.append(future)
        if len(self._flight) >= _FLIGHT_RECORDS_MAX:
            await self.flush()

    async def flush(self) -> None:
        """Wait until the broker has everything sent so far.

        Raises:
            SinkError: the broker has refused a record, or does not answer.
        """
        flight, self._flight = self._flight, []
        try:
            for future in flight:
                await future
        except KafkaError as error:
            raise self._failed(error) from error

    def _failed(self, error: KafkaError) -> SinkError:
        return SinkError(f"{self._topic} on {self._cluster.bootstrap}: {error}")

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            SinkError: the broker does not answer.
        """
        producer = AIOKafkaProducer(
            **self._cluster.client_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise self._failed(error) from error
        self._producer = producer
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the broker, unless something failed, and disconnect."""
        assert self._producer is not None  # noqa: S101 - set on entering
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._producer.stop()


async def send_all(events: Iterable[AccessEvent], *, cluster: Cluster, topic: str) -> None:
    """Send all of `events` and wait until they have arrived."""
    async with EventProducer(cluster, topic=topic) as producer:
        for event in events:
            await producer.send(event)
