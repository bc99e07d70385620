"""Step 4 of 7: features -> score. Quota: absolute limits, the rule nobody can teach.

Catches whatever passes a declared limit, however slowly the institution was taught, and
whatever was exempted: approved exports count here, for no exemption lifts a hard limit.
Misses everything below its limits; it knows no institution's habits.

Source: the export limits that operators of research platforms set by hand; see docs/detectors/.
A rule: it bypasses calibration.
"""

from typing import Annotated

from msgspec import Meta, Struct

from detectors.detector import Breach, DetectorMode
from detectors.features.vector import Features
from detectors.features.windows import WINDOW_SECONDS, Quantity, Window, Windows

# The bound lies inside the union: msgspec refuses one on `int | None`.
Limit = Annotated[int, Meta(ge=1)] | None


class QuotaConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits; an absent one does not limit."""

    mode: DetectorMode = "on"
    new_participants_hour_max: Limit = None
    new_participants_day_max: Limit = None
    new_participants_month_max: Limit = None
    bytes_day_max: Limit = None
    rows_day_max: Limit = None
    files_day_max: Limit = None


class Quota:
    """Amounts over their limits.

    >>> from detectors.features.windows import Windows, WindowsState, zeros
    >>> windows = Windows(WindowsState())
    >>> amounts = zeros()
    >>> amounts[Quantity.GAINED] = 300
    >>> windows.add(0, amounts)
    >>> features = Features(
    ...     at_ms=0,
    ...     windows=windows,
    ...     new=(300,) * 4,
    ...     usual=(0.0,) * 4,
    ...     cohort_size=1_000,
    ...     hour_bytes=0,
    ... )
    >>> quota = Quota(QuotaConfig(new_participants_day_max=200))
    >>> [(breach.observed, breach.expected) for breach in quota.evaluate(features)]
    [(300.0, 200.0)]
    """

    __slots__ = ("_limits",)

    def __init__(self, config: QuotaConfig) -> None:
        """List the limits that are set."""
        declared: tuple[tuple[Window, Quantity, str, int | None], ...] = (
            (Window.HOUR, Quantity.GAINED, "new_participants", config.new_participants_hour_max),
            (Window.DAY, Quantity.GAINED, "new_participants", config.new_participants_day_max),
            (Window.MONTH, Quantity.GAINED, "new_participants", config.new_participants_month_max),
            (Window.DAY, Quantity.BYTES, "bytes", config.bytes_day_max),
            (Window.DAY, Quantity.ROWS, "rows", config.rows_day_max),
            (Window.DAY, Quantity.FILES, "files", config.files_day_max),
        )
        self._limits = tuple(
            (window, quantity, feature, limit)
            for window, quantity, feature, limit in declared
            if limit is not None
        )

    def crossed(self, windows: Windows, amounts: list[int]) -> bool:
        """Tell whether `amounts`, just added to `windows`, carried a limit over."""
        return any(
            total > limit >= total - amounts[quantity]
            for window, quantity, _, limit in self._limits
            if (total := windows.total(window, quantity))
        )

    def evaluate(self, features: Features) -> tuple[Breach, ...]:
        """Return one breach for each limit that is passed."""
        breaches = []
        for window, quantity, feature, limit in self._limits:
            observed = features.windows.total(window, quantity)
            if observed > limit:
                breaches.append(
                    Breach(
                        detector="quota",
                        feature=feature,
                        window_seconds=WINDOW_SECONDS[window],
                        observed=float(observed),
                        expected=float(limit),
                    )
                )
        return tuple(breaches)


def quota_of(config: QuotaConfig) -> Quota | None:
    """Return the rule, where a limit is set at all.

    >>> quota_of(QuotaConfig()) is None
    True
    """
    limits = (getattr(config, name) for name in config.__struct_fields__ if name != "mode")
    return Quota(config) if any(limit is not None for limit in limits) else None
