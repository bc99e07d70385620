"""The watch over the worker itself: one that is behind and does not move ends, to be restarted.

After trouble with the broker Faust's consumer may wait for ever, alive and deaf, while its
heartbeats keep the partitions from others. Where the inputs end is asked over a connection of our
own, so that the answer does not depend on what may be stuck.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.errors import HeadgateError
from streams.clock import monotonic_seconds
from streams.kafka.cluster import Cluster
from streams.kafka.records import Offsets, Partition, Positions
from streams.state.protocol import ProfileT, StateStore

_LOOKS_PER_STALL: Final = 6
# A group waits that long for members that say nothing before it rebalances without them.
_REBALANCES_PER_STALL: Final = 2

# How much has been read back so far; None once it is all.
Reading = Callable[[], int | None]
Ends = Callable[[Collection[Partition]], Awaitable[Offsets]]


class StalledError(HeadgateError):
    """The worker has something to do, and does nothing."""


class _Standstill(NamedTuple):
    """Where somebody stands, and since when."""

    at: int
    since_seconds: float


class Watchdog:
    """Looks again and again whether everything of the worker moves, where it should."""

    __slots__ = (
        "_ends",
        "_epoch",
        "_epoch_seen",
        "_now",
        "_positions",
        "_reading",
        "_reads_still",
        "_stall_seconds",
        "_stands_still",
        "_stop",
    )

    def __init__(  # noqa: PLR0913 - the ends of the dependencies, each by name.
        self,
        *,
        positions: Sequence[Positions],
        reading: Sequence[Reading],
        epoch: Callable[[], int],
        ends: Ends,
        stall_seconds: float,
        stop: Callable[[Exception], None],
        now: Callable[[], float] = monotonic_seconds,
    ) -> None:
        """Take who says where it stands and what it reads back, and what ends the process.

        `epoch` counts rebalances.
        """
        self._positions = positions
        self._reading = reading
        self._epoch = epoch
        self._epoch_seen = epoch()
        self._ends = ends
        self._stall_seconds = stall_seconds
        self._stop = stop
        self._now = now
        self._reads_still: _Standstill | None = None
        self._stands_still: dict[Partition, _Standstill] = {}

    async def keep(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._stall_seconds / _LOOKS_PER_STALL)
            await self.look()

    async def look(self) -> None:
        """Look once; end the process after too long a standstill where there is something to do."""
        standing = {partition: at for one in self._positions for partition, at in one().items()}
        try:
            ends = await self._ends(standing.keys())
        except (KafkaError, OSError, TimeoutError):
            # Nobody can tell, and a restart would not bring the broker back.
            self._reads_still = None
            self._stands_still = {}
            return
        read = [count for one in self._reading if (count := one()) is not None]
        if read:
            self._look_at_reading(sum(read))
        else:
            self._look_at_places(standing, ends)

    def _look_at_reading(self, count: int) -> None:
        """Accuse a rebalance that does not come to an end, however often it begins anew."""
        self._reads_still = self._still(self._reads_still, count)
        seconds = self._now() - self._reads_still.since_seconds
        if seconds > _REBALANCES_PER_STALL * self._stall_seconds:
            message = f"a rebalance came to no end, and nothing was read back for {seconds:.0f} s"
            self._stop(StalledError(message))

    def _look_at_places(self, standing: Offsets, ends: Offsets) -> None:
        """Accuse all who are behind if none of them moves; one alone, after its turn has passed.

        They are fetched and dealt with one after the other: in a backlog, most of them wait.
        """
        self._reads_still = None
        if self._epoch() != self._epoch_seen:
            # Whoever has just got its partitions has its whole time from then on.
            self._epoch_seen = self._epoch()
            self._stands_still = {}
        self._stands_still = {
            partition: self._still(self._stands_still.get(partition), at)
            for partition, at in standing.items()
            if at < ends.get(partition, 0)
        }
        seconds = {
            partition: self._now() - still.since_seconds
            for partition, still in self._stands_still.items()
        }
        turns = 1 if min(seconds.values(), default=0.0) > self._stall_seconds else len(seconds)
        stalled = sorted(
            p
            for p, standing_seconds in seconds.items()
            if standing_seconds > turns * self._stall_seconds
        )
        if stalled:
            names = ", ".join(f"{topic}[{number}]" for topic, number in stalled)
            standing_seconds = max(seconds[partition] for partition in stalled)
            self._stop(
                StalledError(
                    f"{names} stands for {standing_seconds:.0f} s, and records are waiting"
                )
            )

    def _still(self, before: _Standstill | None, at: int) -> _Standstill:
        if before is not None and before.at == at:
            return before
        return _Standstill(at, self._now())


def judged_positions(state_store: StateStore[ProfileT], *, topic: str) -> Offsets:
    """Return where the judges of each partition stand; before their first batch, what is saved."""
    positions = {}
    for number, partition in state_store.partitions.items():
        partition_record = partition.store.partition_record
        at = partition.position
        if at is None and partition_record is not None:
            at = partition_record.offset
        if at is not None:
            positions[topic, number] = at
    return positions


async def topic_ends(
    positions: Collection[Partition], *, cluster: Cluster, timeout_seconds: float
) -> dict[Partition, int]:
    """Return where these partitions end, asked over a connection of its own.

    Raises:
        KafkaError, OSError or TimeoutError: nobody answers.
    """
    wanted = [TopicPartition(topic, number) for topic, number in positions]
    async with asyncio.timeout(timeout_seconds):
        consumer = AIOKafkaConsumer(**cluster.client_options(), enable_auto_commit=False)
        try:
            await consumer.start()
            ends = await consumer.end_offsets(wanted) if wanted else {}
        finally:
            await consumer.stop()
    return {(partition.topic, partition.partition): end for partition, end in ends.items()}
