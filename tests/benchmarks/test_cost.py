"""What a detector costs is what is saved by switching it off."""

from benchmarks.quality.cost import decoding_microseconds, judging, typical, without
from detectors.config import CoreConfig
from detectors.synthetic import WorldConfig, build_world

CONFIG = WorldConfig(seed=1, institutions=3, days=10, warmup_days=3, events_per_day_max=10.0)


def test_typical_events_name_few_participants() -> None:
    """Ten ids at most, or one range; what costs more is not typical."""
    events = typical(build_world(CONFIG).events())
    named = [event.participants for event in events if event.participants is not None]
    assert named
    assert all(each.ids is None or len(each.ids) <= 10 for each in named)


def test_every_cost_is_a_positive_number() -> None:
    """Decoding, judging and state all cost something."""
    events = typical(build_world(CONFIG).events())
    cost = judging("all", events, CoreConfig())
    assert decoding_microseconds(events) > 0.0
    assert cost.microseconds > 0.0
    assert cost.main_bytes > 0.0


def test_a_detector_is_switched_off_alone() -> None:
    """The rest of the config stays as it is; a detector without a switch is left out."""
    config = CoreConfig()
    reduced = without(config, "excess")
    assert reduced is not None
    assert reduced.detectors.excess.mode == "off"
    assert reduced.detectors.volume == config.detectors.volume
    assert without(config, "no such detector") is None
