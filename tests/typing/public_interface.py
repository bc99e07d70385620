"""What users of the core write, as the type checker must understand it: `make check` reads it.

Nothing here runs. What would be a mistake is marked as one; mypy refuses a mark that is not needed.
"""

from typing import TYPE_CHECKING, assert_type

import detectors
from detectors import (
    AccessEvent,
    Alert,
    CoreConfig,
    DailySummary,
    NewHoldings,
    Participants,
    Profile,
    RaiseAlert,
    Snapshot,
    dump,
    judge,
    open_profile,
)

if TYPE_CHECKING:
    profile = open_profile("north", config=CoreConfig())
    assert_type(profile, Profile)
    event = AccessEvent(
        id="1",
        time=0,
        institution="north",
        dataset="imaging",
        participants=Participants(ranges=[(0, 9)]),
    )
    effects = judge(profile, event)
    assert_type(effects, tuple[RaiseAlert | DailySummary | NewHoldings, ...])
    for effect in effects:
        if isinstance(effect, RaiseAlert):
            assert_type(effect.alert, Alert)
    assert_type(dump(profile), Snapshot)

    open_profile("north")  # type: ignore[call-arg] # a configuration is not left to chance
    judge(event, profile)  # type: ignore[arg-type] # the state comes first
    detectors.guess  # type: ignore[attr-defined] # noqa: B018 - only what is there is public
