"""What is usual, in numbers that one can check by hand."""

import pytest

from detectors.features.baseline import Baseline, BaselineConfig, BaselineState, upper_quantile

FIRST_DAY = 20_000
PEERS = (40.0, 80.0, 400.0, 1_600.0)


def learnt(
    days: int, *, freeze_days: int = 0, settling_days: int = 0, shrinkage_days: float = 10.0
) -> Baseline:
    """Return a baseline that has learnt the same day again and again."""
    config = BaselineConfig(
        freeze_days=freeze_days,
        history_days=90,
        settling_days=settling_days,
        shrinkage_days=shrinkage_days,
    )
    baseline = Baseline(config, BaselineState(first_day=FIRST_DAY))
    for day in range(FIRST_DAY, FIRST_DAY + days):
        baseline.learn(day, [10, 20, 140, 600])
    return baseline


@pytest.mark.parametrize(
    ("days", "usual"),
    [
        pytest.param(0, PEERS, id="before any day the peers' alone"),
        # Four weeks and no month reach into no earlier day: mean days, half own, stand in beside.
        pytest.param(10, (25, 50, (4 * 140 + 10 * 270) / 14, 1_100), id="half own after ten"),
        # 44 weeks and 21 months by then, and the mean days are five sixths own.
        pytest.param(50, (15, 30, 148.0247, 653.7634), id="mostly own after fifty"),
    ],
)
def test_the_usual_is_shrunk_to_the_peers_by_days(days: int, usual: tuple[float, ...]) -> None:
    """Ten own days weigh as much as the peers, in each window as many as it has learnt."""
    baseline = learnt(days)
    assert baseline.usual(FIRST_DAY + days, peers=PEERS) == pytest.approx(usual, abs=1e-4)
    halved = tuple(peer / 2 for peer in PEERS)
    scaled = baseline.usual(FIRST_DAY + days, peers=PEERS, scale=0.5)
    assert scaled == learnt(days).usual(FIRST_DAY + days, peers=halved)
    assert baseline.usual(FIRST_DAY + days, peers=PEERS) == pytest.approx(usual, abs=1e-4)


@pytest.mark.parametrize("days", [0, 1, 2, 6, 7, 40])
def test_what_is_known_has_a_mean_where_no_whole_window_was_seen(days: int) -> None:
    """Seven and thirty mean days, until a week and a month lie behind the first days."""
    baseline = learnt(days + 5, settling_days=5)
    known = baseline.known(FIRST_DAY + days + 4)
    assert known == ((10.0, 20.0, 140.0, 600.0) if days else ())


def test_no_day_is_kept_longer_than_it_can_count() -> None:
    """The freeze and the history, to the day; what is learnt late pushes nothing out."""
    baseline = learnt(300, freeze_days=30)
    assert sorted(baseline.state.maxima) == list(range(FIRST_DAY + 180, FIRST_DAY + 300))
    baseline.learn(FIRST_DAY + 250, [0] * 4)
    assert len(baseline.state.maxima) == 120


def test_a_learnt_day_is_seen_at_once() -> None:
    """What was worked out for a day holds until another day is learnt."""
    baseline = learnt(20, shrinkage_days=0.001)
    today = FIRST_DAY + 20
    assert round(baseline.usual(today, peers=PEERS)[0]) == 10
    for day in range(20):
        baseline.learn(FIRST_DAY + day, [30, 30, 210, 900])
    assert round(baseline.usual(today, peers=PEERS)[0]) == 30


@pytest.mark.parametrize(("days", "has_past"), [(30, False), (31, True)])
def test_a_past_begins_with_the_first_day_that_is_as_old_as_the_freeze(
    days: int, *, has_past: bool
) -> None:
    """What was learnt within it is none yet."""
    assert learnt(days, freeze_days=30).has_past(FIRST_DAY + days) == has_past


def test_what_is_known_of_a_day_is_known_by_its_end() -> None:
    """The day itself counts, and none after it."""
    baseline = learnt(1)
    baseline.learn(FIRST_DAY + 1, [99] * 4)
    assert baseline.known(FIRST_DAY) == (10.0, 20.0, 140.0, 600.0)


@pytest.mark.parametrize(("days_later", "is_known"), [(89, True), (90, False)])
def test_a_day_counts_while_it_is_in_the_history(days_later: int, *, is_known: bool) -> None:
    """On its last day too."""
    assert bool(learnt(1).known(FIRST_DAY + days_later)) == is_known


def test_the_quantile_of_nothing_is_nothing() -> None:
    """Of one it is that one."""
    assert [upper_quantile(values, quantile=0.9) for values in ([], [7])] == [0.0, 7.0]
