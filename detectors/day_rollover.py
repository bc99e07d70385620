"""Steps 3 to 6 of 7: hours and days close: baselines learn what is trusted, incidents end."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from detectors.detector import ClosedDay, ClosedHour
from detectors.features.baseline import COMMON_COHORT, LEARNT_WINDOWS
from detectors.features.hour_takers import HourTakers
from detectors.features.vector import EVIDENCE, day_point
from detectors.features.windows import HOURS_PER_DAY, Quantity, Window
from detectors.instants import DAY_MS, HOUR_MS
from detectors.policy.decide import close
from detectors.policy.evaluate import group_of, usual_now
from detectors.policy.unreadable import close_unreadable
from detectors.profile import Profile, due_day
from detectors.profile_state import DayState, note_active
from detectors.verdict import DailySummary, Effect, NewHoldings

# After this much silence nothing of the old windows is left; older gaps are not walked day by day.
_GAP_DAYS_MAX: Final = 31
# Smaller days say nothing to the judge of several institutions: 100 of 500,000.
PUBLISHED_COHORT_RATIO: Final = 0.0002
_REACHING_BACK: Final = (Window.WEEK, Window.MONTH)
# A plain number: every end of 5 minutes asks for it.
_NEW: Final = int(Quantity.NEW)


def advance(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    """Close what ended before `at_ms`: the open 5 minutes, perhaps the hour, perhaps the day."""
    if profile.state.windows.open[_NEW]:
        note_maxima(profile)
    hour_ended = at_ms // HOUR_MS > profile.state.today.hour
    effects = _close_hour(profile, at_ms) if hour_ended else ()
    profile.windows.advance(at_ms)
    profile.gate.forget_new()
    return effects


def note_maxima(profile: Profile) -> None:
    """Raise the day's maxima to the sums as they are now.

    Within the open 5 minutes the sums only grow, so that it is enough to look at their end.
    """
    maxima, now = profile.state.today.maxima, profile.state.windows.open[_NEW]
    for place, closed in enumerate(profile.windows.closed_new()):
        maxima[place] = max(maxima[place], closed + now)


class EndedDay(Struct, frozen=True, kw_only=True):
    """The day that ends, and the one that begins. Days are since the epoch, UTC."""

    day: int
    next_day: int
    active: bool
    trusted: bool
    settled_day: int


def close_days(profile: Profile, last_closed_day: int) -> tuple[Effect, ...]:
    """Close what is over by time alone, up to `last_closed_day`, for one that may never come back.

    Nobody is carried further than to the day after its last one, or to the end of its incident;
    whoever comes back passes through the same days, so that it is the same when this is called.
    """
    effects: tuple[Effect, ...] = ()
    while (next_day := due_day(profile)) is not None and next_day <= last_closed_day + 1:
        if profile.state.windows.open[_NEW]:
            note_maxima(profile)
        # The day's first event closes an hour, whichever hour it is in.
        _end_hour(profile, next_day * HOURS_PER_DAY - 1)
        effects += _close_day(profile, next_day)
        profile.begin_hour()
        profile.gate.forget_new()
    return effects


def _end_hour(profile: Profile, next_hour: int) -> None:
    """Let detectors learn the open hour, and begin another."""
    today = profile.state.today
    if today.hour_bytes:
        closed_hour = ClosedHour(
            at_ms=today.hour * HOUR_MS,
            taken_bytes=today.hour_bytes,
            trusted=not _suspicious(profile, today.day),
            unnamed_bytes=today.hour_unnamed_bytes,
        )
        for detector in profile.hourly:
            detector.learn_hour(closed_hour)
    today.hour, today.hour_bytes, today.judged_bytes = next_hour, 0, 0
    today.hour_takers = HourTakers()
    today.hour_unnamed_bytes = 0


def _close_hour(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    state, day = profile.state, at_ms // DAY_MS
    effects = close_days(profile, day - 2) if day > state.today.day >= 0 else ()
    _end_hour(profile, at_ms // HOUR_MS)
    if state.today.day < 0:
        state.first_day = day
        state.baseline.first_day = day
        _open_day(profile, day)
    elif day > state.today.day:
        effects += _close_day(profile, day)
    if not state.today.active:
        _begin_active_day(profile)
    state.frontier_ms = max(state.frontier_ms, at_ms)
    profile.begin_hour()
    return effects


def _begin_active_day(profile: Profile) -> None:
    """Judge by the reference of the day; on silent days that of the last active one stays."""
    today = profile.state.today
    today.active = True
    note_active(profile.state, settling_days=profile.config.baseline.settling_days)
    if profile.references is not None:
        profile.reference = profile.references.at(today.day)
    today.reference_day = profile.reference.day


def _close_day(profile: Profile, next_day: int) -> tuple[Effect, ...]:
    state = profile.state
    ended = EndedDay(
        day=state.today.day,
        next_day=next_day,
        active=state.today.active,
        trusted=not (_suspicious(profile, state.today.day) or state.today.unlearnt),
        settled_day=state.baseline.first_day + profile.config.baseline.settling_days,
    )
    return tuple(effect for step in ROLLOVER for effect in step(profile, ended))


def learn_baseline(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Let the baseline learn the day. First: detectors are told what is usual."""
    if ended.trusted and ended.active:
        profile.baseline.learn(ended.day, _day_maxima(profile))
    return ()


