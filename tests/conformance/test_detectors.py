import math
from typing import Final

import msgspec
import pytest

from detectors.calibration.budget import BudgetConfig
from detectors.config import CoreConfig, DetectorsConfig
from detectors.detector import (
    Breach,
    Score,
)
from detectors.event import COUNT_MAX, AccessEvent, FieldCount, Participants
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Institution, Project
from detectors.registry import DETECTORS, is_rule, prior_tail, reason_of
from detectors.snapshot import dump, load
from detectors.verdict import RaiseAlert
from tests.builders import effects_of
from tests.conformance.watched import (
    Watched,
    WatchedDetector,
    WatchedEventRule,
    WatchedSetRule,
    WatchedWindowRule,
)

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
# Long enough for every detector to have learnt what it waits for.
CALM_DAYS: Final = 32
START_MS: Final = 1_767_225_600_000

# Detectors of one institution. Who judges several at once has a suite of its own beside this one.
FIRST_STAGE: Final = sorted(
    name for name, row in DETECTORS.items() if row.detector is not None or row.is_rule
)
SECOND_STAGE: Final = ["collusion"]
# About what cannot be read, not about what was taken: it is fed with repairs and rejects.
BESIDE: Final = ["unreadable"]

every_detector = pytest.mark.parametrize("name", FIRST_STAGE)
# Something to say for every rule: limits, an approval and a canary that only the theft breaks.
KNOBS: Final[dict[str, dict[str, object]]] = {
    "quota": {"new_participants_day_max": 20_000},
    "canary": {"participants": [123_456]},
}
ENTRY: Final = Institution(
    id="north",
    projects=(Project(id="p1", datasets=("imaging",), participants_max=60_000),),
)


def config_of(name: str, *, mode: str = "on") -> CoreConfig:
    """Return a config under which `name` alone speaks, and every alert is within the budget."""
    modes: dict[str, dict[str, object]] = {other: {"mode": "off"} for other in DETECTORS}
    modes[name] = {"mode": mode} | KNOBS.get(name, {})
    return CoreConfig(
        detectors=msgspec.convert(modes, DetectorsConfig),
        budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=700.0),
    )


def event(
    number: int, at_ms: int, participants: Participants | None, **more: object
) -> AccessEvent:
    """Return one event of one institution."""
    plain = AccessEvent(
        id=f"e-{number}",
        time=at_ms,
        institution="north",
        user="ada",
        project="p1",
        dataset="imaging",
        bytes=10_000,
        rows=100,
        participants=participants,
    )
    return msgspec.structs.replace(plain, **more)


def calm(days: int) -> list[AccessEvent]:
    """Return weeks of ordinary work: a hundred people an hour, eight hours a day."""
    return [
        event(
            100 * day + hour,
            START_MS + day * DAY_MS + (9 + hour) * HOUR_MS,
            Participants(ranges=[(800 * day + 100 * hour, 800 * day + 100 * hour + 99)]),
            bytes=10_000 + 37 * hour + day,
        )
        for day in range(days)
        for hour in range(8)
    ]


def torments(at_ms: int) -> list[AccessEvent]:
    """Return what a detector must survive: late, duplicate, disordered, zero, huge, unknown."""
    everybody = Participants(ranges=[(0, 499_999)])
    return [
        event(90_000, at_ms, Participants(ids=[]), bytes=0, rows=0),
        event(90_001, at_ms, everybody, bytes=COUNT_MAX, rows=COUNT_MAX),
        event(90_001, at_ms, everybody, bytes=COUNT_MAX, rows=COUNT_MAX),
        event(90_002, at_ms - 3 * DAY_MS, Participants(ids=[1, 1, 1])),
        event(90_003, at_ms - 400 * DAY_MS, Participants(ranges=[(5, 5), (1, 9)])),
        event(90_004, at_ms + 1, Participants(count=500_000), fields=FieldCount(count=COUNT_MAX)),
        event(90_005, at_ms - 1, None, rows=COUNT_MAX),
        event(90_006, at_ms, None, outcome="denied", bytes=COUNT_MAX),
        event(90_007, at_ms, everybody, dataset="\N{SNOWMAN}" * 256, user=None, project=None),
        event(90_008, at_ms + 500 * DAY_MS, Participants(ids=[0]), fields=[]),
        event(90_009, 0, everybody),
    ]


def differences(at_ms: int) -> list[AccessEvent]:
    """Return one set of people, and then the same without one of them, another each time."""
    everybody = Participants(ranges=[(0, 999)])
    without = [Participants(ranges=[(0, person - 1), (person + 1, 999)]) for person in range(1, 31)]
    return [
        event(96_000 + step, at_ms + step * 60_000, people)
        for step, people in enumerate([everybody, *without])
    ]


