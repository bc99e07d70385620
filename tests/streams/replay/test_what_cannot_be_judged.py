"""What a replay says of logs that tell nothing of people, or too much."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from detectors.errors import ConfigError
from detectors.event import AccessEvent, Participants
from streams.cli.replay import command
from streams.ingest.adapters.values import participant_hash
from streams.ingest.codec import encode
from tests.builders import event

HASHED = """
[cohort]
size = 300
participant_ids = "hashed"
"""
DECLARED = """
[datasets."im*"]
people = 40
"""


def written(events: list[AccessEvent], config: str, folder: Path) -> list[str]:
    """Return the arguments of a replay of some events under a configuration."""
    log, file = folder / "log.ndjson", folder / "headgate.toml"
    log.write_bytes(b"".join(encode(each) + b"\n" for each in events))
    file.write_text(config)
    return [str(log), "--config", str(file)]


def of_hashes(first: int, count: int, **changes: object) -> AccessEvent:
    """Return an event of people known by hashes of their names."""
    ids = [participant_hash(str(person)) for person in range(first, first + count)]
    return event(id=str(first), participants=Participants(ids=ids), **changes)


def test_more_ids_than_people_end_a_replay(tmp_path: Path) -> None:
    """Among all institutions together, with the numbers: the configuration is wrong."""
    events = [of_hashes(place * 100, 100, institution=f"i{place}") for place in range(4)]
    with pytest.raises(
        ConfigError, match=r"cohort\.size: 400 distinct ids were taken, of a cohort of 300"
    ):
        CliRunner().invoke(command, written(events, HASHED, tmp_path), catch_exceptions=False)


def test_as_many_ids_as_people_are_judged(tmp_path: Path) -> None:
    """Also where two institutions hold the same ones."""
    events = [of_hashes(place * 50, 150, institution=f"i{place}") for place in range(4)]
    result = CliRunner().invoke(command, [*written(events, HASHED, tmp_path), "--json"])
    assert json.loads(result.stdout)["events_count"] == 4


@pytest.mark.parametrize(("config", "is_listed"), [("", True), (DECLARED, False)])
def test_who_names_nobody_is_listed_unless_it_is_declared_whom(
    config: str, tmp_path: Path, *, is_listed: bool
) -> None:
    """In the summary, in the totals and in the report."""
    files = [event(id=str(number), files=1, bytes=5_000) for number in range(3)]
    named = event(id="named", institution="south", participants=Participants(ids=[7]))
    arguments = written([*files, named], config, tmp_path)
    page = tmp_path / "report.html"
    result = CliRunner().invoke(command, [*arguments, "--report", str(page)])
    sentence = "cannot be judged by people: north (3 of 3 events, 15,000 bytes)"
    assert (result.exit_code, sentence in result.stdout) == (0, is_listed)
    assert ("Cannot be judged by people" in page.read_text()) is is_listed
    totals = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)
    assert [total["institution"] for total in totals["unnamed"]] == ["north"] * is_listed
