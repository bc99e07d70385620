"""The ladder backtest: what a platform that obeys serves, and what it is said to have stopped."""

import pytest

from benchmarks.response.platform import THROTTLED_EACH, Platform
from benchmarks.response.play import DELAYS, Plan, Seed, Stopped, play_seed
from benchmarks.response.report import honest_per_year, rows
from detectors.instants import HOUR_MS
from detectors.synthetic import World, WorldConfig, build_world
from tests.builders import alert, event

NOW_MS = 20_000 * 24 * HOUR_MS


def platform(delay_ms: int = 0) -> Platform:
    """Return a platform over a cohort of half a million."""
    return Platform(cohort_size=500_000, delay_ms=delay_ms, begins_ms=0)


def small(seed: int) -> World:
    """Return a small world of a seed."""
    config = WorldConfig(
        seed=seed,
        institutions=8,
        days=70,
        warmup_days=49,
        cohort_participants=20_000,
        events_per_day_max=40.0,
    )
    return build_world(config)


def stopped(**changes: object) -> Stopped:
    """Return a theft of a fifth of the cohort that nobody saw, with changes."""
    plain = {"scenario": "a", "delay": "1 s", "haul_ratio": 0.2, "gone_ratio": 0.2}
    return Stopped(**(plain | changes))  # type: ignore[arg-type] # as named above.


@pytest.mark.parametrize("delay_ms", [1_000, HOUR_MS])
def test_a_platform_obeys_after_its_delay_and_for_as_long_as_it_is_told(delay_ms: int) -> None:
    """The thief is served until then, the colleague always, and everybody after the expiry."""
    obeying = platform(delay_ms)
    stated = alert(at_ms=NOW_MS, confidence=1.0, taken_participants=100_000, top_user_share=1.0)
    obeying.hear([stated])
    thief = event(institution=stated.institution, user=stated.top_user)
    assert obeying.serves(thief, NOW_MS + delay_ms - 1)
    assert not obeying.serves(thief, NOW_MS + delay_ms)
    assert obeying.serves(event(institution=stated.institution, user="ben"), NOW_MS + delay_ms)
    assert obeying.serves(thief, NOW_MS + 24 * HOUR_MS + delay_ms)


def test_of_a_throttled_scope_one_request_in_ten_is_served() -> None:
    """A throttle is no stop, and no nothing."""
    slow = platform()
    slow.hear([alert(at_ms=NOW_MS, confidence=0.8, taken_participants=100_000, top_user_share=1.0)])
    thief = event(institution=alert().institution, user=alert().top_user)
    served = [slow.serves(thief, NOW_MS + second) for second in range(10 * THROTTLED_EACH)]
    assert sum(served) == 10


def test_a_theft_is_in_time_if_its_first_measure_came_before_15_percent() -> None:
    """Counted among those that were told of and were of a tenth of the cohort at least."""
    thefts = (
        stopped(told_ratio=0.01, throttled_ratio=0.15, suspended_ratio=0.19),
        stopped(told_ratio=0.01, suspended_ratio=0.16),
        stopped(told_ratio=0.01),
        stopped(told_ratio=0.01, throttled_ratio=0.02, haul_ratio=0.09),
        stopped(),
    )
    seed = Seed(
        institution_weeks=100.0 * 365.0 / 7.0,
        false_alert_days=3,
        honest={"throttle": 4, "suspend": 1},
        thefts=thefts,
    )
    row = rows([seed])[0]
    assert (row.large_in_time, row.large_told, row.thefts) == (1, 3, 5)
    assert (row.told_ratio, row.throttled, row.suspended) == (0.8, 0.4, 0.4)
    assert honest_per_year([seed]) == {"throttle": 4.0, "suspend": 1.0}


def test_a_seed_is_played_for_every_delay() -> None:
    """What is stopped never happens: nobody takes more than without a measure."""
    plan = Plan(build=small, scenarios=("smash_and_grab_v1",), trials=1, budget=5.0)
    played = play_seed(plan, 3)
    assert [theft.delay for theft in played.thefts] == list(DELAYS)
    for theft in played.thefts:
        assert 0.0 < theft.gone_ratio <= theft.haul_ratio + 1e-9
