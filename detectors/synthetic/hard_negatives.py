"""Every honest behaviour by its permanent id: a world in which it is what everybody does.

No alert is due in any of them. They measure, one by one, what a detector takes for a theft.
"""

from typing import Final

from msgspec import Struct, structs

from detectors.synthetic.config import WorldConfig

# What everybody does is switched off first, so that each world shows one thing.
_CALM: Final[dict[str, float]] = {
    "pipeline_share": 0.0,
    "hub_share": 0.0,
    "weekly_batch_share": 0.0,
    "re_analysis_share": 0.0,
    "onboarding_share": 0.0,
    "deadline_week_share": 0.0,
    "holidays_per_year": 0.0,
    "project_starts_per_year": 0.0,
    "exports_per_year": 0.0,
    "late_share": 0.0,
    "clock_skew_share": 0.0,
    "retry_storms_per_year": 0.0,
}


class HardNegative(Struct, frozen=True, kw_only=True):
    """One honest behaviour, as changes to a calm world."""

    id: str
    looks_like: str
    changes: dict[str, float]


TWINS: Final = (
    HardNegative(id="steady_v1", looks_like="nothing", changes={}),
    HardNegative(id="weekly_batch_v1", looks_like="a grab", changes={"weekly_batch_share": 1.0}),
    HardNegative(id="nightly_sync_v1", looks_like="a grab at night", changes={"hub_share": 1.0}),
    HardNegative(id="re_analysis_v1", looks_like="a grab", changes={"re_analysis_share": 1.0}),
    HardNegative(id="pipeline_v1", looks_like="a slow theft", changes={"pipeline_share": 1.0}),
    HardNegative(
        id="deadline_rush_v1",
        looks_like="a ramp-up",
        changes={"deadline_week_share": 0.3, "deadline_ratio": 5.0},
    ),
    HardNegative(
        id="approved_export_v1",
        looks_like="a grab",
        changes={"exports_per_year": 3.0, "exports_unrecorded_share": 0.0},
    ),
    HardNegative(
        id="new_institution_v1", looks_like="a new account", changes={"onboarding_share": 1.0}
    ),
    HardNegative(
        id="holiday_then_back_v1", looks_like="a grab", changes={"holidays_per_year": 3.0}
    ),
    HardNegative(
        id="project_start_v1", looks_like="a grab", changes={"project_starts_per_year": 3.0}
    ),
    HardNegative(
        id="clock_skew_v1",
        looks_like="off-hours work",
        changes={"clock_skew_share": 1.0, "late_share": 0.05},
    ),
    HardNegative(id="retry_storm_v1", looks_like="a grab", changes={"retry_storms_per_year": 12.0}),
)
TWINS_BY_ID: Final = {twin.id: twin for twin in TWINS}


def twin_config(twin_id: str, config: WorldConfig) -> WorldConfig:
    """Return the config of a world in which everybody behaves like the twin."""
    return structs.replace(config, **{**_CALM, **TWINS_BY_ID[twin_id].changes})
