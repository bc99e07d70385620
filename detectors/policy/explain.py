"""Step 6 of 7: a verdict in one plain sentence, from the same numbers that made it."""

from typing import Final

from detectors.registry import feature_of
from detectors.verdict import DatasetCoverage, ReasonDetail

# From here on one user's taking is the story: the alert names the user, a suspension stops them.
MAJORITY_RATIO: Final = 0.5

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400


def duration(seconds: int) -> str:
    """Return a window as people say it.

    >>> [duration(seconds) for seconds in (300, 3_600, 86_400, 604_800)]
    ['5 min', '1 h', '1 day', '7 days']
    """
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h"
    days = seconds // _DAY
    return "1 day" if days == 1 else f"{days} days"


def percent(ratio: float) -> str:
    """Return a share as people read it: two figures, never a false 0 or 100.

    >>> [percent(ratio) for ratio in (0.0, 0.0004, 0.38, 0.999, 1.0)]
    ['0 %', '0.04 %', '38 %', '99.9 %', '100 %']
    """
    value = 100.0 * ratio
    if value >= 99.95 or value == 0.0:  # noqa: PLR2004 - rounding bounds of this one format.
        return f"{value:.0f} %"
    if value >= 99.0:  # noqa: PLR2004
        return f"{value:.1f} %"
    return f"{value:.2g} %"


def clause(detail: ReasonDetail) -> str:
    """Return one reason as a person reads it, to follow the institution's name.

    >>> detail = ReasonDetail(
    ...     detector="quota",
    ...     reason="quota",
    ...     feature="rows",
    ...     window_seconds=86_400,
    ...     observed=9_000.0,
    ...     expected=5_000.0,
    ...     p_value=1e-9,
    ...     share=1.0,
    ... )
    >>> clause(detail)
    'took 9,000 rows in 1 day (limit 5,000)'

    Raises:
        CoreError: the detector's row has no such feature.
    """
    return feature_of(detail.detector, detail.feature).clause.format(
        observed=detail.observed,
        expected=detail.expected,
        window=duration(detail.window_seconds),
        name=detail.feature.replace("_", " "),
    )


def sentence(
    institution: str,
    reasons: tuple[ReasonDetail, ...],
    coverage: tuple[DatasetCoverage, ...],
    *,
    top_user: str | None,
    top_user_share: float,
    full_cohort_days: float | None = None,
) -> str:
    """Return the explanation: who did what, against what was expected, and what it now holds."""
    parts = [f"{institution} {clause(reasons[0])}"]
    if top_user is not None and top_user_share >= MAJORITY_RATIO:
        parts.append(f"{percent(top_user_share)} of it by user {top_user}")
    clauses = ", ".join(parts)
    if not coverage:
        return f"{clauses}."
    most = max(
        coverage, key=lambda share: (share.after_ratio - share.before_ratio, share.after_ratio)
    )
    bound = "at most " if most.kind == "upper_bound" else ""
    held = f"now holds {bound}{percent(most.after_ratio)} of the {most.dataset} cohort"
    if full_cohort_days is None or most.after_ratio >= 1.0:
        return f"{clauses}; {held}."
    return f"{clauses}; {held}, all of it {ahead(full_cohort_days)} at this pace."


def ahead(days: float) -> str:
    """Return how far off something is, as people say it.

    >>> [ahead(days) for days in (0.04, 0.6, 1.2, 12.4)]
    ['within the hour', 'in 14 h', 'in 29 h', 'in 12 days']
    """
    hours = 24.0 * days
    if hours < 1.0:
        return "within the hour"
    return f"in {hours:.0f} h" if hours < 48.0 else f"in {days:.0f} days"  # noqa: PLR2004
