"""Two workers of one group, scraped side by side: together they show everything once."""

import asyncio
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from detectors.event import AccessEvent, Participants
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.local_broker.ports import free_ports
from tests.waiting import wait_until

MAIN = "from streams.cli import main; main()"
INSTITUTIONS = {f"institution-{number}" for number in range(12)}
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 4
session_timeout_seconds = 6
[checkpoint]
interval_seconds = 0.5
[metrics]
port = {port}
"""


@contextmanager
def worker(config: Path, text: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker until it is ready, and end it whatever happens."""
    config.write_text(text)
    log = config.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "worker", "--config", str(config)], stderr=output
        )
    try:
        wait_until(lambda: "Ready." in log.read_text())
        yield process
    finally:
        process.kill()
        process.wait()


def label_values(port: int, *, name: str, label: str) -> set[str]:
    """Return the values of a label of a metric of the worker at `port`."""
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    return {
        sample.labels[label]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def events() -> list[AccessEvent]:
    """Return one event of each institution."""
    return [
        AccessEvent(
            id=name,
            time=1_775_000_000_000,
            institution=name,
            dataset="imaging",
            participants=Participants(ranges=[(0, 99)]),
        )
        for name in sorted(INSTITUTIONS)
    ]


@pytest.mark.kafka
@pytest.mark.slow
def test_each_institution_is_shown_by_whoever_judges_it(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Before a rebalance, after it, and after the next; silent ones and partitions too."""
    first, second = free_ports(2)

    def config(port: int) -> str:
        return CONFIG.format(bootstrap=kafka, prefix=topic_prefix, port=port)

    def institutions(port: int) -> set[str]:
        return label_values(port, name="headgate_coverage_ratio", label="institution")

    def shared() -> bool:
        of_first, of_second = institutions(first), institutions(second)
        return (
            bool(of_first and of_second)
            and of_first | of_second == INSTITUTIONS
            and not of_first & of_second
        )

    with worker(tmp_path / "first.toml", config(first)):
        topic = f"{topic_prefix}.access-events"
        asyncio.run(send_all(events(), cluster=unprotected(kafka), topic=topic))
        wait_until(lambda: institutions(first) == INSTITUTIONS)
        with worker(tmp_path / "second.toml", config(second)) as other:
            # Nothing is sent any more: what the second one shows is what was saved.
            wait_until(shared)
            other.terminate()
            assert other.wait(30) == 0
        wait_until(lambda: institutions(first) == INSTITUTIONS)
