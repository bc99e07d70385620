"""`headgate config push`: what it refuses, and what it says."""

from pathlib import Path

import click
import pytest
from msgspec.structs import replace

from detectors.calibration.budget import BudgetConfig
from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, config_hash
from detectors.config_schedule import SCHEDULED_MAX, Scheduled
from detectors.errors import ConfigError
from detectors.features.dedupe import DedupeConfig
from detectors.models.canary import CanaryConfig
from detectors.models.collusion.config import CollusionConfig
from detectors.peers.reference import ReferenceConfig
from streams.decisions.config_push import Held, changes, is_news, read_at_a_start, to_push
from streams.settings.settings import load_settings
from tests.commands import ran

FILE = CoreConfig(detectors=DetectorsConfig(canary=CanaryConfig(participants=(424_242,))))


NOW_MS = 1_775_044_800_000


HOUR_MS = 3_600_000


MAIN = "from streams.cli import main; main()"


def budget(days: float, *, of: CoreConfig = FILE) -> CoreConfig:
    """Return a configuration with another budget."""
    return replace(of, budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=days))


def audited(*scheduled: Scheduled) -> Held:
    """Return what the audit says of workers whose file names a canary."""
    base = replace(FILE, detectors=DetectorsConfig())
    return Held(base=base, base_hash=config_hash(FILE), scheduled=scheduled, pushes=())


def push(sequence: int, from_ms: int, days: float) -> Scheduled:
    """Return a push of another budget, as it is on record."""
    base = replace(FILE, detectors=DetectorsConfig())
    return Scheduled(sequence=sequence, from_ms=from_ms, config=budget(days, of=base))


ONLY = "read only at a start of the workers, never pushed"


@pytest.mark.parametrize(
    ("core", "problem"),
    [
        pytest.param(
            replace(FILE, cohort=CohortConfig(size=9)),
            f"cohort.size: {ONLY}; 500000 holds, got 9",
            id="the cohort",
        ),
        pytest.param(
            replace(FILE, cohort=CohortConfig(participant_ids="hashed")),
            f"cohort.participant_ids: {ONLY}; positions holds, got hashed",
            id="what ids mean",
        ),
        pytest.param(
            replace(FILE, dedupe=DedupeConfig(events_max=9)),
            f"dedupe.events_max: {ONLY}; 1024 holds, got 9",
            id="the memory of ids",
        ),
        pytest.param(
            replace(FILE, reference=ReferenceConfig(history_days=9)),
            f"reference.history_days: {ONLY}; 84 holds, got 9",
            id="the reference",
        ),
        pytest.param(
            replace(
                FILE,
                detectors=replace(FILE.detectors, collusion=CollusionConfig(window_days=9)),
            ),
            f"detectors.collusion.window_days: {ONLY}; 14 holds, got 9",
            id="the second stage",
        ),
        pytest.param(
            replace(FILE, detectors=DetectorsConfig(canary=CanaryConfig(participants=(5,)))),
            f"detectors.canary.participants: {ONLY}; others hold",
            id="the canaries, which are not named",
        ),
    ],
)
def test_a_key_that_holds_from_a_start_is_refused_by_its_path(
    core: CoreConfig, problem: str
) -> None:
    """Nothing is sent; the sentence says what holds, and canaries are in no sentence."""
    with pytest.raises(ConfigError) as caught:
        changes(core, audited())
    assert str(caught.value) == problem


def test_what_changes_is_told_against_what_was_pushed_last() -> None:
    """Or else against the workers' file; its canaries are no difference."""
    (change,) = changes(budget(2.0), audited())
    assert (change.before, change.after) == (5.0, 2.0)
    (change,) = changes(budget(2.0), audited(push(1, 0, 9.0)))
    assert (change.before, change.after) == (9.0, 2.0)
    assert changes(FILE, audited()) == ()


