"""Step 4 of 7: how two sets differ -> whether the cohort may have changed between them.

Who was withdrawn or released is so in every set from then on. So nobody changes again whose change
the earlier set knew already, and no set is left behind by two.
"""

from collections.abc import Iterable
from typing import Final

from detectors.instants import HOUR_MS
from detectors.models.differencing.config import DifferencingConfig
from detectors.models.differencing.near import Near
from detectors.models.differencing.state import DifferencingState

# Of so many people it is known when they were first told apart.
_CHANGED_MAX: Final = 256


def is_change(
    near: Near, state: DifferencingState, config: DifferencingConfig, now_ms: int
) -> bool:
    """Tell whether the cohort may have changed since: few people, once, and long after."""
    variant, changed_ms = near.variant, state.changed_ms
    if variant.is_base:
        return False
    fresh_count = 0
    for person in near.apart:
        before_ms = changed_ms.get(person)
        if before_ms is None:
            fresh_count += 1
        elif before_ms <= variant.last_ms:
            return False
    if not fresh_count:
        return True
    is_settled = now_ms - variant.since_ms >= config.settled_hours * HOUR_MS
    return is_settled and (state.released + fresh_count <= config.apart_participants_min)


def note_changed(state: DifferencingState, people: Iterable[int], now_ms: int) -> int:
    """Remember when people were first told apart; return how many never were before."""
    fresh = [person for person in sorted(people) if person not in state.changed_ms]
    state.changed_ms |= dict.fromkeys(fresh, now_ms)
    while len(state.changed_ms) > _CHANGED_MAX:
        del state.changed_ms[next(iter(state.changed_ms))]
    return len(fresh)
