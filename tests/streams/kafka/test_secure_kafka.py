"""A real Kafka with TLS and SCRAM: who has certificate and password, and who has not."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from detectors.event import AccessEvent, Participants
from streams.kafka.cluster import unprotected
from streams.kafka.event_producer import send_all
from streams.kafka.log_reader import TopicReader
from streams.kafka.security import PASSWORD_VARIABLE, USERNAME_VARIABLE
from streams.local_broker.broker import LocalBroker
from streams.local_broker.ports import free_ports
from tests.faults.source import START_MS
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MAIN = "from streams.cli import main; main()"
PASSWORD = "a password of the tests"  # noqa: S105 - as it says
PROPERTIES = """\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:{{port}},SECURE://127.0.0.1:{secure},\
CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},SECURE://127.0.0.1:{secure}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
"""
CONFIG = """\
[kafka]
bootstrap = "127.0.0.1:{secure}"
topic_prefix = "{prefix}"
partitions = 3
[kafka.security]
tls = true
ca_file = "{ca}"
sasl = "SCRAM-SHA-512"
[checkpoint]
interval_seconds = 0.5
[metrics]
port = 0
"""


class Secure:
    """A broker, its protected port, and the certificate to trust."""

    def __init__(self, broker: LocalBroker, port: int, ca: Path) -> None:
        """Keep all three."""
        self.broker, self.port, self.ca = broker, port, ca

    def config(self, home: Path, prefix: str, *, ca: Path | None = None) -> Path:
        """Write a worker's configuration and return its path."""
        path = home / "headgate.toml"
        path.write_text(CONFIG.format(secure=self.port, prefix=prefix, ca=ca or self.ca))
        return path


def certificate(home: Path) -> tuple[Path, Path]:
    """Return a new certificate of 127.0.0.1 that signs itself, and it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    public = signed.public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    home.mkdir(parents=True)
    (home / "ca.pem").write_bytes(public)
    (home / "keystore.pem").write_bytes(secret + public)
    return home / "ca.pem", home / "keystore.pem"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """Yield a broker that knows one user."""
    ca, keystore = certificate(tmp_path_factory.mktemp("tls") / "broker")
    (port,) = free_ports(1)
    with LocalBroker(properties=PROPERTIES.format(secure=port, keystore=keystore)) as broker:
        with contextlib.closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            mechanism = ScramMechanism.SCRAM_SHA_512
            user = UserScramCredentialUpsertion("worker", mechanism, PASSWORD)
            assert admin.alter_user_scram_credentials([user]) == {"worker": None}
        yield Secure(broker, port, ca)


def environment(*, password: str = PASSWORD) -> dict[str, str]:
    """Return the environment of a command that may log in."""
    return os.environ | {USERNAME_VARIABLE: "worker", PASSWORD_VARIABLE: password}


def grab(number: int) -> AccessEvent:
    """Return an event that is told of at once: somebody new takes a tenth of the cohort."""
    return AccessEvent(
        id=f"grab-{number}",
        time=START_MS + number,
        institution=f"thief-{number}",
        dataset="imaging",
        participants=Participants(ranges=[(0, 50_000)]),
    )


def alerts_count(bootstrap: str, prefix: str) -> int:
    """Return how many alerts there are."""
    with TopicReader(f"{prefix}.alerts", cluster=unprotected(bootstrap)) as reader:
        return reader.total_count


def test_a_worker_with_certificate_and_password_works(
    secure: Secure, topic_prefix: str, tmp_path: Path
) -> None:
    """Its topics are made, events judged, states read back; and the password is nowhere."""
    config, log = secure.config(tmp_path, topic_prefix), tmp_path / "worker.log"
    bootstrap = secure.broker.bootstrap
    for number in range(2):
        with log.open("ab") as output:
            command = [sys.executable, "-c", MAIN, "worker", "--verbose", "--config", str(config)]
            process = subprocess.Popen(command, stderr=output, stdout=output, env=environment())
        try:
            wait_until(lambda pid=process.pid: f"pid={pid} Ready." in log.read_text())  # type: ignore[misc]
            topic = f"{topic_prefix}.access-events"
            asyncio.run(send_all([grab(number)], cluster=unprotected(bootstrap), topic=topic))
            wait_until(lambda wanted=number + 1: alerts_count(bootstrap, topic_prefix) >= wanted)  # type: ignore[misc]
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
    completed = subprocess.run(
        [sys.executable, "-c", MAIN, "config", "show", "--config", str(config)],
        capture_output=True, check=True, env=environment(),
    )  # fmt: skip
    assert PASSWORD not in log.read_text() + completed.stdout.decode()


@pytest.mark.parametrize("wrong", ["password", "certificate"])
def test_a_worker_without_them_ends_and_says_so(
    wrong: str, secure: Secure, topic_prefix: str, tmp_path: Path
) -> None:
    """Neither a wrong password nor a broker that nobody vouches for is worked with."""
    ca = certificate(tmp_path / "other")[0] if wrong == "certificate" else secure.ca
    config = secure.config(tmp_path, topic_prefix, ca=ca)
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, "worker", "--config", str(config)],
        capture_output=True, check=False, timeout=100, text=True,
        env=environment(password="the wrong one" if wrong == "password" else PASSWORD),
    )  # fmt: skip
    assert ended.returncode == 1
    assert "can't make the topics on" in ended.stderr
    assert "the wrong one" not in ended.stderr
