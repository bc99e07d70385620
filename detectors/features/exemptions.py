"""Step 3 of 7: new participants -> those that an approval covers, and what is learnt of them."""

from detectors.event import AccessEvent
from detectors.features.ledger_state import LedgerState
from detectors.register import Exemption, Institution, covers


def exempt(
    entry: Institution, state: LedgerState, event: AccessEvent, new: int, *, at_ms: int
) -> tuple[int, int, bool]:
    """Return how many of `new` may not alert, and of these are learnt; book it in `state`.

    The last says whether some that may alert are not to be learnt.
    """
    left, learnt, unlearnt = new, 0, False
    for exemption in entry.exemptions:
        if not _covers(exemption, event, at_ms=at_ms):
            continue
        covered = _use(exemption, state.exempted, left)
        if exemption.alert:
            unlearnt |= covered > 0 and not exemption.learn
            continue
        left -= covered
        learnt += covered if exemption.learn else 0
        if not left:
            break
    state.exempted_participants += new - left
    return new - left, learnt, unlearnt


def is_exempt(entry: Institution, event: AccessEvent, *, at_ms: int) -> bool:
    """Tell whether an approval covers what an event took, be anybody in it new or not."""
    return any(
        _covers(exemption, event, at_ms=at_ms)
        for exemption in entry.exemptions
        if not exemption.alert
    )


def _covers(exemption: Exemption, event: AccessEvent, *, at_ms: int) -> bool:
    return covers(
        exemption, at_ms=at_ms, dataset=event.dataset, project=event.project, user=event.user
    )


def _use(exemption: Exemption, used: dict[str, int], wanted: int) -> int:
    if exemption.participants_max is None:
        return wanted
    before = used.get(exemption.id, 0)
    covered = min(wanted, max(0, exemption.participants_max - before))
    used[exemption.id] = before + covered
    return covered
