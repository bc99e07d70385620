"""Why an alert led to no measure, reason by reason; and what a suspension can never be."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.feedback import Label
from detectors.register import Institution, Registered
from detectors.response.config import Modes, ResponseConfig
from detectors.response.entries import (
    Labelled,
    Released,
)
from detectors.response.fold import ResponseAction
from detectors.response.ladder import rung_of
from detectors.response.suspension import Asked, Suspension
from detectors.response.withheld import Threshold, Withheld
from tests.builders import suspension
from tests.response_desk import ResponseDesk

DAY_MS = 86_400_000
COHORT = 1_000
AUTOMATIC = Modes(throttle="automatic", suspend="automatic")


def reason_in(actions: Sequence[ResponseAction]) -> Withheld:
    """Return the one reason among the actions."""
    (withheld,) = (action for action in actions if isinstance(action, Withheld))
    return withheld


def measures_in(actions: Sequence[ResponseAction]) -> list[tuple[str, str]]:
    """Return measure and state of the suspensions among the actions."""
    return [(each.measure, each.state) for each in actions if isinstance(each, Suspension)]


def test_below_both_rungs_each_number_that_was_too_small_is_named() -> None:
    """Which measure asks for which confidence and harm, and what was seen."""
    actions = ResponseDesk().alert(confidence=0.7, taken_participants=20)
    withheld = reason_in(actions)
    assert (len(actions), withheld.reason, withheld.measure) == (1, "below_threshold", None)
    assert withheld.thresholds == (
        Threshold(measure="suspend", quantity="confidence", needed=0.95, seen=0.7),
        Threshold(measure="suspend", quantity="risk", needed=0.045, seen=0.7 * 0.02),
        Threshold(measure="throttle", quantity="confidence", needed=0.75, seen=0.7),
    )
    assert (withheld.alert_id, withheld.institution) == ("a1", "north")
    assert (withheld.alerted_ms, withheld.at_ms) == (60 * DAY_MS, 1_000)


def test_a_throttle_says_why_it_is_no_suspension() -> None:
    """Much was taken, and the alert is nearly sure enough: the night shift sees by how much."""
    actions = ResponseDesk().alert(confidence=0.93, taken_participants=200)
    assert measures_in(actions) == [("throttle", "active")]
    withheld = reason_in(actions)
    assert withheld.reason == "below_threshold"
    assert withheld.thresholds == (
        Threshold(measure="suspend", quantity="confidence", needed=0.95, seen=0.93),
    )


def test_a_suspension_leaves_no_reason() -> None:
    """Nothing stronger was left undone."""
    ladder = ResponseDesk()
    actions = ladder.alert()
    assert measures_in(actions) == [("suspend", "active")]
    assert len(actions) == 1
    incident = ladder.state.incident("a1")
    assert incident is not None
    assert incident.withheld is None


@pytest.mark.parametrize(
    ("modes", "measure", "placed"),
    [
        pytest.param(Modes(throttle="off", suspend="off"), "suspend", [], id="both are off"),
        pytest.param(
            Modes(throttle="automatic", suspend="off"),
            "suspend",
            [("throttle", "active")],
            id="the stronger is off, the weaker acts",
        ),
    ],
)
def test_a_mode_that_is_off_is_named(
    modes: Modes, measure: str, placed: list[tuple[str, str]]
) -> None:
    """The rung was reached, and does not exist here."""
    actions = ResponseDesk(modes).alert()
    assert measures_in(actions) == placed
    withheld = reason_in(actions)
    assert (withheld.reason, withheld.measure, withheld.thresholds) == ("mode_off", measure, ())


def test_a_mode_of_the_jurisdiction_is_what_counts() -> None:
    """Off in one country, on in all others."""
    ladder = ResponseDesk(jurisdictions={"uk": Modes(throttle="off", suspend="off")})
    ladder.decide(Registered(institution="north", entry=Institution(id="north", jurisdiction="uk")))
    assert reason_in(ladder.alert()).reason == "mode_off"
    assert measures_in(ladder.alert(alert_id="a2", institution="south")) == [("suspend", "active")]


def test_a_label_names_the_decision_by_which_it_was_said() -> None:
    """Whoever asks why the next statement had no effect finds who said so on the audit."""
    ladder = ResponseDesk()
    ladder.alert()
    labelled = Labelled(alert_id="a1", label=Label.FALSE_POSITIVE)
    ladder.decide(labelled, decision_id="d-42")
    actions = ladder.alert(change="update", taken_participants=200)
    withheld = reason_in(actions)
    assert (measures_in(actions), withheld.reason) == ([], "labelled")
    assert withheld.decision_id == "d-42"


def test_a_scope_that_cools_down_says_until_when_and_what_would_act() -> None:
    """Only a doubled risk acts before."""
    ladder = ResponseDesk()
    ladder.alert()
    (open_one,) = ladder.state.open.values()
    ladder.decide(Released(suspension_id=open_one.suspension_id))
    withheld = reason_in(ladder.alert(change="update", taken_participants=150))
    assert (withheld.reason, withheld.measure) == ("cooling_down", "suspend")
    assert withheld.until_ms == 1_000 + DAY_MS
    assert withheld.thresholds == (
        Threshold(measure="suspend", quantity="risk", needed=0.2, seen=0.15),
    )


def test_the_guard_says_how_many_would_be_affected() -> None:
    """Held, with the number that is allowed beside the number that it would be."""
    ladder = ResponseDesk(blast_radius_institutions=1)
    ladder.alert()
    actions = ladder.alert(alert_id="a2", institution="south")
    assert measures_in(actions) == [("suspend", "held")]
    withheld = reason_in(actions)
    assert (withheld.reason, withheld.institution) == ("guard", "south")
    assert withheld.thresholds == (
        Threshold(measure="suspend", quantity="institutions", needed=1, seen=2),
    )
    assert isinstance(actions[0], Suspension)
    assert withheld.suspension_id == actions[0].suspension_id


def test_what_is_open_already_is_named_and_what_a_stronger_one_would_need() -> None:
    """It lasts longer, under the same id."""
    ladder = ResponseDesk()
    first = ladder.alert(confidence=0.88, taken_participants=200)[0]
    actions = ladder.alert(confidence=0.93, change="update", taken_participants=210)
    assert isinstance(first, Suspension)
    assert measures_in(actions) == [("throttle", "active")]
    withheld = reason_in(actions)
    assert (withheld.reason, withheld.measure) == ("already_open", "throttle")
    assert withheld.suspension_id == first.suspension_id
    assert [(each.quantity, each.seen) for each in withheld.thresholds] == [("confidence", 0.93)]


@pytest.mark.parametrize(
    ("taken_first", "taken_then", "reason", "measure", "open_measure"),
    [
        pytest.param(20, 100, "dry_run_only", "suspend", "throttle", id="stronger, recorded only"),
        pytest.param(20, 21, "already_open", "throttle", "throttle", id="as strong"),
    ],
)
def test_what_is_open_is_named_beside_what_was_reached(
    taken_first: int, taken_then: int, reason: str, measure: str, open_measure: str
) -> None:
    """A throttle that people are asked for is no suspension, whatever is only recorded."""
    ladder = ResponseDesk(Modes(throttle="approve", suspend="dry_run"))
    ladder.alert(taken_participants=taken_first)
    actions = ladder.alert(taken_participants=taken_then, change="update")
    assert measures_in(actions) == [("throttle", "requested")]
    withheld = reason_in(actions)
    assert (withheld.reason, withheld.measure) == (reason, measure)
    assert withheld.open_measure == open_measure
    assert withheld.suspension_id == ladder.only_open.suspension_id


def test_a_stronger_measure_that_is_open_is_named_as_such() -> None:
    """The alert at hand is less sure; the suspension goes on, and it is no throttle."""
    ladder = ResponseDesk()
    ladder.alert()
    withheld = reason_in(ladder.alert(confidence=0.9, change="update"))
    assert (withheld.reason, withheld.measure) == ("already_open", "throttle")
    assert withheld.open_measure == "suspend"


def test_a_closing_statement_says_that_it_closes() -> None:
    """The incident is over; what was taken stays in the risk."""
    ladder = ResponseDesk()
    ladder.alert()
    actions = ladder.alert(change="close")
    assert reason_in(actions).reason == "closed"
    assert len(actions) == 1


@given(
    risk=st.floats(min_value=0, max_value=1),
    confidence=st.floats(min_value=0, max_value=1),
    throttle=st.sampled_from(["off", "automatic"]),
    suspend=st.sampled_from(["off", "automatic"]),
)
def test_a_rung_and_its_reasons_complete_each_other(
    risk: float, confidence: float, throttle: str, suspend: str
) -> None:
    """Each measure is taken, weaker than the one taken, off, or short of a number that is named."""
    config = ResponseConfig(
        modes=msgspec.convert({"throttle": throttle, "suspend": suspend}, Modes)
    )
    rung = rung_of(risk, confidence=confidence, config=config, modes=config.modes)
    missed = {threshold.measure for threshold in rung.missed}
    assert all(threshold.seen < threshold.needed for threshold in rung.missed)
    assert (rung.measure is None) == (rung.mode == "off")
    if rung.measure != "suspend":
        assert ("suspend" in missed) is not (rung.off == "suspend")
    if rung.measure is None:
        assert "throttle" in missed or throttle == "off"
    assert rung.measure not in missed


@pytest.mark.parametrize(
    "impossible",
    [
        pytest.param({"state": "held"}, id="in effect while it waits"),
        pytest.param({"started_ms": None, "approvals": ()}, id="active, and never begun"),
        pytest.param({"state": "held", "started_ms": None}, id="waits for people who agreed"),
        pytest.param(
            {"state": "approved", "started_ms": None, "approvals": ()}, id="approved by nobody"
        ),
        pytest.param(
            {
                "state": "requested",
                "started_ms": None,
                "approvals": ("ann",),
                "approvals_needed": 2,
            },
            id="requested, and approved in part",
        ),
        pytest.param(
            {"state": "released", "asks": Asked(measure="suspend", approvals=())},
            id="over, and asks for more",
        ),
    ],
)
def test_what_no_history_leads_to_cannot_be_written_down(impossible: dict[str, object]) -> None:
    """One state says it all; a record that contradicts itself is refused when it is read, too."""
    with pytest.raises(ValueError, match="suspension s-1"):
        suspension(**impossible)
    document = msgspec.to_builtins(suspension()) | msgspec.to_builtins(impossible)
    with pytest.raises(msgspec.ValidationError, match="suspension s-1"):
        msgspec.convert(document, Suspension)
