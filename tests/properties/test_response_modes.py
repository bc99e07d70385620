"""Whatever the modes of the two rungs: the stronger measure takes the state of its own mode."""

from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis import given
from msgspec.structs import replace

from detectors.register import Institution, Registered
from detectors.response import guard
from detectors.response.config import Modes, ResponseMode
from detectors.response.entries import Approved, Configured, Released
from detectors.response.suspension import Suspension
from tests.response_desk import COHORT_SIZE, ResponseDesk

MODES: Sequence[ResponseMode] = ("off", "dry_run", "approve", "automatic")
THROTTLE_TAKEN, SUSPEND_TAKEN = 20, 100

modes = st.builds(Modes, throttle=st.sampled_from(MODES), suspend=st.sampled_from(MODES))
# What happens before the alert that asks to suspend: an alert, or the word of a person.
histories = st.lists(
    st.sampled_from(["throttle", "suspend", "approve by ann", "approve by ben", "storm"]),
    max_size=6,
)


def live(desk: ResponseDesk, happening: str) -> None:
    """Let one thing happen to north, or to everybody else."""
    if happening == "storm":
        for number in range(3):
            name = f"i{number}"
            desk.alert(alert_id=name, institution=name, taken_participants=SUSPEND_TAKEN)
    elif happening in {"throttle", "suspend"}:
        taken = THROTTLE_TAKEN if happening == "throttle" else SUSPEND_TAKEN
        desk.alert(taken_participants=taken, user_share=0.1)
    else:
        for suspension in tuple(desk.state.open.values()):
            approved = Approved(suspension_id=suspension.suspension_id)
            desk.decide(approved, who=happening.removeprefix("approve by "))


def of_north(desk: ResponseDesk) -> Suspension | None:
    """Return what is open against north."""
    return next((each for each in desk.state.open.values() if each.institution == "north"), None)


@given(before=modes, after=modes, history=histories)
def test_what_is_automatic_is_in_force_at_once(
    before: Modes, after: Modes, history: list[str]
) -> None:
    """Nobody who is to be suspended waits in a request; only the guard may hold it."""
    desk = ResponseDesk(before)
    desk.decide(Registered(institution="north", entry=Institution(id="north")))
    for happening in history:
        live(desk, happening)
    config = replace(desk.state.config, modes=after)
    desk.put(Configured(response=config, cohort_size=COHORT_SIZE, config_hash="", version=""))
    standing = of_north(desk)
    live(desk, "suspend")
    suspension = of_north(desk)
    if after.suspend == "automatic":
        assert suspension is not None
        assert suspension.strongest == "suspend"
        assert not suspension.dry_run
        if suspension.asks is not None:
            assert guard.too_many(desk.state, "north", dry_run=False)
        else:
            assert suspension.state in {"active", "held"}
        held_before = standing is not None and not standing.dry_run and standing.state == "held"
        if suspension.state == "held" and not held_before:
            assert guard.too_many(desk.state, "north", dry_run=False)
    elif after.suspend == "dry_run" and standing is not None and not standing.dry_run:
        # What is real is weakened by no dry run.
        assert suspension is not None
        assert (suspension.measure, suspension.state, suspension.asks) == (
            standing.measure,
            standing.state,
            standing.asks,
        )


@given(before=modes, history=histories)
def test_a_throttle_is_in_force_while_a_suspension_waits(before: Modes, history: list[str]) -> None:
    """Whatever was before: nobody takes the rest while people are asked; only the guard objects."""
    desk = ResponseDesk(before)
    desk.decide(Registered(institution="north", entry=Institution(id="north")))
    for happening in history:
        live(desk, happening)
    after = Modes(throttle="automatic", suspend="approve")
    config = replace(desk.state.config, modes=after)
    desk.put(Configured(response=config, cohort_size=COHORT_SIZE, config_hash="", version=""))
    standing = of_north(desk)
    held_before = standing is not None and not standing.dry_run and standing.state == "held"
    live(desk, "suspend")
    suspension = of_north(desk)
    assert suspension is not None
    assert (suspension.strongest, suspension.dry_run) == ("suspend", False)
    if suspension.state != "active":
        assert held_before or guard.too_many(desk.state, "north", dry_run=False)
    elif suspension.measure == "throttle":
        assert suspension.asks is not None
        assert suspension.started_ms is not None


@given(approve=st.booleans())
def test_what_people_decide_lifts_or_replaces_the_throttle(*, approve: bool) -> None:
    """Under one id: agreed to, the suspension is in force; released, nothing is."""
    desk = ResponseDesk(Modes(throttle="automatic", suspend="approve"))
    desk.alert()
    asked = desk.only_open
    assert (asked.measure, asked.state, asked.revision) == ("throttle", "active", 1)
    assert asked.asks is not None
    if approve:
        desk.decide(Approved(suspension_id=asked.suspension_id))
        agreed = desk.only_open
        assert (agreed.measure, agreed.state, agreed.asks) == ("suspend", "active", None)
        assert (agreed.suspension_id, agreed.approvals) == (asked.suspension_id, ("ann",))
    else:
        (ended,) = desk.decide(Released(suspension_id=asked.suspension_id))
        assert isinstance(ended, Suspension)
        assert (ended.state, ended.measure) == ("released", "throttle")
        assert not desk.state.open


def test_a_throttle_that_nobody_speaks_on_ends_with_its_request() -> None:
    """Where measures end by themselves."""
    desk = ResponseDesk(Modes(throttle="automatic", suspend="approve"))
    desk.alert()
    desk.wait(desk.state.config.expiry_seconds)
    assert not desk.state.open
