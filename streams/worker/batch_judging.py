"""Steps 1 to 7 of 7: batches of all partitions -> judged in turn, each as far as references reach.

A partition that has come to a day without its reference waits, and the others go on: one of them
may have to close the day for which it waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from detectors.pipeline import Profile
from streams.kafka.producer import Outbox
from streams.kafka.records import Batch
from streams.state.checkpoint import Checkpointer
from streams.worker.batch_run import BatchRun
from streams.worker.judge_agent import JudgeAgent
from streams.worker.reference_follower import ReferenceFollower

# More posted than this, and a judge waits for the producer before its next batch.
_POSTED_COUNT_MAX: Final = 10_000


class JudgingDependencies(Struct, frozen=True, kw_only=True):
    """What judging batches is connected to; `hold` and `release` stop and go on with fetching."""

    agent: JudgeAgent
    follower: ReferenceFollower
    checkpointer: Checkpointer[Profile]
    outbox: Outbox
    hold: Callable[[Iterable[int]], None]
    release: Callable[[Iterable[int]], None]
    stop: Callable[[Exception], None]


class _Waiting(Struct):
    """A partition that waits for a reference: its batches, and who goes on with them."""

    batches: deque[Batch]
    task: asyncio.Task[None]


class BatchJudging:
    """Judges the batches of this worker's partitions, and keeps those that must wait."""

    __slots__ = ("_dependencies", "_rebalances_count", "_waiting")

    def __init__(self, dependencies: JudgingDependencies) -> None:
        """Begin with nobody waiting."""
        self._dependencies = dependencies
        self._waiting: dict[int, _Waiting] = {}
        self._rebalances_count = 0

    def waits(self, partition: int) -> bool:
        """Tell whether a partition waits for a reference."""
        return partition in self._waiting

    def revoked(self) -> None:
        """Forget what waits: a rebalance is a restart."""
        self._rebalances_count += 1
        for waiting in self._waiting.values():
            waiting.task.cancel()
        self._dependencies.release(self._waiting)
        self._waiting = {}

    async def handle(self, partition: int, batch: Batch) -> None:
        """Judge a batch as far as it goes, or keep it for when the partition goes on."""
        waiting = self._waiting.get(partition)
        if waiting is not None:
            waiting.batches.append(batch)
            return
        batch_run = self._dependencies.agent.begin(partition, batch)
        day = await self._proceed(batch_run)
        if day is not None:
            # What is fetched meanwhile would fill the memory.
            self._dependencies.hold([partition])
            task = asyncio.create_task(self._go_on(partition, batch_run, day))
            self._waiting[partition] = _Waiting(deque(), task)
        await self._dependencies.outbox.below(_POSTED_COUNT_MAX)
        # Faust hands over what is queued without a pause. A backlog on a busy machine would keep
        # the lease from being stamped, end the worker, and be met again by the next one.
        await asyncio.sleep(0)

    async def _proceed(self, batch_run: BatchRun) -> int | None:
        """Judge on up to a day without its reference, which is returned, or to the end.

        Everybody else has a turn again and again. None too if a rebalance came: nothing of the
        batch is left then.
        """
        rebalances_count = self._rebalances_count
        while True:
            judged_before = batch_run.counts.judged
            day = self._dependencies.agent.proceed(batch_run)
            self._dependencies.checkpointer.note(batch_run.counts.judged - judged_before)
            if day is not None or batch_run.is_over:
                return day
            await self._dependencies.outbox.below(_POSTED_COUNT_MAX)
            await asyncio.sleep(0)
            if self._rebalances_count != rebalances_count:
                return None

    async def _go_on(self, partition: int, batch_run: BatchRun, day: int) -> None:
        """Wait for the reference of `day`, and judge what has come until nothing is left."""
        try:
            await self._judge_on(partition, batch_run, day)
        except Exception as error:  # noqa: BLE001 - every failure ends the process.
            self._dependencies.stop(error)

    async def _judge_on(self, partition: int, batch_run: BatchRun, day: int | None) -> None:
        batches = None
        while True:
            while day is not None:
                await self._dependencies.follower.wait_for(partition, day)
                day = await self._proceed(batch_run)
            await self._dependencies.outbox.below(_POSTED_COUNT_MAX)
            await asyncio.sleep(0)
            batches = self._waiting[partition].batches
            if not batches:
                del self._waiting[partition]
                self._dependencies.release([partition])
                return
            batch_run = self._dependencies.agent.begin(partition, batches.popleft())
            day = await self._proceed(batch_run)
