"""What every detector in the benchmark says, in one form: who, when, how strange, and why."""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from detectors.instants import DAY_MS, HOUR_MS
from detectors.synthetic.labels import Theft
from detectors.synthetic.requests import Floats, Ints

# A theft seen on the day after its last request still counts: the alert names what happened.
GRACE_MS = DAY_MS


class Alarms(Struct, frozen=True, kw_only=True):
    """The scores of one institution, in order of time; `reasons` where a detector gives any."""

    institution: str
    at_ms: Ints
    score: Floats
    reasons: tuple[str, ...] = ()


class Outcome(Struct, frozen=True, kw_only=True):
    """What one detector made of one theft at one threshold."""

    detected: bool
    delay_hours: float
    gone_ratio: float
    reason: str
    reason_true: bool


def alert_days(
    alarms: Iterable[Alarms], *, threshold: float, since_ms: int
) -> dict[tuple[str, int], tuple[int, str]]:
    """Return the alert-days, institution and day, each with its first alarm's moment and reason."""
    first_by_day: dict[tuple[str, int], tuple[int, str]] = {}
    for each in alarms:
        over = np.flatnonzero((each.score > threshold) & (each.at_ms >= since_ms))
        for place in over.tolist():
            at_ms = int(each.at_ms[place])
            reason = each.reasons[place] if each.reasons else ""
            first_by_day.setdefault((each.institution, at_ms // DAY_MS), (at_ms, reason))
    return first_by_day


def day_peaks(alarms: Iterable[Alarms], *, since_ms: int) -> Floats:
    """Return the highest score of every institution-day that has any."""
    peaks: list[Floats] = [np.zeros(0)]
    for each in alarms:
        late = each.at_ms >= since_ms
        day = each.at_ms[late] // DAY_MS
        if not len(day):
            continue
        first = day.min()
        highest = np.full(int(day.max() - first) + 1, -np.inf)
        np.maximum.at(highest, day - first, each.score[late])
        peaks.append(highest[np.isfinite(highest)])
    return np.concatenate(peaks)


def outcome(alarms: Iterable[Alarms], theft: Theft, *, threshold: float) -> Outcome:
    """Return whether, when and why the theft was found first by any of its institutions."""
    first_ms, reason = None, ""
    for each in alarms:
        inside = (each.at_ms >= theft.started_ms) & (each.at_ms <= theft.ended_ms + GRACE_MS)
        hits = np.flatnonzero(inside & (each.score > threshold))
        if len(hits) and (first_ms is None or each.at_ms[hits[0]] < first_ms):
            first_ms = int(each.at_ms[hits[0]])
            reason = each.reasons[hits[0]] if each.reasons else ""
    if first_ms is None:
        return Outcome(
            detected=False,
            delay_hours=np.inf,
            gone_ratio=theft.haul_ratio,
            reason="",
            reason_true=False,
        )
    return Outcome(
        detected=True,
        delay_hours=(first_ms - theft.started_ms) / HOUR_MS,
        gone_ratio=theft.gone_ratio(first_ms),
        reason=reason,
        reason_true=reason in theft.reasons,
    )
