"""What each detector says, in full: channel, feature, window, and in which numbers."""

from collections.abc import Callable
from math import log10

import pytest
from msgspec.structs import replace

from detectors.detector import Detector, Score
from detectors.features.vector import DAY_FEATURES, Features
from detectors.features.windows import Quantity, Windows, WindowsState, zeros
from detectors.models.drip import Drip, DripConfig, DripState
from detectors.models.excess import Excess, ExcessConfig
from detectors.models.multivariate import Multivariate, MultivariateConfig, MultivariateState
from detectors.models.sweep import Sweep, SweepConfig
from detectors.models.volume import Volume, VolumeConfig, VolumeState
from tests.builders import features


def walked(*, sliced: int) -> Features:
    """Return a day on which eleven thousand people were walked through, and some read again."""
    windows = Windows(WindowsState())
    amounts = zeros()
    amounts[Quantity.NEW] = amounts[Quantity.WALKED] = 11_000
    amounts[Quantity.SLICED] = sliced
    windows.add(0, amounts)
    return features(windows=windows)


def sweep_score(channel: str, feature: str) -> Score:
    """Return what is said of eleven thousand people with a floor of one thousand."""
    return Score(
        channel=channel,
        detector="sweep",
        feature=feature,
        window_seconds=86_400,
        value=4.0,
        observed=11_000.0,
        expected=1_000.0,
    )


def volume() -> Volume:
    """Return a detector that knows e**2 bytes, less one, in each hour, give or take e."""
    state = VolumeState(season={72: 2.0}, count=101.0, mean=0.0, squares=100.0)
    return Volume(VolumeConfig(), state)


def multivariate() -> Multivariate:
    """Return a detector that has learnt forty days without anything."""
    return Multivariate(
        MultivariateConfig(), MultivariateState(days=[(0.0,) * len(DAY_FEATURES)] * 40)
    )


@pytest.mark.parametrize(
    ("detector", "moment", "scores"),
    [
        pytest.param(
            lambda: Excess(ExcessConfig()),
            features(new=(600, 700, 700, 900), usual=(0.0, 50.0, 100.0, 400.0)),
            [
                Score(
                    channel="excess",
                    detector="excess",
                    feature="new_participants",
                    window_seconds=86_400,
                    value=round(log10(650), 9),
                    observed=700.0,
                    expected=50.0,
                )
            ],
            id="excess",
        ),
        pytest.param(
            lambda: Sweep(SweepConfig()),
            walked(sliced=33_000),
            [
                sweep_score("sweep/sweep", "walked_participants"),
                sweep_score("sweep/slicing", "sliced_participants"),
            ],
            id="sweep",
        ),
        pytest.param(
            lambda: Drip(DripConfig(), DripState(surplus_participants=9_000.0)),
            features(today_new=1_200, usual=(0.0, 0.0, 0.0, 3_000.0), cohort_size=100_000),
            [
                Score(
                    channel="drip/90d",
                    detector="drip",
                    feature="surplus_participants",
                    window_seconds=90 * 86_400,
                    value=round(log10(7_000 * 5), 9),
                    observed=10_000.0,
                    expected=3_000.0,
                )
            ],
            id="drip",
        ),
    ],
)
def test_a_detector_says_what_it_saw(
    detector: Callable[[], Detector], moment: Features, scores: list[Score]
) -> None:
    """The value in the detector's own unit, of a common cohort; the rest in people."""
    seen = [replace(score, value=round(score.value, 9)) for score in detector().score(moment)]
    assert seen == scores


def test_volume_says_how_many_bytes_and_how_many_were_usual() -> None:
    """In standard deviations of the logarithm; the hour's bytes, and those it usually has."""
    (score,) = volume().score(features(hour_bytes=20_000))
    assert (score.channel, score.detector, score.feature) == ("volume/1h", "volume", "bytes")
    assert (score.window_seconds, score.observed) == (3_600, 20_000.0)
    assert score.expected == pytest.approx(6.389, abs=1e-3)
    assert score.value == pytest.approx(7.9035, abs=1e-4)


def test_a_model_of_river_says_its_own_number() -> None:
    """Nothing is expected of it, and its name is all that a person can be told."""
    detector = multivariate()
    windows = Windows(WindowsState())
    windows.add(0, [1_000] * len(Quantity))
    moment = features(windows=windows)
    (value,) = detector.scores_of(moment.day)
    assert value > 0.0
    assert detector.score(moment) == (
        Score(
            channel="multivariate/half_space_trees",
            detector="multivariate",
            feature="half_space_trees",
            window_seconds=86_400,
            value=value,
            observed=value,
            expected=0.0,
        ),
    )
