"""The one sentence of an alert: its numbers are of one window, over all that was taken in it."""

import pytest
from msgspec.structs import replace

from detectors.config import CoreConfig, DetectorsConfig
from detectors.event import AccessEvent
from detectors.instants import DAY_MS, HOUR_MS
from detectors.models.canary import CanaryConfig
from detectors.models.quota import QuotaConfig
from detectors.models.volume import VolumeConfig
from detectors.pipeline import open_profile
from detectors.policy.explain import (
    ahead,
    bytes_alone,
    counting_of,
    duration,
    named,
    percent,
    sentence,
    takers,
)
from detectors.verdict import Alert
from tests.builders import (
    alerts_of,
    coverage,
    reason_detail,
    taking,
    window_shares,
)

START_MS = 1_767_225_600_000


def alerts_on(*events: AccessEvent, config: CoreConfig | None = None) -> list[Alert]:
    """Return what is told of the events of an institution that nobody has seen before."""
    return alerts_of(open_profile("north", config=config or CoreConfig()), events)


def test_what_nobody_is_named_for_is_a_share_like_any_other() -> None:
    """An honest user beside events that name none is not said to have taken it."""
    events = [
        taking(2_000, first=2_000 * page, id=f"x-{page}", time=START_MS + 20_000 * page)
        for page in range(50)
    ]
    honest = taking(1, first=400_000, id="one", time=START_MS + 1_000_000, user="u-honest")
    last = alerts_on(*events, honest, taking(1, id="again", time=START_MS + 1_000_001))[-1]
    assert "100 % of it by nobody named" in last.sentence
    assert "u-honest" not in last.sentence
    assert last.top_user_share < 0.01
    assert "one" not in last.sample_event_ids


def test_a_share_is_of_the_window_that_is_told() -> None:
    """What others took before the last hour is neither in its sum nor in its shares."""
    before = taking(900, id="before", time=START_MS, user="ben")
    grab = taking(40_000, first=1_000, id="grab", time=START_MS + 5 * HOUR_MS, user="ada")
    alert = alerts_on(before, grab)[-1]
    assert alert.shares is not None
    observed = int(alert.reasons[0].observed)
    assert (alert.shares.total, alert.shares.top_user) == (observed, 40_000)
    assert f"{percent(40_000 / observed)} of it by user ada" in alert.sentence
    assert alert.sample_event_ids == ("grab",)


def test_samples_are_events_of_the_window_and_of_the_named_user() -> None:
    """Larger ones of weeks before, or of others, are evidence of nothing."""
    events = [
        taking(499, first=500 * day, id=f"old-{day}", time=START_MS + day * DAY_MS, user="ben")
        for day in range(20)
    ]
    night_ms = START_MS + 25 * DAY_MS
    events += [
        taking(1, first=100_000 + row, id=f"row-{row}", time=night_ms + row, user="ada")
        for row in range(20_000)
    ]
    alert = alerts_on(*events)[-1]
    assert alert.top_user == "ada"
    assert all(event_id.startswith("row-") for event_id in alert.sample_event_ids)


def test_what_comes_a_month_late_is_said_to_be_late() -> None:
    """It counts when it comes, for no taking may go unseen, but it was not taken then."""
    now_ms = START_MS + 60 * DAY_MS
    events = [taking(1, id="now", time=now_ms)]
    events += [
        taking(5_000, first=5_000 * page, id=str(page), time=START_MS + page, user="ada")
        for page in range(8)
    ]
    last = alerts_on(*events)[-1]
    assert "come late, dated over 30 days before" in last.sentence


def test_bytes_alone_are_told_as_bytes_and_are_mild() -> None:
    """Who re-reads takes nobody new: that is said, and never more than low."""
    volume = DetectorsConfig(volume=VolumeConfig(hours_min=3))
    night_ms = START_MS + 40 * DAY_MS
    events = [taking(6_290, id="first", time=START_MS, user="ada")]
    events += [
        taking(10, id=f"d-{day}", time=START_MS + day * DAY_MS, bytes=1_000 + day % 7, user="ada")
        for day in range(1, 40)
    ]
    events += [
        taking(6_290, id=f"r-{turn}", time=night_ms + turn, bytes=10**9, user="ada")
        for turn in range(9)
    ]
    alert = alerts_on(*events, config=CoreConfig(detectors=volume))[-1]
    assert "bytes, not people, 100 % of it by user ada" in alert.sentence
    assert (alert.severity, alert.reasons[0].feature) == ("low", "bytes")
    assert alert.shares is not None
    assert (alert.shares.of, alert.shares.total) == ("bytes", int(alert.reasons[0].observed))
    assert set(alert.sample_event_ids) <= {f"r-{turn}" for turn in range(9)}


def test_a_rule_that_one_event_breaks_names_who_sent_it() -> None:
    """Not who took most today."""
    canary = CoreConfig(detectors=DetectorsConfig(canary=CanaryConfig(participants=(7_000,))))
    grab = taking(900, id="grab", time=START_MS, user="ben")
    touch = taking(1, first=7_000, id="touch", time=START_MS + 1_000, user="ada")
    alert = alerts_on(grab, touch, config=canary)[-1]
    assert "by user ada" in alert.sentence
    assert (alert.top_user, alert.sample_event_ids) == ("ada", ("touch",))
    assert alert.top_user_participants == 1


def test_of_too_many_users_a_share_is_a_lower_bound_and_says_so() -> None:
    """Whoever took most is named; how much is at least so much."""
    events = [
        taking(
            1, first=number, id=f"e-{number}", time=START_MS + number * 1_000, user=f"u-{number}"
        )
        for number in range(900)
    ]
    grab = taking(9_000, first=10_000, id="grab", time=START_MS + HOUR_MS, user="ada")
    limit = CoreConfig(detectors=DetectorsConfig(quota=QuotaConfig(new_participants_day_max=5_000)))
    alert = alerts_on(*events, grab, config=limit)[-1]
    assert alert.shares is not None
    assert alert.shares.unknown > 0
    assert "at least " in alert.sentence
    assert alert.shares.top_user <= 9_000


