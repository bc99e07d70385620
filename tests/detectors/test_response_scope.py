"""Whom a measure stops when somebody goes on, and how far a label reaches."""

import pytest

from detectors.feedback import Label
from detectors.response.entries import Labelled
from detectors.response.suspension import Suspension
from tests.response_desk import ResponseDesk, measures_in


def test_a_second_taking_after_a_user_measure_widens_to_the_institution() -> None:
    """Who goes on under another account is met by a measure against all of the institution."""
    desk = ResponseDesk()
    desk.alert(user="u1")
    desk.wait(3_600)
    actions = desk.alert(user="u2", change="update", taken_participants=130)
    scopes = [(each.scope, each.state) for each in actions if isinstance(each, Suspension)]
    assert scopes == [("institution", "active")]


def test_a_second_taking_of_another_incident_widens_as_well() -> None:
    """Whichever alert tells of it, while the first measure is in force."""
    desk = ResponseDesk()
    desk.alert(user="u1")
    actions = desk.alert(user="u2", alert_id="a2")
    scopes = [each.scope for each in actions if isinstance(each, Suspension)]
    assert scopes == ["institution"]


def test_after_the_life_of_a_measure_another_user_is_another_story() -> None:
    """What is over widens nothing."""
    desk = ResponseDesk()
    desk.alert(user="u1")
    desk.wait(90_000)
    desk.alert(user="u2", alert_id="a2")
    assert desk.only_open.scope == "user"


@pytest.mark.parametrize("label", [Label.FALSE_POSITIVE, Label.EXPECTED])
@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(100, [], id="what was taken when it was said"),
        pytest.param(200, [], id="twice that"),
        pytest.param(201, [("suspend", "active")], id="more than twice that"),
    ],
)
def test_a_label_holds_for_twice_what_was_taken(
    label: Label, taken: int, expected: list[tuple[str, str]]
) -> None:
    """A word on 100 people says nothing of the next hundreds."""
    desk = ResponseDesk()
    desk.alert(taken_participants=100)
    desk.decide(Labelled(alert_id="a1", label=label))
    actions = desk.alert(taken_participants=taken, change="update")
    assert measures_in(actions) == expected


def test_what_a_label_covered_adds_no_risk_later() -> None:
    """Of 210 people, 100 were said to be harmless: the risk is of the others."""
    desk = ResponseDesk(suspend_risk=0.12)
    desk.alert(taken_participants=100, confidence=0.8)
    desk.decide(Labelled(alert_id="a1", label=Label.FALSE_POSITIVE))
    assert measures_in(desk.alert(taken_participants=210, change="update")) == [
        ("throttle", "active")
    ]


def test_who_waits_for_the_expiry_and_takes_on_is_met_again() -> None:
    """A measure that ends by itself leaves nobody a day in which nothing follows."""
    desk = ResponseDesk()
    desk.alert()
    assert measures_in(desk.wait(86_400)) == [("suspend", "released")]
    assert measures_in(desk.alert(change="update", taken_participants=120)) == [
        ("suspend", "active")
    ]
