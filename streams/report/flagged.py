"""What the page says of one flagged institution, worked out; `templates/flagged.html` words it."""

from typing import Final

from msgspec import Struct

from detectors.instants import MINUTE_MS
from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import Alert
from streams.report.chart import Chart, Mark, chart_of
from streams.report.record import (
    Flagged,
    Report,
    Saved,
    Track,
    haul_span,
    lead_alert,
    main_track,
    saved,
    worst_alert,
)

_TRACKS_MAX: Final = 4
_ZOOM_MARGIN_RATIO: Final = 0.35
_ZOOM_MS_MIN: Final = 30 * MINUTE_MS
# Zooming in on most of the record would only draw it twice.
_ZOOM_OF_WHOLE_MAX: Final = 0.6
_MARKS_APART_RATIO: Final = 0.01


class Section(Struct, frozen=True, kw_only=True):
    """One institution's part of the page; without a track it has no chart."""

    flagged: Flagged
    lead: Alert
    severity: str
    saved: Saved | None
    track: Track | None
    held_before_participants: int
    charts: tuple[Chart, ...]
    measures: tuple[Suspension, ...]
    withheld: tuple[Withheld, ...]


def section_of(flagged: Flagged, *, report: Report) -> Section:
    """Return the section of one institution."""
    worst = worst_alert(flagged)
    track = main_track(flagged)
    start_ms, _ = haul_span(flagged)
    return Section(
        flagged=flagged,
        lead=lead_alert(flagged),
        severity=worst.severity,
        saved=saved(flagged),
        track=track,
        held_before_participants=track.held_at(start_ms - 1) if track else 0,
        measures=tuple(each for each in report.measures if each.institution == flagged.institution),
        withheld=tuple(each for each in report.withheld if each.institution == flagged.institution),
        charts=_charts(flagged, main=track, whole=(report.first_ms, report.last_ms)),
    )


def _charts(flagged: Flagged, *, main: Track | None, whole: tuple[int, int]) -> tuple[Chart, ...]:
    if main is None:
        return ()
    others = [track for track in flagged.tracks if track is not main]
    others.sort(key=lambda track: (-track.held_last, track.dataset))
    charts = [
        chart_of(
            [main, *others[: _TRACKS_MAX - 1]],
            bounds=whole,
            marks=_marks(flagged, whole),
            title="Over the whole record",
        )
    ]
    near = _near(flagged, whole)
    if near is not None:
        marks = _marks(flagged, near)
        charts.append(chart_of([main], bounds=near, marks=marks, title="Around the alert"))
    return tuple(charts)


def _near(flagged: Flagged, whole: tuple[int, int]) -> tuple[int, int] | None:
    """Return the span around the lead incident, or None where the whole shows it well enough."""
    start_ms, end_ms = haul_span(flagged)
    start_ms = max(start_ms, whole[0])
    margin_ms = max(_ZOOM_MS_MIN, int((end_ms - start_ms) * _ZOOM_MARGIN_RATIO))
    near = (max(whole[0], start_ms - margin_ms), min(whole[1], end_ms + margin_ms))
    if near[1] - near[0] > _ZOOM_OF_WHOLE_MAX * (whole[1] - whole[0]):
        return None
    return near


def _marks(flagged: Flagged, bounds: tuple[int, int]) -> list[Mark]:
    lead = lead_alert(flagged)
    others = dict.fromkeys(
        alert.at_ms for alert in flagged.alerts if alert.revision == 1 and alert is not lead
    )
    marks = [Mark(at_ms=at_ms, label="", kind="other") for at_ms in others]
    marks.append(Mark(at_ms=lead.at_ms, label="alert", kind="alert"))
    truth = flagged.truth
    # Over the whole record the two lines would be one.
    if truth and lead.at_ms - truth.started_ms > _MARKS_APART_RATIO * (bounds[1] - bounds[0]):
        marks.insert(0, Mark(at_ms=truth.started_ms, label="theft begins", kind="start"))
    return marks
