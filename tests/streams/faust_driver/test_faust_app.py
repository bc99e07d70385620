"""What of Faust is replaced by parts of ours, and what would happen without them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor import PartitionAssignor
from faust.tables.recovery import Recovery, ServiceStopped
from faust.types import TP
from faust.types.enums import ProcessingGuarantee

from streams.exits import ExitCode
from streams.faust_driver import assignor as faust_assignor
from streams.faust_driver.app import HeadgateApp, faust_app
from streams.faust_driver.assignor import WholeAssignor
from streams.faust_driver.group import FaustGroup
from streams.faust_driver.recovery import ImpatientRecovery
from streams.faust_driver.transport import Consumer
from streams.kafka.cluster import unprotected
from streams.kafka.records import Batch, FetchSpan


async def new_app() -> HeadgateApp:
    """Return an app that is not started; it is bound to the running loop."""
    return faust_app("t", cluster=unprotected("127.0.0.1:9"), session_seconds=15.0, partitions=2)


async def _guarantee() -> object:
    return (await new_app()).conf.processing_guarantee


def test_no_aborted_transaction_is_looked_for() -> None:
    """Only where Faust processes exactly once does its consumer read committed records alone."""
    assert asyncio.run(_guarantee()) is ProcessingGuarantee.AT_LEAST_ONCE


async def _waits_in_vain(owner: type[Recovery]) -> None:
    recovery = (await new_app()).tables.recovery  # type: ignore[attr-defined]
    assert isinstance(recovery, ImpatientRecovery)
    await owner._wait(recovery, asyncio.Event().wait(), timeout=0.01)


def test_a_step_of_recovery_that_takes_too_long_is_an_error() -> None:
    """It crashes the app; Faust's own takes it for the worker's end, and never recovers again."""
    with pytest.raises(TimeoutError):
        asyncio.run(_waits_in_vain(ImpatientRecovery))
    with pytest.raises(ServiceStopped):
        asyncio.run(_waits_in_vain(Recovery))


def members() -> dict[str, ConsumerProtocolMemberMetadata]:
    """Return a group of one, who follows a topic."""
    nothing = (
        b'{"assignment": {"actives": {}, "standbys": {}}, "url": "http://a",'
        b' "changelog_distribution": {}, "external_topic_distribution": {}, "topic_groups": {}}'
    )
    return {"one": ConsumerProtocolMemberMetadata(4, ["t.a"], nothing)}


class Unanswered:
    """An app whose consumer asks the broker, and is never answered."""

    conf = SimpleNamespace(broker_request_timeout=0.01)

    @property
    def consumer(self) -> "Unanswered":
        """Return who asks."""
        return self

    async def seek_to_committed(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def earliest_offsets(self, *_: object) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def _commit_offsets(self, _: object) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "ask",
    [FaustGroup.committed, partial(FaustGroup.beginnings, partitions=[0]),
     partial(FaustGroup.commit, offsets={0: 1})],
    ids=["committed", "beginnings", "commit"],
)  # fmt: skip
def test_the_group_is_not_waited_for_for_ever(
    ask: Callable[[FaustGroup], Coroutine[None, None, object]],
) -> None:
    """Faust would wait without a limit."""
    group = FaustGroup(cast("HeadgateApp", Unanswered()), "t.a")
    with pytest.raises(TimeoutError):
        asyncio.run(ask(group))


async def _divided(owner: type[PartitionAssignor]) -> object:
    assignor = (await new_app()).assignor
    assert isinstance(assignor, WholeAssignor)
    return owner.assign(assignor, ClusterMetadata(), members())


def test_a_leader_that_does_not_know_a_topic_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust's own leaves it to nobody, and the group is content."""
    endings: list[tuple[ExitCode, str]] = []

    def ended(code: ExitCode, sentence: str) -> NoReturn:
        endings.append((code, sentence))
        raise SystemExit

    monkeypatch.setattr(faust_assignor, "fail_stop", ended)
    with pytest.raises(SystemExit):
        asyncio.run(_divided(WholeAssignor))
    assert endings == [(ExitCode.CONNECTION_LOST, "Kafka does not tell how t.a is divided.")]
    left = asyncio.run(_divided(PartitionAssignor))
    assert not left["one"].partitions()  # type: ignore[index]


@asynccontextmanager
async def group_of_two() -> AsyncIterator[tuple[FaustGroup, Consumer]]:
    """Give a group that has two partitions, and its consumer, of an app that is not started."""
    app = await new_app()
    consumer = cast("Consumer", app.consumer)
    consumer._set_active_tps({TP("t.a", 0), TP("t.a", 1)})
    try:
        yield FaustGroup(app, "t.a"), consumer
    finally:
        consumer._thread.thread_loop.close()


async def _yielded_of_a_poll(pause: Callable[[FaustGroup], None]) -> list[int]:
    """Return of which partitions a poll of two is handed on, with a pause after the first."""
    async with group_of_two() as (group, consumer):
        poll = {TP("t.a", number): Batch((), FetchSpan(0, 2)) for number in (0, 1)}

        async def polled(_timeout: float) -> tuple[object, object]:
            return poll, consumer._get_active_partitions()

        vars(consumer).update(_wait_next_records=polled, highwater=lambda _: 2)
        consumer.resume_flow()
        numbers = []
        async for tp, _ in consumer.getmany(0.0):
            numbers.append(tp.partition)
            pause(group)
        return numbers


def _pause_as_faust(group: FaustGroup) -> None:
    group._app.consumer.pause_partitions({TP("t.a", 1)})


def test_what_was_fetched_before_a_pause_comes_all_the_same() -> None:
    """Its positions have moved: left out, it would be passed over, and Faust leaves it out."""
    assert asyncio.run(_yielded_of_a_poll(lambda group: group.pause([1]))) == [0, 1]
    assert asyncio.run(_yielded_of_a_poll(_pause_as_faust)) == [0]


async def _fetched_after(*steps: Callable[[FaustGroup], None]) -> set[int]:
    async with group_of_two() as (group, consumer):
        for step in steps:
            step(group)
        return {tp.partition for tp in consumer._get_active_partitions()}


def test_a_partition_is_fetched_again_after_its_pause() -> None:
    """A pause is of the partitions that are named, and ends."""
    pause, resume = (lambda group: group.pause([1])), (lambda group: group.resume([1]))
    assert asyncio.run(_fetched_after(pause)) == {0}
    assert asyncio.run(_fetched_after(pause, resume)) == {0, 1}
