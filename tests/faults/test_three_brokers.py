"""Three brokers that keep everything three times; one is killed, and nobody loses anything."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.local_broker.broker import LocalBroker, new_cluster_id
from streams.local_broker.ports import free_ports
from tests.faults.fault_harness import Ground, battle
from tests.faults.fork_server import ForkServer
from tests.faults.proxy import Proxy

BROKERS = 3
PROPERTIES = """\
node.id={number}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{controller_port}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(280)]


@pytest.fixture
def brokers() -> Iterator[list[LocalBroker]]:
    """Yield three nodes of one cluster, each broker and controller."""
    ports = free_ports(BROKERS)
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(ports, start=1))
    cluster_id = new_cluster_id()
    nodes = [
        LocalBroker(
            properties=PROPERTIES.format(number=n, voters=voters, controller_port=port),
            cluster_id=cluster_id,
        )
        for n, port in enumerate(ports, start=1)
    ]
    with contextlib.ExitStack() as stack:
        for broker in nodes:
            stack.callback(broker.stop)
        with ThreadPoolExecutor(BROKERS) as starting:
            # Together: none of them answers before two of them agree.
            list(starting.map(LocalBroker.start, nodes))
        yield nodes


def test_one_of_three_brokers_is_killed_and_nothing_is_lost(
    brokers: list[LocalBroker], tmp_path: Path
) -> None:
    """Everything was acknowledged by two at least, and the third comes back later."""
    target, survivor, _ = brokers
    addresses = ",".join(broker.bootstrap for broker in brokers)
    with contextlib.closing(Proxy().start(survivor.port)) as unused, ForkServer() as fork_server:
        field = Ground(broker=survivor, proxy=unused, fork_server=fork_server)
        strike(field, target, addresses, tmp_path)


def strike(field: Ground, target: LocalBroker, addresses: str, home: Path) -> None:
    """Kill one broker while events come in, and start it again later."""
    with battle(field, home, name="three", addresses=addresses) as harness:
        with harness.source:
            harness.wait_until(harness.are_ready)
            harness.wait_until(lambda: harness.source.has_sent(600))
            target.kill()
            harness.wait_until(lambda: harness.source.has_sent(2_400))
            target.start()
            harness.wait_until(lambda: harness.source.has_sent(3_600))
        assert harness.compared().differences == []
