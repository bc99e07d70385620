"""The recorder on a real Kafka: what comes in, what it writes, and what survives."""

import asyncio

import msgspec
import pytest
from aiokafka.errors import ProducerFenced

from detectors.feedback import Feedback, Label
from detectors.register import Institution, Registered
from detectors.response.config import Modes
from detectors.response.entries import (
    AlertSeen,
    Approved,
    Erased,
    Labelled,
    Refused,
    Released,
    digest,
)
from detectors.response.state import ResponseState
from streams.control.records import ControlRecord, Instruction, decode_instruction, read_control
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader, last_by_key
from tests.streams.response.recorder_world import (
    ALERT,
    DAY_MS,
    EVE,
    KEYS,
    World,
    open_count,
    run,
)


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
            (pending,) = world.state.open.values()
            wanted = Approved(suspension_id=pending.suspension_id)
            await world.decide(wanted, key=EVE)
            await world.decide(wanted, key=EVE, who="eve")
            await world.decide(wanted, topic="elsewhere.decisions")
            await world.send("decisions", None, b'{"signed": "approve"}')
            await world.send("decisions", b"north", None)
            await world.decide(wanted)
            await world.until(lambda: pending.scope_id not in world.state.open
                              or world.state.open[pending.scope_id].state == "active")  # fmt: skip
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
def test_the_judges_are_told_in_every_partition(kafka: str, topic_prefix: str) -> None:
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
        controls = [
            (record.partition, read_control(
                record, topic=reader.topic, partition=record.partition, keys=KEYS
            ))
            for partition in reader.partitions
            for records in reader.records(partition)
            for record in records
        ]  # fmt: skip
    bodies_by_partition = {
        partition: [
            instruction.body
            for where, control in controls
            if where == partition and isinstance(control, ControlRecord)
            if isinstance(instruction := decode_instruction(control.value), Instruction)
        ]
        for partition in reader.partitions
    }
    assert len(bodies_by_partition) > 1
    for bodies in bodies_by_partition.values():
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
            (suspension,) = world.state.open.values()
            await world.decide(Erased(token=suspension.subject))
            await world.decide(Released(suspension_id=suspension.suspension_id))
            await world.until(open_count(world, 0))
            # Whoever is suspended cannot be forgotten: nobody could release them.
            assert (
                await last_by_key(f"{topic_prefix}.audit-people", cluster=unprotected(kafka)) != {}
            )
            before = await world.lines()
            turns_count = world.turns_count
            await world.decide(Erased(token=suspension.subject))
            await world.until(lambda: world.turns_count > turns_count)
        assert (await world.lines())[: len(before)] == before
        assert await last_by_key(f"{topic_prefix}.audit-people", cluster=unprotected(kafka)) == {}
        assert await world.world() == []

    run(scenario)
