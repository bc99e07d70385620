"""`headgate doctor`: each thing that may be wrong is named, with what to do about it."""

from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaProducer

from streams.cli.doctor import command
from streams.doctor import broker, machine
from streams.doctor.broker import Expected, broker_findings
from streams.doctor.finding import Finding
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.config import KafkaConfig
from streams.kafka.placement import partition_of
from streams.kafka.topics import ACCESS_EVENTS
from streams.local_broker.runtime import BrokerError
from streams.settings.variables import BOOTSTRAP_VARIABLE
from streams.state.envelope import STATE_KEY_VARIABLE

NOT_A_BROKER = "127.0.0.1:1"


def by_check(findings: Iterator[Finding]) -> dict[str, Finding]:
    """Return findings by their check's name."""
    return {finding.check: finding for finding in findings}


def expected_on(bootstrap: str, prefix: str) -> Expected:
    """Return a configuration of two partitions."""
    config = KafkaConfig(bootstrap=bootstrap, topic_prefix=prefix, partitions=2)
    return Expected(
        kafka=config, cluster=unprotected(bootstrap), adapters=(), group=f"{prefix}-worker"
    )


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the configuration at an address where nobody listens, and don't wait there."""
    monkeypatch.setenv(BOOTSTRAP_VARIABLE, NOT_A_BROKER)
    monkeypatch.setattr("streams.kafka.admin_client.CONNECT_TIMEOUT_MS", 300)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        pytest.param((3, 10), "fail", id="Older than what the code is written in."),
        pytest.param((3, 11), "ok", id="The oldest that is supported."),
        pytest.param((3, 13), "ok", id="The newest that is supported."),
        pytest.param((3, 14), "fail", id="Newer than what the pinned packages are built for."),
    ],
)
def test_python_is_one_we_test_with(version: tuple[int, int], level: str) -> None:
    """Only tested versions pass."""
    assert machine.python_finding(version).level == level


def test_a_package_at_another_version_than_pinned_is_a_failure() -> None:
    """Private names of the pinned packages are relied on, so another version is not enough."""
    finding = machine.packages_finding(["click==0.0.1", "msgspec>=0.1"])
    assert finding.level == "fail"
    assert finding.sentence.endswith("0.0.1 is needed")


def test_a_pin_is_checked_where_extras_stand_between_name_and_version() -> None:
    """As with Kafka's client, on whose private names the worker relies."""
    finding = machine.packages_finding(["aiokafka[lz4,snappy,zstd]==0.0.1"])
    assert finding.sentence.startswith("aiokafka is ")
    assert finding.sentence.endswith("but ==0.0.1 is needed")


def test_a_package_below_its_least_version_is_a_failure() -> None:
    """Not only pins can be missed."""
    assert machine.packages_finding(["click>=1000"]).level == "fail"


@pytest.mark.parametrize(
    ("marker", "level"),
    [("python_version < '3'", "ok"), ("python_version >= '3'", "fail"), ("extra == 'x'", "ok")],
)
def test_what_a_marker_leaves_out_is_not_missed(marker: str, level: str) -> None:
    """A requirement of other Pythons or of an extra is none here."""
    assert machine.packages_finding([f"no-such-package-at-all; {marker}"]).level == level


def test_what_the_distribution_asks_for_is_there() -> None:
    """These tests run in an environment that was made from it."""
    requirements = requires("headgate") or []
    assert machine.packages_finding(requirements).level == "ok"


def test_a_missing_package_is_a_failure() -> None:
    """The name of what is missing is said."""
    finding = machine.packages_finding(["no-such-package-at-all>=1"])
    assert finding.sentence == "no-such-package-at-all is missing"


def test_a_wrong_configuration_is_named_by_its_key(tmp_path: Path) -> None:
    """The key's path stands in the finding, and nothing is checked against a broker."""
    path = tmp_path / "headgate.toml"
    path.write_text("[kafka]\npartitions = 0\n")
    finding, settings = machine.config_finding(path)
    assert settings is None
    assert finding.level == "fail"
    assert "kafka.partitions" in finding.sentence


def test_an_unset_state_key_is_a_warning() -> None:
    """It works without, but whoever reads the source can sign."""
    assert machine.state_key_finding(None).level == "warn"
    assert machine.state_key_finding("secret").level == "ok"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than is needed is said before Kafka finds out."""
    monkeypatch.setattr(machine, "FREE_BYTES_MIN", 1 << 62)
    assert machine.disk_finding(tmp_path).level == "warn"


def test_a_missing_local_broker_is_only_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a Kafka of their own needs none of ours."""

    def absent() -> None:
        problem = "no Java"
        raise BrokerError(problem)

    monkeypatch.setattr(machine, "installed_runtime", absent)
    assert machine.local_broker_finding().level == "warn"
    monkeypatch.setattr(machine, "installed_runtime", lambda: None)
    assert "broker --fetch" in machine.local_broker_finding().advice


