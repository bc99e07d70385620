"""The rules against the register: scope, budget, canary; and the limits of quota."""

from datetime import UTC, datetime

import msgspec
import pytest

from detectors.config import CohortConfig, CoreConfig, DetectorsConfig, modes_of
from detectors.detector import Breach
from detectors.event import AccessEvent, FieldCount, InstitutionId, Participants
from detectors.models.canary import CanaryConfig
from detectors.models.coverage import Coverage
from detectors.models.quota import QuotaConfig
from detectors.models.scope import Scope
from detectors.pipeline import Profile, judge, open_profile
from detectors.register import Exemption, Institution, Project, Register
from detectors.verdict import RaiseAlert, ReasonDetail
from tests.builders import rule_input

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 12, 31, tzinfo=UTC)
MIDDAY_MS = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * 1_000
MINUTE_MS = 60_000

PROJECT = Project(
    id="heart",
    datasets=("imaging",),
    fields=("age", "sex"),
    participants_max=100,
    valid_from=START,
    valid_to=END,
)


def reading(
    number: int,
    first: int,
    last: int,
    *,
    project: str | None = "heart",
    dataset: str = "imaging",
    fields: list[str] | FieldCount | None = None,
) -> AccessEvent:
    """Return one reading of a range of people, one a minute."""
    return AccessEvent(
        id=f"e-{number}",
        time=MIDDAY_MS + number * MINUTE_MS,
        institution="north",
        project=project,
        dataset=dataset,
        fields=fields,
        participants=Participants(ranges=[(first, last)]),
    )


def north(*, entry: Institution | None = None, detectors: DetectorsConfig | None = None) -> Profile:
    """Return a profile against a register entry, by default with one approved project."""
    config = CoreConfig(detectors=detectors or DetectorsConfig())
    return open_profile(
        "north", config=config, entry=entry or Institution(id="north", projects=(PROJECT,))
    )


def reasons(profile: Profile, *events: AccessEvent) -> list[ReasonDetail]:
    """Return the first reason of every alert."""
    effects = [effect for event in events for effect in judge(profile, event)]
    return [effect.alert.reasons[0] for effect in effects if isinstance(effect, RaiseAlert)]


@pytest.mark.parametrize(
    ("event", "at", "feature"),
    [
        pytest.param(reading(0, 0, 9), START, None, id="what was approved is in scope"),
        pytest.param(
            reading(0, 0, 9, dataset="genomes"),
            START,
            "dataset_not_approved",
            id="another dataset is out of scope",
        ),
        pytest.param(
            reading(0, 0, 9, fields=["age", "postcode"]),
            START,
            "field_not_approved",
            id="one field too many is out of scope",
        ),
        pytest.param(
            reading(0, 0, 9, fields=FieldCount(count=99)),
            START,
            None,
            id="a number of fields cannot be compared",
        ),
        pytest.param(
            reading(0, 0, 9, fields=["age"]), START, None, id="one approved field is in scope"
        ),
        pytest.param(
            reading(0, 0, 9),
            datetime(2025, 12, 31, tzinfo=UTC),
            "before_approval",
            id="the day before approval is out of scope",
        ),
        pytest.param(reading(0, 0, 9), END, "after_approval", id="the end itself is out of scope"),
        pytest.param(
            reading(0, 0, 9, project="liver", dataset="genomes"),
            START,
            None,
            id="a project that the register does not know has no scope",
        ),
        pytest.param(reading(0, 0, 9, project=None), START, None, id="no project has no scope"),
    ],
)
def test_scope_names_what_was_not_approved(
    event: AccessEvent, at: datetime, feature: str | None
) -> None:
    """Dataset, fields and dates are compared with the project's approval."""
    scope = Scope(Institution(id="north", projects=(PROJECT,)))
    breach = scope.evaluate(rule_input(event, at_ms=int(at.timestamp()) * 1_000))
    assert breach == (
        feature
        and Breach(
            detector="scope", feature=feature, window_seconds=300, observed=1.0, expected=0.0
        )
    )


def test_an_exempted_reading_is_not_out_of_scope() -> None:
    """An approved exception covers the scope too."""
    scope = Scope(Institution(id="north", projects=(PROJECT,)))
    event = reading(0, 0, 9, dataset="genomes")
    assert scope.evaluate(rule_input(event, exempted=1)) is None


