"""A theft, seen from the pager: worker, Prometheus and Alertmanager as they run in production."""

import asyncio
import contextlib
import json
import sys
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from msgspec import Struct

from detectors.event import AccessEvent, Participants
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.local_broker.ports import free_ports
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
MAIN = "from streams.cli import main; main()"

DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
VARIABLES = {
    '=~"$institution"': '=~".*"',
    '="$institution"': '="north"',
    "$jurisdiction": ".*",
    "$dataset": ".*",
    "$__interval": "1h",
}
# What did not happen here: nothing was rejected, nobody runs the hook, everything was said at once.
MAY_BE_SILENT = {
    # Its column of events that name nobody: there are none.
    "headgate-taking": {"Institutions, the worst first"},
    "headgate-detectors": {
        "Share of alerts that people confirmed",
        "Why alerts led to no measure",
    },
    "headgate-pipeline": {
        "Rejected, by reason",
        "Rejected or judged in part in 7 days, by institution",
        "Mended in events judged in part, by what was done",
        "Dead letters on the broker, by reason",
        "Suspensions to the platform",
    },
}

Start = Callable[..., Path]

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
    # Nobody runs the hook here: the worker's job is the first.
    job = document["scrape_configs"][0]
    document["scrape_configs"] = [job]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{worker_port}"]}]
    return yaml.safe_dump(document)


def alertmanager_config(*, pager_port: int) -> str:
    """Return the configuration as shipped, with the test's pager."""
    text = (DOCKER / "alertmanager" / "alertmanager.yml").read_text()
    document = yaml.safe_load(text.replace("pager:9095", f"127.0.0.1:{pager_port}"))
    document["route"] |= {"group_wait": "1s"}
    return yaml.safe_dump(document)


class Watched(Struct, frozen=True, kw_only=True):
    """Everything that runs: where Prometheus is, and what the pager printed."""

    prometheus: str
    pager_log: Path


@pytest.fixture(scope="module")
def watched(
    kafka: str,
    tmp_path_factory: pytest.TempPathFactory,
    program: Callable[[str], str],
    start: Start,
) -> Watched:
    """Return what runs after a theft: pager, Alertmanager, Prometheus and a worker."""
    home, prefix = tmp_path_factory.mktemp("watched"), f"test-{uuid.uuid4().hex[:12]}"
    worker, pager, prometheus, alertmanager = free_ports(4)
    files = {
        "headgate.toml": CONFIG.format(bootstrap=kafka, prefix=prefix, port=worker),
        "register.toml": REGISTER,
        "prometheus.yml": prometheus_config(worker_port=worker, alertmanager_port=alertmanager),
        "alertmanager.yml": alertmanager_config(pager_port=pager),
    }
    for name, text in files.items():
        (home / name).write_text(text)
    pager_log = start(
        sys.executable, str(DOCKER / "pager.py"), "127.0.0.1", str(pager), log="pager.log"
    )
    start(
        program("prometheus-alertmanager"),
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{alertmanager}",
        "--cluster.listen-address=",
        log="alertmanager.log",
    )
    start(
        program("prometheus"),
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{prometheus}",
        log="prometheus.log",
    )
    worker_log = start(
        sys.executable, "-c", MAIN, "worker",
        "--config", str(home / "headgate.toml"),
        "--register", str(home / "register.toml"),
        log="worker.log",
    )  # fmt: skip
    wait_until(lambda: "Ready." in worker_log.read_text())
    for port in (alertmanager, prometheus):
        wait_until(partial(answers, f"http://127.0.0.1:{port}/-/ready"))
    running = Watched(prometheus=f"http://127.0.0.1:{prometheus}", pager_log=pager_log)
    # A counter must be seen at zero before it grows.
    wait_until(lambda: bool(answer(running, "headgate_alerts_total")))
    assert "north" not in pager_log.read_text()
    asyncio.run(send_all([THEFT], cluster=unprotected(kafka), topic=f"{prefix}.access-events"))
    return running


def test_nobody_is_told_twice_of_one_institution(
    tmp_path: Path, program: Callable[[str], str], start: Start
) -> None:
    """The real Alertmanager keeps tickets about whom somebody is woken for, and groups the rest."""
    pager, alertmanager = free_ports(2)
    config = tmp_path / "alertmanager.yml"
    config.write_text(alertmanager_config(pager_port=pager))
    log = start(sys.executable, str(DOCKER / "pager.py"), "127.0.0.1", str(pager), log="told.log")
    start(
        program("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{alertmanager}",
        "--cluster.listen-address=",
        log="routes.log",
    )
    wait_until(partial(answers, f"http://127.0.0.1:{alertmanager}/-/ready"))
    alerts = [
        raised("HeadgateExtraction", "page", institution="north", jurisdiction="gb"),
        raised("HeadgateNearLimit", "ticket", institution="north", jurisdiction="gb"),
        raised("HeadgateDown", "page"),
        raised("HeadgateNoEvents", "page"),
        raised("HeadgateNearLimit", "ticket", institution="south", jurisdiction="gb"),
    ]
    request = urllib.request.Request(
        f"http://127.0.0.1:{alertmanager}/api/v2/alerts",
        data=json.dumps(alerts).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
        assert answer.status == 200
    expected = {
        "page  firing  HeadgateExtraction of north",
        "jurisdiction-gb  firing  HeadgateExtraction of north",
        "page  firing  HeadgateDown of nobody",
        "ticket  firing  HeadgateNearLimit of south",
    }
    wait_until(lambda: expected <= set(log.read_text().splitlines()))
    assert set(log.read_text().splitlines()[1:]) == expected


def raised(name: str, severity: str, **labels: str) -> dict[str, object]:
    """Return an alert as Prometheus sends it."""
    summary = f"{name} of {labels.get('institution', 'nobody')}"
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {"summary": summary},
    }


@pytest.mark.kafka
def test_a_theft_reaches_the_pager(watched: Watched) -> None:
    """Whoever is on call and the institution's jurisdiction hear of it, within a minute."""
    headline = "firing  north is taking too much of the cohort"
    wait_until(lambda: f"page  {headline}" in watched.pager_log.read_text())
    wait_until(lambda: f"jurisdiction-gb  {headline}" in watched.pager_log.read_text())
    assert "ticket  firing  north" not in watched.pager_log.read_text()


@pytest.mark.kafka
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_answers_every_query_of_a_dashboard(watched: Watched, path: Path) -> None:
    """The real one, about a real worker; empty are those alone of which nothing happened."""
    document = json.loads(path.read_text())
    asked = {
        (panel["title"], target["refId"]): target["expr"]
        for panel in document["panels"]
        for target in panel.get("targets", ())
    }
    assert asked
    silent = MAY_BE_SILENT.get(path.stem, set())

    def unanswered() -> set[str]:
        return {title for (title, _), expr in asked.items() if not answer(watched, expr)}

    with contextlib.suppress(AssertionError):
        wait_until(lambda: unanswered() == silent)
    assert unanswered() == silent


@pytest.mark.kafka
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_answers_what_marks_a_graph(watched: Watched, path: Path) -> None:
    """An alert's mark is there once the alert is counted."""
    for mark in json.loads(path.read_text())["annotations"]["list"]:
        answer(watched, mark["expr"])


def answer(watched: Watched, expr: str) -> list[object]:
    """Return what Prometheus has for a dashboard's query, its variables filled in."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    asked = urllib.parse.urlencode({"query": expr})
    url = f"{watched.prometheus}/api/v1/query?{asked}"
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - ours
        result: list[object] = json.load(response)["data"]["result"]
    return result
