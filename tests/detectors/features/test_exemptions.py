"""Which events an approval covers."""

import pytest
from msgspec.structs import replace

from detectors.event import AccessEvent
from detectors.features.exemptions import exempt, is_exempt
from detectors.features.ledger_state import LedgerState
from detectors.instants import DAY_MS, instant_of
from detectors.register import Exemption, Institution
from tests.builders import event

START_MS = 20_454 * DAY_MS
EXPORT = Exemption(
    id="export",
    valid_from=instant_of(START_MS),
    valid_to=instant_of(START_MS + DAY_MS),
    dataset="imaging",
    project="p-1",
    user="ada",
)
APPROVED = event(dataset="imaging", project="p-1", user="ada")


def is_covered(
    by: Exemption = EXPORT, *, at_ms: int = START_MS, access: AccessEvent = APPROVED
) -> bool:
    """Tell whether an exemption covers an event, by default the one that it is meant for."""
    entry = Institution(id="north", exemptions=(by,))
    return is_exempt(entry, access, at_ms=at_ms)


@pytest.mark.parametrize("changed", ["dataset", "project", "user"])
def test_an_approval_is_of_its_dataset_project_and_user(changed: str) -> None:
    """Where it names one; where it names none, of any."""
    assert is_covered()
    other = replace(APPROVED, **{changed: "another"})
    assert not is_covered(access=other)
    assert is_covered(replace(EXPORT, **{changed: None}), access=other)


def test_an_approval_is_of_its_time() -> None:
    """From its first millisecond on, and no longer in its last."""
    moments = (START_MS - 1, START_MS, START_MS + DAY_MS - 1, START_MS + DAY_MS)
    assert [is_covered(at_ms=at_ms) for at_ms in moments] == [False, True, True, False]


def test_what_may_alert_all_the_same_is_not_exempt() -> None:
    """Whatever else covers it is looked at as well."""
    alerting = replace(EXPORT, alert=True)
    assert not is_covered(alerting)
    both = Institution(id="north", exemptions=(alerting, EXPORT))
    assert is_exempt(both, APPROVED, at_ms=START_MS)


LEARNT = replace(EXPORT, id="learnt", learn=True)
SHOWN = replace(EXPORT, id="shown", alert=True)
SHOWN_AND_LEARNT = replace(EXPORT, id="shown and learnt", alert=True, learn=True)


@pytest.mark.parametrize(
    ("exemptions", "new", "booked"),
    [
        ((), 5, (0, 0, False)),
        ((EXPORT,), 5, (5, 0, False)),
        ((LEARNT,), 5, (5, 5, False)),
        ((SHOWN,), 5, (0, 0, True)),
        ((SHOWN,), 1, (0, 0, True)),
        ((replace(SHOWN, participants_max=0),), 5, (0, 0, False)),
        ((SHOWN_AND_LEARNT,), 5, (0, 0, False)),
        ((SHOWN, SHOWN_AND_LEARNT), 5, (0, 0, True)),
        ((SHOWN, LEARNT), 5, (5, 5, True)),
        ((SHOWN_AND_LEARNT, replace(EXPORT, participants_max=2)), 5, (2, 0, False)),
        ((replace(LEARNT, participants_max=2), replace(LEARNT, id="rest")), 5, (5, 5, False)),
        ((replace(EXPORT, participants_max=2), LEARNT), 5, (5, 3, False)),
        ((replace(EXPORT, dataset="another"), LEARNT), 5, (5, 5, False)),
    ],
)
def test_every_approval_that_covers_an_event_is_heard(
    exemptions: tuple[Exemption, ...], new: int, booked: tuple[int, int, bool]
) -> None:
    """One that may alert takes nothing from the next; that it is not to be learnt stays said."""
    entry, state = Institution(id="north", exemptions=exemptions), LedgerState()
    assert exempt(entry, state, APPROVED, new, at_ms=START_MS) == booked
    assert state.exempted_participants == booked[0]


def test_what_was_exempted_adds_up() -> None:
    """Under each cap, and in all."""
    capped = replace(EXPORT, participants_max=7)
    entry, state = Institution(id="north", exemptions=(capped,)), LedgerState()
    exempted = [exempt(entry, state, APPROVED, 5, at_ms=START_MS)[0] for _ in range(3)]
    assert exempted == [5, 2, 0]
    assert (state.exempted, state.exempted_participants) == ({"export": 7}, 7)
