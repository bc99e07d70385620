"""Every theft by its permanent id: how it is done, by whom, for how long, and its true name.

An id never changes its meaning: another set of ranges is another version (`..._v2`).
"""

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from detectors.synthetic import thefts
from detectors.synthetic.theft_requests import TheftContext, TheftRequests

Thief = Callable[[TheftContext], TheftRequests]
Victims = Literal["any", "heavy", "newcomer", "hub"]


class Scenario(Struct, frozen=True, kw_only=True):
    """One way to steal, under its permanent id."""

    id: str
    steal: Thief
    days: int
    reasons: tuple[str, ...]
    victims: Victims = "any"
    members: tuple[int, int] = (1, 1)
    budgeted: bool = False
    canaries: bool = False


_TAKING: Final = ("excess", "coverage", "quota")
_SLOWLY: Final = ("excess", "coverage", "quota", "drip")

SCENARIOS: Final = (
    Scenario(
        id="smash_and_grab_v1",
        steal=partial(thefts.grab, hours=(3.0, 9.0)),
        days=1,
        reasons=_TAKING,
    ),
    Scenario(
        id="participant_sweep_v1",
        steal=partial(thefts.walk, days=(4.0, 6.0)),
        days=6,
        reasons=(*_TAKING, "sweep"),
    ),
    Scenario(
        id="split_users_v1",
        steal=partial(thefts.many_users, days=(4.0, 6.0), users=(6, 14)),
        days=6,
        reasons=_TAKING,
    ),
    Scenario(
        id="young_institution_v1",
        steal=partial(thefts.walk, days=(2.0, 4.0)),
        days=4,
        reasons=(*_TAKING, "sweep"),
        victims="newcomer",
    ),
    Scenario(
        id="new_account_v1",
        steal=partial(thefts.new_user, days=(2.0, 4.0)),
        days=4,
        reasons=_TAKING,
    ),
    Scenario(
        id="off_hours_v1",
        steal=partial(thefts.nights, count=(4, 6)),
        days=7,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="field_slicing_v1",
        steal=partial(thefts.slices, days=(8.0, 12.0), fields_first=False),
        days=12,
        reasons=(*_SLOWLY, "slicing"),
    ),
    Scenario(
        id="field_slicing_v2",
        steal=partial(thefts.slices, days=(8.0, 12.0), fields_first=True),
        days=12,
        reasons=(*_SLOWLY, "slicing"),
    ),
    Scenario(
        id="collusion_v1",
        steal=partial(thefts.together, days=(8.0, 12.0), haul=thefts.HAUL),
        days=12,
        reasons=(*_SLOWLY, "collusion"),
        members=(5, 5),
    ),
    Scenario(
        id="collusion_few_v1",
        steal=partial(thefts.together, days=(8.0, 12.0), haul=thefts.HAUL),
        days=12,
        reasons=(*_SLOWLY, "collusion"),
        members=(3, 4),
    ),
    Scenario(
        id="collusion_overlap_v1",
        steal=partial(thefts.apart, days=(8.0, 12.0), haul=thefts.HAUL),
        days=12,
        reasons=(*_SLOWLY, "collusion"),
        members=(5, 5),
    ),
    Scenario(
        id="low_and_slow_30d_v1",
        steal=partial(thefts.slowly, days=30),
        days=31,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="low_and_slow_56d_v1",
        steal=partial(thefts.slowly, days=56),
        days=57,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="low_and_slow_90d_v1",
        steal=partial(thefts.slowly, days=90),
        days=91,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="ramp_up_v1",
        steal=partial(thefts.slowly, days=30, growth_ratio=1.1),
        days=31,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="heavy_56d_v1",
        steal=partial(thefts.slowly, days=56),
        days=57,
        reasons=_SLOWLY,
        victims="heavy",
        budgeted=True,
    ),
    Scenario(
        id="heavy_56d_undeclared_v1",
        steal=partial(thefts.slowly, days=56),
        days=57,
        reasons=_SLOWLY,
        victims="heavy",
    ),
    Scenario(
        id="hub_cover_v1",
        steal=partial(thefts.under_cover, days=(20.0, 30.0)),
        days=31,
        reasons=_SLOWLY,
        victims="hub",
    ),
    Scenario(
        id="stop_and_go_v1",
        steal=partial(thefts.now_and_then, weeks=(4, 6)),
        days=43,
        reasons=_SLOWLY,
    ),
    Scenario(
        id="beyond_approval_v1",
        steal=partial(thefts.beyond_approval, days=(0.5, 2.0)),
        days=3,
        reasons=(*_TAKING, "scope"),
    ),
    Scenario(
        id="scope_breach_v1",
        steal=partial(thefts.out_of_scope, days=(1.0, 3.0)),
        days=3,
        reasons=("scope",),
    ),
    Scenario(
        id="canary_touch_v1",
        steal=partial(thefts.over_canaries, days=(2.0, 6.0)),
        days=7,
        reasons=("canary",),
        canaries=True,
    ),
)
BY_ID: Final = {scenario.id: scenario for scenario in SCENARIOS}
CORE_IDS: Final = (
    "smash_and_grab_v1",
    "participant_sweep_v1",
    "split_users_v1",
    "young_institution_v1",
    "off_hours_v1",
    "field_slicing_v1",
    "collusion_v1",
    "low_and_slow_30d_v1",
    "ramp_up_v1",
    "low_and_slow_56d_v1",
)
