"""Step 5 of 7: what each institution said and did -> how much it weighs among its peers."""

from bisect import bisect_left, bisect_right
from math import fsum

from msgspec import Struct, field

from detectors.feedback import Label


class SelfReport(Struct, frozen=True, kw_only=True):
    """What an institution said of itself on a day."""

    day: int
    born: int
    group: str
    usual: tuple[float, ...]


class Member(Struct, kw_only=True):
    """One institution: the days on which it was active, and what it said, both in order."""

    counted_day: int
    covered_day: int
    active_days: list[int] = field(default_factory=list)
    reports: list[SelfReport] = field(default_factory=list)
    # Active days with an alert, and what people said of alerts on which days, each in order.
    alerts: list[tuple[int, str]] = field(default_factory=list)
    labels: dict[str, list[tuple[int, Label]]] = field(default_factory=dict)

    def as_of(self, last: int) -> SelfReport | None:
        """Return what was said last by the day `last`."""
        place = bisect_right(self.reports, last, key=day_of)
        return self.reports[place - 1] if place else None

    def weight(self, report: SelfReport, *, first: int, last: int) -> float:
        """Return the active days from `first` to `last`, less for who was mostly silent."""
        days = bisect_right(self.active_days, last) - bisect_left(self.active_days, first)
        return days * min(1.0, days / max(1, last - max(first, report.born) + 1))

    def label(self, alert_id: str, *, last: int) -> Label | None:
        """Return what people had said of an alert by the day `last`."""
        known = [label for day, label in self.labels.get(alert_id, ()) if day <= last]
        return known[-1] if known else None

    def alert_days(self, counted: frozenset[int], *, last: int) -> int:
        """Return on how many of the days that count an alert was told, without proven thefts."""
        return sum(
            day in counted and self.label(alert_id, last=last) is not Label.CONFIRMED
            for day, alert_id in self.alerts
        )

    def forget_alerts(self, first: int) -> None:
        """Forget alerts of before `first`, and what was said of them so long ago."""
        self.alerts = [alert for alert in self.alerts if alert[0] >= first]
        self.labels = {
            alert_id: labels for alert_id, labels in self.labels.items() if labels[-1][0] >= first
        }


def weighted_quantile(values: list[tuple[float, float]], quantile: float) -> float:
    """Return the quantile of (value, weight) pairs, each standing in the middle of its weight.

    >>> weighted_quantile([(10.0, 1.0), (20.0, 1.0), (30.0, 2.0)], 0.5)
    23.333333333333332
    """
    ordered = sorted(values)
    goal = quantile * fsum(weight for _, weight in ordered)
    before_value, before_place, place = ordered[0][0], 0.0, 0.0
    for value, weight in ordered:
        middle = place + weight / 2.0
        if middle >= goal:
            share = (goal - before_place) / (middle - before_place)
            return before_value + (value - before_value) * share
        before_value, before_place, place = value, middle, place + weight
    return before_value


def day_of(report: SelfReport) -> int:
    """Return the day on which it was said, to search by."""
    return report.day
