import importlib
import math
import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from detectors.config import CoreConfig, DetectorsConfig
from detectors.event import COUNT_MAX, AccessEvent, FieldCount, Participants
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.evaluate import features_of
from detectors.registry import DETECTORS, Entry
from detectors.snapshot import dump, load
from detectors.verdict import Effect, RaiseAlert

ROOT: Final = Path(__file__).parents[2]
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_767_225_600_000

CARD_SECTIONS: Final = (
    "Goal",
    "Data",
    "Assumptions",
    "Evasion",
    "Known gaps",
    "False positives",
    "What to do",
)

every_detector = pytest.mark.parametrize("name", sorted(DETECTORS))
every_entry = pytest.mark.parametrize(
    "entry", [pytest.param(entry, id=name) for name, entry in sorted(DETECTORS.items())]
)


def config_of(name: str, *, mode: str = "on") -> CoreConfig:
    """Return a config under which `name` alone speaks."""
    modes = {other: {"mode": "off"} for other in DETECTORS} | {name: {"mode": mode}}
    return CoreConfig(detectors=msgspec.convert(modes, DetectorsConfig))


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


def stream() -> list[AccessEvent]:
    """Return calm, torment, calm again, and a theft at the end."""
    before = calm(10)
    last_ms = START_MS + 10 * DAY_MS
    theft = [
        event(
            95_000 + step,
            last_ms + 501 * DAY_MS + step * 60_000,
            Participants(ranges=[(100_000 + 5_000 * step, 104_999 + 5_000 * step)]),
            bytes=10**9,
            rows=5_000,
        )
        for step in range(40)
    ]
    return before + torments(last_ms) + theft


def profile_of(name: str, *, mode: str = "on") -> Profile:
    """Return a new judge with one detector."""
    return open_profile("north", config=config_of(name, mode=mode))


def judged(profile: Profile, events: list[AccessEvent]) -> list[Effect]:
    """Return every effect of `events`."""
    return [effect for one in events for effect in judge(profile, one)]


@every_detector
def test_a_detector_is_configured_under_its_own_name(name: str) -> None:
    """The registry, the config and the machine agree on what there is."""
    assert type(getattr(CoreConfig().detectors, name)) is DETECTORS[name].config


def test_no_detector_is_configured_without_being_registered() -> None:
    """One table says what there is: everything else follows it."""
    assert set(DetectorsConfig.__struct_fields__) == set(DETECTORS)


@every_detector
def test_scoring_changes_nothing(name: str) -> None:
    """A score asked twice is the same, and the state behind it has the same bytes after."""
    profile = profile_of(name)
    for one in stream():
        judge(profile, one)
        features = features_of(profile, profile.state.frontier_ms)
        before = dump(profile)
        first = [detector.score(features) for detector in profile.detectors]
        assert [detector.score(features) for detector in profile.detectors] == first
        assert dump(profile) == before


@every_detector
def test_scores_are_finite_named_and_speak_on_declared_channels(name: str) -> None:
    """No nan, no infinity, never below zero; soft channels are those of the registry."""
    profile = profile_of(name)
    for one in stream():
        judge(profile, one)
        features = features_of(profile, profile.state.frontier_ms)
        for score in (
            score for detector in profile.detectors for score in detector.score(features)
        ):
            assert score.detector == name
            assert math.isfinite(score.value)
            assert math.isfinite(score.observed)
            assert math.isfinite(score.expected)
            assert score.value >= 0.0
            assert score.rule or score.channel in DETECTORS[name].channels


@every_detector
@pytest.mark.parametrize("cut", range(0, 130, 10))
def test_a_snapshot_mid_stream_goes_on_identically(name: str, cut: int) -> None:
    """Whatever a detector remembers is in the snapshot: a restart changes no effect, no byte."""
    events = stream()
    lasting, restarted = profile_of(name), profile_of(name)
    judged(lasting, events[:cut])
    judged(restarted, events[:cut])
    saved = dump(restarted)
    restarted = load(saved.main, parts=saved.parts, config=config_of(name))
    assert judged(restarted, events[cut:]) == judged(lasting, events[cut:])
    assert dump(restarted) == dump(lasting)


@every_detector
def test_a_detector_gives_the_same_in_every_run(name: str) -> None:
    """Nothing is drawn by chance, and nothing is remembered between judges."""
    one, other = profile_of(name), profile_of(name)
    assert judged(one, stream()) == judged(other, stream())
    assert dump(one) == dump(other)


@every_detector
def test_a_detector_in_shadow_is_silent(name: str) -> None:
    """Shadow scores and records, and has no effect on people."""
    effects = judged(profile_of(name, mode="shadow"), stream())
    assert [effect for effect in effects if isinstance(effect, RaiseAlert)] == []


@every_detector
def test_the_state_stays_small_through_torments(name: str) -> None:
    """What one institution's judge keeps, holdings apart, fits 32 kB."""
    profile = profile_of(name)
    for one in stream():
        judge(profile, one)
        recent = sum(
            len(holding.recent.serialize()) for holding in profile.ledger.state.holdings.values()
        )
        assert len(dump(profile).main) - recent < 32_768


@every_entry
def test_a_detector_says_what_it_catches_what_it_misses_and_where_it_is_from(entry: Entry) -> None:
    """The module's docstring opens with its step, and names catches, misses and source."""
    doc = importlib.import_module(entry.config.__module__).__doc__ or ""
    assert doc.startswith("Step 4 of 7: ")
    assert [word for word in ("Catches", "Misses", "Source") if word not in doc] == []


@every_entry
def test_every_knob_of_a_detector_is_explained_or_bounded(entry: Entry) -> None:
    """A number without range or meaning is a trap for whoever tunes it."""
    bare = [
        field.name
        for field in msgspec.inspect.type_info(entry.config).fields  # type: ignore[attr-defined]
        if isinstance(field.type, msgspec.inspect.FloatType | msgspec.inspect.IntType)
        and (field.type.ge, field.type.gt, field.type.le, field.type.lt) == (None,) * 4
    ]
    assert bare == []


@every_entry
def test_a_detector_has_a_card_with_every_section(entry: Entry) -> None:
    """One card per detector: without it nobody can trust an alert of it."""
    card = ROOT / entry.card
    assert card.is_file()
    found = re.findall(r"^## (.+)$", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert tuple(found) == CARD_SECTIONS


def test_no_card_is_left_of_a_detector_that_is_gone() -> None:
    """The cards are those of the registry, and no others."""
    cards = {f"docs/detectors/{path.name}" for path in (ROOT / "docs/detectors").glob("*.md")}
    assert cards == {entry.card for entry in DETECTORS.values()}
