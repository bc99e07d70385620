"""What a replay says would follow is what the recorder's fold of the same alerts gives."""

import importlib.util
from pathlib import Path
from types import ModuleType

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from detectors.errors import ConfigError
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import (
    Approved,
    Released,
)
from detectors.synthetic import WorldConfig, build_world
from detectors.verdict import Alert
from streams.cli.replay import command
from streams.ingest.codec import encode
from streams.replay.response import outcomes_of
from streams.response.control_messages import TimedDecision
from streams.response.journal import configured_by
from streams.settings.settings import load_settings
from tests.builders import alert
from tests.streams.replay.recorded_measures import (
    CONFIGS,
    CORE,
    EPOCH_MS,
    GOLDEN,
    STEP_MS,
    decision,
    recorded,
    replayed,
    responses,
    statements,
    words,
)


@settings(max_examples=150)
@given(
    stated=st.lists(statements, max_size=25),
    decisions=st.lists(words, max_size=4),
    response=responses,
)
def test_a_replay_and_the_recorder_give_the_same_measures(
    stated: list[Alert], decisions: list[TimedDecision], response: ResponseConfig
) -> None:
    """Whatever is alerted, decided and configured: every revision, to the last field."""
    until_ms = EPOCH_MS + 30 * STEP_MS
    decisions.sort(key=lambda each: each.recorded_ms)
    followed = outcomes_of(
        stated, configured=configured_by(CORE, response), decisions=decisions, until_ms=until_ms
    )
    assert followed == recorded(stated, response, decisions=decisions, until_ms=until_ms)


def test_people_decide_in_a_replay_on_the_measures_that_the_recorder_began() -> None:
    """A measure has the same id in both, so that exported approvals and releases find it."""
    response = ResponseConfig(modes=Modes(throttle="approve", suspend="approve"))
    stated = [alert(at_ms=EPOCH_MS, confidence=1.0, taken_participants=60_000)]
    begun = recorded(stated, response, until_ms=EPOCH_MS).measures[0]
    decisions = [
        decision(Approved(suspension_id=begun.suspension_id), at_ms=EPOCH_MS + STEP_MS),
        decision(Released(suspension_id=begun.suspension_id), at_ms=EPOCH_MS + 2 * STEP_MS),
    ]
    followed = outcomes_of(
        stated,
        configured=configured_by(CORE, response),
        decisions=decisions,
        until_ms=EPOCH_MS + 3 * STEP_MS,
    )
    assert [each.state for each in followed.measures] == ["requested", "active", "released"]
    assert [each.by for each in followed.measures] == ["headgate", "ann", "ann"]


def test_a_measure_expires_in_a_replay_at_its_moment() -> None:
    """To the millisecond, though no event comes then; and not before the last event has."""
    configured = configured_by(CORE, ResponseConfig())
    stated = [alert(at_ms=EPOCH_MS, confidence=1.0, taken_participants=60_000)]
    ends_ms = EPOCH_MS + 86_400_000
    before = outcomes_of(stated, configured=configured, until_ms=ends_ms - 1)
    after = outcomes_of(stated, configured=configured, until_ms=ends_ms + 5)
    assert [each.state for each in before.measures] == ["active"]
    assert [(each.state, each.at_ms) for each in after.measures[1:]] == [("released", ends_ms)]


def test_alerts_are_folded_in_the_order_of_their_time() -> None:
    """A topic is replayed partition by partition; the recorder had its alerts as they came."""
    configured = configured_by(CORE, ResponseConfig(blast_radius_institutions=1))
    first, second = (
        alert(alert_id=name, institution=name, at_ms=EPOCH_MS + number, taken_participants=60_000)
        for number, name in enumerate(("north", "south"))
    )
    until_ms = EPOCH_MS + STEP_MS
    in_order = outcomes_of([first, second], configured=configured, until_ms=until_ms)
    assert in_order == outcomes_of([second, first], configured=configured, until_ms=until_ms)
    assert in_order.measures[0].institution == "north"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """Return the script that writes the golden files."""
    spec = importlib.util.spec_from_file_location("golden_make", GOLDEN / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", CONFIGS)
def test_the_golden_story_is_answered_as_the_recorder_answers_it(name: str, tmp_path: Path) -> None:
    """The thief is stopped, in the words of the recorder; by who is touchy, at once."""
    outcomes, stated, last_ms = replayed(GOLDEN / "scenario.jsonl", tmp_path, CONFIGS[name])
    response = load_settings(tmp_path / "settings.toml", environment={}).file.response
    assert outcomes == recorded(stated, response, until_ms=last_ms)
    assert {each.institution for each in outcomes.measures} == {"thief"}
    at_once = name == "automatic, and touchy"
    measures = {"suspend"} if at_once else {"suspend", "throttle"}
    assert {each.measure for each in outcomes.measures} == measures


@pytest.fixture(scope="module")
def world_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of a small world with one theft."""
    config = WorldConfig(seed=3, institutions=12, days=40, warmup_days=30)
    world = build_world(config, thefts=("smash_and_grab_v1",))
    path = tmp_path_factory.mktemp("world") / "events.jsonl"
    path.write_bytes(b"".join(encode(event) + b"\n" for event in world.events()))
    return path


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_small_world_is_answered_as_the_recorder_answers_it(
    config: str, world_path: Path, tmp_path: Path
) -> None:
    """False alarms, expiries and the guard among them."""
    outcomes, stated, last_ms = replayed(world_path, tmp_path, config)
    response = load_settings(tmp_path / "settings.toml", environment={}).file.response
    assert outcomes == recorded(stated, response, until_ms=last_ms)
    assert "released" in {each.state for each in outcomes.measures}


def test_with_all_modes_off_nothing_follows(world_path: Path, tmp_path: Path) -> None:
    """The configuration of the ladder counts in a replay, and no other key suspends."""
    config = '[response.modes]\nthrottle = "off"\nsuspend = "off"\n'
    outcomes, stated, _ = replayed(world_path, tmp_path, config)
    assert (outcomes.measures, bool(stated)) == ((), True)
    assert len(outcomes.withheld) == len(stated)
    assert "mode_off" in {each.reason for each in outcomes.withheld}
    arguments = [str(world_path), "--config", str(tmp_path / "settings.toml")]
    assert "measures that would follow: none" in CliRunner().invoke(command, arguments).stdout
    (tmp_path / "settings.toml").write_text("[policy]\nsuspend_margin = 30\n")
    problem = CliRunner().invoke(command, arguments).exception
    assert isinstance(problem, ConfigError)
    assert "policy.suspend_margin" in str(problem)


def test_people_read_measures_as_lines_and_in_the_report(world_path: Path, tmp_path: Path) -> None:
    """Throttles, releases and what a dry run only would do."""
    page = tmp_path / "report.html"
    result = CliRunner().invoke(command, [str(world_path), "--report", str(page)])
    assert "dry run   would throttle user" in result.stdout
    assert "(expired)" in result.stdout
    assert "no measure, or no stronger one: " in result.stdout
    assert "suspend needs confidence 0.95, seen 0." in result.stdout
    assert "Measures that would follow" in page.read_text()
    assert "suspend needs confidence 0.95, seen 0." in page.read_text()
