"""`headgate replay` as people and programs call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detectors.errors import ConfigError, SinkError
from detectors.synthetic import WorldConfig, build_world
from streams.cli.replay import command
from streams.cli.simulate import command as simulate
from streams.ingest.codec import encode

DATA = Path(__file__).parents[3] / "../shared/data"
EXAMPLES = Path(__file__).parents[3] / "docs/examples"
HEADGATE = (sys.executable, "-c", "from streams.cli import main; main()")


@pytest.fixture(scope="module")
def world_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of a small world with one theft."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    world = build_world(config, thefts=("smash_and_grab_v1",))
    path = tmp_path_factory.mktemp("world") / "events.jsonl"
    path.write_bytes(b"".join(encode(event) + b"\n" for event in world.events()))
    return path


def replay(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_alerts_are_printed_as_sentences_and_a_summary_ends_it(world_path: Path) -> None:
    """What a newcomer sees."""
    result = replay(world_path)
    assert result.exit_code == 0
    assert "new participants in" in result.stdout
    assert "of 12 institutions" in result.stdout
    assert "rejected: 0" in result.stdout


def test_every_line_of_the_alerts_file_is_a_finding(world_path: Path, tmp_path: Path) -> None:
    """Time in ms, a stable id, the institution, the reasons in numbers, the sentence."""
    path = tmp_path / "alerts.ndjson"
    result = replay(world_path, "--alerts", path)
    findings = [json.loads(line) for line in path.read_text().splitlines()]
    assert findings
    for finding in findings:
        assert finding["class_uid"] == 2004
        assert isinstance(finding["time"], int)
        assert finding["finding_info"]["uid"]
        assert finding["resources"][0]["uid"].startswith("inst-")
        assert finding["message"] in result.stdout
    assert any(finding["anomaly_analyses"] for finding in findings)


def test_the_same_file_gives_the_same_bytes_in_another_process(
    world_path: Path, tmp_path: Path
) -> None:
    """A committee can prove an alert years later; no process's salt or clock is in it."""
    first, second = tmp_path / "first", tmp_path / "second"
    replay(world_path, "--alerts", first)
    subprocess.run([*HEADGATE, "replay", world_path, "--alerts", second], check=True)
    assert first.read_bytes() == second.read_bytes() != b""


def test_json_is_one_object_that_a_program_may_read(world_path: Path) -> None:
    """Counts, rejects by reason, and who was flagged with what coverage."""
    result = replay(world_path, "--json")
    totals = json.loads(result.stdout)
    assert totals["institutions_count"] == 12
    assert totals["events_count"] == len(world_path.read_bytes().splitlines())
    assert totals["rejects"] == {}
    flagged = totals["flagged"][0]
    assert 0 < flagged["coverage_ratio"] <= 1
    assert flagged["alert_ids"]


def test_a_report_is_written_where_asked(world_path: Path, tmp_path: Path) -> None:
    """One HTML file that names the flagged."""
    path = tmp_path / "report.html"
    result = replay(world_path, "--report", path)
    assert str(path) in result.stdout
    assert path.read_text().startswith("<!doctype html>")


def test_a_report_tells_the_truth_where_labels_know_it(tmp_path: Path) -> None:
    """What was saved of a simulated theft is measured against the theft itself."""
    events, labels, page = (tmp_path / name for name in ("e.jsonl", "l.json", "report.html"))
    world = ("smash_and_grab_v1", "--institutions", "12", "--days", "40", "--seed", "3")
    arguments = [*world, "--to", str(events), "--labels", str(labels)]
    assert CliRunner().invoke(simulate, arguments).exit_code == 0
    assert replay(events, "--labels", labels, "--report", page).exit_code == 0
    assert "smash_and_grab_v1" in page.read_text()
    assert "theft begins" in page.read_text()


def test_events_come_from_standard_input_too(world_path: Path) -> None:
    """A pipe is an input like any other."""
    with world_path.open("rb") as events:
        done = subprocess.run(
            [*HEADGATE, "replay", "-", "--json"],
            stdin=events,
            stdout=subprocess.PIPE,
            check=True,
        )
    assert json.loads(done.stdout)["institutions_count"] == 12


def test_a_missing_input_fails_with_a_sentence(tmp_path: Path) -> None:
    """A failure, not wrong usage: exit code 1."""
    done = subprocess.run(
        [*HEADGATE, "replay", tmp_path / "nowhere.jsonl"], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"nowhere.jsonl: cannot be opened: No such file or directory" in done.stderr
    assert b"Traceback" not in done.stderr


def test_wrong_usage_and_wrong_config_end_with_two(tmp_path: Path) -> None:
    """And the config's key is named."""
    path = tmp_path / "wrong.toml"
    path.write_text("[cohort]\nsize = 0\n")
    assert replay().exit_code == 2
    done = subprocess.run(
        [*HEADGATE, "replay", "-", "--config", path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"cohort.size" in done.stderr


def test_a_wrong_register_names_the_key(world_path: Path, tmp_path: Path) -> None:
    """An approval that is silently ignored would raise false alerts."""
    path = tmp_path / "register.json"
    path.write_text('{"institutions": [{"id": "north", "participants_maximum": 5}]}')
    error = replay(world_path, "--register", path).exception
    assert isinstance(error, ConfigError)
    assert "participants_maximum" in str(error)
    assert "institutions" in str(error)


def test_a_register_in_toml_is_read(world_path: Path, tmp_path: Path) -> None:
    """Approvals are written by people."""
    path = tmp_path / "register.toml"
    path.write_text(
        '[[institutions]]\nid = "inst-001"\nparticipants_max = 100\n'
        '[[institutions.exemptions]]\nid = "x"\nvalid_from = 2026-01-01T00:00:00Z\n'
        "valid_to = 2027-01-01T00:00:00Z\n"
    )
    assert replay(world_path, "--register", path).exit_code == 0


def test_an_unreachable_broker_is_named() -> None:
    """`kafka:` without Kafka."""
    error = CliRunner(env={"HEADGATE_KAFKA_BOOTSTRAP": "127.0.0.1:1"}).invoke(
        command, ["kafka:headgate.access-events"]
    )
    assert isinstance(error.exception, SinkError)
    assert "127.0.0.1:1" in str(error.exception)


@pytest.mark.parametrize(
    ("name", "events_count", "taker"),
    [("edgar", 174_856, "nfc53cf8298"), ("wikiticker", 39_244, "#vi.wikipedia")],
)
def test_a_day_of_a_real_log_flags_its_bulk_takers(
    name: str, events_count: int, taker: str, tmp_path: Path
) -> None:
    """All rows are read, few institutions are flagged, and the largest taker is among them."""
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} beside the project")
    alerts = tmp_path / "alerts.ndjson"
    result = replay(path, "--config", EXAMPLES / f"{name}.toml", "--alerts", alerts, "--json")
    totals = json.loads(result.stdout)
    assert totals["events_count"] == events_count
    assert totals["rejects"] == {}
    flagged = {each["institution"] for each in totals["flagged"]}
    assert taker in flagged
    assert len(flagged) <= 0.1 * totals["institutions_count"]
    assert all(json.loads(line)["message"] for line in alerts.read_text().splitlines())
