"""What a world is made of: every parameter of the honest institutions, with its origin.

The shapes (heavy tails, sessions, the day's rhythm, hubs) follow statistics of real access logs;
where a log cannot tell, such as the weekend, the value is an assumption and says so.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0.0, le=1.0)]

# Monday, 5 January 2026, 00:00 UTC: worlds start on a Monday, so that weeks are whole.
START_MS: Final = 1_767_571_200_000


class WorldConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One world; the same config gives the same events, byte for byte."""

    seed: int
    institutions: Annotated[int, Meta(ge=2, le=5_000)] = 100
    days: Annotated[int, Meta(ge=7, le=1_000)] = 119
    warmup_days: Annotated[int, Meta(ge=0, description="before it nothing is scored")] = 56
    cohort_participants: Annotated[int, Meta(ge=1_000)] = 500_000
    datasets: Annotated[int, Meta(ge=1, le=8)] = 3

    events_per_day_median: float = 8.0
    events_per_day_sigma: float = 1.6
    events_per_day_max: float = 800.0
    session_events_mean: float = 10.0
    session_shape: Annotated[float, Meta(description="gamma shape of a day's sessions")] = 0.8
    peak_trough_ratio: float = 4.5
    weekend_ratio: Annotated[float, Meta(description="an assumption: no log is long enough")] = 0.4
    bytes_sigma: float = 1.75

    pipeline_share: Share = 0.16
    hub_share: Share = 0.04
    weekly_batch_share: Share = 0.08
    re_analysis_share: Share = 0.10
    onboarding_share: Share = 0.10
    hub_sync_days: int = 56

    working_cohort_median_ratio: Annotated[
        float, Meta(gt=0, description="of the whole cohort; 20,000 of 500,000")
    ] = 0.04
    working_cohort_sigma: float = 1.2
    growth_per_day_ratio: float = 0.002
    clustered_share: Annotated[
        float, Meta(description="institutions whose cohort is made of runs of ids")
    ] = 0.3
    cold_share: Annotated[
        float, Meta(description="institutions whose first full re-read comes at any time")
    ] = 0.0

    deadline_week_share: Share = 0.08
    deadline_ratio: float = 3.0
    holidays_per_year: float = 1.0
    project_starts_per_year: float = 1.0
    project_starts_unrecorded_share: Share = 0.0
    exports_per_year: float = 0.5
    exports_unrecorded_share: Share = 0.2
    releases: Annotated[int, Meta(ge=0, description="days on which everybody downloads")] = 0
    budgets_declared_share: Annotated[
        float, Meta(description="projects whose register entry caps the participants")
    ] = 0.0

    count_only_share: Share = 0.0
    rows_only_share: Share = 0.0
    hashed_ids: bool = False
    late_share: Share = 0.002
    clock_skew_share: Share = 0.05
    retry_storms_per_year: float = 0.5


def plain(seed: int, *, institutions: int = 100, days: int = 119) -> WorldConfig:
    """Return the world of the protocol's main table."""
    return WorldConfig(seed=seed, institutions=institutions, days=days)


def hard(seed: int, *, institutions: int = 100, days: int = 119) -> WorldConfig:
    """Return a world in which everything that confuses a detector happens at once."""
    return WorldConfig(
        seed=seed,
        institutions=institutions,
        days=days,
        cold_share=0.5,
        project_starts_unrecorded_share=0.4,
        exports_unrecorded_share=0.3,
        releases=1,
        count_only_share=0.15,
        rows_only_share=0.1,
        hub_share=0.06,
        late_share=0.02,
        clock_skew_share=0.15,
        retry_storms_per_year=2.0,
        clustered_share=0.5,
    )


def cold(seed: int) -> WorldConfig:
    """Return a world whose institutions held their cohorts long before anybody watched."""
    return WorldConfig(seed=seed, cold_share=1.0)


def counts(seed: int) -> WorldConfig:
    """Return a world in which most producers say how many, not who."""
    return WorldConfig(seed=seed, count_only_share=0.5, rows_only_share=0.3)


def few(seed: int) -> WorldConfig:
    """Return a world of twenty institutions around a small cohort."""
    return WorldConfig(seed=seed, institutions=20, cohort_participants=5_000)


def hashed(seed: int) -> WorldConfig:
    """Return a world whose participants have 63-bit hashed ids and many unrecorded starts."""
    return WorldConfig(
        seed=seed, institutions=40, hashed_ids=True, project_starts_unrecorded_share=0.5
    )
