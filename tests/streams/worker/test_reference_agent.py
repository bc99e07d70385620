import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec
import pytest

from detectors.reference import Reference, ReferenceConfig, prior_reference
from detectors.verdict import DailySummary, Run
from streams.control.records import Control, control_record, encode_reference, read_control
from streams.kafka.producer import Durable, Outbox, Outgoing
from streams.kafka.records import Batch, Span
from streams.state.envelope import StateKeys
from streams.state.positions import OffsetGapError
from streams.worker.reference_agent import DayCount, ReferenceAgent

CONFIG = ReferenceConfig(lag_days=1)
PARTITIONS = 3
KEYS = StateKeys("sixteen characters")


class Record:
    """A record of the summaries."""

    def __init__(
        self, offset: int, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Take offset, value and headers."""
        self.offset, self.timestamp = offset, 0
        self.key: bytes | None = None
        self.value = value
        self.headers = headers


class Desk(Outbox):
    """Group and outbox of one reference agent."""

    def __init__(self, *, recorded: Record | None = None) -> None:
        """Own the one partition of the summaries; `recorded` is the last reference."""
        super().__init__(bootstrap="", timeout_seconds=1.0)
        self.posted: list[Outgoing] = []
        self._last = recorded
        self.agent = ReferenceAgent(
            CONFIG,
            topic="t.summaries",
            events_topic="t.access-events",
            partitions=PARTITIONS,
            reference_topic="t.reference",
            keys=KEYS,
            group=self,
            outbox=self,
            recorded=self._recorded,
        )

    async def _recorded(self) -> Record | None:
        return self._last

    def post(self, record: Outgoing) -> Durable:
        """Keep the record; it is durable at once."""
        self.posted.append(record)
        durable: Durable = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable

    def assigned(self) -> set[int]:
        """Return the one partition."""
        return {0}

    def recovered(self) -> set[int] | None:
        """Return nothing: followers have no state to read back."""
        return set()

    async def committed(self) -> Mapping[int, int | None]:
        """Return that nothing is committed."""
        return {0: None}

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return zero."""
        return dict.fromkeys(partitions, 0)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Take the start, which is all that is ever committed."""
        assert offsets == {0: 0}
        return True

    def hold(self) -> None:
        """Hold nothing."""

    def take(self, *values: bytes, first: int = 0) -> list[Outgoing]:
        """Recover and fold summaries as one batch; return all that was posted."""

        async def scenario() -> None:
            await self.agent.recovery_complete()
            records = [Record(first + place, value) for place, value in enumerate(values)]
            await self.agent.handle(0, Batch(records, Span(first, first + len(records))))

        asyncio.run(scenario())
        return self.posted


def summary(institution: str, day: int) -> bytes:
    """Return one institution's closed day, on which one channel was strange."""
    made = DailySummary(
        institution=institution,
        group="",
        day=day,
        days_count=1,
        age_days=200,
        usual=(1.0, 2.0, 3.0, 4.0),
        runs={"excess/1d": Run(first_day=day, peak_day=day, peak=3.0)},
        held_participants=0,
        trusted=True,
    )
    return msgspec.json.encode(made)


DAYS = [summary(name, day) for day in (100, 101) for name in ("north", "south")]


LAST = encode_reference(
    msgspec.structs.replace(prior_reference(CONFIG), version="day-102", day=102)
)


def last_of(keys: StateKeys) -> Record:
    """Return the last reference as it lies on its topic, signed by `keys`."""
    made = control_record(
        "reference", LAST, topic="t.reference", partition=0, key=b"all", keys=keys
    )
    return Record(0, made.value, made.headers)


def test_a_day_closed_by_two_gives_a_reference_to_every_partition() -> None:
    """Recorded once, then said in each partition of the events under its header."""
    # The first of the two days gave one as well.
    recorded, *controls = Desk().take(*DAYS)[1 + PARTITIONS :]
    assert recorded.topic == "t.reference"
    reference = msgspec.json.decode(recorded.value or b"", type=Reference)
    assert (reference.day, reference.version) == (102, "day-102")
    assert [record.partition for record in controls] == list(range(PARTITIONS))
    assert {record.value for record in controls} == {recorded.value}
    read = [
        read_control(Record(0, r.value, r.headers), topic=r.topic, partition=place, keys=KEYS)
        for place, r in enumerate(controls)
    ]
    assert read == [Control(kind="reference", value=recorded.value or b"")] * PARTITIONS


def test_the_last_reference_is_said_again_and_not_built_again() -> None:
    """After a crash between recording and saying, every partition gets it."""
    posted = Desk(recorded=last_of(KEYS)).take(*DAYS)
    assert [(record.topic, record.value) for record in posted] == [
        ("t.access-events", LAST)
    ] * PARTITIONS


def test_a_last_reference_that_is_not_ours_is_not_said_again() -> None:
    """Our signature would make it true; it is built anew from the summaries."""
    forged = Desk(recorded=last_of(StateKeys("somebody else's key"))).take(*DAYS)
    assert forged == Desk().take(*DAYS)


def test_one_institution_alone_begins_no_day() -> None:
    """A wrong clock moves nobody else."""
    assert Desk().take(*(summary("north", day) for day in range(100, 200))) == []


def test_a_record_that_is_no_summary_is_passed_over() -> None:
    """It is somebody else's; the reference does not depend on it."""
    assert Desk().take(b"{", *DAYS) == Desk().take(*DAYS)


def test_dropped_summaries_are_a_hole() -> None:
    """A reference from a part of the summaries would be wrong in silence."""
    with pytest.raises(OffsetGapError, match="records 0 to 4 of the summaries"):
        Desk().take(*DAYS, first=5)


def test_days_are_closed_in_order_and_once() -> None:
    """Days that everybody skipped are closed with the next one."""
    days = DayCount()
    found = [list(days.closed(name, day)) for name, day in (("a", 1), ("b", 1), ("a", 4), ("b", 4))]
    assert found == [[], [1], [], [2, 3, 4]]
