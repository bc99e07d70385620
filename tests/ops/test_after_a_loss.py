"""What the page on operations tells to do after the state topic was lost, done on a real Kafka."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from detectors.event import AccessEvent, Participants
from streams.exits import ExitCode
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.log_reader import TopicReader
from streams.worker.dependencies import group_name
from tests.waiting import wait_until

MAIN = "from streams.cli import main; main()"
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 2
session_timeout_seconds = 6
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
"""
THEFTS = [
    AccessEvent(
        id=f"{who}-{number}",
        time=1_775_000_000_000 + number,
        institution=who,
        dataset="imaging",
        participants=Participants(ranges=[(number * 50_000, number * 50_000 + 49_999)]),
    )
    for number in range(5)
    for who in ("north", "south")
]


@contextmanager
def worker(config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker, and end it whatever happens."""
    with config.with_suffix(".log").open("ab") as log:
        command = [sys.executable, "-c", MAIN, "worker", "--config", str(config)]
        process = subprocess.Popen(command, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def alerts(bootstrap: str, prefix: str) -> list[bytes | None]:
    """Return every alert so far."""
    with TopicReader(f"{prefix}.alerts", cluster=unprotected(bootstrap)) as reader:
        return [r.value for p in reader.partitions for batch in reader.records(p) for r in batch]


@pytest.mark.kafka
@pytest.mark.slow
def test_everything_is_judged_again_and_nothing_is_told_anew(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Without its state a worker refuses; told to begin anew, it says the same bytes again."""
    config = tmp_path / "headgate.toml"
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix))
    with worker(config) as process:
        wait_until(lambda: f"{topic_prefix}.access-events" in topics(kafka))
        topic = f"{topic_prefix}.access-events"
        asyncio.run(send_all(THEFTS, cluster=unprotected(kafka), topic=topic))
        wait_until(lambda: len(alerts(kafka, topic_prefix)) >= 2)
        process.terminate()
        assert process.wait(30) == 0
    first_alerts = alerts(kafka, topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_topics([f"{topic_prefix}.state"])
    wait_until(lambda: f"{topic_prefix}.state" not in topics(kafka))
    with worker(config) as process:
        assert process.wait(60) == ExitCode.STATE_REFUSED
    # One that ended at once is a member until its session is over.
    group = group_name(topic_prefix)
    wait_until(lambda: not admin.describe_groups([group])[group]["members"])
    admin.delete_groups([group])
    admin.close()
    with worker(config) as process:
        wait_until(lambda: len(alerts(kafka, topic_prefix)) >= 2 * len(first_alerts))
        process.terminate()
        assert process.wait(30) == 0
    again = alerts(kafka, topic_prefix)
    assert (len(again), set(again)) == (2 * len(first_alerts), set(first_alerts))


def topics(bootstrap: str) -> set[str]:
    """Return the names of all topics."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    names = set(admin.list_topics())
    admin.close()
    return names
