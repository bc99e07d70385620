"""What came of a whole replay, in numbers: for the lines of its end, or as JSON for a program."""

from msgspec import Struct

from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import Unlearnt
from streams.report.record import Flagged, Report, lead_alert, main_track, saved, worst_alert
from streams.report.unnamed import UnnamedTotal


class FlaggedTotal(Struct, frozen=True, kw_only=True):
    """What came of one flagged institution."""

    institution: str
    alert_ids: tuple[str, ...]
    alert_ms: int
    severity: str
    sentence: str
    dataset: str | None
    held_participants: int | None
    coverage_ratio: float | None
    not_yet_taken_ratio: float | None
    unlearnt: tuple[Unlearnt, ...]


class Totals(Struct, frozen=True, kw_only=True):
    """What came of a whole replay."""

    events_count: int
    rejects: dict[str, int]
    institutions_count: int
    flagged: tuple[FlaggedTotal, ...]
    measures: tuple[Suspension, ...]
    withheld: tuple[Withheld, ...]
    first_ms: int
    last_ms: int
    config_hash: str
    repairs: dict[str, dict[str, int]]
    unnamed: tuple[UnnamedTotal, ...]
    notes: tuple[str, ...]
    elapsed_seconds: float
    events_per_second: float


def totals_of(report: Report, *, elapsed_seconds: float) -> Totals:
    """Return the totals of a report."""
    return Totals(
        events_count=report.events_count,
        rejects=report.rejects,
        institutions_count=report.institutions_count,
        flagged=tuple(_flagged_total(flagged) for flagged in report.flagged),
        measures=report.measures,
        withheld=report.withheld,
        first_ms=report.first_ms,
        last_ms=report.last_ms,
        config_hash=report.config_hash,
        repairs=report.repairs,
        unnamed=report.unnamed,
        notes=report.notes,
        elapsed_seconds=round(elapsed_seconds, 3),
        events_per_second=round(report.events_count / max(elapsed_seconds, 1e-9), 1),
    )


def _flagged_total(flagged: Flagged) -> FlaggedTotal:
    track, share_saved = main_track(flagged), saved(flagged)
    worst = worst_alert(flagged)
    return FlaggedTotal(
        institution=flagged.institution,
        alert_ids=tuple(dict.fromkeys(alert.alert_id for alert in flagged.alerts)),
        alert_ms=lead_alert(flagged).at_ms,
        severity=worst.severity,
        sentence=worst.sentence,
        dataset=track.dataset if track else None,
        held_participants=track.held_last if track else None,
        coverage_ratio=track.ratio(track.held_last) if track else None,
        not_yet_taken_ratio=share_saved.ratio if share_saved else None,
        unlearnt=lead_alert(flagged).unlearnt,
    )
