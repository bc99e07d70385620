"""The ladder, the guard and what people decide, case by case."""

import pytest
from msgspec.structs import replace

from detectors.feedback import Feedback, Label
from detectors.register import Institution, Project, Registered
from detectors.response.config import Modes, ResponseMode
from detectors.response.entries import (
    Configured,
    Labelled,
    Released,
)
from detectors.response.state import next_due_ms
from detectors.response.suspension import Suspension
from tests.response_desk import COHORT_SIZE, ResponseDesk, measures_in

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("taken", "confidence", "expected"),
    [
        pytest.param(9, 1.0, [], id="below both rungs nobody is touched"),
        pytest.param(10, 1.0, [("throttle", "active")], id="a hundredth is throttled"),
        pytest.param(45, 1.0, [("suspend", "active")], id="nearly a twentieth is suspended"),
        pytest.param(200, 0.94, [("throttle", "active")], id="much, but not sure enough"),
        pytest.param(47, 0.95, [("throttle", "active")], id="sure, but not quite enough"),
        pytest.param(900, 0.74, [], id="however much: hardly surer than the budget"),
    ],
)
def test_the_rung_is_confidence_times_harm(
    taken: int, confidence: float, expected: list[tuple[str, str]]
) -> None:
    """The share of the cohort that was taken, weighed by how sure we are."""
    assert (
        measures_in(ResponseDesk().alert(taken_participants=taken, confidence=confidence))
        == expected
    )


@pytest.mark.parametrize(
    ("mode", "state", "dry_run"),
    [
        pytest.param("dry_run", "active", True, id="recorded only"),
        pytest.param("approve", "requested", False, id="asks a person"),
        pytest.param("automatic", "active", False, id="acts"),
    ],
)
def test_each_mode_does_what_it_says(mode: ResponseMode, state: str, *, dry_run: bool) -> None:
    """Dry run, approve and automatic; off does nothing at all."""
    desk = ResponseDesk(mode)
    desk.alert()
    assert (desk.only_open.state, desk.only_open.dry_run) == (state, dry_run)
    assert measures_in(ResponseDesk("off").alert()) == []


def test_a_jurisdiction_may_have_its_own_modes() -> None:
    """Where the law wants a person first, a person is asked."""
    desk = ResponseDesk(jurisdictions={"uk": Modes(throttle="approve", suspend="approve")})
    desk.decide(Registered(institution="north", entry=Institution(id="north", jurisdiction="uk")))
    assert measures_in(desk.alert()) == [("suspend", "requested")]
    assert measures_in(desk.alert(alert_id="a2", institution="south")) == [("suspend", "active")]


@pytest.mark.parametrize(
    ("share", "projects", "expected"),
    [
        pytest.param(0.9, ("p1", "p2"), ("user", "u1"), id="one user is most of it"),
        pytest.param(0.2, ("p1", "p2"), ("project", "p1"), id="one of several projects"),
        pytest.param(0.2, ("p1",), ("institution", "north"), id="the only project is everything"),
    ],
)
def test_the_scope_is_the_smallest_that_holds_the_story(
    share: float, projects: tuple[str, ...], expected: tuple[str, str]
) -> None:
    """Colleagues who took nothing go on working."""
    desk = ResponseDesk()
    entry = Institution(id="north", projects=tuple(Project(id=name) for name in projects))
    desk.decide(Registered(institution="north", entry=entry))
    desk.alert(user_share=share)
    assert (desk.only_open.scope, desk.only_open.subject) == expected


