"""The watchdog: a worker that has something to do and does not move ends, to be restarted.

After trouble with the broker Faust's consumer may wait for ever, alive and deaf, while its
heartbeats keep the partitions from others. Where the inputs end is asked over a connection of our
own, so that the answer does not depend on what may be stuck.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds
from streams.kafka.cluster import Cluster
from streams.kafka.producer import Durable
from streams.kafka.records import Offsets, Partition, Positions
from streams.state.partition_state import ProfileT
from streams.state.protocol import StateStore

_LOOKS_PER_STALL: Final = 6
# A group waits that long for members that say nothing before it rebalances without them.
_REBALANCES_PER_STALL: Final = 2

# How many records have been read back after a rebalance so far; None once all are.
RecoveryProgress = Callable[[], int | None]
TopicEnds = Callable[[Collection[Partition]], Awaitable[Offsets]]


class StalledError(HeadgateError):
    """The worker has something to do, and does nothing."""


class Watched(Struct, frozen=True, kw_only=True):
    """What a watchdog looks at, and whom it tells; `epoch` counts rebalances."""

    positions: Sequence[Positions]
    recoveries: Sequence[RecoveryProgress]
    epoch: Callable[[], int]
    ends: TopicEnds
    stall_seconds: float
    stop: Callable[[Exception], None]
    now: Callable[[], float] = monotonic_seconds


class _Standstill(NamedTuple):
    """A count or an offset that was last seen to change at that time."""

    value: int
    since_seconds: float


class Watchdog:
    """Looks again and again whether everything of the worker moves that should."""

    __slots__ = ("_epoch_seen", "_partitions", "_recovery", "_watched")

    def __init__(self, watched: Watched) -> None:
        """Begin with nobody standing still."""
        self._watched = watched
        self._epoch_seen = watched.epoch()
        self._recovery: _Standstill | None = None
        # Only of partitions that are behind.
        self._partitions: dict[Partition, _Standstill] = {}

    async def keep(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._watched.stall_seconds / _LOOKS_PER_STALL)
            await self.look()

    async def look(self) -> None:
        """Look once; end the process after too long a standstill where there is something to do."""
        watched = self._watched
        offsets = {
            p: offset for positions in watched.positions for p, offset in positions().items()
        }
        try:
            ends = await watched.ends(offsets.keys())
        except (KafkaError, OSError, TimeoutError):
            # Nobody can tell, and a restart would not bring the broker back.
            self._recovery = None
            self._partitions = {}
            return
        counts = [count for progress in watched.recoveries if (count := progress()) is not None]
        if counts:
            self._look_at_recovery(sum(counts))
        else:
            self._look_at_partitions(offsets, ends)

    def _look_at_recovery(self, records_count: int) -> None:
        """End the worker if a rebalance reads nothing back any more.

        The number of rebalances does not matter: one that begins anew before it has come to an
        end has not come to an end either.
        """
        self._recovery = self._standstill(self._recovery, records_count)
        seconds = self._now() - self._recovery.since_seconds
        if seconds > _REBALANCES_PER_STALL * self._watched.stall_seconds:
            message = f"a rebalance came to no end, and nothing was read back for {seconds:.0f} s"
            self._watched.stop(StalledError(message))

    def _look_at_partitions(self, offsets: Offsets, ends: Offsets) -> None:
        """End the worker if all partitions that are behind stand still, or one stands very long.

        Partitions are fetched and dealt with one after the other, and in a backlog most of them
        wait. So one alone may stand for as many times as there are partitions behind.
        """
        self._recovery = None
        if self._watched.epoch() != self._epoch_seen:
            # Whoever has just got its partitions has its whole time from then on.
            self._epoch_seen = self._watched.epoch()
            self._partitions = {}
        self._partitions = {
            partition: self._standstill(self._partitions.get(partition), offset)
            for partition, offset in offsets.items()
            if offset < ends.get(partition, 0)
        }
        seconds = {p: self._now() - stand.since_seconds for p, stand in self._partitions.items()}
        stalled = _stalled(seconds, stall_seconds=self._watched.stall_seconds)
        if stalled:
            names = ", ".join(f"{topic}[{number}]" for topic, number in stalled)
            longest_seconds = max(seconds[partition] for partition in stalled)
            message = f"{names} stands for {longest_seconds:.0f} s, and records are waiting"
            self._watched.stop(StalledError(message))

    def _standstill(self, before: _Standstill | None, value: int) -> _Standstill:
        """Return since when the value has been the same."""
        if before is not None and before.value == value:
            return before
        return _Standstill(value, self._now())

    def _now(self) -> float:
        return self._watched.now()


def _stalled(seconds: Mapping[Partition, float], *, stall_seconds: float) -> list[Partition]:
    """Return the partitions that have stood still for too long, of those that are behind."""
    all_stand = min(seconds.values(), default=0.0) > stall_seconds
    turns_count = 1 if all_stand else len(seconds)
    return sorted(p for p, standing in seconds.items() if standing > turns_count * stall_seconds)


def judge_positions(
    state_store: StateStore[ProfileT, Durable],
    *,
    topic: str,
    waits: Callable[[int], bool] = lambda _: False,
) -> Offsets:
    """Return where the judges of each partition stand; before their first batch, what is saved.

    One that `waits` for a reference stands still for a reason, and not for ever.
    """
    positions = {}
    for number, partition in state_store.partitions.items():
        if waits(number):
            continue
        partition_record = partition.store.partition_record
        offset = partition.position
        if offset is None and partition_record is not None:
            offset = partition_record.offset
        if offset is not None:
            positions[topic, number] = offset
    return positions


async def topic_ends(
    partitions: Collection[Partition], *, cluster: Cluster, timeout_seconds: float
) -> dict[Partition, int]:
    """Return where these partitions end, asked over a connection of its own.

    Raises:
        KafkaError, OSError or TimeoutError: nobody answers.
    """
    wanted = [TopicPartition(topic, number) for topic, number in partitions]
    async with asyncio.timeout(timeout_seconds):
        consumer = AIOKafkaConsumer(**cluster.client_options(), enable_auto_commit=False)
        try:
            await consumer.start()
            ends = await consumer.end_offsets(wanted) if wanted else {}
        finally:
            await consumer.stop()
    return {(partition.topic, partition.partition): end for partition, end in ends.items()}