@pytest.mark.parametrize(
    ("core", "scheduled", "news"),
    [
        pytest.param(FILE, (), False, id="the file holds already"),
        pytest.param(budget(2.0), (), True, id="another budget"),
        pytest.param(budget(2.0), (push(1, 50, 2.0),), False, id="it was pushed and holds"),
        pytest.param(budget(2.0), (push(1, 150, 2.0),), True, id="it is to hold later"),
        pytest.param(FILE, (push(1, 150, 2.0),), True, id="another one is to hold later"),
        pytest.param(FILE, (push(1, 50, 2.0),), True, id="back to the file"),
    ],
)
def test_nothing_is_sent_where_nothing_would_be_judged_otherwise(
    core: CoreConfig, scheduled: tuple[Scheduled, ...], *, news: bool
) -> None:
    """From 100 ms on."""
    assert is_news(core, audited(*scheduled), from_ms=100) is news


def test_without_the_workers_configuration_on_record_all_is_news() -> None:
    """An earlier version wrote the audit; what cannot change, the judges refuse."""
    unknown = Held(base=None, base_hash="c", scheduled=(), pushes=())
    assert is_news(FILE, unknown, from_ms=0)
    assert [change.path for change in changes(budget(2.0), unknown)] == [
        "budget.false_alert_days_per_week_per_100_institutions"
    ]


def test_what_is_sent_names_no_canary_and_the_hash_that_alerts_will_quote() -> None:
    """Judges put their own file's canaries in its place."""
    verb = to_push(budget(2.0), audited(), from_ms=100, now_ms=0)
    assert b"424242" not in bytes(verb.config)
    assert verb.config_hash == config_hash(budget(2.0))


def test_too_large_or_too_many_are_refused_before_they_are_sent() -> None:
    """As the recorder would refuse them."""
    wide = replace(
        FILE, reference=ReferenceConfig(), detectors=DetectorsConfig(canary=CanaryConfig())
    )
    models = wide.detectors.multivariate.models * 3_000
    multivariate = replace(wide.detectors.multivariate, models=models)
    wide = replace(wide, detectors=replace(wide.detectors, multivariate=multivariate))
    with pytest.raises(ConfigError, match=r"^\d+ bytes, more than 262144$"):
        to_push(wide, audited(), from_ms=0, now_ms=0)
    waiting = [push(number, NOW_MS + number, 2.0) for number in range(1, SCHEDULED_MAX)]
    sentence = "8 configurations would wait for their time; at most 7 can"
    with pytest.raises(ConfigError, match=sentence):
        to_push(FILE, audited(*waiting), from_ms=NOW_MS + 99, now_ms=NOW_MS)


def test_sections_that_only_a_start_reads_are_named(tmp_path: Path) -> None:
    """Where they differ from what the workers are known to have, or else from the defaults."""
    path = tmp_path / "headgate.toml"
    path.write_text("[kafka]\npartitions = 7\n[metrics]\nport = 1\n[budget]\n")
    settings = load_settings(path, environment={})
    assert read_at_a_start(settings, None) == ("kafka", "metrics")
    assert read_at_a_start(settings, settings) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[budget]\nfalse_alert_days_per_week_per_100_institutions = 0\n", "budget.false_alert"),
        ("[detectors.exces]\n", "detectors.exces: unknown key; did you mean excess?"),
        ("[budget\n", "expected TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_before_anything_is_sent(
    text: str, problem: str, tmp_path: Path
) -> None:
    """By the key's path; there is not even a broker."""
    path = tmp_path / "headgate.toml"
    path.write_text(text)
    result = ran("config", "push", path)
    assert isinstance(result.exception, ConfigError)
    assert problem in str(result.exception)


@pytest.mark.parametrize(
    "moment", ["2026-03-01T00:00:00", "2026-03-01", "now", "1969-01-01T00:00Z"]
)
def test_a_time_without_an_offset_is_refused(moment: str, tmp_path: Path) -> None:
    """A push that holds an hour too late may be one theft too late."""
    path = tmp_path / "headgate.toml"
    path.write_text("")
    result = ran("config", "push", path, "--from", moment)
    assert (result.exit_code, "Invalid value for --from" in result.stderr) == (
        click.UsageError.exit_code,
        True,
    )
