"""What an incident remembers of a verdict, and from which rarity on it is told."""

from math import nextafter

from msgspec.structs import replace

from detectors.config import CoreConfig
from detectors.features.windows import Quantity, Window
from detectors.instants import DAY_MS
from detectors.peers.reference import PastDays, incident_rate
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.decide import close, decide
from detectors.verdict import Effect, RaiseAlert, Unlearnt, Verdict
from tests.builders import alerts_of, event, reason_detail, taking

START_MS = 1_767_225_600_000
QUIET = event(time=START_MS)


def north() -> Profile:
    """Return a profile of which nothing but one event is known."""
    profile = open_profile("north", config=CoreConfig())
    judge(profile, QUIET)
    return profile


def test_evidence_has_grown_from_a_tenth_of_a_decade_on() -> None:
    """The first is evidence of its own; what a rule says is so again each time."""
    profile = north()
    reason = reason_detail(detector="canary", feature="canaries")
    seen = []
    for day, p_value in enumerate([10**-0.1, 10**-0.15, 1e-3, 10**-3.05, 1e-9, 1e-9]):
        verdict = Verdict(watched=True, p_value=p_value, reasons=(reason,))
        decide(profile, verdict, at_ms=START_MS + day * DAY_MS, event=QUIET)
        incident = profile.state.incident
        assert incident is not None
        seen.append((incident.last_day - START_MS // DAY_MS, incident.mark))
    assert seen == [(0, 0.1), (0, 0.1), (2, 3.0), (2, 3.0), (4, 9.0), (5, 9.0)]


def test_an_incident_is_told_at_the_rate_that_the_budget_allows() -> None:
    """To the last bit; and of nobody taken where nobody was."""
    profile = north()
    rate = incident_rate(profile.reference, budget_rate=profile.budget_rate)
    effects: list[Effect] = []
    for p_value in (nextafter(rate, 1.0), rate):
        verdict = Verdict(watched=True, p_value=p_value, reasons=(reason_detail(),))
        effects += decide(profile, verdict, at_ms=START_MS, event=QUIET)
    (raised,) = effects
    assert isinstance(raised, RaiseAlert)
    assert (raised.alert.p_value, raised.alert.taken_participants) == (rate, 0)


def test_who_only_counts_is_told_at_the_rate_of_such() -> None:
    """Where they were told of more often than the budget allows, it takes more."""
    profile = north()
    rate = incident_rate(profile.reference, budget_rate=profile.budget_rate)
    loud = PastDays(institution_days=10_000, alert_days=1_000)
    profile.reference = replace(profile.reference, counted=loud)
    profile.state.counted_events = profile.state.events_count
    verdict = Verdict(watched=True, p_value=rate, reasons=(reason_detail(),))
    assert decide(profile, verdict, at_ms=START_MS, event=QUIET) == ()


def unlearnt(profile: Profile, at_ms: int) -> tuple[Unlearnt, ...]:
    """Return who has no past yet by which to judge, as an alert at some time says it."""
    profile.state.incident = None
    verdict = Verdict(watched=True, p_value=1e-9, reasons=(reason_detail(),))
    (raised,) = decide(profile, verdict, at_ms=at_ms, event=QUIET)
    assert isinstance(raised, RaiseAlert)
    return raised.alert.unlearnt


def test_an_institution_is_learnt_from_the_day_on_that_its_past_begins() -> None:
    """Not in the middle of the day before."""
    profile = north()
    profile.baseline.learn(START_MS // DAY_MS + 40, [1] * 4)
    seen = [unlearnt(profile, START_MS + day * DAY_MS + DAY_MS // 2) for day in (70, 71)]
    assert seen == [("institution", "peers"), ("peers",)]


def test_peers_are_learnt_where_the_own_ones_are() -> None:
    """Be the usual of all the others the one before any was known."""
    profile = north()
    usual = {**profile.reference.usual, profile.entry.group: (1.0, 2.0, 3.0, 4.0)}
    profile.reference = replace(profile.reference, usual=usual)
    assert unlearnt(profile, START_MS) == ("institution",)


def test_what_has_no_share_in_a_verdict_makes_it_no_graver() -> None:
    """A canary is grave however few were taken, where it was what decided."""
    canary = reason_detail(detector="canary", feature="canaries")
    severities = []
    for share in (0.5, 0.0):
        reasons = (reason_detail(), replace(canary, share=share))
        verdict = Verdict(watched=True, p_value=1e-9, reasons=reasons)
        (raised,) = decide(north(), verdict, at_ms=START_MS, event=QUIET)
        assert isinstance(raised, RaiseAlert)
        severities.append(raised.alert.severity)
    assert severities == ["high", "low"]


def test_what_was_taken_after_the_last_word_goes_on_counting() -> None:
    """With the end of an incident that alone is forgotten of which people were told."""
    profile = open_profile("north", config=CoreConfig())
    theft = taking(40_000, id="theft", time=START_MS + DAY_MS // 2, user="ann")
    later = taking(30, first=50_000, id="later", time=START_MS + DAY_MS, user="ben")
    assert [alert.change for alert in alerts_of(profile, [theft, later])] == ["create"]
    close(profile, at_ms=START_MS + 2 * DAY_MS)
    assert profile.windows.total(Window.MONTH, Quantity.NEW) == 30
    open_bucket = profile.state.windows.bucket
    assert profile.takers.within(Window.MONTH, open_bucket=open_bucket).users == {"ben": 30}
