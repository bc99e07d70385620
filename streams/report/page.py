"""The page: a report's values -> one HTML file that needs nothing else."""

from html import escape
from typing import Final

from detectors.policy.explain import percent
from streams.console.wording import instant, moment, number, plural, span
from streams.report.flagged import flagged_section
from streams.report.record import (
    Flagged,
    Quiet,
    Report,
    haul_span,
    lead_alert,
    main_track,
    saved,
)
from streams.report.style import STYLE
from streams.report.tables import table

_QUIET_SHOWN_MAX: Final = 20


def render(report: Report) -> str:
    """Return the whole page as HTML."""
    body = [_header(report), "<main>", _overview(report)]
    body += [
        flagged_section(flagged, report=report, number_on_page=index)
        for index, flagged in enumerate(report.flagged, start=1)
    ]
    body += [_quiet_section(report), _rejects_section(report), "</main>", _footer(report)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>"
        f"{''.join(body)}</body></html>\n"
    )


def _header(report: Report) -> str:
    flagged = len(report.flagged)
    institutions = plural(report.institutions_count, "institution")
    verdict = (
        f"{flagged:,} of {institutions} took more than their past, peers or limits allow."
        if flagged
        else f"Nothing was flagged among {institutions}."
    )
    return (
        f"<header><h1>{escape(report.title)}</h1>"
        f'<p class="lead">{verdict}</p>'
        f'<dl class="facts">{_facts(report)}</dl></header>'
    )


def _facts(report: Report) -> str:
    facts = [
        ("events judged", number(report.events_count)),
        ("event time covered", span(report.last_ms - report.first_ms)),
        ("institutions", number(report.institutions_count)),
        ("flagged", number(len(report.flagged))),
        ("rejected events", number(sum(report.rejects.values()))),
    ]
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)


def _overview(report: Report) -> str:
    if not report.flagged:
        return (
            "<section><h2>Nothing was flagged</h2><p>No institution took more new participants, "
            "bytes, rows or requests than its own past and its peers explain, and none crossed a "
            "declared limit. That is a statement about these events, under this configuration: "
            "data that left by a way that is not logged here cannot be seen.</p></section>"
        )
    known = any(flagged.truth or flagged.really for flagged in report.flagged)
    heads = _OVERVIEW_HEADS if known else _OVERVIEW_HEADS[:-1]
    rows = [_overview_row(flagged, index) for index, flagged in enumerate(report.flagged, start=1)]
    order = "known thieves first, then " if known else ""
    return (
        "<section><h2>At a glance</h2>"
        + table(
            heads,
            (row[: len(heads)] for row in rows),
            caption=f"Flagged institutions: {order}in the order of their first alerts. Held: share "
            "of the cohort, of the dataset that the alert is about. Not yet taken: share of the "
            "whole taking that came after the alert.",
        )
        + "</section>"
    )


def _overview_row(flagged: Flagged, index: int) -> tuple[str, ...]:
    lead = lead_alert(flagged)
    worst = max(flagged.alerts, key=lambda alert: _SEVERITIES.index(alert.severity)).severity
    track = main_track(flagged)
    start_ms, _ = haul_span(flagged)
    return (
        f'<a href="#flagged-{index}">{escape(flagged.institution)}</a>',
        instant(lead.at_ms).strftime("%Y-%m-%d %H:%M"),
        f'<span class="badge {worst}">{worst}</span>',
        escape(lead.reasons[0].reason.value if lead.reasons else "rule"),
        percent(track.ratio(track.held_at(start_ms - 1))) if track else "unknown",
        percent(track.ratio(track.held_last)) if track else "unknown",
        _not_yet_taken(flagged),
        escape(flagged.truth.scenario if flagged.truth else "honest"),
    )


def _not_yet_taken(flagged: Flagged) -> str:
    kept = saved(flagged)
    if flagged.really:
        return "nothing to save"
    return f'<span class="good">{percent(kept.ratio)}</span>' if kept else "unknown"


_OVERVIEW_HEADS: Final = (
    "institution",
    "alert (UTC)",
    "severity",
    "first reason",
    "#held before",
    "#held at the end",
    "#not yet taken",
    "in truth",
)
_SEVERITIES: Final = ("low", "medium", "high", "critical")


def _quiet_section(report: Report) -> str:
    if not report.quiet:
        return ""
    ranked = sorted(report.quiet, key=_quiet_rank)
    rows = (
        (
            escape(quiet.institution),
            number(quiet.events_count),
            number(quiet.track.held_last) if quiet.track else "unknown",
            percent(quiet.track.ratio(quiet.track.held_last)) if quiet.track else "unknown",
        )
        for quiet in ranked[:_QUIET_SHOWN_MAX]
    )
    shown = min(len(ranked), _QUIET_SHOWN_MAX)
    return (
        "<section><h2>Not flagged</h2>"
        + table(
            ("institution", "#events", "#participants held", "#share of the cohort"),
            rows,
            caption=f"The {shown} that hold most, of {len(ranked):,} institutions without an "
            "alert. A large share that grew slowly, or was approved, is no alert.",
        )
        + "</section>"
    )


def _quiet_rank(quiet: Quiet) -> tuple[float, str]:
    held = quiet.track.ratio(quiet.track.held_last) if quiet.track else 0.0
    return -held, quiet.institution


def _rejects_section(report: Report) -> str:
    if not report.rejects:
        return ""
    rows = (
        (f"<code>{escape(reason)}</code>", number(count))
        for reason, count in sorted(report.rejects.items(), key=lambda item: (-item[1], item[0]))
    )
    return (
        "<section><h2>Rejected events</h2>"
        + table(("reason", "#events"), rows, caption="Events that could not be judged.")
        + "</section>"
    )


def _footer(report: Report) -> str:
    sources = ", ".join(f"<code>{escape(source)}</code>" for source in report.sources)
    notes = "".join(f"<p>{escape(note)}</p>" for note in report.notes)
    return (
        f"<footer>{notes}<p>Read from {sources}: {moment(report.first_ms)} to "
        f"{moment(report.last_ms)}, event time. Configuration <code>{escape(report.config_hash)}"
        "</code>. The same events and configuration give the same report, byte for byte.</p>"
        "</footer>"
    )
