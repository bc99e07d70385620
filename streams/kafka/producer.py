"""Step 7 of 7: records -> Kafka, in order, each with a future that says when it is durable.

The judge is synchronous and may not wait: it posts, and the next checkpoint awaits what was
posted. One idempotent producer sends everything, so that a retry doubles nothing and nothing
overtakes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from detectors.instants import SECOND_MS
from streams.ingest.headers import Headers
from streams.kafka.cluster import Cluster
from streams.kafka.records import OutgoingRecord

Durable = asyncio.Future[None]

# The largest input, returned whole as a dead letter, and the headers around it.
REQUEST_BYTES_MAX: Final = 32 * 2**20
_LINGER_MS: Final = 2
# A state is some 10 kB, and only one batch of a partition is on its way at a time: with the
# client's 16 kB each would go alone, and a request costs as much as judging fifty events.
_BATCH_BYTES: Final = 256 * 1024


class Outbox:
    """Posts records in order; `start` and `stop` it with the worker."""

    __slots__ = ("_arrived", "_cluster", "_posted", "_producer", "_pump", "_timeout_seconds")

    def __init__(self, *, cluster: Cluster, timeout_seconds: float) -> None:
        """Keep where to connect; nothing is opened before `start`."""
        self._cluster = cluster
        self._timeout_seconds = timeout_seconds
        self._posted: deque[tuple[OutgoingRecord, Durable]] = deque()
        self._arrived = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            **self._cluster.client_options(),
            enable_idempotence=True,
            acks="all",
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            # As every Kafka client: by murmur2 of the key, so that all agree on the partition.
            partitioner=DefaultPartitioner(),
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(self._timeout_seconds * SECOND_MS),
        )
        await self._producer.start()
        self._pump = asyncio.create_task(self._send_all(self._producer))

    async def stop(self) -> None:
        """Send what was posted, and disconnect."""
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
        if self._producer is not None:
            await self._producer.stop()

    def post(self, record: OutgoingRecord) -> Durable:
        """Send `record` after all before it; the future is done once it is durable."""
        durable: Durable = asyncio.get_running_loop().create_future()
        self._posted.append((record, durable))
        self._arrived.set()
        return durable

    async def durable(self, futures: Sequence[Durable]) -> None:
        """Return when all of these are durable; raise what went wrong.

        `TimeoutError` if none became so for the whole time-out: many on a slow way are not lost.
        """
        pending = set()
        for future in futures:
            # Most have long been done: to have asyncio wait for these too is a task for each.
            if future.done():
                future.result()
            else:
                pending.add(future)
        while pending:
            done, pending = await asyncio.wait(
                pending, timeout=self._timeout_seconds, return_when=asyncio.FIRST_EXCEPTION
            )
            if not done:
                raise TimeoutError
            for future in done:
                future.result()

    async def below(self, count: int) -> None:
        """Return once at most `count` records wait for the producer: back-pressure."""
        if len(self._posted) > count:
            # In order, so all before it are with the producer once this one is durable.
            last = self._posted[-count - 1][1]
            await asyncio.wait([last])

    async def _send_all(self, producer: AIOKafkaProducer) -> None:
        while True:
            while self._posted:
                record, durable = self._posted.popleft()
                await self._send(producer, record, durable)
            self._arrived.clear()
            await self._arrived.wait()

    async def _send(
        self, producer: AIOKafkaProducer, record: OutgoingRecord, durable: Durable
    ) -> None:
        try:
            sent = await producer.send(
                record.topic,
                key=record.key,
                value=record.value,
                partition=record.partition,
                headers=sent_headers(record.headers),
            )
        except Exception as error:  # noqa: BLE001 - whoever awaits it decides what it means.
            durable.set_exception(error)
        else:
            sent.add_done_callback(lambda done: _settle(done, durable))


def sent_headers(headers: Headers) -> list[tuple[str, bytes | None]]:
    """Return headers as aiokafka takes them; one may have no value."""
    return list(headers)


def _settle(sent: "asyncio.Future[object]", durable: Durable) -> None:
    if durable.done():
        return
    if sent.cancelled():
        durable.cancel()
    elif error := sent.exception():
        durable.set_exception(error)
    else:
        durable.set_result(None)
