"""The recorder on a real Kafka: what comes in, what it writes, and what survives."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from detectors.feedback import Feedback, Label
from detectors.register import Institution, Registered
from detectors.response.config import Modes, ResponseConfig
from detectors.response.journal import (
    AlertSeen,
    Approved,
    Configured,
    Entry,
    Erased,
    Labelled,
    Refused,
    Released,
    Verb,
    digest,
)
from detectors.response.state import ResponseState
from detectors.response.suspension import Suspension
from detectors.verdict import RaiseAlert
from streams.control.keys import public_text
from streams.control.records import ControlRecord, decode_instruction, read_control
from streams.control.signature import Decision, sign
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader, committed_records, last_by_key
from streams.recorder.journal import Followed
from streams.recorder.recorder import Dependencies, Recorder
from streams.sinks import alerts, suspensions
from streams.state.envelope import StateKeys
from tests.builders import alert
from tests.waiting import until

KEYS = StateKeys("a secret of sixteen")
ANN, EVE = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PARTITIONS = 2
DAY_MS = 86_400_000
NOW_MS = 1_775_044_800_000
ALERT = alert(
    at_ms=NOW_MS,
    started_ms=NOW_MS - 1_000,
    confidence=1.0,
    sentence="north took 100 people, 90 % of it by user u-17; now holds 10 % of imaging.",
    taken_participants=100,
    top_user="u-17",
    top_user_share=0.9,
    top_project=None,
)


class World:
    """One prefix on the broker, a clock, and a recorder at a time."""

    def __init__(self, bootstrap: str, prefix: str, **changes: object) -> None:
        """Make the topics."""
        self.bootstrap, self.prefix = bootstrap, prefix
        self.now_ms = NOW_MS
        self.told = asyncio.Condition()
        self.state = ResponseState()
        self.turns_count = 0
        modes = Modes(throttle="automatic", suspend="automatic")
        response = ResponseConfig(modes=modes, keys={"ann": public_text(ANN)})
        self.configured = Configured(
            response=replace(response, **changes), cohort_size=1_000, config_hash="c", version="1"
        )
        ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=PARTITIONS)

    def ended(self) -> None:
        """Note nothing."""

    def responded(
        self, state: ResponseState, followed: Sequence[Followed], *, entries_count: int
    ) -> None:
        """Wake whoever waits for the recorder."""
        del followed, entries_count
        self.state = copy.deepcopy(state)
        self.turns_count += 1
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.told:
            self.told.notify_all()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Return once the recorder's state is as wanted."""
        async with asyncio.timeout(30), self.told:
            await self.told.wait_for(seen)

    @contextlib.asynccontextmanager
    async def recording(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run a recorder."""
        recorder = Recorder(
            Dependencies(
                cluster=unprotected(self.bootstrap),
                prefix=self.prefix,
                partitions=PARTITIONS,
                configured=self.configured,
                keys=KEYS,
                watcher=self,
                now_ms=lambda: self.now_ms,
            )
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def send(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Write one record."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(f"{self.prefix}.{topic}", value, key=key)
        finally:
            await producer.stop()

    async def alert(self, **changes: Any) -> None:  # noqa: ANN401 - fields of many types.
        """State an alert."""
        stated = replace(ALERT, **changes)
        made = alerts.record(RaiseAlert(alert=stated), topic_prefix=self.prefix)
        await self.send("alerts", made.key, made.value)

    async def decide(
        self, verb: Verb, *, key: Ed25519PrivateKey = ANN, who: str = "ann", topic: str = ""
    ) -> None:
        """Sign and send a decision."""
        decision = Decision(decision_id="d", note="because", at_ms=NOW_MS, verb=verb)
        record = sign(decision, key, who=who, topic=topic or f"{self.prefix}.decisions")
        await self.send("decisions", b"north", record)

    async def lines(self) -> list[bytes]:
        """Return the journal, once the markers of its transactions are written."""
        end = await self.end("read_uncommitted")

        async def are_written() -> bool:
            return await self.end("read_committed") == end

        await until(are_written)
        found = committed_records(f"{self.prefix}.audit", cluster=unprotected(self.bootstrap))
        return [record.value or b"" async for record in found]

    async def end(self, isolation_level: str) -> int:
        """Return where the journal ends, to a reader of this isolation."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, isolation_level=isolation_level
        )
        await consumer.start()
        try:
            journal = TopicPartition(f"{self.prefix}.audit", 0)
            return int((await consumer.end_offsets([journal]))[journal])
        finally:
            await consumer.stop()

    async def entries(self) -> list[Entry]:
        """Return the journal's entries."""
        return [msgspec.json.decode(line, type=Entry) for line in await self.lines()]

    async def world(self) -> list[Suspension]:
        """Return what the suspensions topic says now."""
        found = await last_by_key(f"{self.prefix}.suspensions", cluster=unprotected(self.bootstrap))
        return [suspensions.suspension_of(raw) for raw in found.values()]


def open_count(world: World, count: int) -> Callable[[], bool]:
    """Return whether so many suspensions are open."""
    return lambda: len(world.state.open) == count


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario to its end."""

    async def limited() -> None:
        async with asyncio.timeout(120):
            await scenario()

    asyncio.run(limited())


@pytest.mark.kafka
def test_an_alert_becomes_a_suspension_of_whom_it_names(kafka: str, topic_prefix: str) -> None:
    """The topic names the user whom the platform knows; the audit holds a token in its place."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
        (suspension,) = await world.world()
        assert (suspension.scope, suspension.subject) == ("user", "u-17")
        assert suspension.reason == ALERT.sentence
        lines = await world.lines()
        assert [line for line in lines if b"u-17" in line] == []
        assert [type(entry.body).__name__ for entry in await world.entries()] == [
            "Configured",
            "AlertSeen",
            "Acted",
        ]

    run(scenario)


