"""What a replay reads of topics: in order, as the worker would, and every reject with its place."""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import msgspec
from pyroaring import BitMap64

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from detectors.verdict import NewHoldings
from streams.ingest.codec import DecodeConfig, decode_limits, encode
from streams.ingest.rejects import Rejected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.replay.inputs import (
    Rejects,
    holdings_of,
    partition_events,
    read_canonical,
)
from streams.replay.replay import Replay
from streams.replay.topic_events import met_by
from streams.state.envelope import StateKeys
from tests.builders import event

LIMITS = decode_limits(DecodeConfig(), CoreConfig().cohort)
KEYS = StateKeys("sixteen characters")


class Line(NamedTuple):
    """A record of one of several partitions."""

    offset: int
    value: bytes | None
    key: bytes | None = b"north"
    partition: int = 3
    timestamp: int = 1_800_000_000_000
    headers: Sequence[tuple[str, bytes]] = ()


class Topic:
    """A topic whose one partition is given batch by batch."""

    topic = "t.events"

    def __init__(self, *batches: Sequence[Line]) -> None:
        """Hold the batches."""
        self.batches = batches

    @property
    def total_count(self) -> int:
        """Return how many records there are."""
        return sum(map(len, self.batches))

    def count_before(self, partition: int) -> int:
        """Return how many records the partitions before 3 have."""
        assert partition == 3
        return 5

    def records(self, partition: int) -> Iterator[Sequence[Line]]:
        """Yield the batches of partition 3."""
        assert partition == 3
        yield from self.batches


def reader(*batches: Sequence[Line]) -> TopicReader:
    """Return what reads the batches."""
    return cast("TopicReader", Topic(*batches))


def canonical(record: TopicRecord) -> object:
    """Return what a record of the events says."""
    return read_canonical(record, limits=LIMITS, keys=KEYS, topic="t.events", base=CoreConfig())


def test_events_come_in_order_and_what_is_none_is_kept_with_its_place() -> None:
    """As a dead letter of the worker: topic, partition, offset, reason and the original bytes."""
    letters = io.BytesIO()
    rejects = Rejects(letters)
    reached: list[float] = []
    batches = (
        [Line(0, encode(event(id="a"))), Line(1, b"\xff\xfe")],
        [Line(4, encode(event(id="b")), b"south"), Line(5, None), Line(6, encode(event(id="c")))],
    )
    events = partition_events(
        reader(*batches),
        3,
        read=lambda record: cast("AccessEvent | Rejected", canonical(record)),
        rejects=rejects,
        reached=reached.append,
    )
    assert [each.id for each in events if isinstance(each, AccessEvent)] == ["a", "b", "c"]
    assert rejects.counts == {"not_json": 1, "empty_value": 1}
    lines = [msgspec.json.decode(line) for line in letters.getvalue().splitlines()]
    assert {line["source"] for line in lines} == {"kafka:t.events/3"}
    assert [(line["number"], line["reason"]) for line in lines] == [
        (1, "not_json"),
        (5, "empty_value"),
    ]
    assert lines[0]["value_base64"] == "//4="
    assert lines[1]["value"] is None
    assert reached == [7 / 5, 2.0]


def test_a_control_record_that_is_not_signed_is_rejected_as_the_worker_does() -> None:
    """Whoever may write events moves no threshold of a replay either."""
    forged = Line(0, b"{}", headers=(("headgate-control", b"reference"),))
    reject = canonical(forged)
    assert isinstance(reject, Rejected)
    assert reject.reason.value == "unsigned"


def test_holdings_are_read_and_what_is_broken_is_counted() -> None:
    """A tombstone, torn JSON and a set of people that is none stop nobody."""
    taken = NewHoldings(
        institution="north", day=1, at_ms=5, participants=BitMap64([1, 2]).serialize()
    )
    values = [
        msgspec.json.encode(taken),
        None,
        b"{",
        msgspec.json.encode(msgspec.structs.replace(taken, participants=b"roaring")),
        msgspec.json.encode(msgspec.structs.replace(taken, day=2)),
    ]
    rejects = Rejects(None)
    reached: list[float] = []
    lines = [Line(offset, value) for offset, value in enumerate(values)]
    topic = reader(lines[:2], lines[2:])
    holdings = list(holdings_of(topic, 3, rejects=rejects, reached=reached.append))
    assert [each.day for each in holdings] == [1, 2]
    assert rejects.counts == {"wrong_type": 3}
    assert reached == [0.4, 1.0]


def test_one_institution_may_be_replayed_alone() -> None:
    """Its own events, and what holds for all; without a name everything comes through."""
    mine, other = event(institution="north"), event(institution="south")
    replay = Replay(CoreConfig(), register=Register())
    assert list(met_by("North", [mine, other], replay)) == [mine]
    assert list(met_by(None, [mine, other], replay)) == [mine, other]
