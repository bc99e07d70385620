"""Who records: by the group's choice, and never two who write."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiokafka.errors import ProducerFenced

from detectors.errors import StateError
from streams.kafka.records import Batch, FetchSpan
from streams.response.agent import RecorderAgent
from tests.desks import OnePartitionGroup
from tests.waiting import others_run


class RecorderDesk:
    """A group, and a recorder that fails as it is told, and runs on after that."""

    def __init__(self, *failures: Exception, ours: bool = True) -> None:
        """Own the role or not."""
        self.group = OnePartitionGroup(committed=None)
        self.group.ours = ours
        self.failures = list(failures)
        self.begun_count = 0
        self.ended_count = 0
        self.stopped: list[Exception] = []
        self.changed = asyncio.Event()
        self.agent = RecorderAgent(
            self.run,
            recorded=dict,
            group=self.group,
            stop=self.stopped.append,
            patience_seconds=0.0,
        )

    async def run(self) -> None:
        """Fail, or run until cancelled."""
        self.begun_count += 1
        self.changed.set()
        if self.failures:
            raise self.failures.pop(0)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended_count += 1

    async def begun(self, count: int) -> None:
        """Return once the recorder has begun so often."""
        async with asyncio.timeout(5):
            while self.begun_count < count:
                self.changed.clear()
                await self.changed.wait()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario."""

    async def awaited() -> None:
        await scenario()

    asyncio.run(awaited())


def test_whoever_has_the_role_records() -> None:
    """And ends when it is given to another; one rebalance later it begins again."""

    async def scenario() -> None:
        desk = RecorderDesk(ours=False)
        await desk.agent.recovery_complete()
        assert desk.begun_count == 0
        desk.group.ours = True
        await desk.agent.recovery_complete()
        await desk.begun(1)
        desk.group.ours = False
        desk.agent.revoked()
        await desk.agent.recovery_complete()
        assert (desk.begun_count, desk.ended_count) == (1, 1)
        desk.group.ours = True
        await desk.agent.recovery_complete()
        await desk.begun(2)
        await desk.agent.close()

    run(scenario)


def test_a_rebalance_that_gives_the_role_back_disturbs_nobody() -> None:
    """The journal need not be read again."""

    async def scenario() -> None:
        desk = RecorderDesk()
        await desk.agent.recovery_complete()
        await desk.begun(1)
        desk.agent.revoked()
        await desk.agent.recovery_complete()
        await others_run()
        assert (desk.begun_count, desk.ended_count) == (1, 0)
        await desk.agent.close()

    run(scenario)


@pytest.mark.parametrize(
    "failures",
    [
        pytest.param([ProducerFenced()], id="fenced out by the broker, for sleeping"),
        pytest.param([StateError("line 3"), StateError("line 3")], id="an audit that is refused"),
    ],
)
def test_the_role_is_tried_again_while_it_is_ours(failures: Sequence[Exception]) -> None:
    """And the judges of this worker go on meanwhile."""

    async def scenario() -> None:
        desk = RecorderDesk(*failures)
        await desk.agent.recovery_complete()
        await desk.begun(len(failures) + 1)
        assert desk.stopped == []
        await desk.agent.close()

    run(scenario)


def test_whoever_is_fenced_out_by_another_leaves_it() -> None:
    """As soon as the group has said so."""

    async def scenario() -> None:
        desk = RecorderDesk(ProducerFenced())
        await desk.agent.recovery_complete()
        desk.group.ours = False
        await desk.begun(0)
        await others_run(5)
        assert (desk.begun_count, desk.stopped) == (0, [])

    run(scenario)


def test_any_other_failure_ends_the_worker() -> None:
    """What is durable is consistent; a restart goes on from there."""

    async def scenario() -> None:
        failure = RuntimeError("a bug")
        desk = RecorderDesk(failure)
        await desk.agent.recovery_complete()
        await desk.begun(1)
        await others_run()
        assert desk.stopped == [failure]

    run(scenario)


def test_what_the_group_delivers_is_only_committed() -> None:
    """The recorder reads by itself, from where the journal ends."""

    async def scenario() -> None:
        desk = RecorderDesk()
        await desk.agent.handle(0, Batch((), FetchSpan(3, 7)))
        assert desk.group.commits == [{0: 7}]

    run(scenario)
