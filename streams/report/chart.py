"""Plots as inline SVG: no script, no external resource, readable in print and by screen readers.

Colours come from Okabe and Ito (2008), "Color Universal Design"; marks differ in shape as well,
so that nothing is told by colour alone.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from msgspec import Struct

from detectors.features.windows import DAY_MS
from detectors.policy.explain import percent
from streams.console.wording import instant, moment, number
from streams.report.record import Track

WIDTH: Final = 860
HEIGHT: Final = 260
_LEFT: Final = 58
_RIGHT: Final = 18
_TOP: Final = 30
_BOTTOM: Final = 34
_TIME_STEPS_MS: Final = (
    *(minutes * 60_000 for minutes in (1, 5, 15, 30, 60, 120, 180, 360, 720)),
    *(days * DAY_MS for days in (1, 2, 7, 14, 28, 56, 112, 364)),
)
_TIME_TICKS_MAX: Final = 8
_RATIO_STEPS: Final = (
    *(0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005),
    *(0.01, 0.02, 0.05, 0.1, 0.2),
)
_RATIO_TICKS_MAX: Final = 5
_PIXELS_MIN: Final = 0.5
# A label this near the edge hangs to the left of its line, or it would leave the paper.
_LABEL_WIDTH: Final = 100
_LABEL_HALF: Final = 45


class Mark(Struct, frozen=True, kw_only=True):
    """A moment worth a line across the plot."""

    at_ms: int
    label: str
    kind: str


class Frame(Struct, frozen=True, kw_only=True):
    """Where values land on paper."""

    first_ms: int
    last_ms: int
    top_ratio: float

    def x(self, at_ms: float) -> float:
        """Return the horizontal place of a moment."""
        width = WIDTH - _LEFT - _RIGHT
        return _LEFT + width * (at_ms - self.first_ms) / max(1, self.last_ms - self.first_ms)

    def y(self, ratio: float) -> float:
        """Return the vertical place of a share of the cohort."""
        height = HEIGHT - _TOP - _BOTTOM
        return HEIGHT - _BOTTOM - height * min(1.0, ratio / self.top_ratio)


def frame_of(tracks: Sequence[Track], *, first_ms: int, last_ms: int) -> Frame:
    """Return a frame in which every track fits."""
    top = max((track.ratio(track.held_at(last_ms)) for track in tracks), default=0.0)
    step = _ratio_step(top)
    top_ratio = step * max(1, -(-top // step))
    return Frame(first_ms=first_ms, last_ms=max(last_ms, first_ms + 1), top_ratio=top_ratio)


def coverage_chart(
    tracks: Sequence[Track], *, frame: Frame, marks: Sequence[Mark], chart_id: str, title: str
) -> str:
    """Return the SVG of what was held over time; the first track is the one that matters."""
    first_alert_ms = min((mark.at_ms for mark in marks if mark.kind == "alert"), default=None)
    parts = [_axes(frame)]
    if tracks and first_alert_ms is not None:
        parts.append(_area(tracks[0], frame=frame, from_ms=first_alert_ms))
    for index in range(len(tracks) - 1, -1, -1):
        path = _path(tracks[index], frame=frame)
        name = escape(tracks[index].dataset)
        parts.append(f'<path class="line line-{index}" d="{path}"><title>{name}</title></path>')
    parts += [_mark(mark, frame=frame) for mark in marks]
    return _svg("".join(parts), chart_id=chart_id, title=title, text=_in_words(tracks, frame))


def _svg(body: str, *, chart_id: str, title: str, text: str) -> str:
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'aria-labelledby="{chart_id}-title {chart_id}-text">'
        f'<title id="{chart_id}-title">{escape(title)}</title>'
        f'<desc id="{chart_id}-text">{escape(text)}</desc>{body}</svg>'
    )


def _in_words(tracks: Sequence[Track], frame: Frame) -> str:
    sentences = [
        f"{track.dataset}: {percent(track.ratio(track.held_at(frame.first_ms)))} of the cohort at "
        f"{moment(frame.first_ms)}, {percent(track.ratio(track.held_at(frame.last_ms)))} at "
        f"{moment(frame.last_ms)}."
        for track in tracks
    ]
    return " ".join(sentences) or "Nothing was held."


def _points(track: Track, *, frame: Frame, from_ms: int) -> list[tuple[float, float]]:
    """Return the corners of the step line from `from_ms` on, no finer than half a pixel."""
    points = [(frame.x(from_ms), frame.y(track.ratio(track.held_at(from_ms))))]
    for at_ms, held in zip(track.times_ms, track.held_participants, strict=True):
        if not from_ms < at_ms <= frame.last_ms:
            continue
        x, y = frame.x(at_ms), frame.y(track.ratio(held))
        if x - points[-1][0] < _PIXELS_MIN:
            points[-1] = (points[-1][0], y)
        else:
            points += [(x, points[-1][1]), (x, y)]
    points.append((frame.x(frame.last_ms), points[-1][1]))
    return points


def _path(track: Track, *, frame: Frame) -> str:
    return "M" + _joined(_points(track, frame=frame, from_ms=frame.first_ms))


def _area(track: Track, *, frame: Frame, from_ms: int) -> str:
    """Return what was taken after the alert: the part a suspension would have kept."""
    corners = _points(track, frame=frame, from_ms=max(from_ms, frame.first_ms))
    # The first corner may stand for several steps within its half pixel; the floor may not.
    floor = frame.y(track.ratio(track.held_at(from_ms)))
    outline = _joined([*corners, (corners[-1][0], floor), (corners[0][0], floor)])
    return f'<path class="saved" d="M{outline}Z"><title>taken after the alert</title></path>'


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _mark(mark: Mark, *, frame: Frame) -> str:
    if not frame.first_ms <= mark.at_ms <= frame.last_ms:
        return ""
    x = frame.x(mark.at_ms)
    left = mark.kind == "start" or x > WIDTH - _LABEL_WIDTH
    anchor, shift = ("end", -10) if left else ("start", 10)
    kind = escape(mark.kind)
    return (
        f'<g class="mark mark-{kind}"><title>{escape(mark.label)}: {moment(mark.at_ms)}</title>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{HEIGHT - _BOTTOM}"/>'
        f'<path d="M{x - 5:.1f},{_TOP - 12}h10l-5,9z"/>'
        f'<text x="{x + shift:.1f}" y="{_TOP - 4}" text-anchor="{anchor}">{escape(mark.label)}'
        "</text></g>"
    )


def _axes(frame: Frame) -> str:
    return _ratio_axis(frame) + _time_axis(frame)


def _ratio_axis(frame: Frame) -> str:
    step = _ratio_step(frame.top_ratio)
    lines = []
    for index in range(round(frame.top_ratio / step) + 1):
        ratio = index * step
        y = frame.y(ratio)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{number(round(ratio * 100, 4))} %</text>"
        )
    return "".join(lines)


def _ratio_step(top_ratio: float) -> float:
    for step in _RATIO_STEPS:
        if top_ratio <= step * _RATIO_TICKS_MAX:
            return step
    return _RATIO_STEPS[-1]


def _time_axis(frame: Frame) -> str:
    length_ms = frame.last_ms - frame.first_ms
    step_ms = next(
        (step for step in _TIME_STEPS_MS if length_ms <= step * _TIME_TICKS_MAX), _TIME_STEPS_MS[-1]
    )
    pattern = "%d %b" if step_ms >= DAY_MS else "%d %b %H:%M"
    base = HEIGHT - _BOTTOM
    ticks = [f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>']
    at_ms = -(-frame.first_ms // step_ms) * step_ms
    while at_ms <= frame.last_ms:
        x = frame.x(at_ms)
        # Half a label must fit beside its tick.
        anchor = "end" if x > WIDTH - _LABEL_HALF else "middle"
        ticks.append(
            f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 5}"/>'
            f'<text class="tick" x="{x:.1f}" y="{base + 20}" text-anchor="{anchor}">'
            f"{instant(at_ms).strftime(pattern)}</text>"
        )
        at_ms += step_ms
    return "".join(ticks)
