"""Producers that place keys by other hashes, on a real Kafka: one judge, one alert, one answer."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from detectors.event import AccessEvent
from detectors.register import Institution, Registered
from streams.cli.replay import BLIND, command
from streams.control.records import INSTRUCTION, Instruction, control_record, encode_instruction
from streams.demo.child import Child
from streams.demo.scrape import scrape
from streams.ingest.codec import encode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.topics import ACCESS_EVENTS, ALERTS
from streams.local_broker.ports import free_ports
from streams.sinks.cloudevent import read_cloudevent
from streams.state.envelope import keys_from_text
from tests.builders import taking
from tests.waiting import until

pytestmark = pytest.mark.kafka

PARTITIONS: Final = 4
PEOPLE: Final = 30_000
# The default of librdkafka (CRC32), that of Kafka's own clients, and another hash.
PARTITIONERS: Final = ("consistent_random", "murmur2_random", "fnv1a_random")
START_MS: Final = 1_767_600_000_000


def theft(name: str) -> list[AccessEvent]:
    """Return what an institution takes in half an hour: a thousand people a minute."""
    step = PEOPLE // 30
    return [
        taking(
            step,
            first=number * step,
            id=f"{name}-{number}",
            time=START_MS + number * 60_000,
            institution=name,
        )
        for number in range(30)
    ]


def produce(kafka: str, topic: str, events: Sequence[AccessEvent], *, partitioner: str) -> None:
    """Send events as a producer on librdkafka does."""
    producer = Producer({"bootstrap.servers": kafka, "partitioner": partitioner})
    for event in events:
        producer.produce(topic, value=encode(event), key=event.institution.encode())
    assert producer.flush(30) == 0


def config_file(path: Path, kafka: str, prefix: str, port: int) -> Path:
    """Write a configuration for four partitions."""
    path.write_text(
        f'[kafka]\nbootstrap = "{kafka}"\ntopic_prefix = "{prefix}"\npartitions = {PARTITIONS}\n'
        f"session_timeout_seconds = 6\n[metrics]\nport = {port}\n"
        "[checkpoint]\ninterval_seconds = 1\n"
    )
    return path


def judge_all(config: Path, port: int, *, events_count: int, log: Path) -> None:
    """Run a worker until it has judged so many events."""

    async def are_judged() -> bool:
        numbers = await scrape(f"http://127.0.0.1:{port}/metrics")
        return numbers is not None and numbers.judged_count >= events_count

    with Child(["worker", "--config", str(config)], log_path=log) as child:
        asyncio.run(asyncio.wait_for(until(are_judged, check=child.check), timeout=120))


def findings(kafka: str, prefix: str) -> list[bytes]:
    """Return what the topic of alerts says."""
    with TopicReader(ALERTS.full_name(prefix), cluster=unprotected(kafka)) as reader:
        records = (r for p in reader.partitions for batch in reader.records(p) for r in batch)
        return [bytes(read_cloudevent(record.value or b"").data) for record in records]


def replayed(config: Path, topic: str, alerts: Path) -> list[bytes]:
    """Return the findings of a replay of the topic."""
    arguments = [f"kafka:{topic}", "--config", str(config), "--alerts", str(alerts)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return alerts.read_bytes().splitlines()


def created(lines: Sequence[bytes]) -> list[str]:
    """Return the institution of each alert that began."""
    documents = [json.loads(line) for line in lines]
    return [each["resources"][0]["uid"] for each in documents if each["activity_id"] == 1]


def test_whatever_the_hash_each_theft_is_one_alert(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Half by one producer and half by another, for each pair; a replay says the same bytes."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    names = ["uni-bern", "eth", "inst-007"]
    for number, name in enumerate(names):
        events = theft(name)
        produce(kafka, topic, events[::2], partitioner=PARTITIONERS[number])
        produce(kafka, topic, events[1::2], partitioner=PARTITIONERS[(number + 1) % 3])
    (port,) = free_ports(1)
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix, port)
    # No worker has met the strays: a replay judges them all the same.
    assert sorted(created(replayed(config, topic, tmp_path / "before"))) == sorted(names)
    judge_all(config, port, events_count=90, log=tmp_path / "worker.log")
    recorded = findings(kafka, topic_prefix)
    assert sorted(created(recorded)) == sorted(names)
    assert sorted(replayed(config, topic, tmp_path / "after")) == sorted(recorded)


def push_cap(kafka: str, topic: str) -> None:
    """Let uni-bern hold at most 300 people, in every partition."""
    entry = Institution(id="uni-bern", participants_max=300)
    body = Instruction(sequence=0, body=Registered(institution="uni-bern", entry=entry))
    producer = Producer({"bootstrap.servers": kafka})
    for partition in range(PARTITIONS):
        control = control_record(
            INSTRUCTION,
            encode_instruction(body),
            topic=topic,
            partition=partition,
            key=b"uni-bern",
            keys=keys_from_text(None),
        )
        headers: list[tuple[str, str | bytes | None]] = [*control.headers]
        producer.produce(
            topic, value=control.value, key=control.key, partition=partition, headers=headers
        )
    producer.flush(30)


def test_a_register_that_was_pushed_before_the_first_event_is_no_event(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The judge that it opened has no time yet: a replay is blind, and says so."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    push_cap(kafka, topic)
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix, 0)
    result = CliRunner().invoke(command, [f"kafka:{topic}", "--config", str(config), "--json"])
    assert result.exit_code == BLIND, result.output
    totals = json.loads(result.stdout)
    assert (totals["events_count"], totals["first_ms"]) == (0, 0)


def test_a_pushed_cap_reaches_who_writes_elsewhere(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """A cap of 300, six times a hundred people by librdkafka's own hash: alerted at 400."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    push_cap(kafka, topic)
    events = [
        taking(100, first=100 * n, id=f"p{n}", time=START_MS + n, institution="uni-bern")
        for n in range(6)
    ]
    produce(kafka, topic, events, partitioner="consistent_random")
    (port,) = free_ports(1)
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix, port)
    judge_all(config, port, events_count=6, log=tmp_path / "worker.log")
    recorded = findings(kafka, topic_prefix)
    assert created(recorded) == ["uni-bern"]
    assert "400" in json.loads(recorded[0])["finding_info"]["desc"]
