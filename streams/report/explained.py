"""An explanation as lines on a terminal."""

from collections.abc import Iterator
from typing import Final

from detectors.policy.explain import duration, percent
from detectors.verdict import Coverage, ReasonDetail
from streams.explain import Explanation, Part
from streams.report.wording import moment, number, plural, probability

_RECORD: Final = {
    "same_bytes": "rebuilt: the same bytes as on record",
    "different": "rebuilt: NOT what is on record",
    "none": "rebuilt; there was no record to compare with",
}


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Yield the lines: what was said, why, what it rests on, and whether it is what was said."""
    alert = explanation.alert
    yield alert.sentence
    yield ""
    yield f"alert       {alert.alert_id}, revision {alert.revision} of {_revisions(explanation)}"
    yield f"time        {moment(alert.started_ms)} to {moment(alert.at_ms)}"
    yield f"weight      {alert.severity}, {alert.level}, confidence {alert.confidence:.2f}"
    yield f"p-value     {alert.p_value:.3g} ({probability(alert.p_value)}), all reasons together"
    yield f"config      {alert.config_hash}"
    yield f"reference   {alert.reference_version}"
    yield f"record      {_RECORD[explanation.record]}"
    yield from (f"            {line}" for line in explanation.different)
    yield from _section("reasons", map(_reason, alert.reasons))
    yield from _section("coverage", map(_coverage, alert.coverage))
    yield from _section("events with the largest part", map(_event, explanation.events))


def _revisions(explanation: Explanation) -> str:
    return plural(len(explanation.statements), "statement")


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in found)


def _reason(detail: ReasonDetail) -> str:
    return (
        f"{detail.detector}: {detail.feature.replace('_', ' ')} in "
        f"{duration(detail.window_seconds)}: {number(detail.observed)} "
        f"(expected {number(detail.expected)}), p {detail.p_value:.3g}, "
        f"{percent(detail.share)} of the evidence"
    )


def _coverage(coverage: Coverage) -> str:
    bound = ", at most" if coverage.kind == "upper_bound" else ""
    held = f"{number(coverage.held_participants)} people{bound}"
    return (
        f"{coverage.dataset}: {percent(coverage.before_ratio)} before, "
        f"{percent(coverage.after_ratio)} after ({held})"
    )


def _event(part: Part) -> str:
    new = "" if part.new_participants is None else f", {number(part.new_participants)} new people"
    by = f" by {part.user}" if part.user else ""
    return f"{moment(part.at_ms)}  {part.id}: {part.action} of {part.dataset}{by}{new}"
