"""An explanation as lines on a terminal."""

from collections.abc import Iterator, Mapping
from typing import Final

from detectors.policy.explain import duration, percent, unlearnt_words
from detectors.verdict import DatasetCoverage, FailedRequests, ReasonDetail
from streams.console.wording import moment, number, probability
from streams.replay.explain import AlertStatement, Explanation, Part
from streams.report.lines import measure_line, withheld_line

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
    yield f"alert       {alert.alert_id}, revision {alert.revision}"
    yield f"time        {moment(alert.started_ms)} to {moment(alert.at_ms)}"
    yield f"weight      {alert.severity}, confidence {alert.confidence:.2f}"
    yield f"p-value     {alert.p_value:.3g} ({probability(alert.p_value)}), all reasons together"
    yield f"config      {alert.config_hash}"
    yield f"reference   {alert.reference_version}"
    yield from (f"given       {words}" for words in unlearnt_words(alert.unlearnt))
    yield f"record      {_RECORD[explanation.record]}"
    yield from (f"            {line}" for line in explanation.different)
    yield from _section("reasons", map(_reason, alert.reasons))
    yield from _section("coverage", map(_coverage, alert.coverage))
    yield from _section("judged in part, so far", _counts(alert.repairs))
    yield from _section("rejected, so far", _counts(alert.rejects))
    yield from _section("requests that failed, in 7 days", _failed(alert.failed))
    outcomes = explanation.outcomes
    yield from _section("what followed", (measure_line(each).text for each in outcomes.measures))
    withheld = (withheld_line(each).text for each in outcomes.withheld)
    yield from _section("why nothing more followed", withheld)
    events = (_event(part, alert.trigger_event_id) for part in explanation.events)
    yield from _section("events with the largest part", events)
    yield from _section("all that was said", map(_statement, explanation.statements))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    section_lines = list(lines)
    if section_lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in section_lines)


def _reason(detail: ReasonDetail) -> str:
    return (
        f"{detail.detector}: {detail.feature.replace('_', ' ')} in "
        f"{duration(detail.window_seconds)}: {number(detail.observed)} "
        f"(expected {number(detail.expected)}), p {detail.p_value:.3g}, "
        f"{percent(detail.share)} of the evidence"
    )


def _coverage(coverage: DatasetCoverage) -> str:
    bound = ", at most" if coverage.kind == "upper_bound" else ""
    held = f"{number(coverage.held_participants)} people{bound}"
    return (
        f"{coverage.dataset}: {percent(coverage.before_ratio)} before, "
        f"{percent(coverage.after_ratio)} after ({held})"
    )


def _counts(counts: Mapping[str, int]) -> Iterator[str]:
    for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        yield f"{reason.replace('_', ' ')}: {number(count)}"


def _failed(failed: FailedRequests) -> Iterator[str]:
    if failed.count:
        yield (
            f"{number(failed.count)}, of which {number(failed.with_bytes_count)} carried bytes "
            f"({percent(failed.with_bytes_ratio)}): {number(failed.bytes)} bytes"
        )


def _event(part: Part, trigger_event_id: str) -> str:
    new = "" if part.new_participants is None else f", {number(part.new_participants)} new people"
    by = f" by {part.user}" if part.user else ""
    tripped = ": this one tripped it" if part.id == trigger_event_id else ""
    return f"{moment(part.at_ms)}  {part.id}: {part.action} of {part.dataset}{by}{new}{tripped}"


def _statement(statement: AlertStatement) -> str:
    return (
        f"{statement.revision}  {moment(statement.at_ms)}  {statement.change}, "
        f"{statement.severity}, p {statement.p_value:.3g}: {statement.sentence}"
    )
