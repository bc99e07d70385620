import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

import pytest
from aiokafka.errors import IllegalStateError, KafkaConnectionError, MessageSizeTooLargeError
from hypothesis import given
from hypothesis import strategies as st

import streams.worker.lifecycle
from detectors.errors import StateError
from streams.exits import ExitCode
from streams.kafka.cluster import unprotected
from streams.kafka.producer import Durable, Outbox
from streams.kafka.records import FetchSpan, OutgoingRecord
from streams.state.checkpoint import Checkpointer, CheckpointError, Done
from streams.state.config import CheckpointConfig
from streams.state.envelope import StateKeys
from streams.state.keys import PARTITION_RECORD_KEY, main_key, part_key
from streams.state.lease import Lease, LeaseLostError
from streams.state.partition_state import Dump
from streams.state.phases import Write
from streams.state.protocol import StateStore
from streams.state.records import StateTopic
from streams.state.store import SavedRecord
from streams.worker.lifecycle import LifecycleDependencies, WorkerLifecycle, stop_for
from tests.waiting import others_run

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
        """Write the commit down, unless it is refused."""
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
            config=CheckpointConfig(events_max=3, interval_seconds=60.0),
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


def test_a_checkpoint_writes_in_the_order_that_recovery_relies_on() -> None:
    """Alert, part, main, partition record, commit; and the part of before goes last."""

    async def scenario() -> list[object]:
        world = World()
        await world.begin()
        for offset in (10, 11):
            world.judge(offset)
        await world.checkpointer.carry_out()
        world.judge(12)
        await world.checkpointer.carry_out()
        return world.written

    first, second = (part_key("north", f"part@{n}") for n in (2, 3))
    alert = (b"alert", True)
    assert asyncio.run(scenario()) == [
        alert, alert, (first, True), MAIN, BARRIER, {0: 12},
        alert, (second, True), MAIN, BARRIER, {0: 13}, (first, False),
    ]  # fmt: skip


def test_judges_go_on_while_many_states_are_packed() -> None:
    """The snapshot is taken in one go; what follows leaves the loop to others again and again."""

    async def scenario() -> int:
        world = World()
        await world.begin()
        for number in range(2_000):
            world.judge(10 + number, institution=f"i{number}")
        turns = 0

        async def others() -> None:
            nonlocal turns
            while not world.done:
                turns += 1
                await others_run()

        await asyncio.gather(world.lifecycle.save(), others())
        return turns

    assert asyncio.run(scenario()) >= 2_000 / 50


def test_nothing_new_is_no_checkpoint() -> None:
    """An idle worker writes nothing."""

    async def scenario() -> Done | None:
        world = World()
        await world.begin()
        return await world.checkpointer.carry_out()

    assert asyncio.run(scenario()) is None


def test_a_broker_that_does_not_answer_ends_the_worker_before_the_commit() -> None:
    """What is not durable is not committed."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        world.kafka.broken = True
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    assert [type(error) for error in world.stopped] == [CheckpointError]
    assert {0: 11} not in world.written


def test_a_rebalance_in_between_leaves_commit_and_tombstones_undone() -> None:
    """Others own the partitions: what is written is harmless, the commit is not ours."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        post = world.kafka.post

        def post_and_lose(record: OutgoingRecord) -> Durable:
            world.lifecycle.revoked()
            return post(record)

        world.kafka.post = post_and_lose  # type: ignore[method-assign]
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    assert world.written[-1] == MAIN
    assert [done.committed for done in world.done if done] == [False]


def test_a_commit_that_the_group_refuses_is_made_again() -> None:
    """With the next checkpoint, and not only when another event comes."""

    async def scenario() -> list[object]:
        world = World()
        await world.begin()
        world.judge(10)
        world.group.refuses = True
        await world.checkpointer.carry_out()
        world.written.clear()
        world.group.refuses = False
        await world.checkpointer.carry_out()
        await world.checkpointer.carry_out()
        return world.written

    assert asyncio.run(scenario()) == [BARRIER, {0: 11}]


