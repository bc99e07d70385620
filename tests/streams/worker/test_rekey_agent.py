import asyncio

import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.state.positions import OffsetGapError
from tests.desks import ROW_MAPPING, OnePartitionGroup, RekeyDesk

LIMITS = decode_limits(DecodeConfig(), CoreConfig().cohort)
ROWS = (b"2026-04-01T12:00:00Z,oxford,imaging", b"nonsense", b"2026-04-01T12:00:01Z,leeds,genomes")


def desk_at(committed: int | None) -> RekeyDesk:
    """Return a desk that has committed as given, of a topic that begins at 2."""
    return RekeyDesk(OnePartitionGroup(committed=committed, beginning=2))


def rekeyed(*firsts: int, committed: int | None = 2) -> RekeyDesk:
    """Recover, then re-key the rows once for each first offset, as a batch each."""
    desk = desk_at(committed)

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        for first in firsts:
            await desk.give(*ROWS, first=first)

    asyncio.run(scenario())
    return desk


def test_rows_become_canonical_events_keyed_by_institution() -> None:
    """What was sent decodes to the event that the mapping gives for the row of a file."""
    desk = rekeyed(2)
    first, letter, last = desk.outbox.posted
    assert [first.key, letter.key, last.key] == [b"oxford", b"key", b"leeds"]
    assert [first.topic, letter.topic] == ["t.access-events", "t.dead-letters"]
    event = decode(first.value, kafka_time_ms=1_775_044_800_000, limits=LIMITS)
    assert isinstance(event, AccessEvent)
    assert event == ROW_MAPPING.row(ROWS[0], "t.raw.log/0", 2)
    assert desk.watcher.reasons == ["row_invalid"]


def test_a_batch_is_committed_as_a_whole() -> None:
    """The commit says the position after the batch."""
    assert rekeyed(2).group.commits == [{0: 5}]


def test_a_repeated_batch_is_sent_once() -> None:
    """What was committed is not sent again."""
    assert len(rekeyed(2, 2).outbox.posted) == 3


def test_a_row_sent_twice_after_a_crash_carries_the_same_id() -> None:
    """The judge's dedupe removes the repeat."""
    before, after = rekeyed(2), rekeyed(2)
    assert before.outbox.posted == after.outbox.posted


def test_dropped_rows_are_a_hole() -> None:
    """Records that Faust passed over end the worker."""
    with pytest.raises(OffsetGapError, match=r"records 2 to 3 of t.raw.log\[0\] were passed over"):
        rekeyed(4)


@pytest.mark.parametrize("committed", [None, 0])
def test_without_a_commit_it_begins_where_the_topic_begins(committed: int | None) -> None:
    """Retention may have removed what was committed; the rest is re-keyed."""
    assert rekeyed(2, committed=committed).group.commits == [{0: 2}, {0: 5}]


def test_a_partition_that_is_no_longer_ours_is_left() -> None:
    """A batch that arrives after the revocation changes nothing."""
    desk = desk_at(2)

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        desk.agent.revoked()
        await desk.give(ROWS[0], first=2)

    asyncio.run(scenario())
    assert (desk.outbox.posted, desk.group.commits) == ([], [])