def test_a_share_beside_another_number_says_what_it_is_of() -> None:
    """Who walked is not counted, so that shares are of the new participants."""
    detail = replace(reason_detail(), detector="sweep", feature="walked_participants")
    assert takers(detail, window_shares(top_user=62), "ada") == [
        "62 % of the new participants by user ada"
    ]


def test_a_share_that_may_be_more_is_rounded_down() -> None:
    """Of a window in which it is not known of everything who took it."""
    known = window_shares(total=1_000, top_user=629, nobody=150, unknown=1)
    assert takers(reason_detail(), known, "ada") == [
        "at least 62 % of it by user ada",
        "at least 15 % of it by nobody named",
    ]


def test_of_many_names_the_three_largest_are_told() -> None:
    """And that there are more, if there are."""
    names = {"a": 3, "b": 400, "c": 20}
    assert named("unknown", names) == "unknown (b, c, a)"
    assert named("unknown", {**names, "d": 1}) == "unknown (b, c, a and more)"
    assert named("north", {}) == "north"


def test_how_people_were_counted_is_said_beside_their_number() -> None:
    """That a number is estimated, or weighed by class; of people by name there is nothing."""
    estimated, weighed = (
        "estimated from counts that name nobody",
        "weighed, and new once in each class of data",
    )
    assert counting_of("exact", classed=False) == []
    assert counting_of("exact", classed=True) == [weighed]
    assert counting_of("estimate", classed=True) == [estimated, weighed]


def test_one_event_is_of_one_user_or_of_nobody() -> None:
    """There is no share to be told."""
    shares = window_shares(of="event", total=1)
    assert takers(reason_detail(), shares, "ada") == ["by user ada"]
    assert takers(reason_detail(), shares, None) == ["by nobody named"]


@pytest.mark.parametrize("percentage", [9, 10])
def test_small_shares_of_nobody_and_of_what_is_late_are_not_told(percentage: int) -> None:
    """From a tenth on they are."""
    shares = window_shares(nobody=percentage, late=percentage)
    words = [
        f"{percentage} % of it by nobody named",
        f"{percentage} % of it come late, dated over 30 days before",
    ]
    assert takers(reason_detail(), shares, None) == (words if percentage == 10 else [])


def test_what_has_no_share_in_the_decision_is_not_what_it_is_about() -> None:
    """Bytes decided alone, whoever else was new beside them; nothing decides of itself."""
    by_bytes = reason_detail(detector="volume", feature="bytes")
    beside = reason_detail(share=0.0)
    assert bytes_alone((by_bytes, beside))
    assert not bytes_alone((by_bytes, replace(beside, share=0.1)))
    assert not bytes_alone((replace(by_bytes, share=0.0),))


def test_nothing_is_said_of_who_where_nothing_was_taken() -> None:
    """An event that names nobody else breaks no division."""
    assert takers(reason_detail(), window_shares(total=0), None) == []
    assert takers(reason_detail(), window_shares(nobody=62), None) == ["62 % of it by nobody named"]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0.99 / 24, "within the hour"),
        (1 / 24, "in 1 h"),
        (1.9 / 24, "in 2 h"),
        (47.9 / 24, "in 48 h"),
        (2.0, "in 2 days"),
        (2.04, "in 2 days"),
        (364.6, "in 365 days"),
    ],
)
def test_how_far_off_it_is_is_said_in_hours_and_days(days: float, words: str) -> None:
    """Hours up to two days, and never a number below one."""
    assert ahead(days) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (300, "5 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_a_window_is_said_in_its_largest_unit(seconds: int, words: str) -> None:
    """Whole minutes below an hour, whole hours below a day."""
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (0.0, "0 %"),
        (0.000001, "0.0001 %"),
        (0.125, "12 %"),
        (0.98, "98 %"),
        (0.99, "99.0 %"),
        (0.9994, "99.9 %"),
        (0.9995, "99.9 %"),
        (0.0000001, "under 0.0001 %"),
        (0.00000097, "under 0.0001 %"),
        (0.000000995, "0.0001 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_has_two_figures_and_is_whole_only_when_it_is(ratio: float, words: str) -> None:
    """Nearly all is not all, and nearly nothing is not nothing."""
    assert percent(ratio) == words


def sentence_of(*, share: int = 0, days: float | None = None, **changes: object) -> str:
    """Return the sentence about a grab, with a user's share, a forecast and coverage."""
    return sentence(
        "north",
        (reason_detail(),),
        (coverage(**changes), coverage(dataset="genomes", before_ratio=0.3, after_ratio=0.3)),
        by=takers(reason_detail(), window_shares(top_user=share), "ada"),
        full_cohort_days=days,
    )


def test_a_user_is_named_from_half_on() -> None:
    """Whoever took less is not the story."""
    assert "by user" not in sentence_of(share=49)
    assert "50 % of it by user ada" in sentence_of(share=50)


def test_coverage_is_that_of_the_dataset_that_grew_most() -> None:
    """Another may be fuller; a bound is said to be one, and what is full has no forecast."""
    assert "now holds 10 % of the imaging cohort" in sentence_of()
    assert "now holds at most 10 % of the imaging cohort" in sentence_of(kind="upper_bound")
    assert sentence_of(days=3.0).endswith("cohort, the whole cohort in 3 days at this pace.")
    assert sentence_of(days=3.0, after_ratio=1.0).endswith("now holds 100 % of the imaging cohort.")