def stream() -> list[AccessEvent]:
    """Return weeks of calm, a theft of two fifths of the cohort, a tracker, and every torment."""
    before = calm(CALM_DAYS)
    last_ms = START_MS + CALM_DAYS * DAY_MS
    theft = [
        event(
            95_000 + step,
            last_ms + step * 60_000,
            Participants(ranges=[(100_000 + 5_000 * step, 104_999 + 5_000 * step)]),
            dataset="imaging" if step else "genomes",
            bytes=10**9,
            rows=5_000,
        )
        for step in range(40)
    ]
    return before + theft + differences(last_ms + DAY_MS) + torments(last_ms + 2 * DAY_MS)


def profile_of(name: str, *, mode: str = "on") -> Profile:
    """Return a new judge with one detector."""
    return open_profile("north", config=config_of(name, mode=mode), entry=ENTRY)


@every_detector
def test_a_detector_is_configured_under_its_own_name(name: str) -> None:
    """The registry, the config and the machine agree on what there is."""
    assert type(getattr(CoreConfig().detectors, name)) is DETECTORS[name].config


def test_no_detector_is_configured_without_being_registered_and_tested() -> None:
    """One table says what there is: everything else follows it, and no detector has no suite."""
    assert set(DetectorsConfig.__struct_fields__) == set(DETECTORS)
    assert {*FIRST_STAGE, *SECOND_STAGE, *BESIDE} == set(DETECTORS)


def watched(name: str) -> Watched:
    """Return all that a detector or rule said of the stream."""
    profile = profile_of(name)
    seen = Watched(profile)
    profile.detectors = tuple(WatchedDetector(seen, detector) for detector in profile.detectors)
    profile.rules = tuple(WatchedEventRule(seen, rule) for rule in profile.rules)
    profile.window_rules = tuple(WatchedWindowRule(seen, rule) for rule in profile.window_rules)
    profile.set_rules = {
        name: WatchedSetRule(seen, rule) for name, rule in profile.set_rules.items()
    }
    effects_of(profile, stream())
    return seen


@every_detector
def test_what_is_said_is_pure_and_finite_and_in_the_row(name: str) -> None:
    """Asking changes no state; no nan, no infinity; and the row can explain every feature."""
    seen = watched(name)
    assert seen.scores or seen.breaches
    assert bool(seen.breaches) == is_rule(name)
    statements: list[Score | Breach] = [*seen.scores, *seen.breaches]
    for statement in statements:
        assert statement.detector == name
        assert all(map(math.isfinite, (statement.observed, statement.expected)))
        assert statement.observed > statement.expected
        assert reason_of(name, statement.feature)


@every_detector
def test_a_score_is_on_a_channel_with_a_weight_and_a_prior_tail(name: str) -> None:
    """A channel without a weight would never count, one without a tail mean nothing."""
    weights = profile_of(name).weights
    for score in watched(name).scores:
        assert math.isfinite(score.value)
        assert score.value >= 0.0
        assert score.channel in weights
        assert prior_tail(score.channel) is not None


@every_detector
def test_a_detector_finds_the_theft_alone_and_says_so(name: str) -> None:
    """With everything else off, the theft in the stream is told under this detector's name."""
    alerts = [
        effect
        for effect in effects_of(profile_of(name), stream())
        if isinstance(effect, RaiseAlert)
    ]
    reasons = {detail.detector for effect in alerts for detail in effect.alert.reasons}
    assert reasons == {name}


@every_detector
@pytest.mark.parametrize("cut", range(0, 336, 28))
def test_a_snapshot_mid_stream_goes_on_identically(name: str, cut: int) -> None:
    """Whatever a detector remembers is in the snapshot: a restart changes no effect, no byte."""
    events = stream()
    lasting, restarted = profile_of(name), profile_of(name)
    effects_of(lasting, events[:cut])
    effects_of(restarted, events[:cut])
    saved = dump(restarted)
    restarted = load(saved.main, parts=saved.parts, config=config_of(name), entry=ENTRY)
    assert effects_of(restarted, events[cut:]) == effects_of(lasting, events[cut:])
    assert dump(restarted) == dump(lasting)


@every_detector
def test_a_detector_gives_the_same_in_every_run(name: str) -> None:
    """Nothing is drawn by chance, and nothing is remembered between judges."""
    profile, other = profile_of(name), profile_of(name)
    assert effects_of(profile, stream()) == effects_of(other, stream())
    assert dump(profile) == dump(other)


@every_detector
def test_a_detector_in_shadow_is_silent(name: str) -> None:
    """Shadow scores and records, and has no effect on people."""
    effects = effects_of(profile_of(name, mode="shadow"), stream())
    assert [effect for effect in effects if isinstance(effect, RaiseAlert)] == []


@every_detector
def test_the_state_stays_small_through_torments(name: str) -> None:
    """What one institution's judge keeps, holdings apart, fits 32 kB."""
    profile = profile_of(name)
    for access_event in stream():
        judge(profile, access_event)
        recent = sum(
            len(holding.recent.serialize()) for holding in profile.ledger.state.holdings.values()
        )
        assert len(dump(profile).main) - recent < 32_768
