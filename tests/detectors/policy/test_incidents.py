"""What an open incident says: nothing without evidence, and nothing twice; a new fact at once."""

from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from detectors.config import CoreConfig, DetectorsConfig
from detectors.event import AccessEvent, time_ms
from detectors.features.datasets import DatasetConfig
from detectors.feedback import Feedback, Label
from detectors.instants import DAY_MS, HOUR_MS
from detectors.instructions import apply_instruction
from detectors.models.canary import CanaryConfig
from detectors.pipeline import Profile, open_profile
from detectors.register import Exemption, Institution, Project
from detectors.verdict import Alert
from tests.builders import alerts_of, taking

START_MS = 20_000 * DAY_MS
PAGE = 1_000


class Taking(NamedTuple):
    """So many people from `first` on, in pages of a thousand, a second apart."""

    day: int
    hour: float
    user: str | None
    first: int
    people: int
    dataset: str = "imaging"


def pages_of(taking_of: Taking) -> list[AccessEvent]:
    """Return the requests of one taking."""
    day, hour, user, first, people, dataset = taking_of
    at_ms = START_MS + day * DAY_MS + int(hour * HOUR_MS)
    return [
        taking(
            min(PAGE, people - done),
            first=first + done,
            id=f"{user}-{day}-{hour}-{done}",
            time=at_ms + done,
            user=user,
            dataset=dataset,
        )
        for done in range(0, people, PAGE)
    ]


def stated(
    *takings: Taking,
    entry: Institution | None = None,
    config: CoreConfig | None = None,
    days: int = 120,
) -> tuple[Profile, list[Alert]]:
    """Return what is said of an institution that reads the same 20 people every morning."""
    profile = open_profile("north", config=config or CoreConfig(), entry=entry)
    clerk = [Taking(day, 9, "clerk", 0, 20) for day in range(days)]
    events = [page for each in (*clerk, *takings) for page in pages_of(each)]
    return profile, alerts_of(profile, sorted(events, key=time_ms))


