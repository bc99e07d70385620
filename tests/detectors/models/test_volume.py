"""Volume at its bounds: when it begins to speak, and what it needs to have seen."""

from math import expm1, log1p

import pytest

from detectors.detector import ClosedHour
from detectors.instants import HOUR_MS
from detectors.models.volume import Volume, VolumeConfig, VolumeState
from tests.builders import features


def learnt(taken: list[int], config: VolumeConfig) -> Volume:
    """Return a detector that has learnt one hour after another."""
    volume = Volume(config, VolumeState())
    for hour, taken_bytes in enumerate(taken):
        closed = ClosedHour(at_ms=hour * HOUR_MS, taken_bytes=taken_bytes, trusted=True)
        volume.learn_hour(closed)
    return volume


@pytest.mark.parametrize("hours_min", [3, 4])
def test_as_many_hours_must_have_been_learnt_as_are_configured(hours_min: int) -> None:
    """The first hour only begins the season: four hours leave three residuals."""
    volume = learnt([1_000, 1_100, 900, 1_050], VolumeConfig(hours_min=hours_min))
    deviations = volume.deviations(4 * HOUR_MS, 1_000_000)
    assert deviations > 50.0 if hours_min == 3 else deviations == 0.0


def test_before_anything_is_learnt_nothing_is_expected() -> None:
    """Not a single byte."""
    assert Volume(VolumeConfig(), VolumeState()).expected_bytes(0) == 0.0


def test_hours_that_never_differ_say_nothing() -> None:
    """Rounding is no variance to measure in; a single byte is one."""
    volume = learnt([1_000] * 200, VolumeConfig())
    assert volume.deviations(200 * HOUR_MS, 1_001) == 0.0
    almost = learnt([*[1_000] * 200, 1_001], VolumeConfig())
    assert almost.deviations(201 * HOUR_MS, 1_100) > 100.0


def test_an_hour_at_the_threshold_is_said() -> None:
    """The threshold is the least that speaks; what is expected is in bytes again."""
    taken = [1_000, 1_100, 900, 1_050]
    at_ms, hour_bytes = 4 * HOUR_MS, 5_000
    deviations = learnt(taken, VolumeConfig(hours_min=3)).deviations(at_ms, hour_bytes)
    volume = learnt(taken, VolumeConfig(hours_min=3, deviations_min=deviations))
    (score,) = volume.score(features(at_ms=at_ms, hour_bytes=hour_bytes))
    assert (score.value, score.observed) == (deviations, 5_000.0)
    usual = sum(log1p(taken_bytes) for taken_bytes in taken) / len(taken)
    assert score.expected == pytest.approx(expm1(usual + volume.state.mean))
    assert volume.score(features(at_ms=at_ms, hour_bytes=hour_bytes - 1)) == ()
