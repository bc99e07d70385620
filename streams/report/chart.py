"""What an institution held over time, as places on paper; `templates/chart.svg` draws them.

Colours come from Okabe and Ito (2008), "Color Universal Design"; marks differ in shape as well,
so that nothing is told by colour alone.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

from detectors.instants import DAY_MS, MINUTE_MS
from detectors.policy.explain import percent
from streams.console.wording import moment
from streams.report.record import Track

# In pixels from the upper left corner: the sheet, and the edges of the plot on it.
WIDTH: Final = 860
HEIGHT: Final = 260
LEFT: Final = 58
RIGHT: Final = WIDTH - 18
TOP: Final = 30
BOTTOM: Final = HEIGHT - 34
_TIME_STEPS_MS: Final = (
    *(minutes * MINUTE_MS for minutes in (1, 5, 15, 30, 60, 120, 180, 360, 720)),
    *(days * DAY_MS for days in (1, 2, 7, 14, 28, 56, 112, 364)),
)
_TIME_TICKS_MAX: Final = 8
_RATIO_STEPS: Final = (
    *(0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005),
    *(0.01, 0.02, 0.05, 0.1, 0.2),
)
_RATIO_TICKS_MAX: Final = 5
_PIXELS_MIN: Final = 0.5

_Point = tuple[float, float]


class Mark(Struct, frozen=True, kw_only=True):
    """A moment worth a line across the plot."""

    at_ms: int
    label: str
    kind: Literal["alert", "other", "start"]


class Chart(Struct, frozen=True, kw_only=True):
    """One plot of shares of the cohort over time; of its tracks, the first is the one that matters.

    Its methods give places in pixels, as SVG wants them.
    """

    title: str
    tracks: tuple[Track, ...]
    marks: tuple[Mark, ...]
    first_ms: int
    last_ms: int
    top_ratio: float

    def x(self, at_ms: float) -> float:
        """Return the horizontal place of a moment."""
        return LEFT + (RIGHT - LEFT) * (at_ms - self.first_ms) / (self.last_ms - self.first_ms)

    def y(self, ratio: float) -> float:
        """Return the vertical place of a share of the cohort."""
        return BOTTOM - (BOTTOM - TOP) * min(1.0, ratio / self.top_ratio)

    def path(self, track: Track) -> str:
        """Return the line of a track."""
        return "M" + _joined(self._corners(track, from_ms=self.first_ms))

    @property
    def saved_path(self) -> str:
        """Return the outline of what was taken after the alert: a suspension would have kept it."""
        alert_ms = next((mark.at_ms for mark in self.marks if mark.kind == "alert"), None)
        if alert_ms is None or not self.tracks:
            return ""
        track = self.tracks[0]
        corners = self._corners(track, from_ms=max(alert_ms, self.first_ms))
        # The first corner may stand for several steps within its half pixel; the floor may not.
        floor = self.y(track.ratio(track.held_at(alert_ms)))
        return f"M{_joined([*corners, (corners[-1][0], floor), (corners[0][0], floor)])}Z"

    @property
    def ratio_ticks(self) -> tuple[float, ...]:
        """Return the shares that have a line."""
        step = _ratio_step(self.top_ratio)
        return tuple(index * step for index in range(round(self.top_ratio / step) + 1))

    @property
    def time_ticks(self) -> range:
        """Return the moments that have a tick."""
        step_ms = self._time_step_ms
        return range(-(-self.first_ms // step_ms) * step_ms, self.last_ms + 1, step_ms)

    @property
    def time_pattern(self) -> str:
        """Return how these moments are written."""
        return "%d %b" if self._time_step_ms >= DAY_MS else "%d %b %H:%M"

    @property
    def sentences(self) -> Iterator[str]:
        """Yield in words what each track shows."""
        for track in self.tracks:
            first_ratio, last_ratio = (
                track.ratio(track.held_at(at_ms)) for at_ms in (self.first_ms, self.last_ms)
            )
            yield (
                f"{track.dataset}: {percent(first_ratio)} of the cohort at "
                f"{moment(self.first_ms)}, {percent(last_ratio)} at {moment(self.last_ms)}."
            )

    @property
    def _time_step_ms(self) -> int:
        steps = (s for s in _TIME_STEPS_MS if self.last_ms - self.first_ms <= s * _TIME_TICKS_MAX)
        return next(steps, _TIME_STEPS_MS[-1])

    def _corners(self, track: Track, *, from_ms: int) -> list[_Point]:
        """Return the corners of the step line from `from_ms` on, no finer than half a pixel."""
        points = [(self.x(from_ms), self.y(track.ratio(track.held_at(from_ms))))]
        for at_ms, held in zip(track.times_ms, track.held_participants, strict=True):
            if not from_ms < at_ms <= self.last_ms:
                continue
            x, y = self.x(at_ms), self.y(track.ratio(held))
            if x - points[-1][0] < _PIXELS_MIN:
                points[-1] = (points[-1][0], y)
            else:
                points += [(x, points[-1][1]), (x, y)]
        points.append((self.x(self.last_ms), points[-1][1]))
        return points


def chart_of(
    tracks: Sequence[Track], *, bounds: tuple[int, int], marks: Sequence[Mark], title: str
) -> Chart:
    """Return the chart between two moments in which every track fits, and the marks that do."""
    first_ms, last_ms = bounds[0], max(bounds[1], bounds[0] + 1)
    top = max((track.ratio(track.held_at(last_ms)) for track in tracks), default=0.0)
    step = _ratio_step(top)
    return Chart(
        title=title,
        tracks=tuple(tracks),
        marks=tuple(mark for mark in marks if first_ms <= mark.at_ms <= last_ms),
        first_ms=first_ms,
        last_ms=last_ms,
        top_ratio=step * max(1, -(-top // step)),
    )


def _joined(points: Sequence[_Point]) -> str:
    return "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _ratio_step(top_ratio: float) -> float:
    steps = (step for step in _RATIO_STEPS if top_ratio <= step * _RATIO_TICKS_MAX)
    return next(steps, _RATIO_STEPS[-1])
