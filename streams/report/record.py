"""What a report is made of: plain values, so that a page can be drawn from any source."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from detectors.response.suspension import Suspension
from detectors.response.withheld import Withheld
from detectors.verdict import SEVERITIES, Alert
from streams.report.unnamed import UnnamedTotal

# The track of everybody held in any dataset; no real dataset is called so.
ALL_DATASETS: Final = "all datasets together"


class Track(Struct, frozen=True, kw_only=True):
    """What one institution held of one dataset over event time: a step function."""

    dataset: str
    times_ms: Sequence[int]
    held_participants: Sequence[int]
    cohort_participants: int

    def held_at(self, at_ms: int) -> int:
        """Return how many participants were held at `at_ms`; 0 before the first sample."""
        index = bisect_right(self.times_ms, at_ms)
        return self.held_participants[index - 1] if index else 0

    def ratio(self, held_participants: int) -> float:
        """Return a count as a share of the cohort, at most the whole."""
        return min(1.0, held_participants / max(1, self.cohort_participants))

    @property
    def held_last(self) -> int:
        """Return what is held at the end."""
        return self.held_participants[-1] if self.held_participants else 0


class Truth(Struct, frozen=True, kw_only=True):
    """What really happened, where a simulated world knows it."""

    scenario: str
    started_ms: int
    ended_ms: int
    haul_participants: int


class Flagged(Struct, frozen=True, kw_only=True):
    """One flagged institution: its alerts in order, and what it held.

    `truth` is a theft, `really` what an honest one was doing, where a simulated world knows.
    """

    institution: str
    alerts: tuple[Alert, ...]
    tracks: tuple[Track, ...]
    truth: Truth | None = None
    really: str | None = None


class Quiet(Struct, frozen=True, kw_only=True):
    """One institution that was not flagged, and what it holds."""

    institution: str
    track: Track | None
    events_count: int


class Report(Struct, frozen=True, kw_only=True):
    """Everything on the page."""

    title: str
    sources: tuple[str, ...]
    first_ms: int
    last_ms: int
    events_count: int
    rejects: dict[str, int]
    institutions_count: int
    flagged: tuple[Flagged, ...]
    measures: tuple[Suspension, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    quiet: tuple[Quiet, ...]
    config_hash: str
    # Of each institution with events judged in part: how often each thing was mended.
    repairs: dict[str, dict[str, int]] = {}
    # Who cannot be judged by people, most bytes first.
    unnamed: tuple[UnnamedTotal, ...] = ()
    notes: tuple[str, ...] = ()


class Saved(Struct, frozen=True, kw_only=True):
    """How much of an incident's haul the first alert came in time for."""

    before_participants: int
    after_participants: int

    @property
    def ratio(self) -> float:
        """Return the share of the haul that had not been taken when the alert came."""
        haul = self.before_participants + self.after_participants
        return self.after_participants / haul if haul else 0.0


def worst_alert(flagged: Flagged) -> Alert:
    """Return the first of the severest alerts."""
    return max(flagged.alerts, key=lambda alert: SEVERITIES.index(alert.severity))


def in_order(flagged: Iterable[Flagged]) -> tuple[Flagged, ...]:
    """Return the flagged institutions, the gravest first, then who holds most, then by name."""

    def place(each: Flagged) -> tuple[int, int, str]:
        track, severity = main_track(each), worst_alert(each).severity
        return -SEVERITIES.index(severity), -(track.held_last if track else 0), each.institution

    return tuple(sorted(flagged, key=place))


def lead_alert(flagged: Flagged) -> Alert:
    """Return the first alert of the incident that matters most.

    That is the one that took most; where the truth is known, the first that the theft gave.
    """
    firsts: dict[str, Alert] = {}
    taken: dict[str, int] = {}
    for alert in flagged.alerts:
        firsts.setdefault(alert.alert_id, alert)
        taken[alert.alert_id] = max(taken.get(alert.alert_id, 0), alert.taken_participants)
    truth = flagged.truth
    if truth is not None:
        for alert in flagged.alerts:
            if alert.at_ms >= truth.started_ms and alert.change != "close":
                return alert
    return firsts[max(taken, key=lambda alert_id: taken[alert_id])]


def main_track(flagged: Flagged) -> Track | None:
    """Return the track of the dataset that the lead alert is about, else the fullest one."""
    named = {coverage.dataset: coverage for coverage in lead_alert(flagged).coverage}
    tracks = [track for track in flagged.tracks if track.dataset in named] or flagged.tracks
    if not tracks:
        return None

    def grown(track: Track) -> float:
        coverage = named.get(track.dataset)
        return coverage.after_ratio - coverage.before_ratio if coverage else 0.0

    return max(tracks, key=lambda track: (grown(track), track.held_last, track.dataset))


def saved(flagged: Flagged) -> Saved | None:
    """Return what the lead alert came in time for, whatever the dataset.

    The haul runs from the start of the incident to its end, or over the known theft: nothing was
    really stopped in a replay, so the rest of the taking is on record.
    """
    if not flagged.tracks:
        return None
    lead = lead_alert(flagged)
    start_ms, end_ms = haul_span(flagged)
    # Somebody held in two datasets is one person, so the common track counts where there is one.
    common = [track for track in flagged.tracks if track.dataset == ALL_DATASETS]
    before = after = 0
    for track in common or flagged.tracks:
        at_alert = track.held_at(lead.at_ms)
        before += max(0, at_alert - track.held_at(start_ms - 1))
        after += max(0, track.held_at(end_ms) - at_alert)
    return Saved(before_participants=before, after_participants=after)


def haul_span(flagged: Flagged) -> tuple[int, int]:
    """Return when the taking that the lead alert is about began and ended."""
    if flagged.truth is not None:
        return flagged.truth.started_ms, flagged.truth.ended_ms
    lead = lead_alert(flagged)
    closed = [
        alert.at_ms
        for alert in flagged.alerts
        if alert.alert_id == lead.alert_id and alert.change == "close"
    ]
    last_ms = max((track.times_ms[-1] for track in flagged.tracks), default=lead.at_ms)
    return lead.started_ms, min([last_ms, *closed])
