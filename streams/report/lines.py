"""Alerts and totals as lines on a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import force_setattr

from detectors.policy.explain import percent, unlearnt_words
from detectors.response.suspension import HEADGATE, Measure, Suspension
from detectors.response.withheld import Threshold, Withheld, WithheldReason
from detectors.verdict import Effect, RaiseAlert
from streams.console.wording import moment, number, plural, printable, span
from streams.report.totals import FlaggedTotal, Totals

STYLES: Final = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan"}
_ORDER: Final = "; the gravest first, then who holds most people, then by name"
_WORD_WIDTH: Final = 8
_REPAIRED_SHOWN_MAX: Final = 5


class Line(Struct, frozen=True, kw_only=True):
    """One line and how it looks where colours can be shown."""

    text: str
    style: str = ""

    def __post_init__(self) -> None:
        """Show whatever names hold, and obey nothing of it."""
        force_setattr(self, "text", printable(self.text))


def effect_line(effect: Effect) -> Line | None:
    """Return an effect as one readable line; None for what is no news to a person."""
    if isinstance(effect, RaiseAlert):
        alert = effect.alert
        return alert_line(
            alert.sentence, at_ms=alert.at_ms, change=alert.change, severity=alert.severity
        )
    return None


def alert_line(sentence: str, *, at_ms: int, change: str, severity: str) -> Line:
    """Return a statement about an incident as a line."""
    word = "closed" if change == "close" else severity
    update = "update: " if change == "update" else ""
    return Line(
        text=f"{moment(at_ms)}  {word:<{_WORD_WIDTH}}  {update}{sentence}",
        style="dim" if change == "close" else STYLES[severity],
    )


def measure_line(suspension: Suspension) -> Line:
    """Return one revision of a measure as a line: at its time, what is done to whom, and why."""
    word = "dry run" if suspension.dry_run else state_word(suspension)
    text = f"{moment(suspension.at_ms)}  {word:<{_WORD_WIDTH}}  {_act(suspension)}"
    why = "" if suspension.why == "alert" else f" ({suspension.why})"
    return Line(text=text + why, style="magenta" if suspension.open else "dim")


def state_word(suspension: Suspension) -> str:
    """Return the state in a person's word: a request that is over is not released, but ran out.

    Or somebody refused it. Either way it was not in force, so there was nothing to release.
    """
    if not _is_spent_request(suspension):
        return suspension.state
    return "lapsed" if suspension.by == HEADGATE else "refused"


def measure_word(suspension: Suspension) -> str:
    """Return the measure in a person's words; of one that was never in force, the request."""
    request = "request to " if _is_spent_request(suspension) else ""
    return request + suspension.measure


def _is_spent_request(suspension: Suspension) -> bool:
    """Tell whether it ended while it waited for people."""
    return not suspension.open and suspension.started_ms is None


def _act(suspension: Suspension) -> str:
    scope, institution = suspension.scope, suspension.institution
    subject = "" if scope == "institution" else f"{scope} {suspension.subject} of "
    # A dry run only says what would be done.
    would = "would " if suspension.dry_run else ""
    if _is_spent_request(suspension):
        drop = "would drop the " if suspension.dry_run else ""
        return f"{drop}{measure_word(suspension)} {subject}{institution}"
    if not suspension.open:
        return f"{would}release {subject}{institution}"
    asks = f", asks to {suspension.asks.measure}" if suspension.asks else ""
    ends_ms = suspension.expires_ms
    until = "until released" if ends_ms is None else f"until {moment(ends_ms)}"
    act = suspension.measure if suspension.state == "active" else f"ask to {suspension.measure}"
    return f"{would}{act} {subject}{institution}{asks} {until}"


def withheld_line(withheld: Withheld) -> Line:
    """Return why an alert led to no measure, or to no stronger one, as a line."""
    begins = f"{moment(withheld.at_ms)}  withheld  {withheld.institution}"
    alert = f"alert {withheld.alert_id[:12]}"
    return Line(text=f"{begins}: {withheld_text(withheld)} ({alert})", style="dim")


def withheld_text(withheld: Withheld) -> str:
    """Return the reason in words, with the numbers that decided.

    >>> withheld_text(
    ...     Withheld(
    ...         reason="mode_off",
    ...         alert_id="a",
    ...         institution="north",
    ...         alerted_ms=0,
    ...         at_ms=0,
    ...         measure="suspend",
    ...     )
    ... )
    'the mode of suspend is off'
    """
    measure, suspension_id = withheld.measure, (withheld.suspension_id or "")[:12]
    numbers = "; ".join(_threshold(each) for each in withheld.thresholds)
    sentences: dict[WithheldReason, str] = {
        "below_threshold": "",
        "mode_off": f"the mode of {measure} is off",
        "labelled": f"people said that it was harmless, decision {withheld.decision_id}",
        "closed": "the incident is over",
        "already_open": f"{withheld.open_measure} is open already, {suspension_id}",
        "dry_run_only": f"{measure} is a dry run only; "
        f"{withheld.open_measure} is open, {suspension_id}",
        "cooling_down": f"cools down after a release, until {moment(withheld.until_ms or 0)}",
        "guard": f"{measure} is held for people, {suspension_id}",
        "ring": "a ring stops nobody who was not seen taking alone",
    }
    return "; ".join(part for part in (sentences[withheld.reason], numbers) if part)


