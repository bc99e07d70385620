"""A pushed configuration on a real Kafka: from its time on, in every partition, whatever dies."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result
from msgspec.structs import replace

from detectors.config import CohortConfig, CoreConfig, config_hash
from detectors.config_schedule import Scheduled
from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.control.config_record import CONFIG as CONFIG_KIND
from streams.control.config_record import encode_scheduled
from streams.control.records import control_record
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.records import OutgoingRecord
from streams.kafka.send import send
from streams.local_broker.ports import free_ports
from streams.settings.settings import load_settings
from streams.state.envelope import StateKeys, keys_from_text
from tests.commands import printed, ran
from tests.waiting import wait_until

NOW_MS = 1_775_044_800_000


HOUR_MS = 3_600_000


MAIN = "from streams.cli import main; main()"


CONFIG = """\
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 2
session_timeout_seconds = 6

[metrics]
port = {port}

[checkpoint]
interval_seconds = 0.5

{keys}
"""


CHANGED = """
[budget]
false_alert_days_per_week_per_100_institutions = 50.0
"""


class Running:
    """A prefix on the broker, and a worker on it that may be killed."""

    def __init__(self, kafka: str, prefix: str, home: Path) -> None:
        """Write the configuration and make the topics."""
        self.kafka, self.prefix, self.home = kafka, prefix, home
        (self.port,) = free_ports(1)
        self.key, self.file, self.log = home / "ann.pem", home / "h.toml", home / "worker.log"
        keys = printed("suspensions", "keygen", "ann", "--out", self.key)
        self.text = CONFIG.format(bootstrap=kafka, prefix=prefix, port=self.port, keys=keys)
        self.file.write_text(self.text)
        ensure_topics(unprotected(kafka), prefix=prefix, partitions=2)
        self.taken_count = 0

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker that is gone by the end, whatever happens."""
        command = [sys.executable, "-c", MAIN, "worker", "--config", str(self.file)]
        with self.log.open("ab") as output:
            process = subprocess.Popen(command, stderr=output)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def changed(self, name: str, more: str) -> Path:
        """Return a file with more in it."""
        path = self.home / f"{name}.toml"
        path.write_text(self.text + more)
        return path

    def push(self, path: Path, *more: str) -> Result:
        """Push a file."""
        return ran("config", "push", path, "--key", self.key, *more)

    def take(self, institution: str, *, hour: int, count: int = 41_200, partition: int = 0) -> None:
        """Let an institution take people who are new to it."""
        first = self.taken_count * 1_000
        self.taken_count += count // 1_000
        event = AccessEvent(
            id=f"e{first}",
            time=NOW_MS + hour * HOUR_MS,
            institution=institution,
            user="u",
            dataset="imaging",
            participants=Participants(ranges=[(first, first + count - 1)]),
        )
        self.send(msgspec.json.encode(event), institution.encode(), partition=partition)

    def send(self, value: bytes, key: bytes, *, partition: int = 0) -> None:
        """Send a record to the access events."""
        topic = f"{self.prefix}.access-events"
        record = OutgoingRecord(topic=topic, key=key, value=value, partition=partition)
        send([record], cluster=unprotected(self.kafka))

    def control(self, value: bytes, keys: StateKeys) -> None:
        """Send a control record with a configuration."""
        topic = f"{self.prefix}.access-events"
        record = control_record(CONFIG_KIND, value, topic=topic, partition=0, key=b"all", keys=keys)
        send([record], cluster=unprotected(self.kafka))

    def values(self, topic: str) -> list[bytes]:
        """Return what a topic holds."""
        with TopicReader(f"{self.prefix}.{topic}", cluster=unprotected(self.kafka)) as reader:
            records = [r for p in reader.partitions for batch in reader.records(p) for r in batch]
        return [record.value or b"" for record in records]

    def findings(self) -> list[dict[str, Any]]:
        """Return what was alerted, each statement once."""
        findings = [json.loads(value)["data"] for value in self.values("alerts")]
        return list({finding["metadata"]["uid"]: finding for finding in findings}.values())

    def metric(self, name: str, **labels: str) -> float | None:
        """Return one series as the worker serves it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
                text = answer.read().decode()
        except OSError:
            return None
        series_labels = ",".join(f'{key}="{value}"' for key, value in labels.items())
        series = re.escape(
            f"headgate_{name}{{{series_labels}}}" if series_labels else f"headgate_{name}"
        )
        match = re.search(rf"^{series} (\S+)$", text, flags=re.MULTILINE)
        return None if match is None else float(match[1])

    def hashes(self, institution: str) -> list[str]:
        """Return the configurations that an institution's alerts quote, in order of revision."""
        of = [
            finding for finding in self.findings() if finding["resources"][0]["uid"] == institution
        ]
        of.sort(key=lambda finding: finding["unmapped"]["revision"])
        return [str(finding["unmapped"]["config_hash"]) for finding in of]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_push_holds_from_its_time_on_in_every_partition_whatever_dies(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Pushed, adopted at the time, kept over a kill, replayed to the byte; a bad one refused."""
    run = Running(kafka, topic_prefix, tmp_path)
    changed = run.changed("changed", CHANGED)
    old, new = (config_hash(load_settings(path).core) for path in (run.file, changed))
    with run.worker() as process:
        wait_until(
            lambda: ran("config", "pushed", "--config", run.file).stdout != "", what="recorder"
        )
        assert printed("config", "pushed", "--config", run.file) == f"{old}  the workers' file\n"
        refuse_what_cannot_be_pushed(run)
        run.take("north", hour=1)
        wait_until(lambda: run.hashes("north") == [old], what="the first alert")
        pushed = run.push(changed, "--from", "2026-04-01T22:00:00Z", "--note", "a quiet season")
        assert pushed.exit_code == 0, pushed.output
        assert "budget.false_alert_days_per_week_per_100_institutions: 5.0 -> 50.0" in pushed.stdout
        assert f"ann pushes {new}, which holds from 2026-04-01 22:00:00 UTC on" in pushed.stdout
        assert "never pushed: kafka, checkpoint, response, metrics" in pushed.stdout
        wait_until(
            lambda: run.metric("config_changes_total") == 2.0, what="told in both partitions"
        )
        assert run.metric("config_pushes_total", outcome="accepted") == 1.0
        what_was_pushed_is_listed(run, changed)
        # Before its time, after its time, and in the other partition.
        run.take("north", hour=9, count=80_000)
        run.take("south", hour=11, partition=1)
        wait_until(lambda: len(run.findings()) == 3, what="alerts before and after")
        assert run.metric("config_info", hash=new) == 1.0
        assert run.metric("config_info", hash=old) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (run.hashes("north"), run.hashes("south")) == ([old, old], [new])
    with run.worker() as process:
        other = replace(CoreConfig(), cohort=CohortConfig(size=9))
        bad = Scheduled(sequence=10_000, from_ms=0, config=other)
        run.control(encode_scheduled(bad), keys_from_text(None))
        run.control(encode_scheduled(bad), StateKeys("somebody else's key"))
        run.take("south", hour=10, count=100_000, partition=1)
        run.take("north", hour=12, count=150_000)
        # Late: north has passed the time of the push, and stays where it is.
        run.take("north", hour=3, count=1_000)
        wait_until(lambda: len(run.findings()) == 5, what="alerts after the restart")
        wait_until(lambda: run.metric("config_refused_total") == 2.0, what="two are refused")
        assert run.metric("events_rejected_total", reason="config_invalid") == 1.0
        assert run.metric("config_info", hash=new) == 1.0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (run.hashes("north"), run.hashes("south")) == ([old, old, new], [new, new])
    assert "whole" in printed("audit", "verify", "--config", run.file)
    log = run.log.read_text()
    assert "configuration: cohort.size: cannot change while judging; 500000 holds, got 9" in log
    # Once for each of the two workers.
    warning = "A configuration was pushed that this worker's file does not hold yet."
    assert log.count(f"{warning} config_hash={new} from_time=2026-04-01T22:00:00.000Z") == 2
    replay_says_the_same(run)


def refuse_what_cannot_be_pushed(run: Running) -> None:
    """Let people try what is refused; nothing of it is sent."""
    for name, more, path in (
        ("cohort", "[cohort]\nsize = 400000\n", "cohort.size: read only at a start"),
        ("rings", "[detectors.collusion]\nmode = 'off'\n", "detectors.collusion.mode: read only"),
        ("canary", "[detectors.canary]\nparticipants = [7]\n", "detectors.canary.participants: "),
    ):
        refused = run.push(run.changed(name, more))
        assert isinstance(refused.exception, ConfigError)
        assert str(refused.exception).startswith(path)
    assert "nothing changes" in run.push(run.file).stdout
    stranger = ran("config", "push", run.changed("other", CHANGED))
    assert "HEADGATE_DECISION_KEY" in str(stranger.exception)
    assert run.values("decisions") == []


def what_was_pushed_is_listed(run: Running, changed: Path) -> None:
    """Read what holds; another push of the same has nothing to send."""
    listed = printed("config", "pushed", "--config", run.file).splitlines()
    old, new = (config_hash(load_settings(path).core) for path in (run.file, changed))
    assert listed[0] == f"{old}  the workers' file"
    assert listed[1].startswith(f"{new}  from 2026-04-01 22:00:00 UTC, pushed by ann at 20")
    assert listed[1].endswith(": a quiet season")
    (line,) = printed("config", "pushed", "--config", run.file, "--json").splitlines()
    assert json.loads(line)["config_hash"] == new
    assert "nothing changes" in run.push(changed, "--from", "2026-04-01T22:00:00Z").stdout


def replay_says_the_same(run: Running) -> None:
    """Hold a replay of the topic, and an explanation, against what the workers said."""
    out = run.home / "alerts.ndjson"
    topic = f"kafka:{run.prefix}.access-events"
    totals = json.loads(printed("replay", topic, "--config", run.file, "--alerts", out, "--json"))
    assert totals["rejects"] == {"config_invalid": 1, "unsigned": 1}
    replayed = {json.loads(line)["metadata"]["uid"]: line for line in out.read_bytes().splitlines()}
    recorded = {}
    for value in run.values("alerts"):
        finding = bytes(msgspec.json.decode(value, type=dict[str, msgspec.Raw])["data"])
        recorded[json.loads(finding)["metadata"]["uid"]] = finding
    assert replayed == recorded
    # Another file is tried on all of it, not only on what came before the push.
    printed("replay", topic, "--config", run.file, "--alerts", out, "--json", "--ignore-pushed")
    tried = [json.loads(line)["unmapped"]["config_hash"] for line in out.read_bytes().splitlines()]
    assert set(tried) == {config_hash(load_settings(run.file).core)}
    (alert_id,) = {
        statement["finding_info"]["uid"]
        for statement in run.findings()
        if statement["resources"][0]["uid"] == "north"
    }
    explained = json.loads(printed("explain", alert_id, "--config", run.file, "--json"))
    assert explained["record"] == "same_bytes"
