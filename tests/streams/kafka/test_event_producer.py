"""`headgate simulate`: seeded worlds as canonical events."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detectors.config import CohortConfig
from detectors.event import AccessEvent
from detectors.synthetic import SCENARIOS
from streams.cli.simulate import command
from streams.ingest.codec import DecodeConfig, decode, decode_limits
from streams.kafka.admin import ensure_topics
from streams.kafka.cluster import unprotected
from streams.kafka.log_reader import TopicReader
from streams.kafka.topics import ACCESS_EVENTS

SMALL = ("--institutions", "8", "--days", "12")


def simulate(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_every_line_is_an_event_that_the_codec_accepts() -> None:
    """What simulates a platform obeys the platform's contract."""
    limits = decode_limits(DecodeConfig(), CohortConfig())
    lines = simulate("honest", *SMALL).stdout_bytes.splitlines()
    assert lines
    assert all(isinstance(decode(line, limits=limits), AccessEvent) for line in lines)


def test_the_same_seed_gives_the_same_bytes_packed_or_not(tmp_path: Path) -> None:
    """A world can be named by its seed alone."""
    plain, packed, again = (tmp_path / name for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.gz"))
    for path in (plain, packed, again):
        assert simulate("smash_and_grab_v1", *SMALL, "--to", path).exit_code == 0
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    assert packed.read_bytes() == again.read_bytes()


def test_another_seed_gives_another_world() -> None:
    """Seeds are not decoration."""
    assert simulate("honest", *SMALL).stdout != simulate("honest", *SMALL, "--seed", "2").stdout


def test_thefts_are_told_on_standard_error_and_in_the_labels(tmp_path: Path) -> None:
    """Nobody should take a world with thefts for an honest one."""
    labels, register = tmp_path / "labels.json", tmp_path / "register.json"
    result = simulate(*("smash_and_grab_v1", *SMALL, "--labels", labels, "--register", register))
    theft = json.loads(labels.read_bytes())["thefts"][0]
    assert theft["scenario"] == "smash_and_grab_v1"
    assert f"planted: smash_and_grab_v1 by {theft['institutions'][0]}" in result.stderr
    assert len(json.loads(register.read_bytes())["institutions"]) == 8


def test_the_list_names_every_scenario() -> None:
    """Scenario ids are permanent; people look them up here."""
    listed = simulate("--list").stdout
    assert all(scenario.id in listed for scenario in SCENARIOS)


def test_an_unknown_scenario_is_wrong_usage() -> None:
    """Exit code 2, and the known ones are named."""
    result = simulate("smash_and_grap_v1")
    assert result.exit_code == 2
    assert "smash_and_grab_v1" in result.stderr


@pytest.mark.kafka
def test_a_world_goes_to_kafka_in_order_under_its_institutions(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Each institution lies in one partition, its events as they came."""
    ensure_topics(unprotected(kafka), prefix=topic_prefix, partitions=3)
    config = tmp_path / "headgate.toml"
    config.write_text(f'[kafka]\nbootstrap = "{kafka}"\ntopic_prefix = "{topic_prefix}"\n')
    assert simulate("honest", *SMALL, "--to", "kafka", "--config", config).exit_code == 0
    expected: dict[str, list[bytes]] = {}
    for line in simulate("honest", *SMALL).stdout_bytes.splitlines():
        expected.setdefault(json.loads(line)["institution"], []).append(line)
    received: dict[str, list[bytes]] = {}
    with TopicReader(ACCESS_EVENTS.full_name(topic_prefix), cluster=unprotected(kafka)) as reader:
        for partition in reader.partitions:
            for batch in reader.records(partition):
                for record in batch:
                    key = (record.key or b"").decode()
                    received.setdefault(key, []).append(record.value or b"")
    assert received == expected
