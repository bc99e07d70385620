"""The measures that a recorder begins over a list of alerts and decisions, without Kafka."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import hypothesis.strategies as st
import msgspec
from click.testing import CliRunner

from detectors.config import CoreConfig
from detectors.feedback import Label
from detectors.register import Institution, Registered
from detectors.response.config import Modes, ResponseConfig, ResponseMode
from detectors.response.entries import (
    Body,
    DecisionMade,
    Declined,
    Labelled,
    Tick,
    Verb,
    parse_entry,
)
from detectors.verdict import Alert, RaiseAlert
from streams.cli.replay import command
from streams.kafka.records import OutgoingRecord
from streams.kafka.topics import SUSPENSIONS
from streams.replay.response import Outcomes
from streams.response.control_messages import TimedDecision
from streams.response.findings import alert_seen
from streams.response.journal import Journal, configured_by
from streams.response.outputs import Outputs
from streams.response.people import People
from streams.sinks import alerts as alert_sink
from streams.sinks.alert_reader import read_finding
from streams.sinks.suspensions import suspension_of
from streams.state.envelope import keys_from_text
from tests.builders import alert

GOLDEN = Path(__file__).parents[2] / "golden"


CORE = CoreConfig()


STEP_MS = 6 * 3_600_000


EPOCH_MS = 1_775_044_800_000


MODES: Sequence[ResponseMode] = ("off", "dry_run", "approve", "automatic")


def decision(verb: Verb, *, at_ms: int, who: str = "ann") -> TimedDecision:
    """Return a decision as the recorder has put it on record."""
    decision_made = DecisionMade(
        decision_id=f"d-{at_ms}",
        who=who,
        note="",
        at_ms=at_ms,
        verb=verb,
        jws="",
    )
    return TimedDecision(recorded_ms=at_ms, decision=decision_made)


def recorded(
    stated: Iterable[Alert],
    response: ResponseConfig,
    *,
    decisions: Sequence[TimedDecision] = (),
    until_ms: int,
) -> Outcomes:
    """Let the recorder have the alerts as records of their topic, and read what it writes.

    Measures are read from their topic, and why there are none from the audit. It looks at its
    clock at each record, and at each expiry.
    """
    people = People({})
    outputs = Outputs("headgate", people, partitions=1, keys=keys_from_text(None))
    journal = Journal()
    causes: list[tuple[int, int, Body]] = [
        (each.recorded_ms, 0, each.decision) for each in decisions
    ]
    for each in stated:
        value = alert_sink.record(RaiseAlert(alert=each), topic_prefix="headgate").value
        seen = alert_seen(value, people)
        assert not isinstance(seen, str)
        causes.append((each.at_ms, 1, seen))
    causes.sort(key=lambda cause: cause[:2])
    journal.append([(None, configured_by(CORE, response))], now_ms=causes[0][0] if causes else 0)
    published: list[OutgoingRecord] = []
    lines: list[bytes] = []
    for at_ms, _, body in [*causes, (until_ms, 2, Tick())]:
        while (due_ms := journal_due_ms(journal)) is not None and due_ms <= at_ms:
            expired = journal.append([(None, Tick())], now_ms=due_ms)
            published += outputs.suspensions(expired.actions)
            lines += expired.lines
        written = journal.append([(None, body)], now_ms=at_ms)
        published += outputs.suspensions(written.actions)
        lines += written.lines
    assert {record.topic for record in published} <= {SUSPENSIONS.full_name("headgate")}
    bodies = [parse_entry(line).body for line in lines]
    return Outcomes(
        measures=tuple(suspension_of(record.value or b"") for record in published),
        withheld=tuple(body.withheld for body in bodies if isinstance(body, Declined)),
    )


def journal_due_ms(journal: Journal) -> int | None:
    """Return when something that is open ends, by looking at each."""
    ends = [
        suspension.expires_ms
        for suspension in journal.state.open.values()
        if suspension.expires_ms is not None
    ]
    return min(ends, default=None)


responses = st.builds(
    lambda throttle, suspend, release, cool_down, blast: ResponseConfig(
        modes=Modes(throttle=throttle, suspend=suspend),
        jurisdictions={"uk": Modes(throttle="automatic", suspend="approve")},
        release=release,
        cool_down_seconds=cool_down,
        blast_radius_institutions=blast,
    ),
    throttle=st.sampled_from(MODES),
    suspend=st.sampled_from(MODES),
    release=st.sampled_from(["automatic", "human"]),
    cool_down=st.sampled_from([0, 86_400, 10 * 86_400]),
    blast=st.integers(min_value=1, max_value=3),
)


# Confidences beside the thresholds: whole per cents of them would climb another rung.
confidences = st.sampled_from([0.5, 0.7451, 0.75, 0.88, 0.9451, 0.95, 0.9549, 1.0])


def statement(number: int, step: int, institution: str, **changes: object) -> Alert:
    """Return a statement about an incident, which names a user who took most."""
    user, share = changes["top_user"], changes["top_user_share"]
    by_user = f", 90 % of it by user {user}" if user is not None and share == 0.9 else ""
    return alert(
        alert_id=f"{institution}-{number}",
        at_ms=EPOCH_MS + step * STEP_MS,
        institution=institution,
        sentence=f"{institution} took many{by_user}.",
        **changes,
    )


statements = st.builds(
    statement,
    number=st.integers(min_value=0, max_value=1),
    step=st.integers(min_value=0, max_value=24),
    institution=st.sampled_from(["north", "south", "east", "west"]),
    change=st.sampled_from(["create", "update", "close"]),
    confidence=confidences,
    taken_participants=st.sampled_from([0, 4_999, 5_000, 24_000, 60_000, 400_000]),
    top_user=st.sampled_from([None, "u-1", "u-2"]),
    top_user_share=st.sampled_from([0.4, 0.9]),
)


verbs = st.one_of(
    st.builds(
        Labelled,
        alert_id=st.sampled_from(["north-0", "south-1"]),
        label=st.sampled_from(Label),
    ),
    st.builds(
        lambda name, jurisdiction: Registered(
            institution=name, entry=Institution(id=name, jurisdiction=jurisdiction)
        ),
        name=st.sampled_from(["north", "south"]),
        jurisdiction=st.sampled_from([None, "uk"]),
    ),
)


words = st.builds(
    lambda step, verb: decision(verb, at_ms=EPOCH_MS + step * STEP_MS),
    step=st.integers(min_value=0, max_value=24),
    verb=verbs,
)


def replayed(path: Path, tmp_path: Path, config: str) -> tuple[Outcomes, list[Alert], int]:
    """Return the outcomes that `replay --json` gives, the alerts, and the last moment."""
    settings_path, alerts_path = tmp_path / "settings.toml", tmp_path / "alerts.ndjson"
    settings_path.write_text(config)
    arguments = [path, "--config", settings_path, "--alerts", alerts_path, "--json"]
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    totals = json.loads(result.stdout)
    findings = alerts_path.read_bytes().splitlines()
    outcomes = msgspec.convert(
        {"measures": totals["measures"], "withheld": totals["withheld"]}, Outcomes
    )
    return outcomes, [read_finding(line) for line in findings], totals["last_ms"]


CONFIGS = {
    "dry run": "",
    "automatic, and touchy": (
        "[response]\nthrottle_confidence = 0.5\nsuspend_confidence = 0.5\nthrottle_risk = 1e-6\n"
        'suspend_risk = 0.001\n[response.modes]\nthrottle = "automatic"\nsuspend = "automatic"\n'
    ),
    "a person is asked": '[response.modes]\nthrottle = "approve"\nsuspend = "approve"\n',
}
