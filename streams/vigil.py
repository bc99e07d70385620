"""The watch over the worker itself: one that is behind and does not move ends, to be restarted.

After trouble with the broker Faust's consumer may wait for ever, alive and deaf, while its
heartbeats keep the partitions from others. Where the input ends is asked over a connection of our
own, so that the answer does not depend on what may be stuck.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds
from streams.connection import client_options
from streams.protocol import Keeper, ProfileT

_LOOKS_PER_STALL: Final = 6

Ends = Callable[[], Awaitable[Mapping[int, int]]]
Standing = tuple[int, tuple[tuple[int, int, int], ...]]


class StallError(HeadgateError):
    """The worker has records to judge, and judges none."""


class Vigil(Generic[ProfileT]):
    """Looks again and again whether the keeper's partitions move, where they should."""

    __slots__ = (
        "_ends",
        "_keeper",
        "_moved_seconds",
        "_now",
        "_stall_seconds",
        "_standing",
        "_stop",
    )

    def __init__(
        self,
        keeper: Keeper[ProfileT],
        *,
        ends: Ends,
        stall_seconds: float,
        stop: Callable[[Exception], None],
        now: Callable[[], float] = monotonic_seconds,
    ) -> None:
        """Take whom to watch, and what ends the process."""
        self._keeper = keeper
        self._ends = ends
        self._stall_seconds = stall_seconds
        self._stop = stop
        self._now = now
        self._moved_seconds = now()
        self._standing: Standing | None = None

    async def keep(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._stall_seconds / _LOOKS_PER_STALL)
            await self.look()

    async def look(self) -> None:
        """Look once; end the process after too long a standstill behind the end."""
        try:
            behind = self._behind(await self._ends())
        except (KafkaError, OSError, TimeoutError):
            # Nobody can tell, and a restart would not bring the broker back.
            behind = []
        standing = self._stand()
        if standing != self._standing or not behind:
            self._standing = standing
            self._moved_seconds = self._now()
            return
        still_seconds = self._now() - self._moved_seconds
        if still_seconds > self._stall_seconds:
            message = (
                f"partitions {behind} have records to judge, and stand for {still_seconds:.0f} s"
            )
            self._stop(StallError(message))

    def _behind(self, ends: Mapping[int, int]) -> list[int]:
        return sorted(p for p, at, _ in self._stand()[1] if 0 <= at < ends.get(p, 0))

    def _stand(self) -> Standing:
        places = []
        for number, partition in sorted(self._keeper.partitions.items()):
            barrier = partition.store.barrier
            saved = -1 if barrier is None else barrier.offset
            at = saved if partition.position is None else partition.position
            places.append((number, at, partition.institutions_count))
        return self._keeper.epoch, tuple(places)


async def topic_ends(topic: str, *, bootstrap: str, timeout_seconds: float) -> dict[int, int]:
    """Return where each partition of a topic ends, asked over a connection of its own."""
    async with asyncio.timeout(timeout_seconds):
        consumer = AIOKafkaConsumer(**client_options(bootstrap), enable_auto_commit=False)
        try:
            await consumer.start()
            await consumer.topics()
            numbers = consumer.partitions_for_topic(topic) or set()
            ends = await consumer.end_offsets([TopicPartition(topic, n) for n in numbers])
        finally:
            await consumer.stop()
    return {place.partition: end for place, end in ends.items()}
