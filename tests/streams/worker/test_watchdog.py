import asyncio
from collections.abc import Collection, Mapping

import pytest
from kafka import KafkaProducer

from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.producer import Durable
from streams.kafka.records import FetchSpan, Offsets, Partition
from streams.state.partition_state import Dump
from streams.state.protocol import StateStore
from streams.state.store import SavedRecord
from streams.worker.watchdog import StalledError, Watchdog, Watched, judge_positions, topic_ends

EVENTS, HOLDINGS = "t.access-events", "t.holdings"


class Nothing:
    """A core that remembers nothing."""

    def open(self, institution: str) -> str:
        """Return the name."""
        return institution

    def dump(self, profile: str, *, known: frozenset[str]) -> Dump:
        """Return the name."""
        del known
        return Dump(main=profile.encode(), names=frozenset(), new_parts={})

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> str:
        """Return the name."""
        del main, parts
        return institution


class World:
    """Judges that stand at offset 10 of partition 0, a follower at 5, and a watch over both."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.now = 0.0
        self.ends = {(EVENTS, 0): 10, (EVENTS, 1): 500, (HOLDINGS, 0): 5}
        self.followed: dict[Partition, int] = {(HOLDINGS, 0): 5}
        self.read_count: int | None = None
        self.broken = False
        self.stopped: list[Exception] = []
        self.state_store: StateStore[str, Durable] = StateStore(Nothing())
        self.state_store.partition(0).store.partition_record = SavedRecord(10, b"")
        watched = Watched(
            positions=[
                lambda: judge_positions(self.state_store, topic=EVENTS),
                lambda: self.followed,
            ],
            recoveries=[lambda: None, lambda: self.read_count],
            epoch=lambda: self.state_store.epoch,
            ends=self._ends,
            stall_seconds=60.0,
            stop=self.stopped.append,
            now=lambda: self.now,
        )
        self.watchdog = Watchdog(watched)

    async def _ends(self, positions: Collection[Partition]) -> Offsets:
        if self.broken:
            raise OSError
        return {place: self.ends[place] for place in positions}

    def look(self, *at_seconds: float) -> list[Exception]:
        """Look at these times, and return what ended the worker."""
        for seconds in at_seconds:
            self.now = seconds
            asyncio.run(self.watchdog.look())
        return self.stopped


def test_who_is_behind_and_stands_still_ends() -> None:
    """After the whole of its time, and with a sentence that says where."""
    world = World()
    world.ends[EVENTS, 0] = 12
    assert world.look(10.0, 40.0, 70.0) == []
    (error,) = world.look(71.0)
    assert isinstance(error, StalledError)
    assert str(error) == "t.access-events[0] stands for 61 s, and records are waiting"


def test_who_has_nothing_to_judge_may_stand_for_ever() -> None:
    """Partitions of others are others' business."""
    assert World().look(10.0, 10_000.0, 20_000.0) == []


def test_who_moves_however_slowly_goes_on() -> None:
    """A single record is progress."""
    world = World()
    world.ends[EVENTS, 0] = 12
    world.look(10.0, 60.0)
    partition = world.state_store.partition(0)
    partition.new_from(FetchSpan(10, 11))
    partition.advance(11)
    assert world.look(75.0, 130.0) == []
    assert len(world.look(136.0)) == 1


def test_a_follower_that_stands_alone_ends_the_worker() -> None:
    """The judges are done; what they do is no excuse."""
    world = World()
    world.ends[HOLDINGS, 0] = 6
    assert world.look(10.0, 70.0) == []
    (error,) = world.look(71.0)
    assert str(error) == "t.holdings[0] stands for 61 s, and records are waiting"


def test_who_waits_in_a_backlog_has_a_turn_for_each_that_is_behind() -> None:
    """The judges move, and the follower may wait for its turn, but not for ever."""
    world = World()
    world.ends |= {(EVENTS, 0): 1_000, (HOLDINGS, 0): 6}
    partition = world.state_store.partition(0)
    for number in range(1, 14):
        partition.new_from(FetchSpan(9 + number, 10 + number))
        partition.advance(10 + number)
        assert world.look(10.0 * number) == []
    (error,) = world.look(131.0)
    assert str(error) == "t.holdings[0] stands for 121 s, and records are waiting"


def test_who_has_just_read_back_has_its_whole_time() -> None:
    """A rebalance is a move, whatever stood still before it, and though nobody saw it happen."""
    world = World()
    world.ends[EVENTS, 0] = 12
    world.look(10.0, 69.0)
    world.state_store.drop()
    assert world.look(75.0, 130.0) == []
    assert len(world.look(136.0)) == 1


def test_a_rebalance_that_comes_to_no_end_ends_the_worker() -> None:
    """However often it begins anew, and though nothing may be known of any partition."""
    world = World()
    world.followed, world.read_count = {}, 7
    for seconds in (10.0, 60.0, 120.0, 130.0):
        world.state_store.drop()
        assert world.look(seconds) == []
    (error,) = world.look(131.0)
    assert str(error) == "a rebalance came to no end, and nothing was read back for 121 s"


def test_a_long_recovery_that_reads_on_is_no_standstill() -> None:
    """It may take as long as it takes to read."""
    world = World()
    for number in range(10):
        world.read_count = number
        assert world.look(100.0 * number) == []


@pytest.mark.parametrize("broken", [True, False])
@pytest.mark.parametrize("read_count", [None, 3])
def test_a_broker_that_does_not_answer_accuses_nobody(
    broken: bool,  # noqa: FBT001 - a case
    read_count: int | None,
) -> None:
    """A restart would not bring it back; the time counts from when it does answer."""
    world = World()
    world.ends[EVENTS, 0], world.read_count = 12, read_count
    world.look(10.0)
    world.broken = broken
    world.look(60.0)
    world.broken = False
    assert bool(world.look(170.0)) is not broken


@pytest.mark.kafka
def test_the_ends_are_those_of_a_real_kafka(kafka: str, topic_prefix: str) -> None:
    """Otherwise nobody would ever be behind, and the watch blind."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
    topic = f"{topic_prefix}.access-events"
    producer = KafkaProducer(bootstrap_servers=kafka)
    for _ in range(3):
        producer.send(topic, b"{}", partition=1)
    producer.close()
    positions = [(topic, 0), (topic, 1), (f"{topic_prefix}.holdings", 0)]
    ends = asyncio.run(topic_ends(positions, cluster=unprotected(kafka), timeout_seconds=10.0))
    assert ends == {(topic, 0): 0, (topic, 1): 3, (f"{topic_prefix}.holdings", 0): 0}