def teach_detectors(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Let detectors learn the day. Before `settle`, which takes the day out of the windows."""
    closed_day = ClosedDay(
        day=ended.day,
        silent_days=min(_GAP_DAYS_MAX, ended.next_day - ended.day - 1),
        trusted=ended.trusted,
        active=ended.active,
        settled=ended.day >= ended.settled_day,
        new=profile.state.today.new,
        month_usual=usual_now(profile, ended.day)[-1],
        point=day_point(profile.windows),
    )
    for detector in profile.learners:
        detector.learn(closed_day)
    return ()


def settle(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """End the first days: what was loaded then is held, but is no evidence any more.

    Otherwise it would fill the windows for another month, and what is new would not stand out.
    Caps go on counting it. Before `learn_silence`, which is of the days that follow.
    """
    if ended.day < ended.settled_day <= ended.next_day:
        profile.windows.forget(EVIDENCE)
        profile.takers.forget()
        profile.state.open_runs.clear()
        if profile.state.incident is not None and not profile.state.incident.raised:
            profile.state.incident = None
    return ()


def learn_silence(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Let the baseline learn the silent days: nothing was taken, but sums reach back.

    After all that looks at the windows as the day left them: this moves them on.
    """
    if ended.trusted:
        first = ended.day + 1 if ended.active else ended.day
        for silent in range(max(first, ended.next_day - _GAP_DAYS_MAX), ended.next_day):
            profile.windows.advance(silent * DAY_MS)
            reaching = [profile.windows.total(window, Quantity.NEW) for window in _REACHING_BACK]
            profile.baseline.learn(silent, [0, 0, *reaching])
    return ()


def summarise(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Tell the peers of the closed days. After all learning: they get the newest usual."""
    state, incident = profile.state, profile.state.incident
    scale = COMMON_COHORT / profile.config.cohort.size
    last_day = ended.next_day - 1
    summary = DailySummary(
        institution=state.institution,
        group=group_of(profile),
        day=last_day,
        days_count=ended.next_day - ended.day,
        age_days=last_day - state.baseline.first_day,
        usual=tuple(amount * scale for amount in profile.baseline.known(last_day)),
        runs=state.today.runs,
        held_participants=profile.ledger.taken_participants,
        active=ended.active,
        trusted=ended.trusted,
        alert_id=incident.alert_id if incident and state.today.alerted else "",
        labels=state.today.labels,
    )
    return (summary,)


def end_runs(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Forget the runs that have not grown for long; a new one would count anew."""
    runs, quiet_before = profile.state.open_runs, _quiet_before(profile, ended)
    for channel in [name for name, run in runs.items() if run.last_day < quiet_before]:
        del runs[channel]
    return ()


def publish_holdings(profile: Profile, _: EndedDay) -> tuple[Effect, ...]:
    """Tell the judge of several institutions of the whole day, and begin the ledger's next."""
    ledger = profile.ledger.state
    effects: tuple[Effect, ...] = ()
    if ledger.today_count >= PUBLISHED_COHORT_RATIO * profile.config.cohort.size:
        effects = (new_holdings(profile, at_ms=profile.state.frontier_ms),)
    ledger.today.clear()
    ledger.today_count = 0
    return effects


def close_incident(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """End an incident after quiet. After all learning: until here the day was under suspicion."""
    incident = profile.state.incident
    if incident is None or incident.last_day >= _quiet_before(profile, ended):
        return ()
    return close(profile, at_ms=ended.next_day * DAY_MS)


def end_unreadable(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """End the alert on what cannot be read, after a week within what is allowed."""
    return close_unreadable(profile, day=ended.next_day, at_ms=ended.next_day * DAY_MS)


def open_day(profile: Profile, ended: EndedDay) -> tuple[Effect, ...]:
    """Begin the next day. Last: every step before it reads the day that ends."""
    _open_day(profile, ended.next_day)
    return ()


ROLLOVER: Final[tuple[Callable[[Profile, EndedDay], tuple[Effect, ...]], ...]] = (
    learn_baseline,
    teach_detectors,
    settle,
    learn_silence,
    summarise,
    end_runs,
    publish_holdings,
    close_incident,
    end_unreadable,
    open_day,
)


def _quiet_before(profile: Profile, ended: EndedDay) -> int:
    return ended.next_day - profile.config.policy.quiet_days


def new_holdings(profile: Profile, *, at_ms: int) -> NewHoldings:
    """Return who was taken new on the open day, so far."""
    return NewHoldings(
        institution=profile.state.institution,
        day=profile.state.today.day,
        at_ms=at_ms,
        participants=profile.ledger.state.today.serialize(),
    )


def _suspicious(profile: Profile, day: int) -> bool:
    incident = profile.state.incident
    return incident is not None and incident.raised and incident.first_day <= day


def _day_maxima(profile: Profile) -> list[int]:
    """Return the day's maxima; on a day without anybody new, sums still reach back over weeks."""
    maxima = list(profile.state.today.maxima)
    for place, window in enumerate(LEARNT_WINDOWS):
        if window in _REACHING_BACK:
            maxima[place] = max(maxima[place], profile.windows.total(window, Quantity.NEW))
    return maxima


def _open_day(profile: Profile, day: int) -> None:
    old = profile.state.today
    fresh = DayState(day=day, hour=old.hour, reference_day=old.reference_day)
    fresh.unapproved_participants_before = profile.ledger.unapproved_participants
    for name, holding in profile.ledger.state.holdings.items():
        fresh.held_before[name] = holding.held_participants
        fresh.counted_before[name] = holding.counted_participants
    profile.state.today = fresh