def _threshold(threshold: Threshold) -> str:
    seen, needed = f"{threshold.seen:.6g}", f"{threshold.needed:.6g}"
    if threshold.quantity == "institutions":
        return f"{seen} institutions at once, at most {needed} without a person"
    return f"{threshold.measure} needs {threshold.quantity} {needed}, seen {seen}"


def total_lines(totals: Totals) -> Iterator[Line]:
    """Yield the totals as lines: first what was not seen."""
    for note in totals.notes:
        yield Line(text=note, style="bold red")
    institutions = plural(totals.institutions_count, "institution")
    yield Line(
        text=f"{plural(totals.events_count, 'event')} of {institutions} in "
        f"{totals.elapsed_seconds:.1f} s ({number(round(totals.events_per_second))}/s)"
    )
    if totals.events_count:
        covered = span(totals.last_ms - totals.first_ms)
        yield Line(
            text=f"event time: {moment(totals.first_ms)} to {moment(totals.last_ms)} ({covered})"
        )
    reasons = ", ".join(
        f"{reason} {count:,}"
        for reason, count in sorted(totals.rejects.items(), key=lambda item: (-item[1], item[0]))
    )
    rejected_count = sum(totals.rejects.values())
    yield Line(text=f"rejected: {rejected_count:,}" + (f" ({reasons})" if reasons else ""))
    if totals.repairs:
        yield Line(text=f"judged in part: {_repairs_text(totals.repairs)}")
    order = _ORDER if len(totals.flagged) > 1 else ""
    yield Line(text=f"flagged: {len(totals.flagged):,} of {institutions}{order}", style="bold")
    for flagged in totals.flagged:
        yield _flagged_line(flagged)
    yield Line(text=f"measures that would follow: {begun_text(totals.measures)}", style="bold")
    for suspension in totals.measures:
        yield _indented(measure_line(suspension))
    counts = Counter(each.reason for each in totals.withheld)
    reasons_text = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
    yield Line(text=f"no measure, or no stronger one: {reasons_text or 'none'}", style="bold")
    for withheld in totals.withheld:
        yield _indented(withheld_line(withheld))


def _repairs_text(repairs: dict[str, dict[str, int]]) -> str:
    """Return what was mended, and in whose events: those with most of it first."""
    by_most = sorted(repairs.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    named = []
    for institution, counts in by_most[:_REPAIRED_SHOWN_MAX]:
        mended = ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
        named.append(f"{institution} ({mended})")
    more = len(by_most) - len(named)
    return "; ".join(named) + (f"; and {plural(more, 'more institution')}" if more else "")


def _indented(line: Line) -> Line:
    return Line(text=f"  {line.text}", style=line.style)


def begun_text(measures: Sequence[Suspension]) -> str:
    """Return how many of each kind were in force, by what each came to at most; then requests.

    A request, or what the guard holds, is no measure in force unless people agree to it.
    """
    begun: dict[str, Measure] = {}
    asked: dict[str, Measure] = {}
    for suspension in measures:
        if suspension.state == "active":
            begun[suspension.suspension_id] = suspension.measure
        elif suspension.open:
            asked[suspension.suspension_id] = suspension.measure
    only_asked = (measure for name, measure in asked.items() if name not in begun)
    named = [*_counted(begun.values()), *_counted(only_asked, prefix="asked to ")]
    return ", ".join(named) or "none"


def _counted(measures: Iterable[Measure], *, prefix: str = "") -> Iterator[str]:
    counts = Counter(measures)
    kinds: tuple[Measure, ...] = ("throttle", "suspend")
    return (f"{prefix}{kind} {counts[kind]:,}" for kind in kinds if counts[kind])


def _flagged_line(flagged: FlaggedTotal) -> Line:
    held = "coverage unknown"
    if flagged.coverage_ratio is not None and flagged.held_participants is not None:
        held = (
            f"holds {percent(flagged.coverage_ratio)} of {flagged.dataset} "
            f"({flagged.held_participants:,} participants)"
        )
    given = ", ".join([moment(flagged.alert_ms), *unlearnt_words(flagged.unlearnt)])
    return Line(
        text=f"  {flagged.severity:<{_WORD_WIDTH}}  {flagged.institution}: alert {given}; {held}",
        style=STYLES[flagged.severity],
    )