def test_a_project_is_told_of_when_it_passes_its_budget() -> None:
    """Exactly the budget is quiet; one more person is not, and reading again is quiet again."""
    profile = north()
    assert reasons(profile, reading(0, 0, 99)) == []
    (reason,) = reasons(profile, reading(1, 100, 100))
    assert (reason.detector, reason.observed, reason.expected) == ("coverage", 101.0, 100.0)
    assert reasons(profile, reading(2, 0, 100)) == []


def test_an_institution_has_a_budget_of_its_own() -> None:
    """What no project answers for is counted at the institution."""
    profile = north(entry=Institution(id="north", participants_max=50))
    assert reasons(profile, reading(0, 0, 49, project=None)) == []
    (reason,) = reasons(profile, reading(1, 50, 50, project=None))
    assert (reason.feature, reason.observed) == ("institution_participants", 51.0)


def test_without_a_budget_coverage_says_nothing() -> None:
    """An empty register entry grants no number that could be passed."""
    assert Coverage(Institution(id="north")).evaluate(rule_input(reading(0, 0, 9))) is None


def test_one_canary_is_enough() -> None:
    """The alert names the canary rule, however small the reading."""
    detectors = DetectorsConfig(canary=CanaryConfig(participants=(7,)))
    profile = north(entry=Institution(id="north"), detectors=detectors)
    assert reasons(profile, reading(0, 0, 6)) == []
    (reason,) = reasons(profile, reading(1, 7, 7))
    assert (reason.detector, reason.observed, reason.share) == ("canary", 1.0, 1.0)


def test_a_number_that_is_another_person_in_each_project_is_no_canary() -> None:
    """Whatever compares numbers is left out, unless a bridge says who is who."""
    config = CoreConfig(
        cohort=CohortConfig(size=1_000, id_space="project"),
        detectors=DetectorsConfig(canary=CanaryConfig(participants=(7,))),
    )
    profile = open_profile("north", config=config)
    assert reasons(profile, reading(0, 0, 9)) == []
    bridged = msgspec.structs.replace(config.cohort, bridge="bridge.csv")
    for cohort, mode in ((config.cohort, "off"), (bridged, "on")):
        modes = modes_of(msgspec.structs.replace(config, cohort=cohort))
        assert {modes[name] for name in ("canary", "sweep")} == {mode}


@pytest.mark.parametrize(
    "quota",
    [
        pytest.param(QuotaConfig(bytes_day_max=9), id="bytes of an export count"),
        pytest.param(QuotaConfig(new_participants_day_max=9), id="people of an export count"),
    ],
)
def test_no_exemption_lifts_a_hard_limit(quota: QuotaConfig) -> None:
    """An approved export is not in excess, but it counts against every limit."""
    exemption = Exemption(id="x", valid_from=START, valid_to=END)
    detectors = DetectorsConfig(quota=quota)
    entry = Institution(id="north", exemptions=(exemption,))
    profile = north(entry=entry, detectors=detectors)
    event = AccessEvent(
        id="e",
        time=MIDDAY_MS,
        institution="north",
        dataset="imaging",
        bytes=10,
        participants=Participants(ranges=[(0, 9)]),
    )
    (reason,) = reasons(profile, event)
    assert (reason.detector, reason.observed, reason.expected) == ("quota", 10.0, 9.0)


def test_a_quota_that_is_met_exactly_is_not_passed() -> None:
    """The limit is the most that is allowed; one more crosses it, in each window by itself."""
    detectors = DetectorsConfig(
        quota=QuotaConfig(
            new_participants_hour_max=10,
            new_participants_day_max=10,
            new_participants_month_max=10,
            rows_day_max=10,
        )
    )
    profile = north(entry=Institution(id="north"), detectors=detectors)
    assert reasons(profile, reading(0, 0, 9)) == []
    effects = judge(profile, reading(1, 10, 10))
    (alert,) = (effect.alert for effect in effects if isinstance(effect, RaiseAlert))
    assert {detail.window_seconds for detail in alert.reasons} == {3_600, 86_400, 2_592_000}
    assert sum(detail.share for detail in alert.reasons) == pytest.approx(1.0)


def test_the_register_answers_for_everybody() -> None:
    """A known institution has its entry, an unknown one an empty entry."""
    known = Institution(id="north", group="large", projects=(PROJECT,))
    register = Register(institutions=(Institution(id="south"), known))
    entries = [register.entry(InstitutionId(name)) for name in ("north", "west")]
    assert entries == [known, Institution(id="west")]
