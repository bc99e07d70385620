"""Who only counts people has tails and a budget apart, and a few have nothing of their own."""

import msgspec
import pytest

from detectors.peers.builder import ReferenceBuilder
from detectors.peers.reference import (
    COUNTED,
    EVERYBODY,
    Reference,
    ReferenceConfig,
    incident_rate,
    tail_of,
)
from detectors.verdict import DailySummary, Run

CONFIG = ReferenceConfig(settling_days=0)
FIRST_DAY = 20_000
DAYS = 40
RATE = 5 / 700


def days_of(
    count: int, *, peak: float, group: str = "default", alert_id: str = ""
) -> list[DailySummary]:
    """Return forty days of some institutions, on each of which one channel began to be strange."""
    return [
        DailySummary(
            institution=f"{group}-{number}",
            group=group,
            day=FIRST_DAY + day,
            days_count=1,
            age_days=day,
            usual=(1.0, 2.0, 3.0, 4.0),
            runs={"excess": Run(first_day=FIRST_DAY + day, peak_day=FIRST_DAY + day, peak=peak)},
            held_participants=0,
            trusted=True,
            alert_id=alert_id,
        )
        for day in range(DAYS)
        for number in range(count)
    ]


def built(*summaries: list[DailySummary]) -> Reference:
    """Return the reference of the day after all that was said."""
    builder = ReferenceBuilder(CONFIG)
    for each in summaries:
        for summary in each:
            builder.add(summary)
    return builder.build(FIRST_DAY + DAYS + CONFIG.lag_days)


@pytest.mark.parametrize("count", [10, 25])
def test_who_only_counts_moves_no_tail_of_who_names_people(count: int) -> None:
    """Nor the other way round: an estimate and a name are not as strange at the same number."""
    named = days_of(12, peak=3.0)
    alone, beside = built(named), built(named, days_of(count, peak=5.0, group="default/counted"))
    for group in (EVERYBODY, "default", "unheard of"):
        assert tail_of(beside, group, "excess") == tail_of(alone, group, "excess")
    counted = tail_of(beside, "default/counted", "excess")
    assert counted.score_at(RATE) > tail_of(beside, "default", "excess").score_at(RATE) + 1.0
    assert tail_of(beside, "other/counted", "excess") == beside.tails[COUNTED]["excess"]


@pytest.mark.parametrize("group", ["default/counted", "north"])
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_few_share_the_tails_of_all(group: str, count: int) -> None:
    """A thief among two would be half of what is usual there."""
    reference = built(days_of(12, peak=3.0), days_of(count, peak=5.0, group=group))
    assert group not in reference.tails
    assert tail_of(reference, group, "excess") == reference.tails[EVERYBODY]["excess"]
    assert reference.counted is None


def test_alerts_on_who_only_counts_use_up_a_budget_of_their_own() -> None:
    """However many there are, who names people is judged as before."""
    named = days_of(12, peak=3.0)
    alone = built(named)
    beside = built(named, days_of(12, peak=5.0, group="default/counted", alert_id="a"))
    expected = incident_rate(alone, budget_rate=RATE, group="default")
    assert incident_rate(beside, budget_rate=RATE, group="default") == expected
    assert incident_rate(beside, budget_rate=RATE, group="default/counted") < expected / 2.0


def test_the_order_of_groups_is_irrelevant() -> None:
    """Whichever partition comes first, the bytes are the same."""
    first, second = days_of(12, peak=3.0), days_of(12, peak=5.0, group="default/counted")
    encode = msgspec.msgpack.Encoder(order="sorted").encode
    assert encode(built(first, second)) == encode(built(second, first))