def test_an_incident_that_grows_is_one_suspension() -> None:
    """The throttle becomes a suspension under the same id, and lasts longer."""
    desk = ResponseDesk()
    first, _ = desk.alert(taken_participants=20)
    desk.now_ms += 10_000
    (second,) = desk.alert(taken_participants=60, change="update")
    assert isinstance(first, Suspension)
    assert isinstance(second, Suspension)
    assert (second.suspension_id, second.revision) == (first.suspension_id, 2)
    assert (second.measure, second.expires_ms) == ("suspend", first.expires_ms + 10_000)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("throttle", "suspend", "measure", "state"),
    [
        pytest.param("approve", "automatic", "suspend", "active", id="in force at once"),
        pytest.param("approve", "approve", "suspend", "requested", id="a person must still agree"),
        pytest.param("approve", "dry_run", "throttle", "requested", id="a dry run weakens nothing"),
        pytest.param("automatic", "automatic", "suspend", "active", id="one act after another"),
        pytest.param("automatic", "dry_run", "throttle", "active", id="what acts goes on acting"),
    ],
)
def test_a_stronger_measure_takes_the_state_of_its_own_mode(
    throttle: ResponseMode, suspend: ResponseMode, measure: str, state: str
) -> None:
    """Whatever became of the weaker one: it keeps its id, and there is one of it."""
    desk = ResponseDesk(Modes(throttle=throttle, suspend=suspend))
    desk.alert(taken_participants=20)
    suspension_id = desk.only_open.suspension_id
    desk.now_ms += 10_000
    desk.alert(taken_participants=60, change="update")
    suspension = desk.only_open
    assert (suspension.suspension_id, suspension.revision) == (suspension_id, 2)
    assert (suspension.measure, suspension.state) == (measure, state)
    assert suspension.expires_ms == desk.now_ms + DAY_MS


def test_a_request_that_no_person_must_answer_any_more_begins() -> None:
    """The modes have changed since it was made; the next statement puts it in force."""
    desk = ResponseDesk("approve")
    desk.alert()
    automatic = replace(desk.state.config, modes=Modes(throttle="automatic", suspend="automatic"))
    desk.put(Configured(response=automatic, cohort_size=COHORT_SIZE, config_hash="", version=""))
    assert measures_in(desk.alert(change="update")) == [("suspend", "active")]
    assert desk.only_open.why == "no person is asked any more"


def test_incidents_of_one_institution_add_up_and_decay() -> None:
    """Two small ones together are a larger one; a week halves what was."""
    desk = ResponseDesk()
    desk.alert(taken_participants=30)
    assert measures_in(desk.alert(alert_id="a2", taken_participants=30)) == [("suspend", "active")]
    desk = ResponseDesk()
    desk.alert(taken_participants=30, at_ms=0)
    assert measures_in(desk.alert(alert_id="a2", taken_participants=30)) == [("throttle", "active")]


def test_a_measure_ends_by_itself() -> None:
    """At its expiry, without a person, and whoever waits for it knows when."""
    desk = ResponseDesk()
    desk.alert()
    assert next_due_ms(desk.state) == 1_000 + DAY_MS
    assert measures_in(desk.wait(86_399)) == []
    assert measures_in(desk.wait(1)) == [("suspend", "released")]


def test_a_measure_may_need_a_person_to_end() -> None:
    """Where config says so; a request that nobody answers still ends."""
    desk = ResponseDesk(release="human")
    desk.alert()
    assert measures_in(desk.wait(10_000_000)) == []
    asking = ResponseDesk("approve", release="human")
    asking.alert()
    assert measures_in(asking.wait(86_400)) == [("suspend", "released")]


def test_nobody_flaps() -> None:
    """After a release, the same risk acts only once the scope has cooled down; twice it at once."""
    desk = ResponseDesk()
    desk.alert()
    desk.decide(Released(suspension_id=desk.only_open.suspension_id))
    assert measures_in(desk.alert(change="update", taken_participants=199)) == []
    assert measures_in(desk.alert(change="update", taken_participants=200)) == [
        ("suspend", "active")
    ]
    cooled = ResponseDesk()
    cooled.alert()
    cooled.decide(Released(suspension_id=cooled.only_open.suspension_id))
    cooled.wait(86_400)
    assert measures_in(cooled.alert(change="update")) == [("suspend", "active")]


def test_a_dry_run_becomes_real_only_as_another_suspension() -> None:
    """The recorded one ends, and a new id begins."""
    desk = ResponseDesk("dry_run")
    (dry,) = desk.alert()
    automatic = replace(desk.state.config, modes=Modes(throttle="automatic", suspend="automatic"))
    desk.put(Configured(response=automatic, cohort_size=COHORT_SIZE, config_hash="", version=""))
    ended, real = desk.alert(change="update")
    assert isinstance(dry, Suspension)
    assert isinstance(ended, Suspension)
    assert isinstance(real, Suspension)
    assert (ended.suspension_id, ended.state) == (dry.suspension_id, "released")
    assert (real.suspension_id != dry.suspension_id, real.dry_run) == (True, False)


