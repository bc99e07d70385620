"""What ends a checkpoint before its end: nothing that is not durable is committed."""

import asyncio
from typing import NoReturn

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

import streams.worker.lifecycle
from detectors.errors import StateError
from streams.exits import ExitCode
from streams.kafka.producer import Durable
from streams.kafka.records import OutgoingRecord
from streams.state.checkpoint import CheckpointError
from streams.state.config import CheckpointConfig
from streams.state.lease import LeaseLostError
from streams.state.partition_state import Dump
from streams.worker.lifecycle import stop_for
from tests.streams.state.checkpoint_world import MAIN, World


def test_a_broker_that_does_not_answer_ends_the_worker_before_the_commit() -> None:
    """What is not durable is not committed."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        world.kafka.broken = True
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    (error,) = world.stopped
    assert isinstance(error, CheckpointError)
    assert str(error) == (
        "the mains of a checkpoint did not become durable: OSError('the broker is gone')"
    )
    assert {0: 11} not in world.written


def test_a_group_that_does_not_answer_a_commit_ends_the_worker() -> None:
    """Nobody waits for it beyond the timeout."""

    async def scenario() -> World:
        world = World(config=CheckpointConfig(timeout_seconds=0.01))
        await world.begin()
        world.judge(10)
        world.group.answers.clear()
        async with asyncio.timeout(10):
            await world.lifecycle.save()
        return world

    (error,) = asyncio.run(scenario()).stopped
    assert str(error) == "the commit of a checkpoint did not become durable: TimeoutError()"


def test_a_rebalance_in_between_leaves_commit_and_tombstones_undone() -> None:
    """Others own the partitions: what is written is harmless, the commit is not ours."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        post = world.kafka.post

        def post_and_lose(record: OutgoingRecord) -> Durable:
            world.lifecycle.revoked()
            return post(record)

        world.kafka.post = post_and_lose  # type: ignore[method-assign]
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    assert world.written[-1] == MAIN
    assert [done.committed for done in world.done if done] == [False]


def test_a_worker_that_slept_writes_nothing() -> None:
    """Half a session without a stamp, and somebody else may own the partitions."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        world.written.clear()
        world.now[0] = 5.1
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    assert [type(error) for error in world.stopped] == [LeaseLostError]
    assert world.written == []


@pytest.mark.parametrize("failure", [RuntimeError("x"), StateError("y")])
def test_no_failure_of_a_checkpoint_passes(failure: Exception) -> None:
    """Whatever goes wrong while dumping ends the worker."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)

        def fail(*_: object, **__: object) -> Dump:
            raise failure

        world.state_store._core.dump = fail  # type: ignore[method-assign]
        await world.lifecycle.save()
        return world

    assert asyncio.run(scenario()).stopped == [failure]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), ExitCode.CONNECTION_LOST),
        (KafkaConnectionError(), ExitCode.CONNECTION_LOST),
        (MessageSizeTooLargeError(), ExitCode.BUG),
        (StateError("x"), ExitCode.STATE_REFUSED),
        (KeyError("x"), ExitCode.BUG),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(
    error: Exception, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that does not answer is no bug of ours, wherever it is noticed."""

    class EndedError(Exception):
        """The process would have ended here."""

    def end(exit_code: ExitCode, sentence: str) -> NoReturn:
        assert sentence
        raise EndedError(exit_code)

    monkeypatch.setattr(streams.worker.lifecycle, "fail_stop", end)
    with pytest.raises(EndedError) as caught:
        stop_for(error)
    assert caught.value.args == (code,)
