"""Files, replayed under the register and the feedback of an exported audit."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from detectors.config import CoreConfig, DetectorsConfig, config_hash
from detectors.event import AccessEvent, Participants
from detectors.models.quota import QuotaConfig
from detectors.register import Institution, Registered
from detectors.response.entries import ConfigPushed, DecisionMade, Tick
from detectors.response.push import sendable
from streams.cli import headgate
from streams.response.journal import Journal

HOUR_MS = 3_600_000
START_MS = 1_767_600_000_000


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """Return an audit that raises a cap to 150 in the second hour."""
    journal, path = Journal(), tmp_path / "audit.jsonl"
    entry = Institution(id="north", participants_max=150)
    body = DecisionMade(
        decision_id="d",
        who="ann",
        note="",
        at_ms=START_MS,
        verb=Registered(institution="north", entry=entry),
        jws="",
    )
    lines = [
        *journal.append([(None, Tick())], now_ms=START_MS).lines,
        *journal.append([(None, body)], now_ms=START_MS + 2 * HOUR_MS).lines,
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def pushed(path: Path, *, from_hour: int) -> Path:
    """Write an audit in which a limit of 250 a day was pushed in the first hour."""
    journal = Journal()
    quota = QuotaConfig(new_participants_day_max=250)
    core = CoreConfig(detectors=DetectorsConfig(quota=quota))
    verb = ConfigPushed(
        from_ms=START_MS + from_hour * HOUR_MS,
        config=sendable(core),
        config_hash=config_hash(core),
    )
    body = DecisionMade(decision_id="d", who="ann", note="", at_ms=START_MS, verb=verb, jws="")
    lines = journal.append([(None, body)], now_ms=START_MS + HOUR_MS).lines
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Return an event an hour, each of a hundred people."""
    path = tmp_path / "events.jsonl"
    access_events = [
        AccessEvent(
            id=f"e{hour}",
            time=START_MS + hour * HOUR_MS,
            institution="north",
            dataset="imaging",
            participants=Participants(ranges=[(100 * hour, 100 * hour + 99)]),
        )
        for hour in range(4)
    ]
    path.write_bytes(b"".join(msgspec.json.encode(event) + b"\n" for event in access_events))
    return path


def test_what_was_recorded_holds_from_then_on(events: Path, audit: Path, tmp_path: Path) -> None:
    """Two hundred were held before the cap was known; the next hundred break it."""
    out = tmp_path / "alerts.ndjson"
    arguments = ["replay", str(events), "--audit", str(audit), "--alerts", str(out)]
    assert CliRunner().invoke(headgate, arguments).exit_code == 0
    (alert, *_) = [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]
    assert alert["time"] == START_MS + 2 * HOUR_MS
    assert "holds 300 participants (approved 150)" in alert["message"]
    assert CliRunner().invoke(headgate, [*arguments[:2], *arguments[4:]]).exit_code == 0
    assert out.read_bytes() == b""


def test_an_audit_that_was_changed_is_refused(events: Path, audit: Path) -> None:
    """A replay that rests on it would prove nothing."""
    lines = audit.read_bytes().splitlines()
    audit.write_bytes(lines[1] + b"\n")
    result = CliRunner().invoke(headgate, ["replay", str(events), "--audit", str(audit)])
    assert "does not follow from the one before" in str(result.exception)


@pytest.mark.parametrize(("from_hour", "alerted"), [(2, True), (3, False)])
def test_a_pushed_configuration_holds_from_its_time_on(
    events: Path, tmp_path: Path, from_hour: int, *, alerted: bool
) -> None:
    """The limit is passed in the second hour: nothing is said of it if it holds from the third."""
    audit, out = pushed(tmp_path / "audit.jsonl", from_hour=from_hour), tmp_path / "alerts.ndjson"
    arguments = ["replay", str(events), "--audit", str(audit), "--alerts", str(out)]
    assert CliRunner().invoke(headgate, arguments).exit_code == 0
    alerts = [msgspec.json.decode(line) for line in out.read_bytes().splitlines()]
    expected = [START_MS + 2 * HOUR_MS] if alerted else []
    assert [alert["time"] for alert in alerts] == expected
    assert all(alert["unmapped"]["config_hash"] != config_hash(CoreConfig()) for alert in alerts)
    # To try another file on all of it, what was pushed is left out.
    assert CliRunner().invoke(headgate, [*arguments, "--ignore-pushed"]).exit_code == 0
    assert out.read_bytes() == b""
