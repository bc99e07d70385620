"""What a label of an alert is about: no more than what, and who, the alert was about."""

import pytest
from msgspec.structs import replace

from detectors.config import CohortConfig, CoreConfig
from detectors.instants import DAY_MS, instant_of
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.alert_subject import narrowed, participants_labelled, remember_subject
from detectors.register import NOBODY_NAMED, Exemption
from detectors.verdict import Alert
from tests.builders import alert, coverage, taking, window_shares

START_MS = 1_767_225_600_000
EXPORT = Exemption(
    id="feedback a-17", valid_from=instant_of(START_MS), valid_to=instant_of(START_MS + DAY_MS)
)


def north(*stated: Alert, cohort_size: int = 500_000) -> Profile:
    """Return a profile that took seven people, and remembers what some alerts were about."""
    profile = open_profile("north", config=CoreConfig(cohort=CohortConfig(size=cohort_size)))
    judge(profile, taking(7, time=START_MS))
    for each in stated:
        remember_subject(profile, each)
    return profile


def test_an_exemption_is_of_the_user_project_and_dataset_of_its_alert() -> None:
    """Of an alert that nobody remembers it is as it was given."""
    profile = north(alert())
    assert narrowed(profile, EXPORT, "a-17") == replace(
        EXPORT, user="u-9", project="p-3", dataset="imaging"
    )
    assert narrowed(profile, EXPORT, "a-18") == EXPORT


@pytest.mark.parametrize(
    ("share", "nobody", "user"),
    [(0.5, 50, "u-9"), (0.49, 50, NOBODY_NAMED), (0.49, 49, None)],
)
def test_a_half_makes_an_alert_about_somebody(share: float, nobody: int, user: str | None) -> None:
    """Or about events that name nobody; below a half it is about no one alone, project or user."""
    stated = alert(
        top_user_share=share, top_project_share=share, shares=window_shares(nobody=nobody)
    )
    exemption = narrowed(north(stated), EXPORT, "a-17")
    assert (exemption.user, exemption.project) == (user, "p-3" if share >= 0.5 else None)


def test_of_nothing_nobody_took_a_half() -> None:
    """Neither where a window is empty, nor where an alert tells no shares."""
    for shares in (window_shares(total=0), None):
        stated = alert(top_user=None, shares=shares)
        assert narrowed(north(stated), EXPORT, "a-17").user is None


@pytest.mark.parametrize(
    ("grown", "dataset"),
    [
        ({"a": 0.25, "b": 0.25}, "b"),
        ({"a": 0.5, "b": 0.25}, "a"),
        ({"a": 0.25, "b": 0.25, "c": 0.25}, None),
        ({"a": 0.0}, None),
        ({}, None),
    ],
)
def test_a_half_makes_an_alert_about_a_dataset(
    grown: dict[str, float], dataset: str | None
) -> None:
    """Of all that has grown; of two halves the later in the alphabet."""
    rows = tuple(
        coverage(dataset=name, before_ratio=0.25, after_ratio=0.25 + by)
        for name, by in grown.items()
    )
    assert narrowed(north(alert(coverage=rows)), EXPORT, "a-17").dataset == dataset


@pytest.mark.parametrize(
    ("taken", "cohort_size", "more"),
    [(41_200, 500_000, 41_200), (10, 500_000, 5_000), (10, 20_000, 200), (10, 150, 10)],
)
def test_a_label_holds_for_as_many_people_again(taken: int, cohort_size: int, more: int) -> None:
    """Or for a hundredth of the cohort, if that is more; of an unknown alert nobody can say."""
    profile = north(alert(taken_participants=taken), cohort_size=cohort_size)
    assert participants_labelled(profile, "a-17") == 7 + more
    assert participants_labelled(profile, "a-18") is None


def test_the_last_sixteen_alerts_are_remembered() -> None:
    """Each by what it said last."""
    profile = north(*(alert(alert_id=f"a-{number}") for number in range(16)))
    for name in ("a-0", "a-16"):
        remember_subject(profile, alert(alert_id=name, top_user="u-1"))
    names = [*(f"a-{number}" for number in range(2, 16)), "a-0", "a-16"]
    assert list(profile.state.alert_subjects) == names
    assert profile.state.alert_subjects["a-0"].user == "u-1"
