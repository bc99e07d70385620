"""Step 5 of 7: the one honest knob. False alert-days per week per 100 institutions."""

from typing import Annotated, Final

from msgspec import Meta, Struct

_DAYS_PER_WEEK: Final = 7
_INSTITUTIONS: Final = 100


class BudgetConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many false alarms people are ready to read."""

    false_alert_days_per_week_per_100_institutions: Annotated[
        float, Meta(gt=0, le=700, description="the one knob: fewer false alarms, later alerts")
    ] = 5.0


def budget_rate(config: BudgetConfig) -> float:
    """Return the budget as alerts per institution-day.

    >>> budget_rate(BudgetConfig(false_alert_days_per_week_per_100_institutions=7.0))
    0.01
    """
    per_week = config.false_alert_days_per_week_per_100_institutions
    return per_week / (_DAYS_PER_WEEK * _INSTITUTIONS)
