"""Who is loud makes nobody deaf: what people were told of moves a tail by a bounded amount."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.calibration.tail import Tail, fit, lower_of
from detectors.feedback import Label
from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import EVERYBODY, Reference, ReferenceConfig
from detectors.verdict import DailySummary, Run

CONFIG = ReferenceConfig(settling_days=0)
FIRST_DAY = 20_000
DAYS = 84
HONEST = [f"honest-{number:02}" for number in range(50)]
# Of the default budget.
RATE = 5 / 700
ENOUGH = 3.6
TAILS = st.builds(
    lambda rates, slope: Tail(
        knots=tuple((float(place), rate) for place, rate in enumerate(sorted(rates)[::-1])),
        slope=slope,
    ),
    st.lists(st.floats(-6.0, 0.0), min_size=1, max_size=4),
    st.floats(0.1, 5.0),
)


def summary(institution: str, day: int, run: Run | None = None, **changes: object) -> DailySummary:
    """Return the summary of a day, with one run or none."""
    plain = DailySummary(
        institution=institution,
        group="default",
        day=FIRST_DAY + day,
        days_count=1,
        age_days=day,
        usual=(1.0, 2.0, 3.0, 4.0),
        runs={} if run is None else {"excess": run},
        held_participants=0,
        trusted=True,
    )
    return msgspec.structs.replace(plain, **changes)


def run_of(day: int, peak: float, *, alert_id: str = "") -> Run:
    """Return the run of one day; a told one began to be told of at `ENOUGH`."""
    return Run(
        first_day=FIRST_DAY + day,
        peak_day=FIRST_DAY + day,
        peak=peak,
        alert_id=alert_id,
        alert_score=ENOUGH if alert_id else 0.0,
    )


def built(
    loud: int = 0,
    *,
    peak: float | None = 5.3,
    is_told: bool = True,
    labels: dict[str, Label] | None = None,
) -> Reference:
    """Return what fifty calm institutions give, and beside them loud ones, told of every month."""
    builder = ReferenceBuilder(CONFIG)
    for day in range(DAYS):
        for number, name in enumerate(HONEST):
            is_strange = (day * 7 + number * 13) % 29 == 0
            run = run_of(day, 2.8 + (day * 31 + number * 17) % 100 / 100) if is_strange else None
            builder.add(summary(name, day, run))
        for number in range(loud):
            name = f"loud-{number}"
            run = None
            if peak is not None and (day - number) % 31 == 0:
                run = run_of(day, peak, alert_id=f"{name}-{day}" if is_told else "")
            # What is said at the end is said of all that was told before.
            new = labels or {} if day == DAYS - 1 else {}
            own = {alert: label for alert, label in new.items() if alert.startswith(f"{name}-")}
            builder.add(summary(name, day, run, labels=own))
    return builder.build(FIRST_DAY + DAYS + CONFIG.lag_days)


def needed(reference: Reference) -> float:
    """Return the score that is as rare as the budget."""
    return reference.tails[EVERYBODY]["excess"].score_at(RATE)


def alerts_of(loud: int) -> list[str]:
    """Return the alerts of the loud."""
    return [f"loud-{n}-{day}" for n in range(loud) for day in range(n, DAYS, 31)]


@pytest.mark.parametrize("loud", [1, 4, 8, 12])
def test_who_is_told_of_every_month_moves_a_tail_by_a_bounded_amount(loud: int) -> None:
    """Threefold at most, even for a fifth of all; without the bound it is more than fivefold."""
    assert needed(built(loud)) <= needed(built()) + 0.5
    assert needed(built(12, is_told=False)) > needed(built()) + 0.7


@pytest.mark.parametrize("peak", [ENOUGH + 0.6, 5.3, 7.0])
def test_how_far_a_told_run_went_beyond_changes_nothing(peak: float) -> None:
    """A hundred thousand people deafen no more than ten thousand."""
    assert built(4, peak=peak) == built(4, peak=ENOUGH + 0.5)


def test_a_confirmed_theft_is_no_part_of_a_tail() -> None:
    """As if those runs had never been, from the day on which it was said."""
    labels = dict.fromkeys(alerts_of(8), Label.CONFIRMED)
    assert built(8, labels=labels).tails == built(8, peak=None).tails


def test_a_false_alarm_counts_in_full() -> None:
    """People have said that such things are ordinary."""
    labels = dict.fromkeys(alerts_of(2), Label.FALSE_POSITIVE)
    assert built(2, labels=labels).tails == built(2, is_told=False).tails


def test_days_of_proven_thefts_are_no_false_alarms() -> None:
    """And one institution uses up so many days of the budget, whatever it does."""
    builder = ReferenceBuilder(CONFIG)
    for day in range(40):
        for name in HONEST:
            alert_id = {"honest-00": "theft", "honest-01": "noise"}.get(name, "")
            is_labelled = day == 39 and name == "honest-00"
            labels = {"theft": Label.CONFIRMED} if is_labelled else {}
            builder.add(summary(name, day, alert_id=alert_id, labels=labels))
    assert builder.build(FIRST_DAY + 40).alert_days == 12
    assert builder.build(FIRST_DAY + 42).alert_days == 6


@given(tail=TAILS, p_value=st.floats(1e-9, 0.9))
def test_a_tail_is_read_from_both_sides(tail: Tail, p_value: float) -> None:
    """The score of a probability has that probability, where the tail falls at all."""
    score = tail.score_at(p_value)
    assert tail.p_value(score) <= p_value * (1.0 + 1e-9) or score == tail.knots[0][0]
    assert tail.p_value(score - 1e-6) >= p_value * (1.0 - 1e-9) or score == tail.knots[0][0]


@given(first=TAILS, second=TAILS, score=st.floats(0.0, 20.0))
def test_the_lower_of_two_tails_is_nowhere_above_either(
    first: Tail, second: Tail, score: float
) -> None:
    """Between the knots too, for the least of straight lines bends downwards."""
    lower = lower_of(first, second).log_rate(score)
    assert lower <= min(first.log_rate(score), second.log_rate(score)) + 1e-9


def test_a_censored_exceedance_makes_a_tail_no_steeper() -> None:
    """It went further than it shows: it adds to the mean beyond, and not to the count."""
    prior = Tail(knots=((0.0, 0.0),), slope=1.0)
    ended = fit([3.0, 4.0, 4.0, 4.0], institution_days=100, prior=prior, prior_days=1.0)
    further = fit([3.0], censored=[4.0] * 3, institution_days=100, prior=prior, prior_days=1.0)
    assert further.knots == ended.knots
    assert further.slope < ended.slope
