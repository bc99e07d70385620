"""Once there is a register: aliases lead to their institution, and who is unknown has one judge."""

from datetime import UTC, datetime
from typing import Final

import pytest

from detectors.config import CohortConfig, CoreConfig
from detectors.event import AccessEvent
from detectors.register import Alias, Institution, Project, Register
from detectors.verdict import Alert, RaiseAlert
from streams.ingest.directory import directory_of
from streams.replay.replay import Replay
from tests.builders import taking

CORE: Final = CoreConfig(cohort=CohortConfig(size=100_000))
START_MS: Final = 1_767_600_000_000
REGISTER: Final = Register(institutions=(Institution(id="Uni-Bern", group="swiss"),))


def event(number: int, name: str, *, count: int = 100, day: int = 0) -> AccessEvent:
    """Return a taking of people that nobody has taken before."""
    return taking(
        count,
        first=number * count,
        id=f"e{number}",
        time=START_MS + day * 86_400_000 + number * 1_000,
        institution=name,
    )


def judged(events: list[AccessEvent], register: Register) -> tuple[Replay, list[Alert]]:
    """Return the replay, and the alerts that it raised."""
    replay = Replay(CORE, register=register)
    effects = list(replay.effects(events))
    return replay, [effect.alert for effect in effects if isinstance(effect, RaiseAlert)]


def test_an_institution_that_the_register_does_not_know_is_an_alert() -> None:
    """By name, at its first event, though it takes nearly nothing."""
    _, alerts = judged([event(0, "uni-bern"), event(1, "Nobody & Co")], REGISTER)
    (alert,) = alerts
    assert alert.institution == "unknown"
    assert alert.sentence.startswith("unknown (Nobody & Co) is not in the register")
    assert alert.reasons[0].feature == "institution_not_registered"
    assert alert.severity == "low"


def test_without_a_register_nobody_is_unknown() -> None:
    """Each name has its own judge, as before."""
    replay, alerts = judged([event(0, "a"), event(1, "unknown"), event(2, "UNKNOWN")], Register())
    assert (list(replay.profiles), alerts) == (["a", "unknown"], [])


def test_all_unknown_names_share_a_ledger_and_a_budget() -> None:
    """A theft under a thousand invented names is one theft, and costs the memory of one judge."""
    events = [event(number, f"invented-{number}", count=20) for number in range(1_000)]
    replay, alerts = judged(events, REGISTER)
    assert list(replay.profiles) == ["UNKNOWN"]
    profile = replay.profiles["UNKNOWN"]
    assert profile.ledger.state.held_participants == 20_000
    assert len(profile.state.unregistered) <= 64
    assert alerts[-1].severity in ("high", "critical")
    assert len({alert.alert_id for alert in alerts}) == 1


def test_names_are_told_by_how_much_was_taken_under_them() -> None:
    """The largest first."""
    counts = {"small": 10, "large": 5_000, "middle": 300}
    first, events = 0, []
    for number, (name, count) in enumerate(counts.items()):
        events.append(taking(count, first=first, id=name, time=START_MS + number, institution=name))
        first += count
    _, alerts = judged(events, REGISTER)
    assert alerts[-1].sentence.startswith("unknown (large, small")


@pytest.mark.parametrize("spelling", ["UNI-BERN ", "uni-b\u0435rn", "uni\u200b-bern"])
def test_a_registered_name_in_another_spelling_is_known(spelling: str) -> None:
    """And is shown as the register has it."""
    replay, alerts = judged([event(0, spelling)], REGISTER)
    (profile,) = replay.profiles.values()
    assert (profile.state.institution, profile.entry.group, alerts) == ("Uni-Bern", "swiss", [])


def test_an_alias_leads_to_its_institution_from_its_date_on() -> None:
    """A plain name always does."""
    from_day = datetime.fromtimestamp(START_MS / 1_000 + 86_400, tz=UTC)
    entry = Institution(id="bern", aliases=("Berne", Alias(id="Thun", valid_from=from_day)))
    directory = directory_of(Register(institutions=(entry, Institution(id="thun"))))
    before_ms, after_ms = START_MS, START_MS + 86_400_000
    assert [directory.judge_of(name, before_ms) for name in ("BERNE", "thun")] == ["bern", "thun"]
    assert [directory.judge_of(name, after_ms) for name in ("BERNE", "thun")] == ["bern", "bern"]
    assert directory.home_of("thun") == "bern"


def test_a_renamed_institution_holds_what_it_held() -> None:
    """Its project reads the same people again under the new name: nobody is new."""
    entry = Institution(id="bern", aliases=("berne",), projects=(Project(id="p"),))
    events = [taking(5_000, id="e1", time=START_MS, institution="berne")]
    events += [taking(5_000, id="e2", time=START_MS + 1, institution="bern")]
    replay, _ = judged(events, Register(institutions=(entry,)))
    (profile,) = replay.profiles.values()
    assert profile.ledger.state.held_participants == 5_000


FROM_DAY: Final = datetime.fromtimestamp(START_MS / 1_000 + 86_400, tz=UTC)
RENAMED: Final = Register(
    institutions=(Institution(id="New", aliases=(Alias(id="Old", valid_from=FROM_DAY),)),)
)


@pytest.mark.parametrize("name", ["new", "old"])
def test_who_is_renamed_at_a_date_keeps_holdings_and_incident(name: str) -> None:
    """Under either name, from that day on: nobody is new, and the alert goes on."""
    before = taking(30_000, id="e1", time=START_MS, institution="old")
    again = taking(30_000, id="e2", time=START_MS + 86_400_000, institution=name)
    more = taking(60_000, first=30_000, id="e3", time=START_MS + 86_460_000, institution=name)
    replay, alerts = judged([before, again, more], RENAMED)
    profile = replay.profiles["new"]
    assert profile.state.institution == "New"
    assert profile.ledger.state.held_participants == 90_000
    assert len({alert.alert_id for alert in alerts}) == 1
    assert [alert.institution for alert in alerts] == ["old", "New"]
    assert alerts[-1].taken_participants == 90_000


def test_who_becomes_part_of_another_brings_what_was_held() -> None:
    """The other reads it again, and nobody is new; what the other held alone stays."""
    register = Register(
        institutions=(
            Institution(id="whole", aliases=(Alias(id="part", valid_from=FROM_DAY),)),
            Institution(id="part"),
        )
    )
    events = [
        taking(2_000, id="e1", time=START_MS, institution="part"),
        taking(3_000, first=1_000, id="e2", time=START_MS + 1, institution="whole"),
        taking(2_000, id="e3", time=START_MS + 86_400_000, institution="whole"),
    ]
    replay, alerts = judged(events, register)
    profile = replay.profiles["whole"]
    assert profile.ledger.state.held_participants == 4_000
    assert [alert.at_ms for alert in alerts if alert.at_ms >= START_MS + 86_400_000] == []
