import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec
import pytest
from pyroaring import BitMap64

from detectors.collusion import CollusionConfig, CollusionJudge
from detectors.verdict import Effect, NewHoldings
from streams.ingest.rejects import Rejected
from streams.kafka.producer import Durable, Outbox, Outgoing
from streams.kafka.records import Batch, Record, RecordPosition, Span
from streams.sinks import alerts
from streams.state.positions import OffsetGapError
from streams.worker.batch_run import Counts
from streams.worker.collusion_agent import CollusionAgent, Memory, judge_opener
from streams.worker.kafka_sinks import KafkaSinks

COHORT_SIZE = 500_000
DAY = 20_454
DAY_MS = 86_400_000
LIST = random.Random(7).sample(range(COHORT_SIZE), 60_000)
THIEVES = ("east", "north", "south")
OPEN = judge_opener(CollusionConfig(), cohort_size=COHORT_SIZE, config_hash="c")


class Held:
    """A record of the holdings."""

    def __init__(self, offset: int, value: bytes | None) -> None:
        """Take offset and value."""
        self.offset, self.value = offset, value
        self.key: bytes | None = b"key"
        self.timestamp = DAY * DAY_MS
        self.headers: Sequence[tuple[str, bytes]] = ()


class Desk(Outbox):
    """Group, outbox, watcher and past of one collusion agent."""

    def __init__(self, *past: bytes | None) -> None:
        """Own the one partition of the holdings; `past` is committed already."""
        super().__init__(bootstrap="", timeout_seconds=1.0)
        self.past = [Held(offset, value) for offset, value in enumerate(past)]
        self.posted: list[Outgoing] = []
        self.commits: list[Mapping[int, int]] = []
        self.counted: list[str] = []
        self.agent = CollusionAgent(
            "t.holdings",
            open_judge=OPEN,
            past=self._before,
            group=self,
            outbox=self,
            sinks=KafkaSinks("t"),
            watcher=self,
        )

    async def _before(self, end: int) -> AsyncIterator[Record]:
        for record in self.past[:end]:
            yield record

    def post(self, record: Outgoing) -> Durable:
        """Keep the record; it is durable at once."""
        self.posted.append(record)
        durable: Durable = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable

    def judged(self, position: RecordPosition, counts: Counts) -> None:
        """Refuse: no events are judged here."""
        raise NotImplementedError

    def rejected(self, reject: Rejected, durable: Durable) -> None:
        """Keep the reason."""
        assert durable.done()
        self.counted.append(reject.reason.value)

    def happened(self, effect: Effect, position: RecordPosition, durable: Durable) -> None:
        """Keep the kind of effect."""
        assert (position.topic, durable.done()) == ("t.holdings", True)
        self.counted.append(type(effect).__name__)

    def assigned(self) -> set[int]:
        """Return the one partition."""
        return {0}

    def recovered(self) -> set[int] | None:
        """Return nothing: followers have no state to read back."""
        return set()

    async def committed(self) -> Mapping[int, int | None]:
        """Return that the past is committed, None if there is none."""
        return {0: len(self.past) or None}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return zero."""
        return dict.fromkeys(partitions, 0)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Keep the commit."""
        self.commits.append(dict(offsets))
        return True

    def hold(self) -> None:
        """Hold nothing."""

    async def give(self, *values: bytes | None, first: int | None = None) -> None:
        """Hand over new records as one batch."""
        start = len(self.past) if first is None else first
        records = [Held(start + position, value) for position, value in enumerate(values)]
        await self.agent.handle(0, Batch(records, Span(start, start + len(records))))

    def take(self, *values: bytes | None, first: int | None = None) -> "Desk":
        """Recover and judge new records as one batch."""

        async def scenario() -> None:
            await self.agent.recovery_complete()
            await self.give(*values, first=first)

        asyncio.run(scenario())
        return self


def part(number: int, *, day: int = DAY) -> NewHoldings:
    """Return a third of the list, taken by one of three."""
    taken = BitMap64(LIST[number::3])
    return NewHoldings(
        institution=THIEVES[number], day=day, at_ms=day * DAY_MS, participants=taken.serialize()
    )


PARTS = [msgspec.json.encode(part(number)) for number in range(3)]


def told(holdings: Sequence[NewHoldings], judge: CollusionJudge) -> list[bytes | None]:
    """Return the alerts that the judge alone would give, as they lie in the topic."""
    effects = [effect for one in holdings for effect in judge.add(one)]
    return [alerts.record(effect, topic_prefix="t").value for effect in effects]


