"""The script of access rules, carried out on a real Kafka that knows who is who."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from kafka.admin import ACLResourcePatternType as PatternType
from msgspec import Struct

from detectors.event import AccessEvent, Participants
from streams.kafka.acls import RAW, ROLES
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.topics import TOPICS
from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import free_ports
from tests.waiting import wait_until

Start = Callable[..., Path]

THEFT = AccessEvent(
    id="e1",
    time=1_775_000_000_000,
    institution="north",
    dataset="imaging",
    participants=Participants(ranges=[(0, 249_999)]),
)
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "acls.sh"
# Stands in for Kafka's tool: says what it was asked for.
TOOL = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word" >> "$ASKED"; done
echo >> "$ASKED"
"""
PROPERTIES = """\
listeners=PLAINTEXT://127.0.0.1:{{port}},NAMED://127.0.0.1:{port},CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},NAMED://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,NAMED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.named.scram-sha-512.sasl.jaas.config={login} required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:ANONYMOUS
"""
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule"
MAIN = "from streams.cli import main; main()"
CONFIG = """
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "live"
partitions = 1
[kafka.security]
sasl = "SCRAM-SHA-512"
[checkpoint]
interval_seconds = 0.5
[metrics]
port = {port}
[hook]
url = "http://127.0.0.1:9/"
metrics_port = {hook_port}
"""
KINDS = {
    "--topic": ResourceType.TOPIC,
    "--group": ResourceType.GROUP,
    "--transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class Guarded(Struct, frozen=True, kw_only=True):
    """A Kafka with the rules in force: for clients with a name, and for nobody in particular."""

    named: str
    anonymous: str


def asked(home: Path, *, prefix: str = "headgate") -> list[list[str]]:
    """Return what the script asks Kafka's tool for, call by call."""
    tool = home / "kafka-acls"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    path = f"{home}{os.pathsep}{os.environ['PATH']}"
    calls = home / f"asked-{prefix}"
    more = {
        "PATH": path, "ASKED": str(calls), "BOOTSTRAP": "b:9", "ADMIN": "a", "PREFIX": prefix,
    }  # fmt: skip
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, str(SCRIPT)], env=os.environ | more, timeout=60, check=True)
    return [call.split("\n") for call in calls.read_text().strip().split("\n\n")]


def rules(words: list[str]) -> Iterator[ACL]:
    """Yield the rules of one call, as Kafka's tool would make them."""
    pairs = list(pairwise(words))
    (principal,) = [value for name, value in pairs if name == "--allow-principal"]
    pattern = PatternType.PREFIXED if "prefixed" in words else PatternType.LITERAL
    for name, value in pairs:
        if name in KINDS:
            for operation in (value for name, value in pairs if name == "--operation"):
                yield ACL(
                    principal=principal,
                    host="*",
                    operation=ACLOperation[_constant(operation)],
                    permission_type=ACLPermissionType.ALLOW,
                    resource_pattern=ResourcePattern(KINDS[name], value, pattern),
                )


def _constant(operation: str) -> str:
    return {"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(operation, operation.upper())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Yield a Kafka on which the script was carried out."""
    (port,) = free_ports(1)
    with LocalBroker(properties=PROPERTIES.format(port=port, login=LOGIN)) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        home = tmp_path_factory.mktemp("tool")
        # The second is for what really runs: the first is filled with whatever may be written.
        for prefix in ("headgate", "live"):
            ensure_topics(
                unprotected(broker.bootstrap), prefix=prefix, partitions=1, replication_factor=1
            )
            acls = [rule for words in asked(home, prefix=prefix) for rule in rules(words)]
            assert acls
            admin.create_acls(acls)
        mechanism = ScramMechanism.SCRAM_SHA_512
        admin.alter_user_scram_credentials(
            [
                UserScramCredentialUpsertion(f"headgate-{role.name}", mechanism, role.name)
                for role in ROLES
            ]
        )
        admin.close()
        yield Guarded(named=f"127.0.0.1:{port}", anonymous=broker.bootstrap)


def login(role: str) -> dict[str, str]:
    """Return how a role says who it is."""
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": f"headgate-{role}",
        "sasl_plain_password": role,
    }


