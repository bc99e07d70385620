import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.records import FetchSpan
from streams.state.checkpoint import Done
from streams.state.config import CheckpointConfig
from streams.state.keys import part_key
from tests.streams.state.checkpoint_world import BARRIER, MAIN, World, with_barrier
from tests.waiting import others_run


def test_a_checkpoint_writes_in_the_order_that_recovery_relies_on() -> None:
    """Alert, part, main, partition record, commit; and the part of before goes last."""

    async def scenario() -> list[object]:
        world = World()
        await world.begin()
        for offset in (10, 11):
            world.judge(offset)
        await world.checkpointer.carry_out()
        world.judge(12)
        await world.checkpointer.carry_out()
        return world.written

    first, second = (part_key("north", f"part@{n}") for n in (2, 3))
    alert = (b"alert", True)
    assert asyncio.run(scenario()) == [
        alert, alert, (first, True), MAIN, BARRIER, {0: 12},
        alert, (second, True), MAIN, BARRIER, {0: 13}, (first, False),
    ]  # fmt: skip


def test_judges_go_on_while_many_states_are_packed() -> None:
    """The snapshot is taken in one go; what follows leaves the loop to others now and then."""

    async def scenario() -> int:
        world = World()
        await world.begin()
        for number in range(2_000):
            world.judge(10 + number, institution=f"i{number}")
        turns = 0

        async def others() -> None:
            nonlocal turns
            while not world.done:
                turns += 1
                await others_run()

        await asyncio.gather(world.lifecycle.save(), others())
        return turns

    assert 2_000 / 50 <= asyncio.run(scenario()) < 2_000 / 10


def test_nothing_new_is_no_checkpoint() -> None:
    """An idle worker writes nothing."""

    async def scenario() -> Done | None:
        world = World()
        await world.begin()
        return await world.checkpointer.carry_out()

    assert asyncio.run(scenario()) is None


def test_a_checkpoint_is_due_after_its_interval_though_nothing_was_judged() -> None:
    """Alerts may be on their way, and the partition moves without events of ours."""

    async def scenario() -> None:
        world = World(config=CheckpointConfig(interval_seconds=0.001))
        await asyncio.wait_for(world.checkpointer.wait_until_due(), 10.0)

    asyncio.run(scenario())


def test_a_commit_that_the_group_refuses_is_made_again() -> None:
    """With the next checkpoint, and not only when another event comes."""

    async def scenario() -> list[object]:
        world = World()
        await world.begin()
        world.judge(10)
        world.group.refuses = True
        await world.checkpointer.carry_out()
        world.written.clear()
        world.group.refuses = False
        await world.checkpointer.carry_out()
        await world.checkpointer.carry_out()
        return world.written

    assert asyncio.run(scenario()) == [BARRIER, {0: 11}]


def test_a_commit_that_was_lost_after_its_barrier_is_made_up_for() -> None:
    """Killed in between, the group stands behind the state; repeats alone must move it."""

    async def scenario() -> list[object]:
        world = World(offsets={0: 10})
        with_barrier(world, 12)
        await world.begin()
        state_store = world.state_store.partition(0)
        assert state_store.new_from(FetchSpan(10, 12)) == 12
        state_store.advance(12)
        await world.checkpointer.carry_out()
        return world.written

    assert asyncio.run(scenario()) == [BARRIER, {0: 12}]


def test_many_events_make_a_checkpoint_due_early() -> None:
    """By size as well as by time, so that a replay after a crash stays short."""

    async def scenario() -> None:
        world = World()
        world.checkpointer.note(3)
        async with asyncio.timeout(5):
            await world.checkpointer.wait_until_due()

    asyncio.run(scenario())


@given(
    states_count=st.integers(1, 40),
    pauses_seconds=st.lists(st.floats(0.5, 900.0), min_size=1, max_size=60),
)
def test_states_are_rewritten_at_their_pace_however_often_one_saves(
    states_count: int, pauses_seconds: list[float]
) -> None:
    """What is not yet a whole state is carried on: else many checkpoints would rewrite nothing."""

    async def rewritten_count() -> int:
        world = World()
        await world.begin()
        for number in range(states_count):
            world.judge(10 + number, institution=f"i{number}")
        await world.checkpointer.carry_out()
        checkpointer = world.checkpointer
        checkpointer._rewrite_due, now_seconds = 0.0, checkpointer._rewritten_seconds
        whole = 0
        for pause_seconds in pauses_seconds * 10:
            now_seconds += pause_seconds
            whole += checkpointer._rewrite_count(now_seconds)
        return whole

    hours = 10 * sum(pauses_seconds) / 3_600
    due = states_count * hours / CheckpointConfig().rewrite_hours
    assert asyncio.run(rewritten_count()) == pytest.approx(due, abs=1.01)


def test_a_worker_without_partitions_has_nothing_to_rewrite() -> None:
    """It saves nothing either, however long it waits for its share."""

    async def scenario() -> tuple[Done | None, int]:
        checkpointer = World().checkpointer
        done = await checkpointer.carry_out()
        return done, checkpointer._rewrite_count(checkpointer._rewritten_seconds + 10**6)

    assert asyncio.run(scenario()) == (None, 0)


def test_a_checkpoint_says_what_it_saved_and_how_long_it_took() -> None:
    """Two states of one byte each and their partition record, committed, within seconds."""

    async def scenario() -> list[Done | None]:
        world = World()
        await world.begin()
        world.judge(10, institution="north")
        world.judge(11, institution="south")
        return [await world.checkpointer.carry_out() for _ in range(2)]

    done, nothing = asyncio.run(scenario())
    assert nothing is None
    assert done is not None
    assert (done.states_count, done.state_bytes, done.committed) == (2, 2, True)
    assert 0.0 <= done.seconds < 60.0


def test_events_add_up_until_a_checkpoint_is_due_and_begin_anew_after_it() -> None:
    """Batch by batch; what was saved is not counted towards the next."""

    async def scenario() -> list[bool]:
        world = World()
        await world.begin()
        dues = []
        for _ in range(2):
            for _ in range(3):
                world.checkpointer.note(1)
                dues.append(world.checkpointer._due.is_set())
            async with asyncio.timeout(5):
                await world.checkpointer.wait_until_due()
            await world.checkpointer.carry_out()
        return dues

    assert asyncio.run(scenario()) == [False, False, True] * 2