def test_a_commit_that_was_lost_after_its_barrier_is_made_up_for() -> None:
    """Killed in between, the group stands behind the state; repeats alone must move it."""

    async def scenario() -> list[object]:
        world = World(offsets={0: 10})
        with_barrier(world, 12)
        await world.begin()
        state_store = world.state_store.partition(0)
        assert state_store.new_from(FetchSpan(10, 12)) == 12
        state_store.advance(12)
        await world.checkpointer.carry_out()
        return world.written

    assert asyncio.run(scenario()) == [BARRIER, {0: 12}]


def test_a_worker_that_slept_writes_nothing() -> None:
    """Half a session without a stamp, and somebody else may own the partitions."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)
        world.written.clear()
        world.now[0] = 5.1
        await world.lifecycle.save()
        return world

    world = asyncio.run(scenario())
    assert [type(error) for error in world.stopped] == [LeaseLostError]
    assert world.written == []


def test_a_partition_never_judged_gets_a_barrier_and_then_a_commit() -> None:
    """From then on a commit without a partition record means that the state topic was lost."""

    async def scenario() -> list[object]:
        world = World()
        await world.lifecycle.recovery_complete()
        return world.written

    assert asyncio.run(scenario()) == ["hold", BARRIER, {0: 10}]


def test_a_group_that_is_reassigned_while_it_is_asked_ends_nobody() -> None:
    """Faust takes the error as what it is, another rebalance, and tells of its end again."""

    async def scenario() -> World:
        world = World()

        def reassigned() -> None:
            raise IllegalStateError

        world.group.meanwhile = reassigned
        with pytest.raises(IllegalStateError):
            await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.state_store.settled) == ([], False)


def test_a_commit_without_a_barrier_is_refused() -> None:
    """A lost state topic is never taken as an empty one."""

    async def scenario() -> list[Exception]:
        world = World(offsets={0: 500})
        await world.lifecycle.recovery_complete()
        return world.stopped

    (error,) = asyncio.run(scenario())
    assert isinstance(error, StateError)
    assert "holds nothing of them" in str(error)


def test_partitions_that_are_ours_but_not_read_back_are_not_begun() -> None:
    """The assignment may be the next one while Faust still tells of the last recovery."""

    async def scenario() -> World:
        world = World(offsets={0: None, 1: 500})
        world.group.read_back = {0}
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold", BARRIER, {0: 10}])


def test_a_recovery_that_is_out_of_date_begins_and_forgets_nothing() -> None:
    """What was read stays, for Faust will go on from there, and tell us again."""

    async def scenario() -> World:
        world = World(offsets={1: 500})
        with_barrier(world, 500)
        world.group.read_back = None
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold"])
    assert world.state_store.partition(0).store.partition_record == SavedRecord(500, b"context")


def test_a_commit_of_another_meanwhile_is_no_loss() -> None:
    """Revoked while we ask what is committed, we leave the partition to whoever has it."""

    async def scenario() -> World:
        world = World(offsets={0: 500})
        world.group.meanwhile = world.lifecycle.revoked
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    assert (world.stopped, world.written) == ([], ["hold"])


def with_barrier(world: World, offset: int) -> None:
    """Have the state topic say where partition 0 stands; the input begins at 10."""
    record = STATE.record(Write(0, PARTITION_RECORD_KEY, SavedRecord(offset, b"context")))
    world.lifecycle.recovered(0, record.key or b"", record.value)


def test_records_that_retention_removed_unjudged_end_the_worker() -> None:
    """A loss is said before anything is judged beyond it, with the way to go on."""

    async def scenario() -> list[Exception]:
        world = World(offsets={0: 4})
        with_barrier(world, 4)
        await world.lifecycle.recovery_complete()
        return world.stopped

    (error,) = asyncio.run(scenario())
    assert str(error) == (
        "records 4 to 9 of partition 0 were removed from the topic by its retention before they "
        "were judged; --accept-lost-records goes on without them"
    )


def test_an_accepted_loss_moves_the_barrier_and_keeps_the_rest() -> None:
    """The next batch begins where the topic does, under the reference adopted before."""

    async def scenario() -> World:
        world = World(offsets={0: 4}, accept_lost_records=True)
        with_barrier(world, 4)
        await world.lifecycle.recovery_complete()
        return world

    world = asyncio.run(scenario())
    state_store = world.state_store.partition(0)
    assert (state_store.new_from(FetchSpan(10, 11)), state_store.context) == (10, b"context")
    assert world.written == ["hold", BARRIER, {0: 10}]


def test_a_damaged_record_of_the_state_topic_ends_the_worker() -> None:
    """Faust would log an error of ours in recovery and go on without the record."""
    world = World()
    world.lifecycle.recovered(0, main_key("north"), b"not an envelope")
    assert [type(error) for error in world.stopped] == [StateError]


def test_what_was_saved_is_recovered_and_skipped() -> None:
    """A fresh worker knows the last event that each state contains."""
    world = World()
    for write in (
        Write(0, main_key("north"), SavedRecord(41, b"7")),
        Write(0, PARTITION_RECORD_KEY, SavedRecord(40, b"")),
    ):
        record = STATE.record(write)
        world.lifecycle.recovered(0, record.key or b"", record.value)
    state_store = world.state_store.partition(0)
    assert state_store.new_from(FetchSpan(40, 43)) == 40
    assert state_store.profile("north", 41) is None
    assert state_store.profile("north", 42) == [7]


def test_many_events_make_a_checkpoint_due_early() -> None:
    """By size as well as by time, so that a replay after a crash stays short."""

    async def scenario() -> None:
        world = World()
        world.checkpointer.note(3)
        async with asyncio.timeout(5):
            await world.checkpointer.wait_until_due()

    asyncio.run(scenario())


@pytest.mark.parametrize("failure", [RuntimeError("x"), StateError("y")])
def test_no_failure_of_a_checkpoint_passes(failure: Exception) -> None:
    """Whatever goes wrong while dumping ends the worker."""

    async def scenario() -> World:
        world = World()
        await world.begin()
        world.judge(10)

        def fail(*_: object, **__: object) -> Dump:
            raise failure

        world.state_store._core.dump = fail  # type: ignore[method-assign]
        await world.lifecycle.save()
        return world

    assert asyncio.run(scenario()).stopped == [failure]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), ExitCode.CONNECTION_LOST),
        (KafkaConnectionError(), ExitCode.CONNECTION_LOST),
        (MessageSizeTooLargeError(), ExitCode.BUG),
        (StateError("x"), ExitCode.STATE_REFUSED),
        (KeyError("x"), ExitCode.BUG),
    ],
)
def test_the_exit_code_says_whose_fault_it_was(
    error: Exception, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that does not answer is no bug of ours, wherever it is noticed."""

    class EndedError(Exception):
        """The process would have ended here."""

    def end(found: ExitCode, sentence: str) -> NoReturn:
        assert sentence
        raise EndedError(found)

    monkeypatch.setattr(streams.worker.lifecycle, "fail_stop", end)
    with pytest.raises(EndedError) as caught:
        stop_for(error)
    assert caught.value.args == (code,)


@given(
    states_count=st.integers(1, 40),
    pauses_seconds=st.lists(st.floats(0.5, 900.0), min_size=1, max_size=60),
)
def test_states_are_rewritten_at_their_pace_however_often_one_saves(
    states_count: int, pauses_seconds: list[float]
) -> None:
    """What is not yet a whole state is carried on: else many checkpoints would rewrite nothing."""

    async def rewritten_count() -> int:
        world = World()
        await world.begin()
        for number in range(states_count):
            world.judge(10 + number, institution=f"i{number}")
        await world.checkpointer.carry_out()
        checkpointer = world.checkpointer
        checkpointer._rewrite_due, now_seconds = 0.0, checkpointer._rewritten_seconds
        whole = 0
        for pause_seconds in pauses_seconds * 10:
            now_seconds += pause_seconds
            whole += checkpointer._rewrite_count(now_seconds)
        return whole

    hours = 10 * sum(pauses_seconds) / 3_600
    due = states_count * hours / CheckpointConfig().rewrite_hours
    assert asyncio.run(rewritten_count()) == pytest.approx(due, abs=1.01)
