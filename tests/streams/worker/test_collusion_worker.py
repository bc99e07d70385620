"""The judge of all holdings as people run it: workers that follow one another on a real Kafka."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from pyroaring import BitMap64

from detectors.event import AccessEvent, Participants
from detectors.verdict import NewHoldings
from streams.demo.child import Child
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import TopicRecord
from streams.kafka.topics import ACCESS_EVENTS, ALERTS, HOLDINGS
from streams.replay.judges import ring_judge
from streams.settings.settings import load_settings
from streams.sinks import alerts
from streams.sinks.alert_reader import read_alert
from streams.worker.dependencies import group_name
from tests.waiting import wait_until

DAY = 20_454
DAY_MS = 86_400_000
THIRD = 20_000
LIST = random.Random(7).sample(range(500_000), 3 * THIRD)
THIEVES = ("east", "north", "south")
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 3
session_timeout_seconds = 6
[detectors.collusion]
mode = "on"
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
"""


def taken_by(name: str, ids: Sequence[int]) -> list[AccessEvent]:
    """Return how one takes its list within a day, and a last event that closes the day."""
    return [
        AccessEvent(
            id=f"e-{name}-{step}",
            time=DAY * DAY_MS + step * 3_600_000,
            institution=name,
            dataset="imaging",
            participants=Participants(ids=sorted(ids[first : first + 4_000])),
        )
        for step, first in [*enumerate(range(0, len(ids), 4_000)), (30, len(ids) - 1)]
    ]


def received(bootstrap: str, topic: str) -> list[TopicRecord]:
    """Return every record of a topic."""
    with TopicReader(topic, cluster=unprotected(bootstrap)) as reader:
        return [r for p in reader.partitions for batch in reader.records(p) for r in batch]


def is_of_a_ring(record: TopicRecord) -> bool:
    """Tell whether an alert speaks of several institutions."""
    reasons = read_alert(record.value or b"").reasons
    return [detail.reason for detail in reasons] == ["collusion"]


def published_holdings(bootstrap: str, prefix: str) -> list[NewHoldings]:
    """Return the holdings that were published."""
    records = received(bootstrap, HOLDINGS.full_name(prefix))
    return [msgspec.json.decode(record.value or b"", type=NewHoldings) for record in records]


def closed(bootstrap: str, prefix: str) -> set[str]:
    """Return whose whole day lies in the holdings."""
    sizes = [
        (h.institution, len(BitMap64.deserialize(h.participants)))
        for h in published_holdings(bootstrap, prefix)
    ]
    return {institution for institution, size in sizes if size == THIRD}


async def is_settled(bootstrap: str, prefix: str) -> bool:
    """Tell whether all holdings have been judged and committed."""
    place = TopicPartition(HOLDINGS.full_name(prefix), 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group_name(prefix), enable_auto_commit=False
    ) as consumer:
        end = (await consumer.end_offsets([place]))[place]
        return bool(await consumer.committed(place) == end)


def work(config: Path, home: Path, events: Sequence[AccessEvent], *, names: set[str]) -> str:
    """Run one worker until the holdings of `names` are judged, and return its log."""
    home.mkdir()
    log = home / "worker.log"
    kafka = load_settings(config).file.kafka
    bootstrap, prefix = kafka.bootstrap, kafka.topic_prefix
    with Child(["worker", "--config", str(config)], log_path=log) as worker:
        wait_until(lambda: "Ready." in log.read_text(), check=worker.check)
        topic = ACCESS_EVENTS.full_name(prefix)
        asyncio.run(send_all(events, cluster=unprotected(bootstrap), topic=topic))
        wait_until(lambda: closed(bootstrap, prefix) >= names, check=worker.check)
        wait_until(lambda: asyncio.run(is_settled(bootstrap, prefix)), check=worker.check)
    return log.read_text()


def told_by_the_judge_alone(config: Path, bootstrap: str, prefix: str) -> list[bytes]:
    """Return the alerts that the judge gives for what lies in the holdings, in its order."""
    core = load_settings(config).core
    judge = ring_judge(core)
    effects = [
        effect
        for holdings in published_holdings(bootstrap, prefix)
        for effect in judge.add(holdings)
    ]
    return [alerts.record(effect, topic_prefix=prefix).value or b"" for effect in effects]


@pytest.mark.kafka
def test_three_who_share_a_list_are_told_by_workers_that_follow_one_another(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The second remembers two thirds and sees the last; the third has nothing to repeat."""
    config = tmp_path / "headgate.toml"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    east, north, south = (taken_by(name, LIST[at::3]) for at, name in enumerate(THIEVES))
    west = taken_by("west", random.Random(8).sample(range(500_000), THIRD))
    work(config, tmp_path / "first", [*east, *north], names={"east", "north"})
    assert not any(map(is_of_a_ring, received(kafka, ALERTS.full_name(topic_prefix))))
    second = work(config, tmp_path / "second", south, names={"south"})
    third = work(config, tmp_path / "third", west, names={"west"})
    assert all("The judge of all holdings remembers" in log for log in (second, third))
    expected = told_by_the_judge_alone(config, kafka, topic_prefix)
    ring_alerts = [r for r in received(kafka, ALERTS.full_name(topic_prefix)) if is_of_a_ring(r)]
    assert [record.value for record in ring_alerts] == expected
    assert len(ring_alerts) == 1
    assert read_alert(ring_alerts[0].value or b"").members == THIEVES
