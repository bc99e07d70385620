"""What the response tells a judge: register entries and feedback, in the middle of its events."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from detectors.config import CoreConfig
from detectors.event import AccessEvent
from detectors.feedback import Feedback, Label
from detectors.instants import DAY_MS, instant_of
from detectors.instructions import apply_instruction
from detectors.models.quota import QuotaConfig
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Exemption, Institution, Project, Registered
from detectors.snapshot import dump, load
from tests.builders import alerts_of, taking

START_MS = 20_454 * DAY_MS
CONFIG = CoreConfig()
DETECTORS = ("excess", "sweep", "drip", "volume", "multivariate")


def grab(count: int, *, first: int = 0, day: int = 0, project: str | None = None) -> AccessEvent:
    """Return an event that takes `count` participants from `first` on."""
    return taking(
        count,
        first=first,
        id=f"{first}-{count}-{day}",
        time=START_MS + day * DAY_MS,
        project=project,
    )


def loading(number: int, *, size: int, project: str | None = None) -> AccessEvent:
    """Return an event in which bytes of people who are held already leave."""
    time = START_MS + number * 60_000
    return taking(10, id=f"b{number}", time=time, project=project, bytes=size)


def feedback(label: Label, **changes: object) -> Feedback:
    """Return what people said of an alert, to hold for 30 days."""
    default = Feedback(
        alert_id="a1",
        institution="north",
        label=label,
        until_ms=START_MS + 30 * DAY_MS,
        detectors=DETECTORS,
        factor=1e12,
    )
    return replace(default, **changes)


def exemption(**changes: object) -> Exemption:
    """Return an exemption from everything for 30 days."""
    approved = Exemption(
        id="export", valid_from=instant_of(START_MS), valid_to=instant_of(START_MS + 30 * DAY_MS)
    )
    return replace(approved, **changes)


def registered(*exemptions: Exemption, **changes: object) -> Registered:
    """Return an entry of north."""
    entry = replace(Institution(id="north", exemptions=exemptions), **changes)
    return Registered(institution="north", entry=entry)


def restarted(profile: Profile) -> Profile:
    """Return the profile after a restart, under no register."""
    snapshot = dump(profile)
    return load(snapshot.main, parts=snapshot.parts, config=profile.config)


AFTER: dict[str, Callable[[Profile], Profile]] = {
    "at once": lambda profile: profile,
    "after a restart": restarted,
}


@pytest.mark.parametrize("later", AFTER.values(), ids=AFTER)
def test_a_cap_holds_from_where_it_was_told(later: Callable[[Profile], Profile]) -> None:
    """Neither before nor only after a restart; a later entry replaces it."""
    profile = open_profile("north", config=CONFIG)
    assert alerts_of(profile, [grab(150)]) == []
    apply_instruction(profile, registered(participants_max=200), sequence=5)
    (alert,) = alerts_of(later(profile), [grab(100, first=150)])
    assert [detail.detector for detail in alert.reasons if detail.share] == ["coverage"]


def test_a_repeat_has_no_effect() -> None:
    """Nor has what was said earlier and comes late."""
    profile = open_profile("north", config=CONFIG)
    apply_instruction(profile, registered(participants_max=200), sequence=5)
    apply_instruction(profile, registered(participants_max=900), sequence=5)
    apply_instruction(profile, registered(participants_max=900), sequence=4)
    assert profile.entry.participants_max == 200
    apply_instruction(profile, Registered(institution="north", entry=None), sequence=6)
    assert profile.entry == Institution(id="north")


def test_an_instruction_goes_before_the_file() -> None:
    """What was pushed is newer than what the worker was started with."""
    profile = open_profile("north", config=CONFIG, entry=Institution(id="north", group="old"))
    assert profile.entry.group == "old"
    apply_instruction(profile, registered(group="new"), sequence=1)
    assert profile.entry.group == "new"


@pytest.mark.parametrize("later", AFTER.values(), ids=AFTER)
def test_a_false_positive_raises_the_bar_until_its_date(
    later: Callable[[Profile], Profile],
) -> None:
    """The same theft alerts before, not behind the bar, and again once the date has passed."""
    assert alerts_of(open_profile("north", config=CONFIG), [grab(41_200)]) != []
    profile = open_profile("north", config=CONFIG)
    apply_instruction(profile, feedback(Label.FALSE_POSITIVE), sequence=1)
    profile = later(profile)
    assert alerts_of(profile, [grab(41_200)]) == []
    assert alerts_of(profile, [grab(41_200, first=50_000, day=31)]) != []


def test_what_proves_right_is_listened_to_again() -> None:
    """A confirmation takes the bar back; it concerns no other detector."""
    profile = open_profile("north", config=CONFIG)
    apply_instruction(profile, feedback(Label.FALSE_POSITIVE), sequence=1)
    apply_instruction(profile, feedback(Label.CONFIRMED, detectors=("volume",)), sequence=2)
    assert sorted(profile.state.penalties) == sorted(set(DETECTORS) - {"volume"})


@pytest.mark.parametrize("later", AFTER.values(), ids=AFTER)
def test_what_was_expected_is_exempt_to_its_cap(later: Callable[[Profile], Profile]) -> None:
    """Until then nothing is said; a later word on the same alert takes it back."""
    instruction = feedback(
        Label.EXPECTED, exemption=exemption(id="feedback a1", participants_max=50_000)
    )
    profile = open_profile("north", config=CONFIG, entry=Institution(id="north", group="g"))
    apply_instruction(profile, instruction, sequence=1)
    profile = later(profile)
    assert alerts_of(profile, [grab(41_200)]) == []
    assert alerts_of(profile, [grab(60_000, first=100_000)]) != []
    apply_instruction(profile, feedback(Label.CONFIRMED), sequence=2)
    assert profile.entry.exemptions == ()


@pytest.mark.parametrize(
    ("alert", "learn"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_an_exemption_has_two_switches(*, alert: bool, learn: bool) -> None:
    """Whether it may alert and whether it is learnt: one says nothing of the other."""
    profile = open_profile("north", config=CONFIG)
    apply_instruction(profile, registered(exemption(alert=alert, learn=learn)), sequence=1)
    # Enough to be usual, too little to be an incident: an incident would not be learnt anyway.
    judge(profile, grab(400))
    judge(profile, grab(1, day=1))
    learnt = [day for day in profile.state.baseline.maxima.values() if max(day) >= 400]
    assert (len(learnt) == 1) is learn
    assert bool(alerts_of(profile, [grab(41_200, first=1_000, day=2)])) is alert


@pytest.mark.parametrize("alert", [False, True])
def test_no_exemption_lifts_the_hard_cap(*, alert: bool) -> None:
    """The quota counts what was exempted as well."""
    quota = QuotaConfig(new_participants_day_max=1_000)
    detectors = replace(CONFIG.detectors, quota=quota)
    profile = open_profile("north", config=replace(CONFIG, detectors=detectors))
    apply_instruction(profile, registered(exemption(alert=alert)), sequence=1)
    (quota_alert,) = alerts_of(profile, [grab(1_100)])
    assert "quota" in {detail.detector for detail in quota_alert.reasons}


@pytest.mark.parametrize("later", AFTER.values(), ids=AFTER)
def test_a_cap_on_bytes_counts_from_when_it_is_known(
    later: Callable[[Profile], Profile],
) -> None:
    """Reading the same people again holds nobody new, but what leaves adds up."""
    profile = open_profile("north", config=CONFIG)
    judge(profile, loading(0, size=5_000))
    apply_instruction(profile, registered(bytes_max=1_000), sequence=1)
    assert alerts_of(profile, [loading(1, size=600)]) == []
    (alert,) = alerts_of(later(profile), [loading(2, size=600)])
    assert "received 1,200 bytes (approved 1,000)" in alert.sentence


def test_a_cap_on_bytes_may_be_a_projects_own() -> None:
    """Another project's bytes do not count against it."""
    profile = open_profile("north", config=CONFIG)
    capped = Project(id="p1", bytes_max=1_000)
    apply_instruction(profile, registered(projects=(capped, Project(id="p2"))), sequence=1)
    assert alerts_of(profile, [loading(1, size=9_000, project="p2")]) == []
    assert alerts_of(profile, [loading(2, size=900, project="p1")]) == []
    (alert,) = alerts_of(profile, [loading(3, size=200, project="p1")])
    assert "received 1,100 bytes for one project (approved 1,000)" in alert.sentence
    assert profile.ledger.state.capped_bytes == {"p1": 1_100}
