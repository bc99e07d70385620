"""What an institution held over time, as places on paper; `templates/chart.svg` draws them.

Colours come from Okabe and Ito (2008), "Color Universal Design"; marks differ in shape as well,
so that nothing is told by colour alone.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from detectors.instants import DAY_MS, instant_of
from detectors.policy.explain import percent
from streams.console.wording import moment, number
from streams.report.record import Track

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
_LABEL_SHIFT: Final = 10

Anchor = Literal["start", "middle", "end"]


class Paper(Struct, frozen=True, kw_only=True):
    """The sheet and the edges of the plot on it, in pixels from the upper left corner."""

    width: int = 860
    height: int = 260
    left: int = 58
    right: int = 842
    top: int = 30
    bottom: int = 226


PAPER: Final = Paper()


class Mark(Struct, frozen=True, kw_only=True):
    """A moment worth a line across the plot."""

    at_ms: int
    label: str
    kind: Literal["alert", "other", "start"]


class MarkLine(Struct, frozen=True, kw_only=True):
    """A mark, where its line and its label stand, and which end of the label stands there."""

    mark: Mark
    x: float
    label_x: float
    anchor: Anchor


class Tick(Struct, frozen=True, kw_only=True):
    """A place on an axis, in pixels, and what is written there."""

    at: float
    label: str
    anchor: Anchor


class Curve(Struct, frozen=True, kw_only=True):
    """The path of one dataset's track, as SVG writes it."""

    dataset: str
    path: str


class Chart(Struct, frozen=True, kw_only=True):
    """Everything on one plot; `text` says in words what it shows, `saved_path` may be empty."""

    title: str
    text: str
    curves: tuple[Curve, ...]
    saved_path: str
    mark_lines: tuple[MarkLine, ...]
    ratio_ticks: tuple[Tick, ...]
    time_ticks: tuple[Tick, ...]


class Frame(Struct, frozen=True, kw_only=True):
    """Where values land on paper."""

    first_ms: int
    last_ms: int
    top_ratio: float

    def x(self, at_ms: float) -> float:
        """Return the horizontal place of a moment."""
        width = PAPER.right - PAPER.left
        return PAPER.left + width * (at_ms - self.first_ms) / max(1, self.last_ms - self.first_ms)

    def y(self, ratio: float) -> float:
        """Return the vertical place of a share of the cohort."""
        height = PAPER.bottom - PAPER.top
        return PAPER.bottom - height * min(1.0, ratio / self.top_ratio)


def frame_of(tracks: Sequence[Track], *, first_ms: int, last_ms: int) -> Frame:
    """Return a frame in which every track fits."""
    top = max((track.ratio(track.held_at(last_ms)) for track in tracks), default=0.0)
    step = _ratio_step(top)
    top_ratio = step * max(1, -(-top // step))
    return Frame(first_ms=first_ms, last_ms=max(last_ms, first_ms + 1), top_ratio=top_ratio)


def coverage_chart(
    tracks: Sequence[Track], *, frame: Frame, marks: Sequence[Mark], title: str
) -> Chart:
    """Return the plot of what was held over time; the first track is the one that matters."""
    first_alert_ms = min((mark.at_ms for mark in marks if mark.kind == "alert"), default=None)
    saved_path = ""
    if tracks and first_alert_ms is not None:
        saved_path = _area(tracks[0], frame=frame, from_ms=first_alert_ms)
    return Chart(
        title=title,
        text=_in_words(tracks, frame),
        curves=tuple(
            Curve(dataset=track.dataset, path=_path(track, frame=frame)) for track in tracks
        ),
        saved_path=saved_path,
        mark_lines=tuple(
            _mark_line(mark, frame=frame)
            for mark in marks
            if frame.first_ms <= mark.at_ms <= frame.last_ms
        ),
        ratio_ticks=_ratio_ticks(frame),
        time_ticks=_time_ticks(frame),
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
    return f"M{_joined([*corners, (corners[-1][0], floor), (corners[0][0], floor)])}Z"


def _joined(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _mark_line(mark: Mark, *, frame: Frame) -> MarkLine:
    x = frame.x(mark.at_ms)
    if mark.kind == "start" or x > PAPER.width - _LABEL_WIDTH:
        return MarkLine(mark=mark, x=x, label_x=x - _LABEL_SHIFT, anchor="end")
    return MarkLine(mark=mark, x=x, label_x=x + _LABEL_SHIFT, anchor="start")


def _ratio_ticks(frame: Frame) -> tuple[Tick, ...]:
    step = _ratio_step(frame.top_ratio)
    ratios = (index * step for index in range(round(frame.top_ratio / step) + 1))
    return tuple(
        Tick(at=frame.y(ratio), label=f"{number(round(ratio * 100, 4))} %", anchor="end")
        for ratio in ratios
    )


def _ratio_step(top_ratio: float) -> float:
    for step in _RATIO_STEPS:
        if top_ratio <= step * _RATIO_TICKS_MAX:
            return step
    return _RATIO_STEPS[-1]


def _time_ticks(frame: Frame) -> tuple[Tick, ...]:
    length_ms = frame.last_ms - frame.first_ms
    step_ms = next(
        (step for step in _TIME_STEPS_MS if length_ms <= step * _TIME_TICKS_MAX), _TIME_STEPS_MS[-1]
    )
    pattern = "%d %b" if step_ms >= DAY_MS else "%d %b %H:%M"
    first_tick_ms = -(-frame.first_ms // step_ms) * step_ms
    return tuple(
        Tick(
            at=frame.x(at_ms),
            label=instant_of(at_ms).strftime(pattern),
            # Half a label must fit beside its tick.
            anchor="end" if frame.x(at_ms) > PAPER.width - _LABEL_HALF else "middle",
        )
        for at_ms in range(first_tick_ms, frame.last_ms + 1, step_ms)
    )
