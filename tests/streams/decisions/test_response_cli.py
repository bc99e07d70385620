"""What people type: register, suspensions, feedback and audit, on a real Kafka with a worker."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from detectors.event import AccessEvent, Participants
from streams.cli.suspensions import command as suspensions_command
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.records import OutgoingRecord
from streams.kafka.send import send
from tests.commands import printed, ran
from tests.waiting import wait_until

CONFIG = """\
[kafka]
bootstrap = "{bootstrap}"
topic_prefix = "{prefix}"
partitions = 1

[metrics]
port = 0

[checkpoint]
interval_seconds = 0.5

[response]
suspend_risk = 0.025

[response.modes]
suspend = "approve"

{keys}
"""
REGISTER = """\
[[institutions]]
id = "north"
group = "hospitals"
contact = "access@example.org"
participants_max = 200
"""
MAIN = "from streams.cli import main; main()"
START_MS = 1_775_044_800_000


def is_registered(institution: str, *where: str) -> bool:
    """Tell whether an institution is registered."""
    return ran("register", "show", institution, *where).exit_code == 0


@contextlib.contextmanager
def worker(config: Path) -> Iterator[None]:
    """Run a worker that is gone by the end, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "worker", "--config", str(config)],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def take(bootstrap: str, prefix: str, *, first: int, count: int) -> None:
    """Let a user of north take participants."""
    event = AccessEvent(
        id=f"e{first}",
        time=START_MS + first,
        institution="north",
        user="u-17",
        dataset="imaging",
        participants=Participants(ranges=[(first, first + count - 1)]),
    )
    topic = f"{prefix}.access-events"
    value = msgspec.json.encode(event)
    send(
        [OutgoingRecord(topic=topic, key=b"north", value=value, partition=0)],
        cluster=unprotected(bootstrap),
    )


@pytest.mark.kafka
@pytest.mark.slow
def test_people_register_approve_judge_and_are_forgotten(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """The whole way of the response, as somebody at a terminal goes it."""
    key, config, register = tmp_path / "ann.pem", tmp_path / "h.toml", tmp_path / "register.toml"
    keys = printed("suspensions", "keygen", "ann", "--out", str(key))
    config.write_text(CONFIG.format(bootstrap=kafka, prefix=topic_prefix, keys=keys))
    register.write_text(REGISTER)
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=1)
    where, mine = ("--config", str(config)), ("--key", str(key))
    with worker(config):
        assert "ann registers north" in printed("register", "push", str(register), *where, *mine)
        wait_until(lambda: is_registered("north", *where), what="registered")
        assert "1 unchanged" in printed("register", "push", str(register), *where)
        assert '"hospitals"' in printed("register", "show", "north", *where)
        # Ten of the cap's two hundred, then a theft.
        take(kafka, topic_prefix, first=0, count=10)
        take(kafka, topic_prefix, first=1_000, count=41_200)
        wait_until(lambda: "requested" in printed("suspensions", "list", *where), what="requested")
        listed = printed("suspensions", "list", *where)
        assert "suspend user u-17 of north" in listed
        take(kafka, topic_prefix, first=100_000, count=60_000)
        everything = ("suspensions", "list", "--all", *where)
        wait_until(lambda: "suspend is open already" in printed(*everything), what="withheld")
        declined = msgspec.json.decode(printed(*everything, "--json").splitlines()[-1])
        assert (declined["type"], declined["withheld"]["reason"]) == ("withheld", "already_open")
        (suspension,) = [
            msgspec.json.decode(line)
            for line in printed("suspensions", "list", "--json", *where).splitlines()
        ]
        assert suspension["contact"] == "access@example.org"
        approved = printed("suspensions", "approve", suspension["suspension_id"][:8], *where, *mine)
        assert "ann approves" in approved
        wait_until(lambda: "active" in printed("suspensions", "list", *where), what="active")
        note = ("--note", "an agreed export")
        printed(
            "feedback",
            suspension["alert_id"],
            "expected",
            "--until",
            "2026-06-01",
            *note,
            *where,
            *mine,
        )
        wait_until(lambda: not printed("suspensions", "list", *where), what="released")
        assert "by ann: expected" in printed("suspensions", "list", "--all", *where)
        assert "erases person-" in printed("audit", "erase", "north", "u-17", *where, *mine)
        forgotten = "suspend user u-17"
        wait_until(
            lambda: forgotten not in printed("suspensions", "list", "--all", *where),
            what="forgotten",
        )
    report = printed("audit", "verify", *where)
    assert "whole" in report
    exported = tmp_path / "audit.jsonl"
    exported.write_text(printed("audit", "export", *where))
    assert printed("audit", "verify", "--file", str(exported)) == report
    assert "u-17" not in exported.read_text()
    # The register was adopted before the theft: the cap is among the alert's reasons.
    assert re.search(r'"detectors":\[[^]]*"coverage"', exported.read_text())


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """It may be the only one that can release somebody."""
    path = tmp_path / "ann.pem"
    command = ["keygen", "ann", "--out", str(path)]
    assert CliRunner().invoke(suspensions_command, command).exit_code == 0
    before = path.read_bytes()
    assert CliRunner().invoke(suspensions_command, command).exit_code == 1
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o600)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            '[[institutions]]\nid = "a"\ngruop = "g"\n',
            "institutions[0].gruop: unknown key; did you mean group?",
            id="a key that does not exist",
        ),
        pytest.param(
            '[[institutions]]\nid = "a"\n[[institutions]]\nid = "a"\n',
            "institutions[1].id: 'a' is there twice",
            id="an institution twice",
        ),
        pytest.param(
            '[[institutions]]\nid = "a"\n[[institutions.exemptions]]\nid = "x"\n'
            "valid_from = 2026-02-01T00:00:00Z\nvalid_to = 2026-01-01T00:00:00Z\n",
            "institutions[0].exemptions[0].valid_to: expected a time after valid_from",
            id="a period that ends before it begins",
        ),
        pytest.param("institutions = 3\n", "institutions: expected a list", id="no list"),
        pytest.param("x", "register.toml: ", id="no TOML"),
    ],
)
def test_a_mistake_in_a_register_is_named(text: str, problem: str, tmp_path: Path) -> None:
    """By the key's path, before anything is sent."""
    path = tmp_path / "register.toml"
    path.write_text(text)
    result = ran("register", "check", str(path))
    assert problem in str(result.exception)


def test_a_register_without_mistakes_is_said_to_be_one(tmp_path: Path) -> None:
    """And by how many institutions it has."""
    path = tmp_path / "register.toml"
    path.write_text(REGISTER)
    assert "1 institutions, no mistakes found" in printed("register", "check", str(path))
