"""What Faust does to records that it fetched during a rebalance, and who must not miss them.

It drops them, and then seeks to what is committed; where nothing is, it goes on behind them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Protocol

import pytest

from detectors.collusion import CollusionConfig
from detectors.config import CohortConfig
from detectors.reference import ReferenceConfig
from streams.faust_driver.group import Group
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.mapping import Mapping as RowMapping
from streams.ingest.codec import DecodeConfig, decode_limits
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outbox, Outgoing
from streams.kafka.records import Batch, Record, Span
from streams.state.envelope import keys_from_text
from streams.worker.collusion_agent import CollusionAgent, judge_opener
from streams.worker.kafka_sinks import KafkaSinks
from streams.worker.reference_agent import ReferenceAgent
from streams.worker.rekey_agent import RekeyAgent
from streams.worker.wiring import RebalanceListener

FETCHED_COUNT = 4


class Torn:
    """A record that nobody can read: where it lies is all that matters here."""

    def __init__(self, offset: int) -> None:
        """Take the offset."""
        self.offset, self.timestamp = offset, 0
        self.key: bytes | None = b"k"
        self.value: bytes | None = b"{"
        self.headers: Sequence[tuple[str, bytes]] = ()


class FaustLike(Outbox):
    """A group of one partition that seeks as Faust does, an outbox, and a watcher."""

    def __init__(self) -> None:
        """Have nothing committed, and have fetched records that will be dropped."""
        super().__init__(bootstrap="", timeout_seconds=1.0)
        self.offset: int | None = None
        self.position = FETCHED_COUNT

    def post(self, record: Outgoing) -> Durable:
        """Take the record; it is durable at once."""
        del record
        durable: Durable = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Count nothing."""

    def assigned(self) -> set[int]:
        """Return the one partition."""
        return {0}

    def recovered(self) -> set[int] | None:
        """Return nothing: listeners have no state to read back."""
        return set()

    async def committed(self) -> Mapping[int, int | None]:
        """Return what is committed."""
        return {0: self.offset}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return zero."""
        return dict.fromkeys(partitions, 0)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Keep what is committed."""
        self.offset = offsets[0]
        return True

    def hold(self) -> None:
        """Hold nothing."""

    def seek(self) -> None:
        """Seek as Faust does once tables are recovered."""
        self.position = self.position if self.offset is None else self.offset


class Agent(RebalanceListener, Protocol):
    """A listener that is given batches."""

    async def handle(self, partition: int, batch: Batch) -> None:
        """Deal with a batch."""


async def nothing_before(end: int) -> AsyncIterator[Record]:
    """Yield nothing."""
    none: tuple[Record, ...] = ()
    for record in none[:end]:
        yield record


async def never_recorded() -> None:
    """Return that no reference was recorded."""


def rekeying(desk: FaustLike) -> Agent:
    """Return the agent of a raw topic."""
    group: Group = desk
    mapping = MappingConfig(
        name="log",
        format="csv",
        columns=("at", "who", "what"),
        event=EventMapping(time="at", institution="who", dataset="what"),
    )
    limits = decode_limits(DecodeConfig(), CohortConfig())
    return RekeyAgent(
        "t.raw.log",
        events_topic="t.access-events",
        read=RowMapping(mapping, limits=limits).row,
        group=group,
        outbox=desk,
        sinks=KafkaSinks("t"),
        watcher=desk,  # type: ignore[arg-type] # only refusals are counted here
    )


def collusion(desk: FaustLike) -> Agent:
    """Return the judge of all holdings."""
    return CollusionAgent(
        "t.holdings",
        open_judge=judge_opener(CollusionConfig(), cohort_size=500_000, config_hash="c"),
        past=nothing_before,
        group=desk,
        outbox=desk,
        sinks=KafkaSinks("t"),
        watcher=desk,  # type: ignore[arg-type] # only refusals are counted here
    )


def reference(desk: FaustLike) -> Agent:
    """Return the builder of the peer reference."""
    return ReferenceAgent(
        ReferenceConfig(),
        topic="t.summaries",
        events_topic="t.access-events",
        partitions=1,
        reference_topic="t.reference",
        keys=keys_from_text(None),
        group=desk,
        outbox=desk,
        recorded=never_recorded,
    )


@pytest.mark.parametrize("make", [rekeying, collusion, reference])
def test_records_fetched_during_the_first_rebalance_come_again(
    make: Callable[[FaustLike], Agent],
) -> None:
    """Where nothing is committed yet, the start is: Faust then seeks back before what it drops."""

    async def scenario() -> int:
        desk = FaustLike()
        agent = make(desk)
        await agent.recovery_complete()
        desk.seek()
        start, end = desk.position, 2 * FETCHED_COUNT
        # A hole would be raised here, and end the worker.
        await agent.handle(0, Batch([Torn(at) for at in range(start, end)], Span(start, end)))
        return start

    assert asyncio.run(scenario()) == 0


def test_the_builder_of_the_reference_always_begins_at_the_beginning() -> None:
    """What it knows is what the topic holds, so another worker's commit is taken back."""

    async def scenario() -> int:
        desk = FaustLike()
        desk.offset = FETCHED_COUNT
        await reference(desk).recovery_complete()
        desk.seek()
        return desk.position

    assert asyncio.run(scenario()) == 0
