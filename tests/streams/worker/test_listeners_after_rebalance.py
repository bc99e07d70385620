"""What Faust does to records that it fetched during a rebalance, and who must not miss them.

It drops them, and then seeks to what is committed; where nothing is, it goes on behind them.
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.desks import AgentDesk, CollusionDesk, OnePartitionGroup, RekeyDesk
from tests.streams.worker.reference_desk import ReferenceDesk

FETCHED_COUNT = 4


class SeekingGroup(OnePartitionGroup):
    """A group that has fetched records during a rebalance, and then seeks as Faust does."""

    def __init__(self, *, committed: int | None = None) -> None:
        """Stand behind what was fetched, and will be dropped."""
        super().__init__(committed=committed)
        self.position = FETCHED_COUNT

    def seek(self) -> None:
        """Seek as Faust does once tables are recovered."""
        self.position = self.position if self.offset is None else self.offset


@pytest.mark.parametrize("make", [RekeyDesk, CollusionDesk, ReferenceDesk])
def test_records_fetched_during_the_first_rebalance_come_again(
    make: Callable[[OnePartitionGroup], AgentDesk],
) -> None:
    """Where nothing is committed yet, the start is: Faust then seeks back before what it drops."""

    async def scenario() -> int:
        group = SeekingGroup()
        desk = make(group)
        await desk.agent.recovery_complete()
        group.seek()
        # A gap would be raised here, and end the worker.
        await desk.give(*[b"{"] * FETCHED_COUNT, first=group.position)
        return group.position

    assert asyncio.run(scenario()) == 0


def test_the_builder_of_the_reference_always_begins_at_the_beginning() -> None:
    """What it knows is what the topic holds, so another worker's commit is taken back."""

    async def scenario() -> int:
        group = SeekingGroup(committed=FETCHED_COUNT)
        await ReferenceDesk(group).agent.recovery_complete()
        group.seek()
        return group.position

    assert asyncio.run(scenario()) == 0
