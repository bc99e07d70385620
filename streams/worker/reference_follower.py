"""The reference topic, read by every worker from its beginning: what judges may rest on by now."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

from streams.control.reference_log import DayMissed, ReferenceLog, message_record, read_message
from streams.ingest.rejects import Rejected
from streams.kafka.cluster import Cluster
from streams.kafka.producer import Outbox
from streams.kafka.records import Record
from streams.state.envelope import StateKeys

logger = logging.getLogger("headgate.reference")

_POLL_MS: Final = 200
_FETCH_WAIT_MS: Final = 100


class FollowerDependencies(Struct, frozen=True, kw_only=True):
    """What the follower is connected to; `stop` ends the process."""

    topic: str
    cluster: Cluster
    keys: StateKeys
    outbox: Outbox
    wait_seconds: float
    stop: Callable[[Exception], None]


class ReferenceFollower:
    """Keeps a reference log up to date, and lets a partition wait for a day."""

    __slots__ = ("_changed", "_dependencies", "log")

    def __init__(self, log: ReferenceLog, dependencies: FollowerDependencies) -> None:
        """Read nothing yet."""
        self.log = log
        self._dependencies = dependencies
        self._changed = asyncio.Event()

    async def keep(self) -> None:
        """Read for as long as the worker lives."""
        try:
            await self._read()
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    async def wait_for(self, partition: int, day: int) -> None:
        """Return once it is certain by what a partition is judged on `day`.

        While days are published, somebody is on the way there. When none was for long, the
        partition says that it goes on without; the order of the topic decides which came first.
        """
        newest = self.log.newest
        waited_until = self._deadline()
        while self.log.reached(partition) < day:
            try:
                async with asyncio.timeout_at(waited_until):
                    await self._changed.wait()
            except TimeoutError:
                await self._miss(DayMissed(partition=partition, day=day))
                waited_until = self._deadline()
            if self.log.newest != newest:
                newest, waited_until = self.log.newest, self._deadline()

    def apply(self, record: Record) -> None:
        """Take in a record of the topic."""
        message = read_message(record, topic=self._dependencies.topic, keys=self._dependencies.keys)
        if isinstance(message, Rejected):
            logger.error(
                "A record of the references is rejected.",
                extra={"offset": record.offset, "detail": message.detail},
            )
            return
        self.log.apply(message)
        # Whoever waits looks again; the next one waits for the next record.
        self._changed.set()
        self._changed = asyncio.Event()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._dependencies.wait_seconds

    async def _miss(self, missed: DayMissed) -> None:
        logger.warning(
            "The peer reference of a day is missing for long; going on with the last one.",
            extra={"partition": missed.partition, "day": missed.day},
        )
        dependencies = self._dependencies
        record = message_record(missed, topic=dependencies.topic, keys=dependencies.keys)
        await dependencies.outbox.durable([dependencies.outbox.post(record)])

    async def _read(self) -> None:
        place = TopicPartition(self._dependencies.topic, 0)
        consumer = AIOKafkaConsumer(
            **self._dependencies.cluster.client_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        await consumer.start()
        try:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            while True:
                polled = await consumer.getmany(timeout_ms=_POLL_MS)
                for records in polled.values():
                    for record in records:
                        self.apply(record)
                await asyncio.sleep(0)
        finally:
            await consumer.stop()