TOLD = told([part(number) for number in range(3)], OPEN())


def test_a_divided_list_is_told_of_every_part() -> None:
    """To the byte what the judge says, keyed by institution; committed before and after."""
    desk = Desk().take(*PARTS)
    assert [record.value for record in desk.posted] == TOLD
    assert [record.key for record in desk.posted] == [name.encode() for name in THIEVES]
    assert {(record.topic, record.partition) for record in desk.posted} == {("t.alerts", None)}
    assert (desk.commits, desk.counted) == ([{0: 0}, {0: 3}], ["RaiseAlert"] * 3)


def test_what_is_committed_is_remembered_and_not_told() -> None:
    """The last third meets two that were read before a restart, or before another's turn."""
    desk = Desk(PARTS[0], PARTS[1]).take(PARTS[2])
    assert ([record.value for record in desk.posted], desk.commits) == (TOLD, [{0: 3}])
    assert Desk(*PARTS).take(PARTS[0]).posted == []


def test_what_is_not_committed_is_told_again_as_it_was() -> None:
    """After a crash between the alerts and the commit, each has the same bytes and id."""
    assert Desk(PARTS[0]).take(*PARTS[1:]).posted == Desk(*PARTS[:2]).take(PARTS[2]).posted


def test_a_repeated_batch_is_judged_once() -> None:
    """What was committed is passed over when it comes again."""
    desk = Desk(*PARTS[:2])

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        await desk.give(PARTS[2])
        await desk.give(PARTS[2])

    asyncio.run(scenario())
    assert len(desk.posted) == 3


def test_records_passed_over_are_a_hole() -> None:
    """They end the worker, which begins again where it has committed."""
    with pytest.raises(OffsetGapError, match="records 0 to 1 of the holdings were passed over"):
        Desk().take(PARTS[2], first=2)


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
    desk = Desk(PARTS[0], value).take(value, PARTS[1], value, PARTS[2])
    letters = [record for record in desk.posted if record.topic == "t.dead-letters"]
    assert [record.value for record in letters] == [value, value]
    assert [record.value for record in desk.posted if record not in letters] == TOLD
    assert desk.counted == [reason, reason, *["RaiseAlert"] * 3]


def test_what_the_core_fails_on_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of the judge is told and kept, and the next record is judged."""
    add = CollusionJudge.add

    def fail(judge: CollusionJudge, holdings: NewHoldings) -> tuple[Effect, ...]:
        if holdings.day == 1:
            raise ZeroDivisionError
        return add(judge, holdings)

    monkeypatch.setattr(CollusionJudge, "add", fail)
    bad = msgspec.json.encode(part(0, day=1))
    desk = Desk(bad).take(*PARTS, bad)
    assert desk.counted == [*["RaiseAlert"] * 3, "core_failed"]


def test_a_partition_that_is_no_longer_ours_is_left() -> None:
    """Whether it was revoked before a batch, or while the past is still being read."""
    desk = Desk(*PARTS[:2])

    async def scenario() -> None:
        await desk.agent.recovery_complete()
        waiting = asyncio.create_task(desk.give(PARTS[2]))
        await asyncio.sleep(0)
        desk.agent.revoked()
        await waiting
        await desk.give(PARTS[2])

    asyncio.run(scenario())
    assert (desk.posted, desk.commits) == ([], [])


def test_a_past_that_cannot_be_read_ends_the_worker() -> None:
    """Judging on without it would miss the ring, in silence."""
    desk = Desk(*PARTS[:2])

    class BrokenError(Exception):
        """The broker is gone."""

    async def broken(end: int) -> AsyncIterator[Record]:
        for record in desk.past[: end - 1]:
            yield record
        raise BrokenError

    desk.agent._past = broken
    with pytest.raises(BrokenError):
        desk.take(PARTS[2])
    assert desk.commits == []


def test_memory_holds_each_institutions_own_last_days() -> None:
    """Who sends last year's events is remembered beside those of today, in the topic's order."""
    memory = Memory(days=28)
    days = {"today": [400, 420, 428], "last year": [30, 31, 60]}
    for offset in range(3):
        for position, (name, its) in enumerate(days.items()):
            one = msgspec.structs.replace(part(0, day=its[offset]), institution=name)
            memory.add(10 * offset + position, one)
    found = [(one.institution, one.day) for one in memory.in_order()]
    assert found == [("today", 420), ("today", 428), ("last year", 60)]