def test_what_was_harmless_leaves_the_ladder() -> None:
    """A false positive ends its suspension and adds no risk; the judge is told."""
    desk = ResponseDesk()
    desk.alert()
    feedback, ended = desk.decide(Labelled(alert_id="a1", label=Label.FALSE_POSITIVE))
    assert isinstance(feedback, Feedback)
    assert (feedback.detectors, feedback.factor, feedback.exemption) == (("excess",), 100.0, None)
    assert feedback.until_ms == 60 * DAY_MS + 30 * DAY_MS
    assert measures_in((ended,)) == [("suspend", "released")]
    assert measures_in(desk.alert(change="update", taken_participants=200)) == []
    assert measures_in(desk.alert(alert_id="a2", taken_participants=44)) == [("throttle", "active")]


def test_what_was_expected_becomes_an_exemption() -> None:
    """For as much again as was taken, until the given day, in the name of who said so."""
    desk = ResponseDesk()
    desk.alert()
    labelled = Labelled(alert_id="a1", label=Label.EXPECTED, until_ms=70 * DAY_MS)
    feedback = desk.decide(labelled)[0]
    assert isinstance(feedback, Feedback)
    assert feedback.exemption is not None
    assert (feedback.exemption.participants_max, feedback.exemption.approver) == (100, "ann")
    assert feedback.exemption.valid_to.timestamp() == 70 * 86_400


def test_a_confirmed_incident_weighs_more() -> None:
    """A throttled one may be suspended by it at once, and a person is surer than any alert."""
    desk = ResponseDesk()
    desk.alert(taken_participants=30, confidence=0.8)
    _, grown = desk.decide(Labelled(alert_id="a1", label=Label.CONFIRMED))
    assert measures_in((grown,)) == [("suspend", "active")]


def test_effectiveness_is_counted_by_detector() -> None:
    """A later word replaces an earlier one, and an old one sent again changes nothing."""
    desk = ResponseDesk()
    desk.alert(detectors=("excess", "sweep"))
    desk.decide(Labelled(alert_id="a1", label=Label.CONFIRMED), at_ms=5)
    desk.decide(Labelled(alert_id="a1", label=Label.FALSE_POSITIVE), at_ms=6)
    assert desk.decide(Labelled(alert_id="a1", label=Label.CONFIRMED), at_ms=5) == ()
    assert desk.state.outcomes["sweep"][Label.FALSE_POSITIVE] == 1
    assert desk.state.outcomes["excess"][Label.CONFIRMED] == 0


def test_a_closed_incident_is_no_new_evidence() -> None:
    """Its statement has no reasons; what was said before stays, and starts nothing."""
    desk = ResponseDesk("approve")
    desk.alert()
    closing = desk.alert(
        change="close", confidence=0.5, detectors=(), sentence="quiet", user="u2", user_share=0.1
    )
    assert measures_in(closing) == []
    incident = desk.state.incident("a1")
    assert incident is not None
    assert (incident.confidence, incident.detectors) == (1.0, ("excess",))
    # What is told of it must be about the user whom its sentence names.
    assert (incident.user, incident.sentence) == ("u1", "north took 100.")


def test_memory_is_bounded() -> None:
    """Of one institution the oldest incident is forgotten, and with it its name."""
    desk = ResponseDesk()
    for number in range(70):
        desk.alert(alert_id=f"a{number}", at_ms=number * DAY_MS)
    assert len(desk.state.incidents["north"]) == 64
    assert desk.state.incident("a5") is None
    assert desk.decide(Labelled(alert_id="a5", label=Label.CONFIRMED)) == ()


def test_an_entry_is_of_the_institution_it_names() -> None:
    """Else one signature could be read in two ways; without an entry, none is left."""
    desk = ResponseDesk()
    entry = Institution(id="north", group="g")
    assert desk.decide(Registered(institution="south", entry=entry)) == ()
    assert desk.decide(Registered(institution="north", entry=entry)) != ()
    assert desk.state.entry("north").group == "g"
    desk.decide(Registered(institution="north", entry=None))
    assert desk.state.entries == {}
