"""A theft, seen from the pager: worker, Prometheus and Alertmanager as they run in production."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml

from detectors.event import AccessEvent, Participants
from streams.simulator import send_all

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
MAIN = "from streams.cli import main; main()"

Port = Callable[[], int]
Start = Callable[..., "subprocess.Popen[str]"]

CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 2
[checkpoint]
interval_seconds = 0.5
[metrics]
port = {port}
"""
REGISTER = """
[[institutions]]
id = "north"
jurisdiction = "gb"
"""
THEFT = AccessEvent(
    id="e1",
    time=1_775_000_000_000,
    institution="north",
    dataset="imaging",
    action="export",
    participants=Participants(ranges=[(0, 249_999)]),
)


def wait_for(is_so: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Look until it is so."""
    end_seconds = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end_seconds
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Tell whether something answers well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours
            return bool(answer.status < 300)
    except OSError:
        return False


def prometheus_config(*, worker_port: int, alertmanager_port: int) -> str:
    """Return the configuration as shipped, at the addresses of this test and in its hurry."""
    document = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text())
    document["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    document["rule_files"] = [str(DOCKER / "prometheus" / "headgate.rules.yml")]
    (manager,) = document["alerting"]["alertmanagers"]
    manager["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]
    (job,) = document["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{worker_port}"]}]
    return yaml.safe_dump(document)


def alertmanager_config(*, pager_port: int) -> str:
    """Return the configuration as shipped, with the test's pager."""
    text = (DOCKER / "alertmanager" / "alertmanager.yml").read_text()
    document = yaml.safe_load(text.replace("pager:9095", f"127.0.0.1:{pager_port}"))
    document["route"] |= {"group_wait": "0s"}
    return yaml.safe_dump(document)


@pytest.mark.kafka
def test_a_theft_reaches_the_pager(
    kafka: str,
    topic_prefix: str,
    tmp_path: Path,
    program: Callable[[str], str],
    start: Start,
    free_port: Port,
) -> None:
    """Whoever is on call and the institution's jurisdiction hear of it, within a minute."""
    worker_port, pager_port = free_port(), free_port()
    prometheus_port, alertmanager_port = free_port(), free_port()
    (tmp_path / "headgate.toml").write_text(
        CONFIG.format(bootstrap=kafka, prefix=topic_prefix, port=worker_port)
    )
    (tmp_path / "register.toml").write_text(REGISTER)
    (tmp_path / "prometheus.yml").write_text(
        prometheus_config(worker_port=worker_port, alertmanager_port=alertmanager_port)
    )
    (tmp_path / "alertmanager.yml").write_text(alertmanager_config(pager_port=pager_port))
    start(sys.executable, str(DOCKER / "pager.py"), "127.0.0.1", str(pager_port), log="pager.log")
    start(
        program("prometheus-alertmanager"),
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{alertmanager_port}",
        "--cluster.listen-address=",
        log="alertmanager.log",
    )
    start(
        program("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{prometheus_port}",
        log="prometheus.log",
    )
    start(
        sys.executable, "-c", MAIN, "worker",
        "--config", str(tmp_path / "headgate.toml"),
        "--register", str(tmp_path / "register.toml"),
        log="worker.log",
    )  # fmt: skip
    wait_for(lambda: "Ready." in (tmp_path / "worker.log").read_text())
    for port in (alertmanager_port, prometheus_port):
        wait_for(partial(answers, f"http://127.0.0.1:{port}/-/ready"))
    assert not (tmp_path / "pager.log").read_text().count("north")
    asyncio.run(send_all([THEFT], bootstrap=kafka, topic=f"{topic_prefix}.access-events"))
    told = "firing  north is taking too much of the cohort"
    wait_for(lambda: f"page  {told}" in (tmp_path / "pager.log").read_text())
    wait_for(lambda: f"jurisdiction-gb  {told}" in (tmp_path / "pager.log").read_text())
    assert "ticket  firing  north" not in (tmp_path / "pager.log").read_text()
