"""Second stage: new holdings of all institutions -> who shares one theft among them.

Catches institutions that take parts of one list: they share far less than independent work would,
or far more where the parts overlap on purpose, or the runs of ids of one end where another's begin.
Misses independent random samples, overlaps of exactly chance, a list cut along a border or a class
that others use too, and parts that lie further apart than the window.

Source: the measure is ours; its parts stand beside this file, each with its own source. It is
quiet until the platform's own past says that its rings mean something: where ids carry no meaning,
studies by sex or by centre look like rings to anything that only sees ids.

The configuration stands apart from the judge: most commands load no NumPy.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

RingMode = Literal["off", "shadow", "auto", "on"]
# What the platform's own past must show before rings are told: eight weeks, a ring-day in each.
PROBATION_DAYS: Final = 56
RING_DAYS_MAX: Final = 8


class CollusionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may tune."""

    mode: Annotated[
        RingMode,
        Meta(
            description="auto: in shadow until eight weeks have shown at most one day with a ring "
            "in a week, and back to shadow when they no longer do"
        ),
    ] = "auto"
    window_days: Annotated[int, Meta(ge=1, le=90, description="days whose new people count")] = 14
    floor_cohort_ratio: Annotated[
        float, Meta(gt=0, le=1, description="share of the cohort below which nobody is looked at")
    ] = 0.004