async def may_write(guarded: Guarded, role: str, topic: str) -> bool:
    """Tell whether Kafka takes a record."""
    producer = AIOKafkaProducer(bootstrap_servers=guarded.named, **login(role))
    await producer.start()
    try:
        await producer.send_and_wait(f"headgate.{topic}", b"{}", key=b"k")
    except TopicAuthorizationFailedError:
        return False
    finally:
        await producer.stop()
    return True


async def may_read(guarded: Guarded, role: str, topic: str, *, group: str | None = None) -> bool:
    """Tell whether Kafka gives a record."""
    filler = AIOKafkaProducer(bootstrap_servers=guarded.anonymous)
    await filler.start()
    await filler.send_and_wait(f"headgate.{topic}", b"{}", key=b"k")
    await filler.stop()
    consumer = AIOKafkaConsumer(
        f"headgate.{topic}",
        bootstrap_servers=guarded.named,
        group_id=group,
        auto_offset_reset="earliest",
        **login(role),
    )
    try:
        await consumer.start()
        await asyncio.wait_for(consumer.getone(), 20)
    except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
        return False
    finally:
        await consumer.stop()
    return True


@pytest.mark.slow
@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_each_role_writes_what_it_may_and_nothing_else(guarded: Guarded, role: str) -> None:
    """Over every topic that there is."""
    (mine,) = [candidate for candidate in ROLES if candidate.name == role]
    writable = {topic.name for topic in TOPICS if asyncio.run(may_write(guarded, role, topic.name))}
    assert writable == set(mine.writes) - {RAW}


@pytest.mark.slow
@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_each_role_reads_what_it_may_and_nothing_else(guarded: Guarded, role: str) -> None:
    """Over every topic that there is."""
    (mine,) = [candidate for candidate in ROLES if candidate.name == role]
    readable = {topic.name for topic in TOPICS if asyncio.run(may_read(guarded, role, topic.name))}
    assert readable == set(mine.reads) - {RAW}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "allowed"), [("headgate-hook", True), ("headgate-worker", False)]
)
def test_the_hook_cannot_take_the_workers_place(
    guarded: Guarded, group: str, *, allowed: bool
) -> None:
    """Its progress is its own; whoever joins the workers' group would stop a judge."""
    assert asyncio.run(may_read(guarded, "hook", "suspensions", group=group)) == allowed


@pytest.mark.slow
def test_the_rules_are_all_that_worker_and_hook_need(
    guarded: Guarded, tmp_path: Path, start: Start
) -> None:
    """Each under its own name: an event is judged and saved, its suspension reaches the hook."""
    config, (port, hook_port) = tmp_path / "headgate.toml", free_ports(2)
    config.write_text(CONFIG.format(bootstrap=guarded.named, port=port, hook_port=hook_port))
    secrets = {"HEADGATE_HOOK_SECRETS": f"whsec_{b64encode(bytes(range(32))).decode()}"}

    def begin(role: str, *more: str) -> Path:
        name = {
            "HEADGATE_KAFKA_USERNAME": f"headgate-{role}",
            "HEADGATE_KAFKA_PASSWORD": role,
        }
        command = (sys.executable, "-c", MAIN, role, "--config", str(config), *more)
        return start(*command, log=f"{role}.log", **name, **secrets)

    logs = [begin("worker", "--no-create-topics"), begin("hook")]
    for log in logs:
        wait_until(partial(is_ready, log))
    asyncio.run(
        send_all([THEFT], cluster=unprotected(guarded.anonymous), topic="live.access-events")
    )
    wait_until(lambda: 'headgate_incident_severity{institution="north"' in fetched(port))
    states = r"headgate_suspensions_open_count\{[^}]*\} [1-9]"
    wait_until(lambda: re.search(states, fetched(port)) is not None)
    wait_until(lambda: "headgate_hook_waiting_deliveries 1.0" in fetched(hook_port))
    assert not [log for log in logs if "uthoriz" in log.read_text()]


def is_ready(log: Path) -> bool:
    """Tell whether a process says that it is ready."""
    return "Ready." in log.read_text()


def fetched(port: int) -> str:
    """Return the metrics that are served at `port`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_no_rule_is_wider_than_a_role(tmp_path: Path) -> None:
    """Nobody may do everything, nothing is for everybody, and every call adds."""
    for words in asked(tmp_path):
        assert words[:6] == [
            "--bootstrap-server",
            "b:9",
            "--command-config",
            "a",
            "--add",
            "--force",
        ]
        command = shlex.join(words)
        assert "*" not in command
        assert "--operation All" not in command
