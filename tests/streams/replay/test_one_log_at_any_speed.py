"""One log on a real Kafka, at three speeds: the alerts are those of the file, to the byte."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.register import Register
from detectors.synthetic import WorldConfig, build_world
from detectors.verdict import RaiseAlert
from streams.demo.child import Child
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.topics import ACCESS_EVENTS, ALERTS
from streams.replay.replay import Replay
from streams.sinks.alerts import finding
from tests.streams.replay.test_replay_topic import (
    PARTITIONS,
    Said,
    by_id,
    config_file,
    replay_topic,
    said_on,
)

pytestmark = pytest.mark.kafka

SECONDS_MAX = 120.0


@pytest.fixture(scope="module")
def events() -> list[AccessEvent]:
    """Return the events of a small world with a theft, in the order of their times."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    return list(build_world(config, thefts=("smash_and_grab_v1",)).events())


@pytest.fixture(scope="module")
def expected(events: list[AccessEvent]) -> dict[str, bytes]:
    """Return what a replay of the file says, by the id of the statement."""
    effects = Replay(CoreConfig(), register=Register()).effects(events)
    return by_id([finding(each.alert) for each in effects if isinstance(each, RaiseAlert)])


@contextmanager
def workers(config: Path, home: Path, *, count: int) -> Iterator[list[Child]]:
    """Run some workers."""
    with ExitStack() as running:
        yield [
            running.enter_context(
                Child(["worker", "--config", str(config)], log_path=home / f"worker-{number}.log")
            )
            for number in range(count)
        ]


def findings(kafka: str, topic_prefix: str) -> dict[str, bytes]:
    """Return what workers have said so far, by the id of the statement."""
    values = said_on(ALERTS.full_name(topic_prefix), kafka)
    return by_id([bytes(msgspec.json.decode(value, type=Said).data) for value in values])


def wait_for(expected: dict[str, bytes], kafka: str, topic_prefix: str) -> dict[str, bytes]:
    """Return what was said once it is as much as expected, or after a long time."""
    end_seconds = time.monotonic() + SECONDS_MAX
    while True:
        messages = findings(kafka, topic_prefix)
        if len(messages) >= len(expected) or time.monotonic() > end_seconds:
            return messages
        time.sleep(0.5)


def send(events: Sequence[AccessEvent], kafka: str, topic: str) -> None:
    """Send events at full speed."""
    asyncio.run(send_all(list(events), cluster=unprotected(kafka), topic=topic))


@pytest.mark.slow
@pytest.mark.parametrize("speed", ["backlog", "killed", "bit by bit"])
def test_a_log_gives_the_alerts_of_its_file_at_any_speed(
    speed: str,
    events: list[AccessEvent],
    expected: dict[str, bytes],
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    """Two workers, whatever lies before them; and a replay of the topic says it again."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=PARTITIONS)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    config = config_file(tmp_path / "headgate.toml", kafka, topic_prefix)
    # A busy machine is not what is tried here.
    config.write_text(config.read_text().replace("seconds = 6", "seconds = 20"))
    if speed == "backlog":
        send(events, kafka, topic)
    with workers(config, tmp_path, count=2) as (first, _):
        if speed == "killed":
            send(events[: len(events) // 2], kafka, topic)
            os.kill(first.pid or 0, signal.SIGKILL)
            send(events[len(events) // 2 :], kafka, topic)
        if speed == "bit by bit":
            for start in range(0, len(events), 2_000):
                send(events[start : start + 2_000], kafka, topic)
                time.sleep(0.3)
        messages = wait_for(expected, kafka, topic_prefix)
    assert messages == expected != {}
    replay_topic(topic, config, tmp_path / "alerts")
    assert by_id((tmp_path / "alerts").read_bytes().splitlines()) == expected
