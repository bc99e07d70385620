"""Step 7 of 7: the suspensions topic -> the deliverer, and its progress -> the group's offsets.

What was not acknowledged is known by the topic and the committed offset alone: after a crash it is
delivered again from there, under the same id.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streams.hooks.config import HookConfig
from streams.hooks.deliverer import Deliverer, Post
from streams.hooks.delivery import Delivery, delivery_of
from streams.hooks.progress import DeliveryProgress
from streams.hooks.watch import HookWatch
from streams.kafka.records import Record
from streams.texts.letter import Letters

logger = logging.getLogger("headgate.hook")

# Beyond it nothing more is fetched: what waits is in the topic as well as in memory.
WAITING_MAX: Final = 1_000
_POLL_MS: Final = 250


class SuspensionConsumer(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types.
    """Follows the topic as one of a group, of which each partition has one deliverer at a time."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        post: Post,
        *,
        letters: Letters,
        config: HookConfig,
        watch: HookWatch,
    ) -> None:
        """Deliver by `post`; `consumer` is started, and commits nothing by itself."""
        self._consumer = consumer
        self._letters = letters
        self._watch = watch
        self._progress: dict[int, DeliveryProgress] = {}
        self._committed: dict[int, int] = {}
        self._commit_failed = False
        self._deliverer = Deliverer(
            post, config=config, attempted=watch.attempted, ended=self._ended
        )

    async def follow(self, topic: str, *, stopping: asyncio.Event) -> None:
        """Deliver until told to stop."""
        self._consumer.subscribe([topic], listener=self)
        try:
            while not stopping.is_set():
                await self._step()
        finally:
            await self._deliverer.forget()
            await self._commit()

    async def _step(self) -> None:
        deliverer = self._deliverer
        places = self._consumer.assignment()
        if deliverer.waiting_count < WAITING_MAX:
            self._consumer.resume(*places)
        else:
            self._consumer.pause(*places)
        # Polled even while paused: a member of the group that does not poll is taken for dead.
        polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=WAITING_MAX)
        for place, records in polled.items():
            self._take(place.partition, records)
        await self._commit()
        deliverer.check()
        self._watch.looked(
            waiting_count=deliverer.waiting_count, tried_seconds=deliverer.tried_seconds
        )

    def _take(self, partition: int, records: Sequence[Record]) -> None:
        progress = self._progress.setdefault(partition, DeliveryProgress())
        for record in records:
            progress.took(record.offset)
            # A tombstone only lets the topic forget; there is nothing to tell the platform.
            delivery = self._delivery(record, partition) if record.value else None
            if delivery is not None:
                self._deliverer.take(delivery)
                continue
            progress.ended(record.offset)
            if record.value:
                self._watch.unreadable(record.offset)

    def _delivery(self, record: Record, partition: int) -> Delivery | None:
        return delivery_of(record, partition=partition, letters=self._letters)

    def _ended(self, delivery: Delivery) -> None:
        self._progress[delivery.partition].ended(delivery.offset)

    async def _commit(self) -> None:
        topic = next(iter(self._consumer.subscription()), "")
        moved = {
            partition: position
            for partition, progress in self._progress.items()
            if (position := progress.position) is not None
            and position != self._committed.get(partition)
        }
        if not moved:
            return
        try:
            await self._consumer.commit(
                {
                    TopicPartition(topic, partition): position
                    for partition, position in moved.items()
                }
            )
        except KafkaError as error:
            # The next one says it again; until then a restart would only deliver again.
            if not self._commit_failed:
                logger.warning(
                    "How far deliveries are is not on record for now.",
                    extra={"detail": repr(error)},
                )
            self._commit_failed = True
            return
        self._commit_failed = False
        self._committed.update(moved)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Stop at once and say how far it got: another delivers from there."""
        del revoked
        await self._deliverer.forget()
        await self._commit()
        self._progress.clear()
        self._committed.clear()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Begin at the committed offset, where the consumer begins by itself."""
        partitions = sorted(place.partition for place in assigned)
        logger.info("Delivering the suspensions.", extra={"partitions": partitions})
