"""Step 7 of 7: a gauge whose label values come and go."""

from collections.abc import Mapping

from prometheus_client import Gauge


class Series:
    """A gauge whose series come and go with what they are about."""

    __slots__ = ("_gauge", "_shown")

    def __init__(self, gauge: Gauge) -> None:
        """Show nothing yet."""
        self._gauge = gauge
        self._shown: set[tuple[str, ...]] = set()

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Show these values, by their labels, and no others."""
        for labels in self._shown - values.keys():
            self._gauge.remove(*labels)
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        self._shown = set(values)