@pytest.mark.usefixtures("nobody")
def test_a_broker_that_is_not_there_ends_with_one() -> None:
    """The exit code is 1, and the line says what was tried and what to do."""
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 1
    assert f"FAIL  broker: {NOT_A_BROKER} doesn't answer" in result.output
    assert "`headgate broker` for a local one" in result.output


@pytest.mark.usefixtures("nobody")
def test_every_warning_and_failure_has_advice() -> None:
    """A finding that doesn't say what to do is of no use at night."""
    result = CliRunner().invoke(command, ["--json"])
    findings = msgspec.json.decode(result.stdout, type=list[Finding])
    assert [finding.check for finding in findings if finding.level == "fail"] == ["broker"]
    assert [f for f in findings if f.level != "ok" and not f.advice] == []


@pytest.mark.kafka
def test_a_fresh_broker_lacks_its_topics(kafka: str, topic_prefix: str) -> None:
    """Nothing fails: the first worker will make them."""
    findings = by_check(broker_findings(expected_on(kafka, topic_prefix)))
    levels = {check: finding.level for check, finding in findings.items()}
    assert levels == {
        "broker": "ok",
        "topics": "warn",
        "lag": "warn",
        "keys": "warn",
        "clock": "ok",
    }
    assert f"{topic_prefix}.access-events" in findings["topics"].sentence


@pytest.mark.kafka
def test_records_that_nobody_reads_are_counted(kafka: str, topic_prefix: str) -> None:
    """The lag of a group that never came is all there is, and a warning says that none watches."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka)
    for number in range(3):
        producer.send(ACCESS_EVENTS.full_name(topic_prefix), b"{}", partition=number % 2)
    producer.close()
    findings = by_check(broker_findings(expected_on(kafka, topic_prefix)))
    assert findings["topics"].level == "ok"
    assert findings["lag"].sentence.startswith(f"3 records wait for group {topic_prefix}-worker")
    assert findings["lag"].advice == "Nobody watches: start `headgate worker`."


@pytest.mark.kafka
def test_keys_that_lie_elsewhere_are_told_by_partition(kafka: str, topic_prefix: str) -> None:
    """A producer that places keys by another hash is found before anybody misses an alert."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=2)
    home = partition_of("uni-bern", partitions=2)
    producer = KafkaProducer(bootstrap_servers=kafka)
    topic = ACCESS_EVENTS.full_name(topic_prefix)
    for partition in (home, home, 1 - home):
        producer.send(topic, b"{}", key=b"uni-bern", partition=partition)
    producer.close()
    finding = by_check(broker_findings(expected_on(kafka, topic_prefix)))["keys"]
    assert finding.level == "warn"
    assert finding.sentence.endswith(f"strays: 1 in {1 - home}")
    assert "partitioner=murmur2_random" in str(finding.advice)


@pytest.mark.kafka
def test_topics_of_another_size_fail(kafka: str, topic_prefix: str) -> None:
    """What would stop the worker is seen before it is started."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=3)
    findings = by_check(broker_findings(expected_on(kafka, topic_prefix)))
    assert findings["topics"].level == "fail"
    assert "has 3 partitions, 2 are configured" in findings["topics"].sentence


@pytest.mark.kafka
def test_a_clock_that_is_far_off_fails(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead, and the events of this machine would be refused as of the future."""
    monkeypatch.setattr(broker, "wall_ms", lambda: 0)
    findings = by_check(broker_findings(expected_on(kafka, topic_prefix)))
    assert findings["clock"].level == "fail"


@pytest.mark.kafka
def test_the_doctor_leaves_no_topic_behind(kafka: str, topic_prefix: str) -> None:
    """The topic that the clock is read by goes again."""
    list(broker_findings(expected_on(kafka, topic_prefix)))
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    left = [name for name in admin.list_topics() if name.startswith(topic_prefix)]
    admin.close()
    assert left == []


@pytest.mark.kafka
def test_a_sound_installation_ends_with_nought(
    kafka: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's broker and prefix are used; warnings alone don't fail."""
    monkeypatch.delenv(BOOTSTRAP_VARIABLE, raising=False)
    monkeypatch.setenv(STATE_KEY_VARIABLE, "secret")
    path = tmp_path / "headgate.toml"
    path.write_text(f'[kafka]\nbootstrap = "{kafka}"\ntopic_prefix = "{topic_prefix}"\n')
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=4)
    result = CliRunner().invoke(command, ["--config", str(path)])
    assert result.exit_code == 0, result.output
    assert f"ok  config: {path}" in result.output
