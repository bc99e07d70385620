"""Who took how much of what a sentence tells: of one event, of an hour's bytes, of a window."""

from datetime import UTC, datetime, timedelta

import pytest

from detectors.config import CoreConfig, DetectorsConfig
from detectors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from detectors.models.differencing.config import DifferencingConfig
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.shares import StatedShares, month_participants, ratio_of, shares_of
from detectors.register import Exemption, Institution
from detectors.verdict import ReasonDetail, WindowShares
from tests.builders import alerts_of, event, reason_detail, taking

START_MS = 1_767_225_600_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def north() -> Profile:
    """Return a profile on whose day ada and nobody named took people, for one project and none."""
    profile = open_profile("north", config=CoreConfig())
    takings = [("e-1", "ada", "heart", 30), ("e-2", None, None, 50), ("e-3", "ben", "heart", 5)]
    for number, (name, user, project, count) in enumerate(takings):
        taken = taking(
            count,
            first=100 * number,
            id=name,
            time=START_MS + number * MINUTE_MS,
            user=user,
            project=project,
            bytes=10 * count,
        )
        judge(profile, taken)
    return profile


@pytest.mark.parametrize(
    ("user", "project"), [("ada", "heart"), ("ada", None), (None, "heart"), (None, None)]
)
def test_what_one_event_broke_is_all_that_events(user: str | None, project: str | None) -> None:
    """Its user's, or nobody's that is named; of its project, and with its id alone."""
    profile = north()
    broke = event(id="broke", user=user, project=project)
    detail = reason_detail(detector="scope", feature="dataset_not_approved")
    assert shares_of(profile, detail, broke) == StatedShares(
        shares=WindowShares(
            of="event",
            begins_ms=START_MS,
            total=1,
            top_user=1 if user else 0,
            nobody=0 if user else 1,
            late=0,
            unknown=0,
        ),
        top_user=user,
        top_project=project,
        top_project_share=1.0 if project else 0.0,
        sample_event_ids=("broke",),
    )


def test_two_events_that_tell_people_apart_are_both_shown() -> None:
    """The one that broke the rule, and the earlier one that differs from it by few people."""
    differencing = DifferencingConfig(mode="on", allowed_differences=0)
    config = CoreConfig(detectors=DetectorsConfig(differencing=differencing))
    takings = (
        taking(count, id=f"e-{count}", time=START_MS + count, user="ada") for count in (60, 61)
    )
    (alert,) = alerts_of(open_profile("north", config=config), takings)
    assert alert.sample_event_ids == ("e-61", "e-60")


def test_the_bytes_of_an_hour_are_shared_out() -> None:
    """By user; what events without one took is a share like any other."""
    detail = reason_detail(detector="volume", feature="bytes", window_seconds=3_600)
    taken_by = shares_of(north(), detail, None)
    assert taken_by == StatedShares(
        shares=WindowShares(
            of="bytes", begins_ms=START_MS, total=850, top_user=300, nobody=500, late=0, unknown=0
        ),
        top_user="ada",
        sample_event_ids=("e-2",),
    )
    assert taken_by.top_user_share == 300 / 850


def test_a_quota_is_shared_out_over_all_that_was_gained() -> None:
    """What an export was approved for counts in it, and in nothing that is judged by chance."""
    export = Exemption(id="export", valid_from=BEGIN, valid_to=BEGIN + timedelta(days=1))
    entry = Institution(id="north", exemptions=(export,))
    profile = open_profile("north", config=CoreConfig(), entry=entry)
    judge(profile, taking(70, time=START_MS, user="ada"))
    judge(profile, taking(30, first=70, time=START_MS + 2 * DAY_MS, user="ada"))
    totals = [
        shares_of(profile, reason_detail(detector=name, window_seconds=604_800), None).shares.total
        for name in ("quota", "excess")
    ]
    assert totals == [100, 30]


