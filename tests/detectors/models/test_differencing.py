"""Result sets that single out persons: what is counted, for whom, and what is told of it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from detectors.config import CohortConfig, CoreConfig
from detectors.event import AccessEvent, Participants
from detectors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from detectors.models.differencing.kept_sets import FAMILIES_MAX, LONELY_MAX
from detectors.models.differencing.state import DifferencingState
from detectors.pipeline import Profile, judge, open_profile
from detectors.profile_state import PValuePenalty
from detectors.register import Exemption, Institution
from detectors.snapshot import dump, load, part_names
from tests.builders import alerts_of, event

START_MS: Final = 1_767_225_600_000
PEOPLE: Final = frozenset(range(0, 3_000, 3))


def config(**knobs: object) -> CoreConfig:
    """Return a configuration under which the rule alone speaks."""
    core = CoreConfig()
    rule = replace(core.detectors.differencing, **({"mode": "on"} | knobs))
    quiet = replace(core.detectors.excess, mode="off")
    return replace(core, detectors=replace(core.detectors, differencing=rule, excess=quiet))


def north(**knobs: object) -> Profile:
    """Return the judge of an institution."""
    return open_profile("north", config=config(**knobs))


def asked(number: int, people: Iterable[int], **changes: object) -> AccessEvent:
    """Return a query that names people, ten minutes after the one before."""
    plain = event(
        id=f"e-{number}",
        time=START_MS + number * 10 * MINUTE_MS,
        user="ada",
        project="p1",
        participants=Participants(ids=sorted(people)),
    )
    return replace(plain, **changes)


def tracker(count: int, **changes: object) -> list[AccessEvent]:
    """Return a set, and the set without one of `count` people, another each time."""
    without = [asked(step + 1, PEOPLE - {3 * step}, **changes) for step in range(count)]
    return [asked(0, PEOPLE, **changes), *without]


def counted(profile: Profile) -> tuple[int, int]:
    """Return the differences of ada, and of p1."""
    state = profile.detector_states["differencing"]
    assert isinstance(state, DifferencingState)
    days = state.days.values()
    return (
        sum(day.user_differences.get("ada", 0) for day in days),
        sum(day.project_differences.get("p1", 0) for day in days),
    )


def test_a_tracker_is_told_with_its_number_and_its_last_pair() -> None:
    """After twenty differences the next is told, with the event that it differs from."""
    (alert,) = alerts_of(north(), tracker(21))
    assert alert.severity == "low"
    assert alert.sentence.startswith(
        "north asked 21 times in 7 days for nearly the same people as before, all but a few, for "
        "one user (allowed 20), by user ada; "
    )
    assert alert.sample_event_ids == ("e-21", "e-0")
    assert [(detail.reason, detail.observed) for detail in alert.reasons] == [("differencing", 21)]


def test_twenty_differences_are_not_told() -> None:
    """What is allowed is allowed."""
    profile = north()
    assert alerts_of(profile, tracker(20)) == []
    assert counted(profile) == (20, 20)


def test_two_users_of_a_project_are_one_project() -> None:
    """Each of them has no difference of their own."""
    profile = north()
    events = [
        replace(each, user="ada" if place == 0 else f"user-{place}")
        for place, each in enumerate(tracker(10))
    ]
    alerts_of(profile, events)
    assert counted(profile) == (0, 10)


def test_one_user_of_two_projects_is_one_user() -> None:
    """And neither project has a difference of its own."""
    profile = north()
    events = [
        replace(each, project="p0" if place == 0 else f"q-{place}")
        for place, each in enumerate(tracker(10))
    ]
    alerts_of(profile, events)
    assert counted(profile) == (10, 0)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"dataset": "genomes"}, id="of another dataset"),
        pytest.param({"fields": ["age"]}, id="of other fields"),
        pytest.param({"user": "ben", "project": "p2"}, id="of nobody else's"),
        pytest.param({"participants": Participants(count=999)}, id="only counted"),
        pytest.param({"outcome": "denied"}, id="not delivered"),
    ],
)
def test_other_sets_are_not_compared(changes: dict[str, object]) -> None:
    """A difference of two answers means something where both answer the same question."""
    profile = north()
    first, *others = tracker(10)
    alerts_of(profile, [first, *(replace(each, **changes) for each in others[:1])])
    assert counted(profile) == (0, 0)


def test_who_names_neither_user_nor_project_is_nobody_again() -> None:
    """A log without names is judged as one user's."""
    profile = north()
    assert len(alerts_of(profile, tracker(21, user=None, project=None))) == 1


