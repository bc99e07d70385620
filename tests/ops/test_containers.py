"""The container files: linted, sealed, and every command in them run without an engine."""

import re
import subprocess
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import yaml

from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import free_ports
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
BIN = Path(sys.executable).parent
OURS = ("worker", "simulator", "hook", "receiver", "pager")
SECRETS = {
    "HEADGATE_STATE_KEY": "0123456789abcdef0123456789abcdef",
    "HEADGATE_HOOK_SECRETS": f"whsec_{b64encode(bytes(range(32))).decode()}",
}

Service = dict[str, object]
Start = Callable[..., Path]


def services() -> dict[str, Service]:
    """Return the services, anchors resolved."""
    document = yaml.safe_load((DOCKER / "compose.yml").read_text())
    by_name: dict[str, Service] = document["services"]
    return by_name


def test_the_dockerfile_passes_its_linter() -> None:
    """Without an exception."""
    ended = subprocess.run(
        [str(BIN / "hadolint"), str(DOCKER / "Dockerfile")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (0, "")


def test_what_the_dockerfile_copies_is_there_and_let_in() -> None:
    """A file that .dockerignore keeps out would fail the build."""
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        source
        for line in (DOCKER / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if f"!{source}" not in let_in] == []


def test_the_compose_file_follows_its_schema() -> None:
    """The specification's own."""
    ended = subprocess.run(
        [
            str(BIN / "check-jsonschema"),
            "--builtin-schema", "vendor.compose-spec",
            str(DOCKER / "compose.yml"),
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", services())
def test_every_service_is_sealed(name: str) -> None:
    """No new privileges, no capabilities, a read-only file system, a version that is named."""
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    # Kafka's start script writes into its image.
    assert service["read_only"] or name == "kafka"
    assert re.fullmatch(r"headgate:local|[a-z/]+:v?\d+\.\d+\.\d+", str(service["image"]))
    assert "privileged" not in service
    assert "healthcheck" in service or name == "worker"


@pytest.mark.parametrize("name", services())
def test_nothing_listens_beyond_loopback(name: str) -> None:
    """On the machine; inside, the containers have a network of their own."""
    ports = services()[name].get("ports", [])
    assert isinstance(ports, list)
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []


def test_no_secret_stands_in_the_file() -> None:
    """They come from the environment, and there is no default that somebody would leave."""
    text = (DOCKER / "compose.yml").read_text()
    assert re.findall(r"(?i)(?:password|secret|key)[A-Z_]*: (?!\$\{\w+:\?)\S+", text) == []
    assert "docker/.env" in (ROOT / ".gitignore").read_text()


def test_whoever_waits_waits_for_health() -> None:
    """And for services that can tell."""
    for name, service in services().items():
        waits = service.get("depends_on", {})
        assert isinstance(waits, dict), name
        conditions = {dependency: how["condition"] for dependency, how in waits.items()}
        assert {how for dependency, how in conditions.items() if dependency != "hook"} <= {
            "service_healthy"
        }


def test_every_file_that_is_mounted_exists() -> None:
    """A missing one would be made, as an empty directory."""
    mounted = [
        str(volume).split(":")[0]
        for service in services().values()
        for volume in _listed(service.get("volumes", []))
        if str(volume).startswith(".")
    ]
    assert mounted
    assert [path for path in mounted if not (DOCKER / path).exists()] == []


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


class Machine:
    """What stands in for the containers: paths, ports and addresses of this machine."""

    def __init__(self, home: Path, broker: str) -> None:
        """Lay out the files that the containers see."""
        worker, hook, receiver, pager = free_ports(4)
        self.pager = pager
        self.swaps = {
            "/etc/headgate/headgate.toml": str(home / "headgate.toml"),
            "/opt/receiver/receiver.py": str(ROOT / "docs/examples/receiver/receiver.py"),
            "/opt/receiver/projects.json": str(ROOT / "docs/examples/receiver/projects.json"),
            "/opt/pager.py": str(DOCKER / "pager.py"),
            "/var/lib/receiver/receiver.db": str(home / "receiver.db"),
            "kafka:19092": broker,
            ":9464": f":{worker}",
            ":9465": f":{hook}",
            "8080": str(receiver),
            "9095": str(pager),
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - replaced, not bound.
        }
        text = self.here((DOCKER / "headgate.toml").read_text())
        text = text.replace(
            "[hook]", f"[metrics]\nport = {worker}\n\n[hook]\nmetrics_port = {hook}"
        )
        (home / "headgate.toml").write_text(text)

    def here(self, text: str) -> str:
        """Return `text` with what differs on this machine."""
        for theirs, ours in self.swaps.items():
            text = text.replace(theirs, ours)
        for name, secret in SECRETS.items():
            text = re.sub(rf"\$\{{{name}:\?[^}}]*\}}", secret, text)
        return text

    def command(self, service: Service) -> list[str]:
        """Return what the container would run."""
        entry = _listed(service.get("entrypoint", ["headgate"]))
        words = [self.here(str(word)) for word in (*entry, *_listed(service["command"]))]
        # The receiver's port is a default of its own.
        more = ["--port", self.swaps["8080"]] if "receiver.py" in str(words) else []
        return [str(BIN / words[0]), *words[1:], *more]

    def environment(self, service: Service) -> dict[str, str]:
        """Return the service's environment."""
        given = service["environment"]
        assert isinstance(given, Mapping)
        return {name: self.here(str(value)) for name, value in given.items()}

    def healthy(self, service: Service) -> bool:
        """Carry out the health check of a service, or of its image."""
        check = service.get("healthcheck", {"test": dockerfile_check()})
        assert isinstance(check, Mapping)
        _, *words = [self.here(str(word)) for word in check["test"]]
        command = [str(BIN / words[0]), *words[1:]]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def dockerfile_check() -> list[str]:
    """Return the image's own health check, as a compose file would say it."""
    (arguments,) = re.findall(r"CMD (\[\"python.*\])\n", (DOCKER / "Dockerfile").read_text())
    return ["CMD", *yaml.safe_load(arguments)]


def kafka_properties() -> str:
    """Return the environment of the Kafka container as lines of the node's configuration."""
    given = services()["kafka"]["environment"]
    assert isinstance(given, Mapping)
    lines = [
        f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}"
        for name, value in given.items()
        if name.startswith("KAFKA_")
    ]
    (host,) = free_ports(1)
    text = "\n".join(lines) + "\n"
    for theirs, ours in {
        "INSIDE://:19092": "INSIDE://127.0.0.1:{port}",
        "INSIDE://kafka:19092": "INSIDE://127.0.0.1:{port}",
        "HOST://:9092": f"HOST://127.0.0.1:{host}",
        "HOST://127.0.0.1:9092": f"HOST://127.0.0.1:{host}",
        "CONTROLLER://:9093": "CONTROLLER://127.0.0.1:{controller_port}",
        "1@kafka:9093": "1@127.0.0.1:{controller_port}",
        "/var/lib/kafka/data": "{data}",
    }.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text


@pytest.fixture(scope="module")
def composed_kafka() -> Iterator[str]:
    """Yield the address of a Kafka with the compose file's settings."""
    with LocalBroker(properties=kafka_properties()) as broker:
        yield broker.bootstrap


@pytest.mark.slow
def test_all_of_it_starts_and_a_theft_is_seen(
    composed_kafka: str, tmp_path: Path, start: Start
) -> None:
    """Each command of the compose file, in its order, with its environment and health check."""
    machine = Machine(tmp_path, composed_kafka)
    every = services()
    logs = {}
    for name in ("worker", "hook", "receiver", "pager", "simulator"):
        logs[name] = start(
            *machine.command(every[name]), log=f"{name}.log", **machine.environment(every[name])
        )
        if name != "simulator":
            wait_until(partial(machine.healthy, every[name]))
    assert set(logs) == set(OURS)
    wait_until(lambda: "planted" in logs["simulator"].read_text())
    address = machine.here("http://127.0.0.1:9464/metrics")
    wait_until(lambda: 'headgate_incident_severity{institution="inst-020"' in _fetched(address))
    hook = machine.here("http://127.0.0.1:9465/metrics")
    acknowledged = r'headgate_hook_attempts_total\{outcome="acknowledged"\} [1-9]'
    wait_until(lambda: re.search(acknowledged, _fetched(hook)) is not None)


def _fetched(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - ours
        text: str = answer.read().decode()
    return text
