"""One flagged institution on the page: what it held over time, the alerts, and their numbers."""

from html import escape
from typing import Final

from detectors.policy.explain import percent
from detectors.verdict import Alert, Reason, ReasonDetail
from streams.console.wording import moment, number, plural, probability, span
from streams.report.chart import Mark, coverage_chart, frame_of
from streams.report.record import (
    Flagged,
    Report,
    Track,
    haul_span,
    lead_alert,
    main_track,
    saved,
)
from streams.report.tables import table

_TRACKS_MAX: Final = 4
_RULES: Final = frozenset({Reason.QUOTA, Reason.SCOPE, Reason.CANARY, Reason.COVERAGE})
_ALERTS_SHOWN_MAX: Final = 12
_ZOOM_MARGIN_RATIO: Final = 0.35
_ZOOM_MS_MIN: Final = 30 * 60_000
# Zooming in on most of the record would only draw it twice.
_ZOOM_OF_WHOLE_MAX: Final = 0.6
_MARKS_APART_RATIO: Final = 0.01


def flagged_section(flagged: Flagged, *, report: Report, number_on_page: int) -> str:
    """Return the section of one institution."""
    name = escape(flagged.institution)
    lead = lead_alert(flagged)
    return (
        f'<section id="flagged-{number_on_page}"><h2>{name}</h2>'
        f"{_sentence(lead)}{_facts(flagged)}"
        f"{_figures(flagged, report=report, number_on_page=number_on_page)}"
        f"{_reasons(lead)}{_evidence(lead)}"
        f"{_history(flagged)}</section>"
    )


def _sentence(alert: Alert) -> str:
    return (
        f'<p class="sentence"><time>{moment(alert.at_ms)} '
        f'<span class="badge {alert.severity}">{alert.severity}</span></time>'
        f"{escape(alert.sentence)}</p>"
    )


def _facts(flagged: Flagged) -> str:
    kept = saved(flagged)
    facts: list[tuple[str, str]] = []
    if flagged.truth:
        facts = [
            ("what it really was", flagged.truth.scenario),
            (
                "from the theft's start to the alert",
                span(lead_alert(flagged).at_ms - flagged.truth.started_ms),
            ),
        ]
    elif flagged.really:
        facts = [("what it really was", f"honest: {flagged.really}")]
    if kept:
        facts += [
            ("taken when the alert came", number(kept.before_participants)),
            ("taken after it", number(kept.after_participants)),
            ("not yet taken at the alert", percent(kept.ratio)),
        ]
    if not facts:
        return ""
    cells = "".join(f"<div><dt>{term}</dt><dd>{escape(fact)}</dd></div>" for term, fact in facts)
    return f'<dl class="facts">{cells}</dl>'


def _figures(flagged: Flagged, *, report: Report, number_on_page: int) -> str:
    main = main_track(flagged)
    if main is None:
        return "<p>Its events named no participants and no rows, so its coverage is unknown.</p>"
    others = [track for track in flagged.tracks if track is not main]
    others.sort(key=lambda track: (-track.held_last, track.dataset))
    tracks = [main, *others[: _TRACKS_MAX - 1]]
    whole = (report.first_ms, report.last_ms)
    near = _near(flagged, whole)
    charts = [_figure(flagged, tracks, whole, f"chart-{number_on_page}", "Over the whole record")]
    if near is not None:
        charts.append(
            _figure(flagged, tracks[:1], near, f"near-{number_on_page}", "Around the alert")
        )
    return "".join(charts)


def _near(flagged: Flagged, whole: tuple[int, int]) -> tuple[int, int] | None:
    """Return the span around the lead incident, or None where the whole shows it well enough."""
    start_ms, end_ms = haul_span(flagged)
    start_ms = max(start_ms, whole[0])
    margin_ms = max(_ZOOM_MS_MIN, int((end_ms - start_ms) * _ZOOM_MARGIN_RATIO))
    near = (max(whole[0], start_ms - margin_ms), min(whole[1], end_ms + margin_ms))
    if near[1] - near[0] > _ZOOM_OF_WHOLE_MAX * (whole[1] - whole[0]):
        return None
    return near


def _figure(
    flagged: Flagged, tracks: list[Track], bounds: tuple[int, int], chart_id: str, title: str
) -> str:
    frame = frame_of(tracks, first_ms=bounds[0], last_ms=bounds[1])
    chart = coverage_chart(
        tracks,
        frame=frame,
        marks=_marks(flagged, bounds),
        chart_id=chart_id,
        title=f"{title}: what {flagged.institution} held",
    )
    others = ", ".join(escape(track.dataset) for track in tracks[1:])
    other_key = f' <span class="key key-other"></span> {others}' if others else ""
    return (
        f"<figure>{chart}<figcaption>{title}: share of the cohort held. "
        f'<span class="key"></span> {escape(tracks[0].dataset)}{other_key} '
        f'<span class="key key-saved"></span> taken after the alert</figcaption></figure>'
    )


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


def _reasons(alert: Alert) -> str:
    rows = [
        (
            escape(detail.detector),
            escape(detail.feature.replace("_", " ")),
            span(detail.window_seconds * 1000) if detail.window_seconds else "one event",
            number(detail.observed),
            f"limit {number(detail.expected)}" if _is_rule(detail) else number(detail.expected),
            _times(detail),
            "a rule" if _is_rule(detail) else probability(detail.p_value),
            percent(detail.share),
        )
        for detail in alert.reasons
    ]
    heads = (
        "detector",
        "what",
        "window",
        "#observed",
        "#expected",
        "#times",
        "#by chance",
        "#share of evidence",
    )
    return "<h3>Why</h3>" + table(heads, rows, caption="The reasons of the alert in numbers.")


def _is_rule(detail: ReasonDetail) -> bool:
    """Tell whether a line was crossed, whatever is usual: then no probability means anything."""
    return detail.reason in _RULES


def _times(detail: ReasonDetail) -> str:
    if detail.expected <= 0:
        return "none expected"
    return f"{number(round(detail.observed / detail.expected, 1))} x"


def _evidence(alert: Alert) -> str:
    facts = []
    if alert.top_user:
        share = percent(alert.top_user_share)
        facts.append(f"Most active user: <code>{escape(alert.top_user)}</code> ({share}).")
    if alert.top_project:
        facts.append(f"Project: <code>{escape(alert.top_project)}</code>.")
    if alert.sample_event_ids:
        ids = ", ".join(f"<code>{escape(event_id)}</code>" for event_id in alert.sample_event_ids)
        facts.append(f"Events to look at: {ids}.")
    return f"<p>{' '.join(facts)}</p>" if facts else ""


def _history(flagged: Flagged) -> str:
    rows = [
        (
            moment(alert.at_ms),
            escape(f"{alert.change} (revision {alert.revision})"),
            f'<span class="badge {alert.severity}">{alert.severity}</span>',
            escape(alert.sentence),
            f"<code>{escape(alert.alert_id)}</code>",
        )
        for alert in flagged.alerts[:_ALERTS_SHOWN_MAX]
    ]
    left_out = len(flagged.alerts) - len(rows)
    caption = f"The first {len(rows)} statements; {left_out:,} later ones are not shown."
    listed = table(
        ("event time", "what", "severity", "sentence", "alert id"),
        rows,
        caption=caption if left_out > 0 else "In event time.",
    )
    count = plural(len(flagged.alerts), "statement")
    return f"<details><summary>All alerts and their updates ({count})</summary>{listed}</details>"
