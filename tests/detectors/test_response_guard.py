"""The guard and the agreement of people: what is held, who must agree, and to how much."""

from msgspec.structs import replace

from detectors.register import Institution, Registered
from detectors.response.config import Modes
from detectors.response.entries import (
    Approved,
    Configured,
    Released,
)
from detectors.response.suspension import Asked, Suspension
from detectors.response.withheld import Withheld
from tests.response_desk import COHORT_SIZE, ResponseDesk, measures_in


def test_a_storm_is_held_for_people() -> None:
    """The fourth institution at once waits, and a person's word lets it begin."""
    desk = ResponseDesk()
    for number in range(3):
        assert measures_in(desk.alert(alert_id=f"a{number}", institution=f"i{number}")) == [
            ("suspend", "active")
        ]
    actions = desk.alert(alert_id="a3", institution="i3")
    assert measures_in(actions) == [("suspend", "held")]
    held = [each for each in desk.state.open.values() if each.state == "held"]
    assert [each.institution for each in held] == ["i3"]
    assert measures_in(desk.decide(Approved(suspension_id=held[0].suspension_id))) == [
        ("suspend", "active")
    ]


def test_the_guard_lifts_nothing_that_is_in_force() -> None:
    """A thief's allies trip alarms elsewhere: the thief stays stopped, whatever comes."""
    desk = ResponseDesk()
    desk.alert()
    for number in range(9):
        desk.alert(alert_id=f"a{number}", institution=f"ally-{number}")
        (thief,) = (each for each in desk.state.open.values() if each.institution == "north")
        assert (thief.state, thief.measure) == ("active", "suspend")


def test_a_large_register_widens_the_guard() -> None:
    """A share of all known institutions, where that is more than the number."""
    desk = ResponseDesk(blast_radius_ratio=0.5)
    for number in range(10):
        name = f"i{number}"
        desk.decide(Registered(institution=name, entry=Institution(id=name)))
    for number in range(5):
        desk.alert(alert_id=f"a{number}", institution=f"i{number}")
    assert {suspension.state for suspension in desk.state.open.values()} == {"active"}
    desk.alert(alert_id="a5", institution="i5")
    states = [suspension.state for suspension in desk.state.open.values()]
    assert states == ["active"] * 5 + ["held"]


def test_two_people_agree_on_an_institution() -> None:
    """The same person twice is one person; of a single user one is enough."""
    desk = ResponseDesk("approve")
    desk.alert(user_share=0.1)
    wanted = Approved(suspension_id=desk.only_open.suspension_id)
    assert measures_in(desk.decide(wanted, who="ann")) == [("suspend", "approved")]
    assert measures_in(desk.decide(wanted, who="ann")) == []
    assert measures_in(desk.decide(wanted, who="ben")) == [("suspend", "active")]
    assert desk.only_open.approvals == ("ann", "ben")
    assert desk.decide(wanted, who="cat") == ()
    single = ResponseDesk("approve")
    single.alert()
    approved = single.decide(Approved(suspension_id=single.only_open.suspension_id))
    assert measures_in(approved) == [("suspend", "active")]


def test_a_stronger_measure_needs_a_new_agreement() -> None:
    """Who agreed to throttle has not agreed to suspend; the throttle goes on meanwhile."""
    desk = ResponseDesk("approve")
    desk.alert(taken_participants=20)
    desk.decide(Approved(suspension_id=desk.only_open.suspension_id))
    desk.alert(taken_participants=60, change="update")
    assert (desk.only_open.measure, desk.only_open.state) == ("throttle", "active")
    assert desk.only_open.asks == Asked(measure="suspend", approvals=())
    desk.decide(Approved(suspension_id=desk.only_open.suspension_id))
    assert desk.only_open.measure == "suspend"
    assert desk.only_open.asks is None


def test_the_guard_also_counts_what_has_outgrown_its_agreement() -> None:
    """An agreed throttle that would become a suspension by itself asks, where too many did."""
    desk = ResponseDesk("approve")
    desk.alert(taken_participants=20)
    desk.decide(Approved(suspension_id=desk.only_open.suspension_id))
    automatic = replace(desk.state.config, modes=Modes(throttle="automatic", suspend="automatic"))
    desk.put(Configured(response=automatic, cohort_size=COHORT_SIZE, config_hash="", version=""))
    for number in range(3):
        desk.alert(alert_id=f"b{number}", institution=f"i{number}")
    desk.alert(taken_participants=60, change="update")
    asks = [
        suspension.asks
        for suspension in desk.state.open.values()
        if suspension.institution == "north"
    ]
    assert asks == [Asked(measure="suspend", approvals=())]


def test_an_agreement_covers_no_more_than_was_agreed() -> None:
    """What grows by itself under a later configuration counts as nobody's decision."""
    desk = ResponseDesk("approve")
    desk.alert(taken_participants=20)
    desk.decide(Approved(suspension_id=desk.only_open.suspension_id))
    automatic = replace(desk.state.config, modes=Modes(throttle="automatic", suspend="automatic"))
    desk.put(Configured(response=automatic, cohort_size=COHORT_SIZE, config_hash="", version=""))
    desk.alert(taken_participants=60, change="update")
    assert (desk.only_open.measure, desk.only_open.agreed) == ("suspend", False)


def test_the_guard_holds_a_request_that_would_become_automatic() -> None:
    """A request affects nobody and is not counted; as a suspension by itself it is."""
    desk = ResponseDesk(Modes(throttle="approve", suspend="automatic"))
    desk.alert(taken_participants=20)
    assert desk.only_open.state == "requested"
    for number in range(3):
        desk.alert(alert_id=f"b{number}", institution=f"i{number}")
    actions = desk.alert(taken_participants=60, change="update")
    assert measures_in(actions) == [("suspend", "held")]
    (withheld,) = (action for action in actions if isinstance(action, Withheld))
    assert withheld.reason == "guard"
    held = [each for each in actions if isinstance(each, Suspension)]
    assert [each.revision for each in held] == [2]


def test_what_the_guard_made_ask_begins_once_there_is_room() -> None:
    """The storm is over, and the incident goes on: its mode needs no person."""
    desk = ResponseDesk(Modes(throttle="approve", suspend="automatic"))
    desk.alert(taken_participants=20)
    desk.decide(Approved(suspension_id=desk.only_open.suspension_id))
    for number in range(3):
        desk.alert(alert_id=f"b{number}", institution=f"i{number}")
    assert measures_in(desk.alert(taken_participants=60, change="update")) == [
        ("throttle", "active")
    ]
    storm = [each for each in desk.state.open.values() if each.institution != "north"]
    for suspension in storm:
        desk.decide(Released(suspension_id=suspension.suspension_id))
    assert measures_in(desk.alert(taken_participants=60, change="update")) == [
        ("suspend", "active")
    ]
    assert (desk.only_open.asks, desk.only_open.agreed) == (None, False)
