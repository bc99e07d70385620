import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from pyroaring import BitMap64

from detectors.models.collusion.config import CollusionConfig
from detectors.models.collusion.judge import CollusionJudge
from detectors.verdict import Effect, NewHoldings, RaiseAlert
from streams.kafka.records import Record
from streams.sinks import alerts
from streams.state.positions import OffsetGapError
from streams.worker.collusion_agent import Memory, judge_opener
from tests.desks import CollusionDesk, OnePartitionGroup
from tests.waiting import others_run

COHORT_SIZE = 500_000
DAY = 20_454
DAY_MS = 86_400_000
LIST = random.Random(7).sample(range(COHORT_SIZE), 60_000)
THIEVES = ("east", "north", "south")
OPEN = judge_opener(
    CollusionConfig(mode="on"), cohort_size=COHORT_SIZE, hashed=False, config_hash="c"
)


def desk_after(*past: bytes | None) -> CollusionDesk:
    """Return a desk whose past is committed already; None if there is none."""
    return CollusionDesk(OnePartitionGroup(committed=len(past) or None), *past)


def judged(
    *values: bytes | None, past: Sequence[bytes | None] = (), first: int | None = None
) -> CollusionDesk:
    """Recover and judge new records as one batch."""
    desk = desk_after(*past)

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(*values, first=len(past) if first is None else first)

    asyncio.run(scenario())
    return desk


def part(number: int, *, day: int = DAY) -> NewHoldings:
    """Return a third of the list, taken by one of three."""
    taken = BitMap64(LIST[number::3])
    return NewHoldings(
        institution=THIEVES[number], day=day, at_ms=day * DAY_MS, participants=taken.serialize()
    )


PARTS = [msgspec.json.encode(part(number)) for number in range(3)]


def alert_values(holdings: Sequence[NewHoldings], judge: CollusionJudge) -> list[bytes | None]:
    """Return the alerts that the judge alone would give, as they lie in the topic."""
    effects = [effect for part in holdings for effect in judge.add(part)]
    return [alerts.record(effect, topic_prefix="t").value for effect in effects]


ALERTS = alert_values([part(number) for number in range(3)], OPEN())


def test_a_divided_list_is_told_once() -> None:
    """To the byte what the judge says, keyed by who took most; committed before and after."""
    desk = judged(*PARTS)
    assert [record.value for record in desk.outbox.posted] == ALERTS
    assert [record.key for record in desk.outbox.posted] == [b"east"]
    assert {(record.topic, record.partition) for record in desk.outbox.posted} == {
        ("t.alerts", None)
    }
    assert desk.group.commits == [{0: 0}, {0: 3}]
    assert [type(effect) for effect in desk.watcher.effects] == [RaiseAlert]
    assert desk.watcher.topics == {"t.holdings"}


def test_what_is_committed_is_remembered_and_not_told() -> None:
    """The last third meets two that were read before a restart, or before another's turn."""
    desk = judged(PARTS[2], past=PARTS[:2])
    assert ([record.value for record in desk.outbox.posted], desk.group.commits) == (
        ALERTS,
        [{0: 3}],
    )
    assert judged(PARTS[0], past=PARTS).outbox.posted == []


def test_what_is_not_committed_is_told_again_as_it_was() -> None:
    """After a crash between the alert and the commit it has the same bytes and id."""
    posted = judged(PARTS[2], past=PARTS[:2]).outbox.posted
    assert len(posted) == 1
    assert judged(*PARTS[1:], past=PARTS[:1]).outbox.posted == posted


def test_the_worker_that_looks_for_rings_shows_how_it_stands() -> None:
    """As soon as it remembers, after each batch, and no more once another does."""
    desk = judged(PARTS[2], past=PARTS[:2])
    desk.agent.revoked()
    assert desk.watcher.ring_judges == [(True, 0), (True, 1), (None, 0)]


def test_a_repeated_batch_is_judged_once() -> None:
    """What was committed is passed over when it comes again."""
    desk = desk_after(*PARTS[:2])

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(PARTS[2], first=2)
        await desk.give(PARTS[2], first=2)

    asyncio.run(scenario())
    assert len(desk.outbox.posted) == 1


