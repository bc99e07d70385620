"""Another number of partitions, by copying the access events under another prefix."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from detectors.errors import SinkError
from detectors.event import AccessEvent, Participants
from streams.console.progress import NullProgress
from streams.control.partition_time import TIME
from streams.control.records import control_record
from streams.ingest.codec import encode
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.maintenance.migration import Copied, migrate
from streams.state.envelope import keys_from_text
from tests.waiting import wait_until

MAIN = "from streams.cli import main; main()"
INSTITUTIONS = [f"institution-{number}" for number in range(9)]
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = {partitions}
session_timeout_seconds = 6
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
"""
# Every second one takes enough to be told of, some of it twice.
EVENTS = [
    AccessEvent(
        id=f"{who}-{number}",
        time=1_775_000_000_000 + number,
        institution=who,
        dataset="imaging",
        participants=Participants(ranges=[(number * 9_000, number * 9_000 + 8_999 * (place % 2))]),
    )
    for number in range(5)
    for place, who in enumerate(INSTITUTIONS)
]
HEADERS = [("ce_type", b"of somebody"), ("trace", b"\x00\xff")]


def headgate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program to its end."""
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def worker(config: Path) -> Iterator[None]:
    """Run a worker until the block ends, and have it save."""
    with config.with_suffix(".log").open("ab") as log:
        command = [sys.executable, "-c", MAIN, "worker", "--config", str(config)]
        process = subprocess.Popen(command, stderr=log)
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def records(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic, partition by partition."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


def alert_ids(bootstrap: str, prefix: str) -> list[str]:
    """Return the ids of all alerts, as the worker has sent them."""
    documents = [
        json.loads(record.value or b"") for record in records(bootstrap, f"{prefix}.alerts")
    ]
    return sorted(alert["data"]["finding_info"]["uid"] for alert in documents)


def replayed_ids(bootstrap: str, prefix: str, home: Path) -> list[str]:
    """Return the ids of all alerts of a replay of the recorded events."""
    (home / "replay.toml").write_text(
        CONFIG.format(bootstrap=bootstrap, prefix=prefix, partitions=3)
    )
    path = home / "alerts.ndjson"
    arguments = ("--config", str(home / "replay.toml"), "--alerts", str(path))
    done = headgate("replay", *arguments, f"kafka:{prefix}.access-events")
    assert done.returncode == 0, done.stderr
    findings = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(finding["finding_info"]["uid"] for finding in findings)


async def send(bootstrap: str, topic: str, *, events: Sequence[AccessEvent]) -> None:
    """Send events with headers, a control record, a tombstone, and one that has no key."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, partitioner=DefaultPartitioner()
    ) as producer:
        for event in events:
            await producer.send(topic, encode(event), key=event.institution.encode())
        key = INSTITUTIONS[0].encode()
        await producer.send(topic, b"{}", key=key, headers=HEADERS)
        await producer.send(topic, None, key=key)
        await producer.send(topic, b"nobody's", partition=1)
        control = control_record(
            TIME, b"{}", topic=topic, partition=0, key=b"all", keys=keys_from_text(None)
        )
        await producer.send(
            topic, control.value, key=control.key, partition=0, headers=list(control.headers)
        )


def filled(bootstrap: str, prefix: str) -> str:
    """Make the topics of the old prefix, fill the access events, and return their topic."""
    ensure_topics(unprotected(bootstrap), prefix=prefix, partitions=3)
    topic = f"{prefix}.access-events"
    asyncio.run(send(bootstrap, topic, events=EVENTS))
    return topic


def copied(bootstrap: str, source: str, target: str) -> Copied:
    """Migrate without a word."""
    return migrate(
        unprotected(bootstrap), source=source, target=target, shown=lambda *_: NullProgress()
    )


def by_key(copied_records: Sequence[TopicRecord]) -> dict[bytes | None, list[object]]:
    """Return what each key has, in order, without where it lies."""
    keyed: dict[bytes | None, list[object]] = {}
    for record in copied_records:
        keyed.setdefault(record.key, []).append((record.value, record.timestamp, record.headers))
    return keyed


