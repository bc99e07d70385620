"""What of Faust is replaced by parts of ours, and what would happen without them."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor import PartitionAssignor
from faust.tables.recovery import Recovery, ServiceStopped
from faust.types.enums import ProcessingGuarantee

from streams.exits import ExitCode
from streams.faust_driver import assignor as faust_assignor
from streams.faust_driver.app import HeadgateApp, faust_app
from streams.faust_driver.assignor import WholeAssignor
from streams.faust_driver.group import FaustGroup
from streams.faust_driver.recovery import ImpatientRecovery
from streams.kafka.cluster import unprotected


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
