"""Everything around the state store in a test of checkpoints: what reaches the broker lies open."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from streams.kafka.cluster import unprotected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import FetchSpan, OutgoingRecord
from streams.state.checkpoint import Checkpointer, Done
from streams.state.config import CheckpointConfig
from streams.state.envelope import StateKeys
from streams.state.keys import PARTITION_RECORD_KEY, main_key
from streams.state.lease import Lease
from streams.state.partition_state import Dump
from streams.state.phases import Write
from streams.state.protocol import StateStore
from streams.state.records import StateTopic
from streams.state.store import SavedRecord
from streams.worker.lifecycle import LifecycleDependencies, WorkerLifecycle

TOPIC = "t.state"


STATE = StateTopic(TOPIC, app="t-worker", keys=StateKeys("sixteen characters"))


class Counting:
    """A core whose profile is a list of one number, with one part from the second event on."""

    def open(self, institution: str) -> list[int]:
        """Return zero."""
        del institution
        return [0]

    def dump(self, profile: list[int], *, known: frozenset[str]) -> Dump:
        """Return the number, and a part named after it."""
        parts = {f"part@{profile[0]}": b"large"} if profile[0] > 1 else {}
        new = {name: raw for name, raw in parts.items() if name not in known}
        return Dump(b"%d" % profile[0], frozenset(parts), new)

    def load(self, main: bytes, parts: Mapping[str, bytes], *, institution: str) -> list[int]:
        """Return the number."""
        del parts, institution
        return [int(main)]


class Kafka(Outbox):
    """An outbox that writes everything down at once, or fails when told to."""

    def __init__(self, written: list[object]) -> None:
        """Write into `written`."""
        super().__init__(cluster=unprotected(""), timeout_seconds=1.0)
        self.written = written
        self.broken = False

    async def start(self) -> None:
        """Connect to nothing."""

    async def stop(self) -> None:
        """Disconnect from nothing."""

    def post(self, record: OutgoingRecord) -> Durable:
        """Write the record's key down."""
        durable: Durable = asyncio.get_running_loop().create_future()
        if self.broken:
            durable.set_exception(OSError("the broker is gone"))
        else:
            self.written.append((record.key, record.value is not None))
            durable.set_result(None)
        return durable


class Group:
    """A group that owns given partitions."""

    def __init__(self, written: list[object], *, offsets: Mapping[int, int | None]) -> None:
        """Own the partitions of `offsets`, committed as it says, and have recovered them."""
        self.written, self.offsets = written, offsets
        self.read_back: set[int] | None = set(offsets)
        self.meanwhile: Callable[[], None] = lambda: None
        self.refuses = False
        self.answers = asyncio.Event()
        self.answers.set()

    def assigned(self) -> set[int]:
        """Return the partitions."""
        return set(self.offsets)

    def recovered(self) -> set[int] | None:
        """Return the partitions whose state was read back."""
        return self.read_back

    async def committed(self) -> Mapping[int, int | None]:
        """Return what is committed, after whatever happens meanwhile."""
        self.meanwhile()
        return self.offsets

    async def beginnings(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Return ten for each."""
        return dict.fromkeys(partitions, 10)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Write the commit down, unless it is refused, once the group answers."""
        await self.answers.wait()
        if not self.refuses:
            self.written.append(dict(offsets))
        return not self.refuses

    def hold(self) -> None:
        """Write it down."""
        self.written.append("hold")


class World:
    """Everything around one state_store, and the list of what reached the broker, in order."""

    def __init__(
        self,
        *,
        offsets: Mapping[int, int | None] | None = None,
        accept_lost_records: bool = False,
        config: CheckpointConfig | None = None,
    ) -> None:
        """Connect the parts."""
        self.written: list[object] = []
        self.now = [0.0]
        self.stopped: list[Exception] = []
        self.done: list[Done | None] = []
        self.state_store: StateStore[list[int], Durable] = StateStore(Counting())
        self.kafka = Kafka(self.written)
        self.group = Group(self.written, offsets=offsets or {0: None})
        lease = Lease(session_seconds=10.0, now=lambda: self.now[0])
        self.checkpointer = Checkpointer(
            self.state_store,
            state=STATE,
            outbox=self.kafka,
            lease=lease,
            commit=self.group.commit,
            config=config or CheckpointConfig(events_max=3, interval_seconds=60.0),
        )
        dependencies = LifecycleDependencies(
            group=self.group,
            checkpointer=self.checkpointer,
            lease=lease,
            outbox=self.kafka,
            state=STATE,
            on_done=self.done.append,
            accept_lost_records=accept_lost_records,
            stop=self.stopped.append,
        )
        self.lifecycle = WorkerLifecycle(self.state_store, dependencies)

    async def begin(self) -> None:
        """Recover an empty state topic."""
        await self.lifecycle.recovery_complete()
        self.written.clear()

    def judge(self, offset: int, *, institution: str = "north") -> None:
        """Judge one event, whose alert is on its way."""
        state_store = self.state_store.partition(0)
        state_store.new_from(FetchSpan(offset, offset + 1))
        profile = state_store.profile(institution, offset)
        assert profile is not None
        profile[0] += 1
        state_store.applied(institution, offset)
        state_store.advance(offset + 1)
        self.state_store.sent(
            self.kafka.post(OutgoingRecord(topic="alerts", key=b"alert", value=b""))
        )


MAIN, BARRIER = (main_key("north"), True), (PARTITION_RECORD_KEY, True)


def with_barrier(world: World, offset: int) -> None:
    """Have the state topic say where partition 0 stands; the input begins at 10."""
    record = STATE.record(Write(0, PARTITION_RECORD_KEY, SavedRecord(offset, b"context")))
    world.lifecycle.recovered(0, record.key or b"", record.value)