def test_records_passed_over_are_a_hole() -> None:
    """They end the worker, which begins again where it has committed."""
    with pytest.raises(OffsetGapError, match=r"records 0 to 1 of t\.holdings\[0\] were passed"):
        judged(PARTS[2], first=2)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "empty_value", id="a tombstone"),
        pytest.param(b"{", "not_json", id="torn JSON"),
        pytest.param(b"{}", "wrong_type", id="a document of another kind"),
        pytest.param(
            msgspec.json.encode(msgspec.structs.replace(part(0), participants=b"roaring")),
            "participants_invalid",
            id="no bitmap",
        ),
        pytest.param(
            msgspec.json.encode(msgspec.structs.replace(part(0), participants=b"")),
            "participants_invalid",
            id="an empty bitmap",
        ),
    ],
)
def test_a_broken_record_is_a_dead_letter(value: bytes | None, reason: str) -> None:
    """It stops nobody, neither when it comes nor when it is remembered."""
    desk = judged(value, PARTS[1], value, PARTS[2], past=(PARTS[0], value))
    letters = [record for record in desk.outbox.posted if record.topic == "t.dead-letters"]
    assert [record.value for record in letters] == [value, value]
    assert [record.value for record in desk.outbox.posted if record not in letters] == ALERTS
    assert desk.watcher.reasons == [reason, reason]
    assert [type(effect) for effect in desk.watcher.effects] == [RaiseAlert]


def test_what_the_core_fails_on_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of the judge is told and kept, and the next record is judged."""
    add = CollusionJudge.add

    def fail(judge: CollusionJudge, holdings: NewHoldings) -> tuple[Effect, ...]:
        if holdings.day == 1:
            raise ZeroDivisionError
        return add(judge, holdings)

    monkeypatch.setattr(CollusionJudge, "add", fail)
    bad = msgspec.json.encode(part(0, day=1))
    desk = judged(*PARTS, bad, past=(bad,))
    assert len(desk.watcher.effects) == 1
    assert desk.watcher.reasons == ["core_failed"]


def test_a_partition_that_is_no_longer_ours_is_left() -> None:
    """Whether it was revoked before a batch, or while the past is still being read."""
    desk = desk_after(*PARTS[:2])

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        waiting = asyncio.create_task(desk.give(PARTS[2], first=2))
        await others_run()
        desk.agent.revoked()
        await waiting
        await desk.give(PARTS[2], first=2)

    asyncio.run(scenario())
    assert (desk.outbox.posted, desk.group.commits) == ([], [])


def test_a_past_that_cannot_be_read_ends_the_worker() -> None:
    """Judging on without it would miss the ring, in silence."""

    class BrokenError(Exception):
        """The broker is gone."""

    class BrokenDesk(CollusionDesk):
        """A desk at whose past the broker fails before the last record."""

        async def before(self, end: int) -> AsyncIterator[Record]:
            """Yield all but the last, and fail."""
            for record in self.past[: end - 1]:
                yield record
            raise BrokenError

    desk = BrokenDesk(OnePartitionGroup(committed=2), *PARTS[:2])

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(PARTS[2], first=2)

    with pytest.raises(BrokenError):
        asyncio.run(scenario())
    assert desk.group.commits == []


def test_memory_holds_each_institutions_own_last_days() -> None:
    """By its own days a ring is sought again; whatever lies before is remembered as held."""
    memory = Memory(days=28)
    days = {"today": [400, 420, 428], "last year": [30, 31, 60]}
    for offset in range(3):
        for position, (name, its) in enumerate(days.items()):
            holdings = msgspec.structs.replace(part(0, day=its[offset]), institution=name)
            memory.add(10 * offset + position, holdings)
    remembered = [
        (is_recent, holdings.institution, holdings.day) for is_recent, holdings in memory.in_order()
    ]
    assert remembered == [
        (False, "today", 400),
        (False, "last year", 30),
        (True, "today", 420),
        (False, "last year", 31),
        (True, "today", 428),
        (True, "last year", 60),
    ]