def test_the_rest_of_the_cohort_is_the_set() -> None:
    """Everybody but the others: a difference of one from the set."""
    profile = open_profile("north", config=replace(config(), cohort=CohortConfig(size=10_000)))
    everybody = frozenset(range(10_000))
    events = [asked(0, PEOPLE)]
    events += [asked(n, everybody - (PEOPLE - {3 * n})) for n in range(1, 11)]
    alerts_of(profile, events)
    assert counted(profile) == (10, 10)


def test_a_withdrawal_is_no_difference() -> None:
    """Three people are gone from every set at once, and stay away."""
    profile = north()
    gone = {0, 30, 60}
    panels = [PEOPLE | set(range(10_000 * place, 10_000 * place + 50)) for place in range(1, 9)]
    events = [
        asked(0, panel - (gone if day > 4 else set()), id=f"{day}-{place}",
              time=START_MS + day * DAY_MS + place * MINUTE_MS)
        for day in range(9)
        for place, panel in enumerate(panels)
    ]  # fmt: skip
    alerts_of(profile, events)
    assert counted(profile) == (0, 0)


def test_whoever_comes_back_was_left_out() -> None:
    """The first change of a set may be the cohort's; the way back is not."""
    profile = north()
    day = [asked(0, PEOPLE), asked(0, PEOPLE - {30}), asked(0, PEOPLE - {60})]
    events = [
        replace(each, id=f"day-{number}", time=START_MS + number * DAY_MS)
        for number, each in enumerate(day)
    ]
    alerts_of(profile, events)
    assert counted(profile) == (1, 1)


def test_pages_of_a_list_that_has_grown_are_no_differences() -> None:
    """Each page begins and ends one later, but for the one that has the new person inside."""
    profile = north()
    people = sorted(PEOPLE)
    events = []
    for day in range(5):
        people = sorted({*people, 3 * day + 301})
        events += [
            asked(0, people[at : at + 100], id=f"{day}-{at}", time=START_MS + day * DAY_MS + at)
            for at in range(0, len(people) - 100, 100)
        ]
    alerts_of(profile, events)
    assert counted(profile) == (0, 0)


def test_an_exempted_project_is_not_told() -> None:
    """The differences are counted all the same."""
    approved = Exemption(
        id="x",
        project="p1",
        valid_from=datetime(2025, 1, 1, tzinfo=UTC),
        valid_to=datetime(2027, 1, 1, tzinfo=UTC),
    )
    entry = Institution(id="north", exemptions=(approved,))
    profile = open_profile("north", config=config(), entry=entry)
    assert alerts_of(profile, tracker(25)) == []
    assert counted(profile) == (25, 25)


def test_after_a_false_positive_more_is_allowed() -> None:
    """As many times more as the label says."""
    profile = north()
    profile.state.penalties["differencing"] = PValuePenalty(factor=10.0, until_ms=2**60)
    assert alerts_of(profile, tracker(100)) == []


def test_a_switched_off_rule_keeps_nothing() -> None:
    """And costs nothing."""
    profile = north(mode="off")
    alerts_of(profile, tracker(25))
    assert profile.detector_states["differencing"] == DifferencingState()


def test_what_is_kept_is_bounded() -> None:
    """However many sets come, near ones and others, listed and scattered."""
    profile, random = north(kept_bytes_max=40_000), Random(5)
    for number in range(400):
        people = set(random.sample(range(500_000), random.randint(20, 3_000)))
        for step, left_out in enumerate([set[int](), {min(people)}, {max(people)}]):
            judge(profile, asked(number, people - left_out, id=f"{number}-{step}"))
    state = profile.detector_states["differencing"]
    assert isinstance(state, DifferencingState)
    assert len(state.lonely) <= LONELY_MAX
    assert len(state.families) <= FAMILIES_MAX
    assert sum(map(len, state.sets.values())) <= 40_000
    assert len(msgspec.msgpack.encode(state.without_parts())) < 24_000


def test_scattered_sets_are_parts_that_are_written_once() -> None:
    """The main record grows by no set; and a judge that is restored goes on as before."""
    lasting, restarted = north(), north()
    first, *others = tracker(30)
    for profile in (lasting, restarted):
        judge(profile, first)
    saved = dump(restarted)
    assert part_names(restarted) == {"result_set/1"}
    restored = load(saved.main, parts=saved.parts, config=config())
    assert alerts_of(restored, others) == alerts_of(lasting, others)
    assert dump(restored) == dump(lasting)
    assert "result_set/1" not in dump(restored, known=frozenset({"result_set/1"})).parts


def test_a_week_later_it_is_forgotten() -> None:
    """Differences of seven days count, and of the twenty before nothing is left."""
    profile = north()
    alerts_of(profile, tracker(20))
    later = asked(0, PEOPLE - {900}, id="late", time=START_MS + 8 * DAY_MS + HOUR_MS)
    alerts_of(profile, [later])
    assert counted(profile) == (1, 1)