@pytest.mark.kafka
@pytest.mark.slow
def test_judges_under_more_partitions_say_what_a_replay_of_the_old_ones_says(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Judged under three, copied to five, judged again: alerts carry the ids that they had."""
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, partitions=3))
    new.write_text(CONFIG.format(bootstrap=kafka, prefix=f"{topic_prefix}-5", partitions=5))
    filled(kafka, topic_prefix)
    replayed = replayed_ids(kafka, topic_prefix, tmp_path)
    assert len(replayed) >= 4
    with worker(old):
        wait_until(lambda: alert_ids(kafka, topic_prefix) == replayed)
    done = headgate("migrate", topic_prefix, "--config", str(new), "--json")
    assert done.returncode == 0, done.stderr
    copied = json.loads(done.stdout)
    assert (copied["source_partitions"], copied["target_partitions"]) == (3, 5)
    # Our control record, and those in which the worker has said the reference, stay behind.
    assert copied["copied_count"] == copied["events_count"] == len(EVENTS) + 3
    assert copied["left_behind_count"] >= 1
    with worker(new):
        wait_until(lambda: alert_ids(kafka, f"{topic_prefix}-5") == replayed)


@pytest.mark.kafka
def test_everything_of_a_record_stays_but_its_place(kafka: str, topic_prefix: str) -> None:
    """Keys, values, headers and times, per key in order; and new events get times of arrival."""
    source, target = filled(kafka, topic_prefix), f"{topic_prefix}-2.access-events"
    ensure_topics(unprotected(kafka), prefix=f"{topic_prefix}-2", partitions=2)
    done = copied(kafka, source, target)
    assert (done.copied_count, done.left_behind_count) == (len(EVENTS) + 3, 1)
    there = by_key(records(kafka, source))
    del there[b"all"]
    assert by_key(records(kafka, target)) == there
    began_ms = max(record.timestamp for record in records(kafka, source))
    asyncio.run(send(kafka, target, events=[]))
    assert max(record.timestamp for record in records(kafka, target)) > began_ms


@pytest.mark.kafka
def test_a_copy_that_broke_off_goes_on(kafka: str, topic_prefix: str) -> None:
    """What is there is compared and left; a second run, or one after more events, adds the rest."""
    source, target = filled(kafka, topic_prefix), f"{topic_prefix}-4.access-events"
    ensure_topics(unprotected(kafka), prefix=f"{topic_prefix}-4", partitions=4)
    everything = len(EVENTS) + 3
    assert copied(kafka, source, target).copied_count == everything
    again = copied(kafka, source, target)
    assert (again.copied_count, again.events_count) == (0, everything)
    asyncio.run(send(kafka, source, events=EVENTS[:4]))
    more = copied(kafka, source, target)
    assert (more.copied_count, more.events_count) == (4 + 3, everything + 4 + 3)


@pytest.mark.kafka
def test_other_events_are_refused_before_anything_is_sent(kafka: str, topic_prefix: str) -> None:
    """Nobody may judge a mixture of two records, nor one in which something is missing."""
    source, target = filled(kafka, topic_prefix), f"{topic_prefix}-6.access-events"
    ensure_topics(unprotected(kafka), prefix=f"{topic_prefix}-6", partitions=6)
    asyncio.run(send(kafka, target, events=EVENTS[:3]))
    before = len(records(kafka, target))
    with pytest.raises(SinkError, match="holds events that are not a beginning of those of"):
        copied(kafka, source, target)
    assert len(records(kafka, target)) == before


def test_the_prefix_must_be_another(tmp_path: Path) -> None:
    """It is the configuration that is wrong, and its key is named."""
    config = tmp_path / "headgate.toml"
    config.write_text('[kafka]\ntopic_prefix = "headgate"\n')
    done = headgate("migrate", "headgate", "--config", str(config))
    assert done.returncode == 2
    assert "kafka.topic_prefix: expected another than headgate" in done.stderr


@pytest.mark.kafka
def test_a_prefix_without_events_is_said(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """A slip of the pen copies nothing, and does not look like success."""
    config = tmp_path / "headgate.toml"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, partitions=2))
    done = headgate("migrate", "headgaet", "--config", str(config))
    assert done.returncode == 1
    assert "no topic headgaet.access-events" in done.stderr