@pytest.mark.kafka
def test_the_journal_goes_on_where_it_ended(kafka: str, topic_prefix: str) -> None:
    """Another recorder knows what was, doubles nothing, and chains to the last line."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
        await world.alert(alert_id="a2", institution="south")
        world.state = ResponseState()
        async with world.recording():
            await world.until(open_count(world, 2))
        lines = await world.lines()
        entries = await world.entries()
        assert [entry.previous for entry in entries[1:]] == [digest(line) for line in lines[:-1]]
        seen = [entry.body.alert_id for entry in entries if isinstance(entry.body, AlertSeen)]
        assert seen == ["a-17", "a2"]

    run(scenario)


@pytest.mark.kafka
def test_whoever_lost_the_role_is_fenced_out(kafka: str, topic_prefix: str) -> None:
    """A second recorder takes over while the first still runs; the first cannot write a line."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        async with world.recording() as first:
            await world.until(lambda: world.state.cohort_size == 1_000)
            world.state = ResponseState()
            async with world.recording():
                await world.until(lambda: world.state.cohort_size == 1_000)
                await world.alert()
                await world.until(open_count(world, 1))
                with pytest.raises(ProducerFenced):
                    await asyncio.wait_for(first, 30)
        seen = [entry for entry in await world.entries() if isinstance(entry.body, AlertSeen)]
        assert len(seen) == 1

    run(scenario)


@pytest.mark.kafka
def test_people_decide_by_signature_alone(kafka: str, topic_prefix: str) -> None:
    """Unsigned, by a stranger, or for another place: refused, and the dead_letter is on record."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix, modes=Modes(throttle="approve", suspend="approve"))
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
            (one,) = world.state.open.values()
            wanted = Approved(suspension_id=one.suspension_id)
            await world.decide(wanted, key=EVE)
            await world.decide(wanted, key=EVE, who="eve")
            await world.decide(wanted, topic="elsewhere.decisions")
            await world.send("decisions", None, b'{"signed": "approve"}')
            await world.send("decisions", b"north", None)
            await world.decide(wanted)
            await world.until(lambda: one.scope_id not in world.state.open
                              or world.state.open[one.scope_id].state == "active")  # fmt: skip
        refused = [e.body.detail for e in await world.entries() if isinstance(e.body, Refused)]
        assert len(refused) == 5
        assert refused[:3] == [
            "not signed by the key of 'ann'",
            "no key is known of 'eve'",
            "signed for the topic 'elsewhere.decisions'",
        ]
        (suspension,) = await world.world()
        assert (suspension.state, suspension.by, suspension.why) == ("active", "ann", "because")

    run(scenario)


@pytest.mark.kafka
def test_what_nobody_touches_expires(kafka: str, topic_prefix: str) -> None:
    """Nothing arrives, and yet the suspension ends: the recorder looks at its clock."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
            world.now_ms += DAY_MS
            await world.until(open_count(world, 0))
        (suspension,) = await world.world()
        assert (suspension.state, suspension.why) == ("released", "expired")

    run(scenario)


@pytest.mark.kafka
def test_the_judge_is_told_in_its_own_partition(kafka: str, topic_prefix: str) -> None:
    """Register and feedback, signed, in order, and again after a restart."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        entry = Institution(id="north", jurisdiction="uk")
        await world.decide(Registered(institution="north", entry=entry))
        await world.decide(Registered(institution="north", entry=entry), key=EVE)
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
            await world.decide(Labelled(alert_id="a-17", label=Label.FALSE_POSITIVE))
            await world.until(open_count(world, 0))
        async with world.recording():
            await world.until(lambda: bool(world.state.outcomes))
        register = await last_by_key(f"{topic_prefix}.register", cluster=unprotected(kafka))
        assert register == {b"north": msgspec.json.encode(entry, order="sorted")}

    run(scenario)
    with TopicReader(f"{topic_prefix}.access-events", cluster=unprotected(kafka)) as reader:
        found = [
            (record.partition, read_control(
                record, topic=reader.topic, partition=record.partition, keys=KEYS
            ))
            for partition in reader.partitions
            for records in reader.records(partition)
            for record in records
        ]  # fmt: skip
    assert len({partition for partition, _ in found}) == 1
    told = [decode_instruction(one.value) for _, one in found if isinstance(one, ControlRecord)]
    bodies = [one.body for one in told if not isinstance(one, str)]  # type: ignore[union-attr]
    assert [type(body) for body in bodies[:2]] == [Registered, Feedback]
    assert bodies[2:] in ([bodies[1]], [bodies[1]] * 2, [])


@pytest.mark.kafka
def test_a_person_is_forgotten_and_the_chain_stays_whole(kafka: str, topic_prefix: str) -> None:
    """Nothing names the user any more, not even the released suspension; no line has changed."""

    async def scenario() -> None:
        world = World(kafka, topic_prefix)
        await world.alert()
        async with world.recording():
            await world.until(open_count(world, 1))
            (one,) = world.state.open.values()
            await world.decide(Erased(token=one.subject))
            await world.decide(Released(suspension_id=one.suspension_id))
            await world.until(open_count(world, 0))
            # Whoever is suspended cannot be forgotten: nobody could release them.
            assert (
                await last_by_key(f"{topic_prefix}.audit-people", cluster=unprotected(kafka)) != {}
            )
            before = await world.lines()
            turns_count = world.turns_count
            await world.decide(Erased(token=one.subject))
            await world.until(lambda: world.turns_count > turns_count)
        assert (await world.lines())[: len(before)] == before
        assert await last_by_key(f"{topic_prefix}.audit-people", cluster=unprotected(kafka)) == {}
        assert await world.world() == []

    run(scenario)
