"""Recovery: where a worker begins, and what it does about records that are gone."""

import asyncio

import pytest
from aiokafka.errors import IllegalStateError

from detectors.errors import StateError
from streams.kafka.records import FetchSpan
from streams.state.keys import PARTITION_RECORD_KEY, main_key
from streams.state.phases import Write
from streams.state.store import SavedRecord
from tests.streams.state.checkpoint_world import BARRIER, STATE, World, with_barrier


def test_a_partition_never_judged_gets_a_barrier_and_then_a_commit() -> None:
    """From then on a commit without a partition record means that the state topic was lost."""

    async def scenario() -> list[object]:
        world = World()
        await world.lifecycle.recovery_complete()
        return world.written

    assert asyncio.run(scenario()) == ["hold", BARRIER, {0: 10}]


def test_a_group_that_is_reassigned_while_it_is_asked_ends_nobody() -> None:
    """Faust takes the error as what it is, another rebalance, and tells of its end again."""

    async def scenario() -> World:
        world = World()

        def reassigned() -> None:
            raise IllegalStateError

        world.group.meanwhile = reassigned
        with pytest.raises(IllegalStateError):
            await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.state_store.settled) == ([], False)


def test_a_commit_without_a_barrier_is_refused() -> None:
    """A lost state topic is never taken as an empty one."""

    async def scenario() -> list[Exception]:
        world = World(offsets={0: 500})
        await world.lifecycle.recovery_complete()
        return world.stopped

    (error,) = asyncio.run(scenario())
    assert isinstance(error, StateError)
    assert "holds nothing of them" in str(error)


def test_partitions_that_are_ours_but_not_read_back_are_not_begun() -> None:
    """The assignment may be the next one while Faust still tells of the last recovery."""

    async def scenario() -> World:
        world = World(offsets={0: None, 1: 500})
        world.group.read_back = {0}
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold", BARRIER, {0: 10}])


def test_a_recovery_that_is_out_of_date_begins_and_forgets_nothing() -> None:
    """What was read stays, for Faust will go on from there, and tell us again."""

    async def scenario() -> World:
        world = World(offsets={1: 500})
        with_barrier(world, 500)
        world.group.read_back = None
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold"])
    assert world.state_store.partition(0).store.partition_record == SavedRecord(500, b"context")


def test_a_commit_of_another_meanwhile_is_no_loss() -> None:
    """Revoked while we ask what is committed, we leave the partition to whoever has it."""

    async def scenario() -> World:
        world = World(offsets={0: 500})
        world.group.meanwhile = world.lifecycle.revoked
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold"])


def test_records_that_retention_removed_unjudged_end_the_worker() -> None:
    """A loss is said before anything is judged beyond it, with the way to go on."""

    async def scenario() -> list[Exception]:
        world = World(offsets={0: 4})
        with_barrier(world, 4)
        await world.lifecycle.recovery_complete()
        return world.stopped

    (error,) = asyncio.run(scenario())
    assert str(error) == (
        "records 4 to 9 of partition 0 were removed from the topic by its retention before they "
        "were judged; --accept-lost-records goes on without them"
    )


def test_an_accepted_loss_moves_the_barrier_and_keeps_the_rest() -> None:
    """The next batch begins where the topic does, under the reference adopted before."""

    async def scenario() -> World:
        world = World(offsets={0: 4}, accept_lost_records=True)
        with_barrier(world, 4)
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    state_store = world.state_store.partition(0)
    assert (state_store.new_from(FetchSpan(10, 11)), state_store.context) == (10, b"context")
    assert world.written == ["hold", BARRIER, {0: 10}]


def test_a_damaged_record_of_the_state_topic_ends_the_worker() -> None:
    """Faust would log an error of ours in recovery and go on without the record."""
    world = World()
    world.lifecycle.recovered(0, main_key("north"), b"not an envelope")
    assert [type(error) for error in world.stopped] == [StateError]


def test_what_was_saved_is_recovered_and_skipped() -> None:
    """A fresh worker knows the last event that each state contains."""
    world = World()
    for write in (
        Write(0, main_key("north"), SavedRecord(41, b"7")),
        Write(0, PARTITION_RECORD_KEY, SavedRecord(40, b"")),
    ):
        record = STATE.record(write)
        world.lifecycle.recovered(0, record.key or b"", record.value)
    state_store = world.state_store.partition(0)
    assert state_store.new_from(FetchSpan(40, 43)) == 40
    assert state_store.profile("north", 41) is None
    assert state_store.profile("north", 42) == [7]


def test_a_partition_of_which_nothing_is_saved_judges_nothing() -> None:
    """Not even where it begins is known: to begin anywhere would be a guess."""
    world = World()
    partition = world.state_store.partition(0)
    partition.commit_again()
    partition.advance(5)
    assert partition.position is None
    with pytest.raises(StateError, match="partition 0 has no partition record"):
        partition.new_from(FetchSpan(0, 1))
