"""Volume at its bounds: when it begins to speak, and what it needs to have seen."""

from math import expm1, log1p

import pytest
from msgspec.structs import replace

from detectors.detector import ClosedHour
from detectors.instants import DAY_MS, HOUR_MS
from detectors.models.volume import (
    PAST_DAYS,
    PastUsual,
    Usual,
    Volume,
    VolumeConfig,
    VolumeState,
)
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


def usual(mean: float, *, season: float = 0.0) -> Usual:
    """Return a usual of 101 hours, each a standard deviation of one away from its mean."""
    return Usual(season={72: season}, count=101.0, mean=mean, squares=100.0)


def changing() -> Volume:
    """Return a detector whose usual hour had e**2 bytes a while ago, and has e**5 now."""
    state = VolumeState(season={72: 5.0}, count=101.0, mean=0.0, squares=100.0)
    state.past = PastUsual(day=0, usual=usual(2.0))
    return Volume(VolumeConfig(), state)


@pytest.mark.parametrize(("unnamed_bytes", "deviations"), [(0, 4.0), (1, 7.0)])
def test_bytes_of_nobody_are_measured_by_the_past_too(
    unnamed_bytes: int, deviations: float
) -> None:
    """Whoever raised the own usual slowly is still far beyond what it was."""
    volume, hour_bytes = changing(), round(expm1(9.0))
    seen = volume.deviations(0, hour_bytes, unnamed_bytes=unnamed_bytes)
    assert seen == pytest.approx(deviations, abs=1e-3)
    assert volume.deviations(0, hour_bytes) == pytest.approx(4.0, abs=1e-3)
    moment = features(hour_bytes=hour_bytes, hour_unnamed_bytes=unnamed_bytes)
    (score,) = volume.score(moment)
    assert score.value == seen
    assert score.expected == pytest.approx(expm1(2.0))


def test_the_present_measures_where_the_past_was_higher() -> None:
    """The stranger of the two counts, and the smaller is expected."""
    volume = changing()
    volume.state.past = PastUsual(day=0, usual=usual(8.0))
    hour_bytes = round(expm1(9.0))
    seen = volume.deviations(0, hour_bytes, unnamed_bytes=1)
    assert seen == pytest.approx(4.0, abs=1e-3)
    assert volume.expected_bytes(0) == pytest.approx(expm1(5.0))


def day_of(past: PastUsual | None) -> int | None:
    """Return since when it stands."""
    return None if past is None else past.day


def test_the_past_begins_with_bytes_of_nobody_and_takes_its_turn_after_a_month() -> None:
    """What is judged by was usual one to two months ago, or before anything of nobody came."""
    volume = Volume(VolumeConfig(), VolumeState())
    turns: list[tuple[int, tuple[int | None, int | None]]] = []
    for day in range(3 * PAST_DAYS + 1):
        closed = ClosedHour(
            at_ms=day * DAY_MS + HOUR_MS,
            taken_bytes=1_000 + day,
            trusted=True,
            unnamed_bytes=int(day == 5),
        )
        volume.learn_hour(closed)
        turn = (day_of(volume.state.past), day_of(volume.state.next_past))
        if not turns or turns[-1][1] != turn:
            turns.append((day, turn))
    assert turns == [
        (0, (None, None)),
        (5, (5, 5)),
        (35, (5, 35)),
        (65, (35, 65)),
    ]
    assert volume.state.past is not None
    # Of 35 hours before it the first only began its season.
    assert (volume.state.past.usual.count, volume.state.count) == (34.0, 90.0)


def test_the_past_does_not_learn() -> None:
    """It is what it was, whatever comes to the same hour of the week."""
    volume = learnt([1_000, 1_100, 900], VolumeConfig())
    unnamed = ClosedHour(at_ms=3 * HOUR_MS, taken_bytes=900, trusted=True, unnamed_bytes=1)
    volume.learn_hour(unnamed)
    assert volume.state.past is not None
    before = replace(volume.state.past.usual, season=dict(volume.state.past.usual.season))
    alone = learnt([1_000, 1_100, 900], VolumeConfig()).state
    assert (before.season, before.count) == (alone.season, alone.count)
    assert (before.mean, before.squares) == (alone.mean, alone.squares)
    for hour in range(4, 200):
        volume.learn_hour(ClosedHour(at_ms=hour * HOUR_MS, taken_bytes=10**6, trusted=True))
    assert volume.state.past.usual == before