@pytest.mark.parametrize(
    ("others", "samples"),
    [(("ben",), ("e-0",)), (("ben", "cleo"), ("e-0", "e-1", "e-2")), ((None, "ben"), ("e-1",))],
    ids=["one of two", "one of three", "nobody named"],
)
def test_half_is_enough_to_be_the_story(
    others: tuple[str | None, ...], samples: tuple[str, ...]
) -> None:
    """Of a user or of nobody; less, and the largest events are shown, whosever they are."""
    profile = open_profile("north", config=CoreConfig())
    counts = [1, 2, 1] if others[0] is None else [1] * 3
    for place, user in enumerate(("ada", *others)):
        taken = taking(counts[place], first=10 * place, id=f"e-{place}", time=START_MS, user=user)
        judge(profile, taken)
    assert shares_of(profile, reason_detail(), None).sample_event_ids == samples


def test_of_an_hour_in_which_all_are_named_nobody_has_a_share() -> None:
    """What goes to somebody goes to nobody else."""
    profile = open_profile("north", config=CoreConfig())
    judge(profile, event(id="e-1", time=START_MS, user="ada", bytes=300))
    detail = reason_detail(detector="volume", feature="bytes", window_seconds=3_600)
    shares = shares_of(profile, detail, None).shares
    assert (shares.top_user, shares.nobody, shares.unknown, shares.total) == (300, 0, 0, 300)


@pytest.mark.parametrize(
    ("window_seconds", "begins_ms"),
    [
        (3_600, START_MS - 11 * 5 * MINUTE_MS),
        (86_400, START_MS - 23 * HOUR_MS),
        (604_800, START_MS - 6 * DAY_MS),
        (2_592_000, START_MS - 29 * DAY_MS),
        (77, START_MS - 29 * DAY_MS),
    ],
)
def test_new_people_of_a_window_are_shared_out(window_seconds: int, begins_ms: int) -> None:
    """Numerator and denominator are of one window; of one that is none, the month."""
    detail = reason_detail(window_seconds=window_seconds)
    taken_by = shares_of(north(), detail, event(id="e-3"))
    assert taken_by == StatedShares(
        shares=WindowShares(
            of="new_participants",
            begins_ms=begins_ms,
            total=85,
            top_user=30,
            nobody=50,
            late=0,
            unknown=0,
        ),
        top_user="ada",
        top_project="heart",
        top_project_share=35 / 85,
        sample_event_ids=("e-2",),
    )


@pytest.mark.parametrize(
    "detail",
    [
        reason_detail(detector="volume", feature="bytes", window_seconds=3_600),
        reason_detail(window_seconds=86_400),
    ],
    ids=["bytes", "people"],
)
def test_the_samples_are_of_whoever_took_most(detail: ReasonDetail) -> None:
    """The largest first, once one user took half; what others took is not shown beside."""
    profile = north()
    grab = taking(100, first=900, id="e-4", time=START_MS + HOUR_MS // 2, user="ada", bytes=1_000)
    judge(profile, grab)
    taken_by = shares_of(profile, detail, None)
    assert (taken_by.top_user, taken_by.sample_event_ids) == ("ada", ("e-4", "e-1"))


def test_a_share_is_of_all_and_never_more() -> None:
    """Of nothing there is none."""
    shares = WindowShares(of="event", begins_ms=0, total=4, top_user=1, nobody=0, late=0, unknown=0)
    assert [ratio_of(amount, shares) for amount in (0, 1, 4, 5)] == [0.0, 0.25, 1.0, 1.0]
    nothing = WindowShares(
        of="event", begins_ms=0, total=0, top_user=0, nobody=0, late=0, unknown=0
    )
    assert ratio_of(3, nothing) == 0.0


def test_what_a_user_took_in_a_month_is_known_of_the_named() -> None:
    """Of others, and of nobody, it is nothing."""
    profile = north()
    users = ("ada", "ben", "cleo", None)
    assert [month_participants(profile, user) for user in users] == [30, 5, 0, 0]
