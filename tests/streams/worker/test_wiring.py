import asyncio
from typing import cast

from detectors.pipeline import Profile
from streams.kafka.producer import Outbox
from streams.kafka.records import Batch, FetchSpan
from streams.state.checkpoint import Checkpointer
from streams.worker.batch_judging import BatchJudging, JudgingDependencies
from streams.worker.batch_run import Counts
from streams.worker.judge_agent import JudgeAgent
from streams.worker.lifecycle import stop_for
from streams.worker.reference_follower import ReferenceFollower
from tests.waiting import others_run


class Busy:
    """A judge, checkpointer and outbox that never have to wait."""

    def __init__(self) -> None:
        """Begin with nothing judged."""
        self.judged_count = 0
        self.is_over = True

    @property
    def counts(self) -> Counts:
        """Return what the batch came to."""
        return Counts(judged=self.judged_count)

    def begin(self, partition: int, batch: Batch) -> "Busy":
        """Begin a batch."""
        del partition, batch
        return self

    def proceed(self, batch_run: object) -> None:
        """Judge it."""
        del batch_run
        self.judged_count += 1

    def note(self, judged_count: int) -> None:
        """Note nothing."""

    async def below(self, count: int) -> None:
        """Wait for nothing."""


def test_a_backlog_leaves_the_loop_to_others_after_each_batch() -> None:
    """The lease must be stamped, or the worker ends and its successor meets the same backlog."""
    busy = Busy()
    judging = BatchJudging(
        JudgingDependencies(
            agent=cast("JudgeAgent", busy),
            follower=cast("ReferenceFollower", busy),
            checkpointer=cast("Checkpointer[Profile]", busy),
            outbox=cast("Outbox", busy),
            hold=lambda _: None,
            release=lambda _: None,
            stop=stop_for,
        )
    )
    seen: list[int] = []

    async def backlog() -> None:
        for _ in range(5):
            await judging.handle(0, Batch((), FetchSpan(0, 1)))

    async def others() -> None:
        while busy.judged_count < 5:
            seen.append(busy.judged_count)
            await others_run()

    async def scenario() -> None:
        await asyncio.gather(backlog(), others())

    asyncio.run(scenario())
    assert seen == [1, 2, 3, 4]
