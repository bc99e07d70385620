"""A configuration that is adopted in the middle is the one that a restart would have begun with."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.calibration.budget import BudgetConfig
from detectors.config import CoreConfig, DetectorsConfig
from detectors.config_schedule import Schedule, Scheduled
from detectors.event import AccessEvent, time_ms
from detectors.features.baseline import BaselineConfig
from detectors.incident import PolicyConfig
from detectors.instructions import switch_config
from detectors.models.drip import DripConfig
from detectors.models.excess import ExcessConfig
from detectors.models.multivariate import MultivariateConfig, RiverModel
from detectors.models.quota import Quota, QuotaConfig
from detectors.models.sweep import SweepConfig
from detectors.models.volume import VolumeConfig
from detectors.pipeline import Profile, judge, open_profile
from detectors.snapshot import dump, load
from tests.builders import effects_of
from tests.properties.test_judge import CONFIG, ENTRY, START_MS, histories

# Every machine has other knobs.
OTHER = CoreConfig(
    baseline=BaselineConfig(freeze_days=2, settling_days=1, quantile=0.9),
    budget=BudgetConfig(false_alert_days_per_week_per_100_institutions=300.0),
    policy=PolicyConfig(quiet_days=2, evaluation_growth_ratio=1.01),
    detectors=DetectorsConfig(
        excess=ExcessConfig(floor_cohort_ratio=0.0001),
        sweep=SweepConfig(mode="shadow"),
        drip=DripConfig(mode="off"),
        multivariate=MultivariateConfig(
            mode="on",
            days_min=2,
            models=(RiverModel(name="loda", path="anomaly.LocalOutlierFactor"),),
        ),
        volume=VolumeConfig(hours_min=2, season_rate=0.9, deviations_min=0.5),
        quota=QuotaConfig(new_participants_hour_max=400),
        canary=CONFIG.detectors.canary,
    ),
)


KNOBS = ("budget_rate", "config", "config_hash", "shadow", "weights")


def knobs(profile: Profile) -> list[object]:
    """Return all by which a profile judges, its state apart."""
    rules = (*profile.rules, *profile.window_rules)
    # Those that detect are the same objects as those that learn.
    used = [machine in profile.detectors for machine in profile.learners]
    limits = [rule._limits for rule in profile.window_rules if isinstance(rule, Quota)]
    return [
        profile.baseline.config,
        *(machine.config for machine in profile.learners if hasattr(machine, "config")),
        *(getattr(profile, name) for name in KNOBS),
        used,
        limits,
        [type(machine) for machine in (*profile.detectors, *rules)],
        profile.gate.next_evaluation_bytes,
        profile.gate.next_evaluation_new(profile.windows, profile.state.today.judged),
    ]


@settings(max_examples=150)
@given(events=histories(), data=st.data())
def test_an_adopted_configuration_judges_as_after_a_restart_under_it(
    events: list[AccessEvent], data: st.DataObject
) -> None:
    """The same effects and the same state, but for the note of which one it is under."""
    place = data.draw(st.integers(0, len(events)))
    profile = open_profile("north", config=CONFIG, entry=ENTRY)
    effects_of(profile, events[:place])
    saved = dump(profile)
    restarted = load(saved.main, parts=saved.parts, config=OTHER, entry=ENTRY)
    schedule = Schedule(CONFIG, (Scheduled(sequence=0, from_ms=0, config=OTHER),))
    switch_config(
        profile, schedule, at_ms=time_ms(events[place]) if place < len(events) else START_MS
    )
    assert knobs(profile) == knobs(restarted)
    assert effects_of(profile, events[place:]) == effects_of(restarted, events[place:])
    restarted.state.config_sequence = 0
    assert dump(profile) == dump(restarted)


@settings(max_examples=50)
@given(events=histories())
def test_adopting_what_holds_already_changes_nothing(events: list[AccessEvent]) -> None:
    """A push of the same configuration leaves even what machines have cached."""
    lasting = open_profile("north", config=CONFIG, entry=ENTRY)
    pushed = open_profile("north", config=CONFIG, entry=ENTRY)
    for number, event in enumerate(events):
        schedule = Schedule(CONFIG, (Scheduled(sequence=number, from_ms=0, config=CONFIG),))
        switch_config(pushed, schedule, at_ms=time_ms(event))
        assert judge(pushed, event) == judge(lasting, event)
    lasting.state.config_sequence = pushed.state.config_sequence
    assert dump(pushed) == dump(lasting)
    assert msgspec.msgpack.encode(pushed.state) == msgspec.msgpack.encode(lasting.state)
