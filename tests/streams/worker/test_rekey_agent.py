import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest

from detectors.config import CohortConfig
from detectors.event import AccessEvent
from streams.ingest.adapters.config import EventMapping, MappingConfig
from streams.ingest.adapters.mapping import Mapping as RowMapping
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outbox, Outgoing
from streams.kafka.records import Batch, Span
from streams.state.positions import OffsetGapError
from streams.worker.kafka_sinks import KafkaSinks
from streams.worker.rekey_agent import RekeyAgent

LIMITS = decode_limits(DecodeConfig(), CohortConfig())
MAPPING = RowMapping(
    MappingConfig(
        name="log",
        format="csv",
        columns=("at", "who", "what"),
        event=EventMapping(time="at", institution="who", dataset="what"),
    ),
    limits=LIMITS,
)
ROWS = (b"2026-04-01T12:00:00Z,oxford,imaging", b"nonsense", b"2026-04-01T12:00:01Z,leeds,genomes")


class Row:
    """A record of the raw topic."""

    def __init__(self, offset: int, value: bytes | None) -> None:
        """Take offset and value."""
        self.offset, self.value = offset, value
        self.key: bytes | None = b"any"
        self.timestamp = 1_775_044_800_000
        self.headers: Sequence[tuple[str, bytes]] = ()


class Desk(Outbox):
    """Group, outbox and watcher of one rekey agent, writing down what they are told."""

    def __init__(self, *, committed: int | None = 0) -> None:
        """Own partition 0, committed as given, whose first offset is 2."""
        super().__init__(bootstrap="", timeout_seconds=1.0)
        self.offset = committed
        self.posted: list[Outgoing] = []
        self.commits: list[Mapping[int, int]] = []
        self.refused_as: list[str] = []
        self.agent = RekeyAgent(
            "t.raw.log",
            events_topic="t.access-events",
            read=MAPPING.row,
            group=self,
            outbox=self,
            sinks=KafkaSinks("t"),
            watcher=self,  # type: ignore[arg-type] # only refusals are counted here
        )

    def post(self, record: Outgoing) -> Durable:
        """Keep the record; it is durable at once."""
        self.posted.append(record)
        durable: Durable = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reason."""
        del durable
        self.refused_as.append(reject.reason.value)

    def assigned(self) -> set[int]:
        """Return partition 0."""
        return {0}

    def recovered(self) -> set[int] | None:
        """Return nothing: followers have no state to read back."""
        return set()

    async def committed(self) -> Mapping[int, int | None]:
        """Return what is committed."""
        return {0: self.offset}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return 2."""
        return dict.fromkeys(partitions, 2)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Keep the commit."""
        self.commits.append(dict(offsets))
        return True

    def hold(self) -> None:
        """Hold nothing."""

    def take(self, *batches: tuple[int, Sequence[bytes | None]]) -> "Desk":
        """Recover, then re-key batches, each given by its first offset and its values."""

        async def scenario() -> None:
            await self.agent.recovery_complete()
            for first, values in batches:
                rows = [Row(first + place, value) for place, value in enumerate(values)]
                await self.agent.handle(0, Batch(rows, Span(first, first + len(rows))))

        asyncio.run(scenario())
        return self


def test_rows_become_canonical_events_keyed_by_institution() -> None:
    """What was sent decodes to the event that the mapping gives for the row of a file."""
    desk = Desk(committed=2).take((2, ROWS))
    first, letter, last = desk.posted
    assert [first.key, letter.key, last.key] == [b"oxford", b"any", b"leeds"]
    assert [first.topic, letter.topic] == ["t.access-events", "t.dead-letters"]
    event = decode(first.value, key=first.key, kafka_time_ms=1_775_044_800_000, limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert event == MAPPING.row(ROWS[0])
    assert desk.refused_as == ["row_invalid"]


def test_a_batch_is_committed_as_a_whole() -> None:
    """The commit says the position after the batch."""
    assert Desk(committed=2).take((2, ROWS)).commits == [{0: 5}]


def test_a_repeated_batch_is_sent_once() -> None:
    """What was committed is not sent again."""
    assert len(Desk(committed=2).take((2, ROWS), (2, ROWS)).posted) == 3


def test_a_row_sent_twice_after_a_crash_carries_the_same_id() -> None:
    """The judge's dedupe removes the repeat."""
    before, after = Desk(committed=2).take((2, ROWS)), Desk(committed=2).take((2, ROWS))
    assert before.posted == after.posted


def test_dropped_rows_are_a_hole() -> None:
    """Records that Faust passed over end the worker."""
    with pytest.raises(OffsetGapError, match=r"records 2 to 3 of t.raw.log\[0\] were passed over"):
        Desk(committed=2).take((4, ROWS))


@pytest.mark.parametrize("committed", [None, 0])
def test_without_a_commit_it_begins_where_the_topic_begins(committed: int | None) -> None:
    """Retention may have removed what was committed; the rest is re-keyed."""
    assert Desk(committed=committed).take((2, ROWS)).commits == [{0: 2}, {0: 5}]


def test_a_partition_that_is_no_longer_ours_is_left() -> None:
    """A batch that arrives after the revocation changes nothing."""
    desk = Desk(committed=2)

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        desk.agent.revoked()
        await desk.agent.handle(0, Batch([Row(2, ROWS[0])], Span(2, 3)))

    asyncio.run(scenario())
    assert (desk.posted, desk.commits) == ([], [])