def on_day(alerts: list[Alert], day: int) -> list[Alert]:
    """Return what was said on one day, but for the ends of incidents."""
    day += START_MS // DAY_MS
    return [each for each in alerts if each.at_ms // DAY_MS == day and each.change != "close"]


def exemption(*, days: tuple[int, int], participants_max: int) -> Exemption:
    """Return an approved export of so many people between two days."""
    first, last = (datetime.fromtimestamp(START_MS / 1000 + day * 86_400, UTC) for day in days)
    return Exemption(
        id="export", valid_from=first, valid_to=last, participants_max=participants_max
    )


def canaries(*participants: int) -> CoreConfig:
    """Return a configuration with canaries."""
    canary = CanaryConfig(participants=participants)
    return CoreConfig(detectors=DetectorsConfig(canary=canary))


FIRST = Taking(40, 10, "ann", 100_000, 60_000)
THEFT = Taking(62, 2, "thief", 200_000, 55_000)


def test_an_approved_export_is_not_taken_in_an_open_incident() -> None:
    """90,000 people under an exemption turn no old incident of 30,000 into a critical one."""
    entry = Institution(id="north", exemptions=(exemption(days=(50, 55), participants_max=10**5),))
    _, alerts = stated(
        Taking(40, 10, "ann", 100_000, 30_000),
        Taking(51, 10, "bob", 200_000, 90_000),
        Taking(56, 12, "clerk", 400_000, 600),
        entry=entry,
    )
    assert on_day(alerts, 40)
    assert not on_day(alerts, 51) + on_day(alerts, 56)
    assert alerts[-1].change == "close"
    assert alerts[-1].taken_participants == 30_600


def test_what_goes_beyond_an_exemption_is_taken() -> None:
    """Of an export of 180,000 the hundred thousand that nobody approved are told."""
    entry = Institution(id="north", exemptions=(exemption(days=(50, 55), participants_max=80_000),))
    _, alerts = stated(
        Taking(40, 10, "ann", 100_000, 30_000),
        Taking(51, 10, "ann", 200_000, 180_000),
        entry=entry,
    )
    assert on_day(alerts, 51)[-1].severity == "critical"
    assert on_day(alerts, 51)[-1].taken_participants <= 130_000


def test_an_update_needs_evidence_within_the_budget() -> None:
    """That twice as much was taken over months of ordinary work is no news."""
    slowly = [Taking(day, 11, "ann", 200_000 + 400 * day, 400) for day in range(46, 116)]
    _, alerts = stated(Taking(40, 10, "ann", 100_000, 14_000), *slowly)
    assert on_day(alerts, 40)
    assert [each.change for each in alerts if each.at_ms >= START_MS + 45 * DAY_MS] == ["close"]


def test_the_taking_of_another_user_is_told_at_once() -> None:
    """Before it is over, and by the name of who took it: 60,000 of another's were told before."""
    _, alerts = stated(FIRST, THEFT)
    first = on_day(alerts, 62)[0]
    assert first.change == "update"
    assert first.taken_participants < 90_000
    assert first.top_user == "thief"
    assert "by user thief" in first.sentence
    assert first.reasons[0].window_seconds == 3_600


def test_events_that_name_nobody_are_another_user() -> None:
    """Who leaves the user out is not taken for the one who was told of."""
    _, alerts = stated(FIRST, THEFT._replace(user=None))
    assert "by nobody named" in on_day(alerts, 62)[0].sentence


def test_a_colleague_who_works_on_is_no_news() -> None:
    """Another user's ordinary work in an open incident says nothing."""
    working = [Taking(day, 11, "ben", 300_000 + 300 * day, 300) for day in range(41, 70)]
    _, alerts = stated(FIRST, *working)
    assert not [each for day in range(41, 70) for each in on_day(alerts, day)]


def test_another_class_of_data_is_told_at_once() -> None:
    """The same people's genomes, taken by the same user, are another theft."""
    classes = {
        "imaging": DatasetConfig(class_name="images"),
        "genomes": DatasetConfig(class_name="genomes"),
    }
    genomes = Taking(62, 2, "ann", 100_000, 55_000, "genomes")
    _, alerts = stated(FIRST, genomes, config=CoreConfig(datasets=classes))
    assert on_day(alerts, 62)


def test_people_taken_in_an_incident_about_bytes_are_told_at_once() -> None:
    """Another family of detectors speaks for itself, though the incident is open."""
    profile = open_profile("north", config=CoreConfig())
    hours = [START_MS + hour * HOUR_MS for hour in range(50 * 24)]
    reading = [
        taking(20, id=f"reading {at_ms}", time=at_ms, bytes=10**6 * (1 + place % 3))
        for place, at_ms in enumerate(hours)
    ]
    reading += [taking(20, id="much", time=hours[-1] + 1, bytes=10**13)]
    assert {each.severity for each in alerts_of(profile, reading)} == {"low"}
    (people, *_) = alerts_of(profile, pages_of(Taking(51, 2, "clerk", 200_000, 20_000)))
    assert people.change == "update"
    assert people.reasons[0].reason in {"excess", "sweep"}


def test_each_of_several_thieves_is_told_once() -> None:
    """Three more take an alert's worth each, one after another: three updates, each by its name."""
    thefts = [Taking(50 + k, 2, f"thief-{k}", 200_000 + 40_000 * k, 30_000) for k in range(3)]
    _, alerts = stated(FIRST, *thefts)
    users = [each.top_user for day in (50, 51, 52) for each in on_day(alerts, day)]
    assert users == ["thief-0", "thief-1", "thief-2"]


@pytest.mark.parametrize("before", [[], [Taking(40, 10, "ann", 100_000, 12_000)]])
def test_a_canary_is_high_at_least(before: list[Taking]) -> None:
    """However few were read, alone or within an incident of little harm."""
    _, alerts = stated(*before, Taking(50, 10, "ann", 499_000, 10), config=canaries(499_005))
    (touched,) = on_day(alerts, 50)
    assert touched.severity == "high"


def test_a_canary_is_never_exempt() -> None:
    """Whatever was approved: nobody real is behind it."""
    entry = Institution(id="north", exemptions=(exemption(days=(49, 55), participants_max=10**5),))
    export = Taking(50, 10, "ann", 400_000, 1_000)
    _, alerts = stated(export, entry=entry, config=canaries(400_005))
    assert [each.reasons[0].reason for each in on_day(alerts, 50)] == ["canary"]


def test_a_canary_touched_by_another_user_is_a_new_fact() -> None:
    """Twice by the same user is one fact, by two users two."""
    touches = [Taking(50 + k, 10, user, 400_000, 10) for k, user in enumerate("aab")]
    _, alerts = stated(*touches, config=canaries(400_005))
    assert [len(on_day(alerts, day)) for day in (50, 51, 52)] == [1, 0, 1]


def test_severity_never_falls_within_an_incident() -> None:
    """Who steals half the cohort makes it no milder by a small breach afterwards."""
    entry = Institution(id="north", projects=(Project(id="p", datasets=("imaging",)),))
    profile = open_profile("north", config=CoreConfig(), entry=entry)
    alerts = alerts_of(profile, pages_of(Taking(0, 10, "ann", 0, 250_000)))
    breach = taking(1, id="breach", time=START_MS + DAY_MS, dataset="genomes", project="p")
    (update,) = alerts_of(profile, [breach])
    assert update.reasons[0].reason == "scope"
    assert update.severity == alerts[-1].severity == "critical"


def test_what_was_told_is_not_told_again_after_the_close() -> None:
    """A quarter of a million told on day 40; two new people a day after the close are nothing."""
    trickle = [Taking(day, 12, "clerk", 400_000 + 600 * day, 600) for day in range(71, 75)]
    _, alerts = stated(Taking(40, 10, "ann", 100_000, 250_000), *trickle)
    assert [each.change for each in alerts if each.at_ms >= START_MS + 41 * DAY_MS] == ["close"]


def test_what_was_not_told_is_not_forgotten_at_the_close() -> None:
    """What adds up below the budget while an incident is open counts after its end too."""
    slowly = [Taking(day, 11, "ann", 200_000 + 900 * day, 900) for day in range(72, 100)]
    earlier = Taking(40, 10, "ann", 100_000, 30_000)
    _, with_incident = stated(earlier, *slowly)
    _, without = stated(*slowly)
    late = START_MS + 72 * DAY_MS
    assert [each.at_ms for each in without if each.change == "create"]
    assert [each.at_ms for each in with_incident if each.change == "create" and each.at_ms > late]


def test_a_second_theft_after_the_close_is_told() -> None:
    """What is forgotten is what was told, not how to see."""
    _, alerts = stated(FIRST, Taking(80, 2, "ann", 300_000, 30_000))
    assert on_day(alerts, 80)[0].change == "create"


def labelled(*after: Taking, label: Label) -> list[Alert]:
    """Return what is said after people labelled what ann took on day 40: 30,000 of imaging."""
    profile, first = stated(Taking(40, 10, "ann", 100_000, 30_000), days=41)
    feedback = Feedback(
        alert_id=first[-1].alert_id,
        institution="north",
        label=label,
        until_ms=START_MS + 90 * DAY_MS,
        detectors=("excess", "sweep", "drip"),
        factor=1e9,
    )
    if label is Label.EXPECTED:
        granted = exemption(days=(40, 90), participants_max=30_000)
        feedback = replace(feedback, exemption=granted, detectors=(), factor=1.0)
    apply_instruction(profile, feedback, sequence=1)
    return alerts_of(profile, [page for each in after for page in pages_of(each)])


EXPORT = Taking(41, 2, "ann", 200_000, 29_000)


def test_what_was_expected_may_go_on() -> None:
    """As far again as it had come, by the same user of the same dataset."""
    assert not labelled(EXPORT, label=Label.EXPECTED)


@pytest.mark.parametrize(
    "other",
    [
        EXPORT._replace(user="ben"),
        EXPORT._replace(user=None),
        EXPORT._replace(dataset="genomes", first=300_000),
    ],
    ids=["another user", "nobody named", "another dataset"],
)
def test_what_was_expected_exempts_nobody_else(other: Taking) -> None:
    """A colleague who takes as much is told, and so is another dataset."""
    assert labelled(other, label=Label.EXPECTED)


def test_a_false_positive_holds_for_as_much_again() -> None:
    """Within it the bar stands; a quarter of a million more are judged as ever."""
    assert not labelled(EXPORT._replace(people=24_000), label=Label.FALSE_POSITIVE)
    assert labelled(EXPORT._replace(people=250_000), label=Label.FALSE_POSITIVE)
