"""Step 7 of 7: alerts -> the rate at which they came, to be held beside the budget."""

from typing import Final

from detectors.instants import DAY_MS

_REALISED_DAYS: Final = 28


class AlertDays:
    """Alert-days of the last four weeks of event time, since this process began.

    >>> days = AlertDays()
    >>> days.rate(100, at_ms=0)
    0.0
    >>> for at_ms in (86_400_000, 90_000_000):
    ...     days.note("oxford", at_ms=at_ms)
    >>> days.rate(100, at_ms=6 * 86_400_000)
    1.0
    """

    __slots__ = ("_days", "_first_day")

    def __init__(self) -> None:
        """Begin with none."""
        self._days: dict[int, set[str]] = {}
        self._first_day: int | None = None

    def note(self, institution: str, *, at_ms: int) -> None:
        """Note that an institution has an alert on this day."""
        self._days.setdefault(at_ms // DAY_MS, set()).add(institution)

    def rate(self, institutions_count: int, *, at_ms: int) -> float:
        """Return alert-days per week per 100 institutions."""
        day = at_ms // DAY_MS
        if self._first_day is None:
            self._first_day = day
        begin = max(self._first_day, day - _REALISED_DAYS + 1)
        self._days = {alert_day: who for alert_day, who in self._days.items() if alert_day >= begin}
        alert_days = sum(map(len, self._days.values()))
        weeks = max(1, day - begin + 1) / 7
        return alert_days / weeks * 100 / max(1, institutions_count)
