"""Steps 3 to 6 of 7: hours and days close: baselines learn what is trusted, incidents end."""

from typing import Final

from detectors.features.baseline import COMMON_COHORT, LEARNT_WINDOWS
from detectors.features.vector import day_point
from detectors.features.windows import Quantity, Window
from detectors.instants import DAY_MS, HOUR_MS
from detectors.policy.decide import close
from detectors.policy.evaluate import group_of, usual_now
from detectors.profile import DayState, Profile
from detectors.verdict import DailySummary, Effect, NewHoldings

# After this much silence nothing of the old windows is left; older gaps are not walked day by day.
_GAP_DAYS_MAX: Final = 31
# Smaller days say nothing to the judge of several institutions: 100 of 500,000.
PUBLISHED_COHORT_RATIO: Final = 0.0002
_REACHING_BACK: Final = (Window.WEEK, Window.MONTH)
# A plain number: every end of 5 minutes asks for it.
_NEW: Final = int(Quantity.NEW)
# What detectors compare with the usual; `quota` counts `GAINED`, which stays.
_EVIDENCE: Final = (Quantity.NEW, Quantity.WALKED, Quantity.SLICED, Quantity.OFF_HOURS)


def advance(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    """Close what ended before `at_ms`: the open 5 minutes, perhaps the hour, perhaps the day."""
    if profile.state.windows.open[_NEW]:
        note_maxima(profile)
    hour_ended = at_ms // HOUR_MS > profile.state.today.hour
    effects = _close_hour(profile, at_ms) if hour_ended else ()
    profile.windows.advance(at_ms)
    profile.next_evaluation_participants = None
    return effects


def note_maxima(profile: Profile) -> None:
    """Raise the day's maxima to the sums as they are now.

    Within the open 5 minutes the sums only grow, so that it is enough to look at their end.
    """
    maxima, now = profile.state.today.maxima, profile.state.windows.open[_NEW]
    for place, closed in enumerate(profile.windows.closed_new()):
        maxima[place] = max(maxima[place], closed + now)


def _close_hour(profile: Profile, at_ms: int) -> tuple[Effect, ...]:
    state = profile.state
    today = state.today
    if today.hour_bytes and not _suspicious(profile, today.day):
        profile.volume.learn(today.hour * HOUR_MS, today.hour_bytes)
    today.hour, today.hour_bytes, today.judged_bytes = at_ms // HOUR_MS, 0, 0
    profile.update_usual_bytes()
    day = at_ms // DAY_MS
    effects: tuple[Effect, ...] = ()
    if day > today.day:
        if today.day < 0:
            state.first_day = day
            state.baseline.first_day = day
            _open_day(profile, day)
        else:
            effects = _close_days(profile, day, at_ms=at_ms)
    state.frontier_ms = max(state.frontier_ms, at_ms)
    profile.update_thresholds()
    return effects


def _close_days(profile: Profile, day: int, *, at_ms: int) -> tuple[Effect, ...]:
    state = profile.state
    closed = state.today.day
    trusted = not (_suspicious(profile, closed) or state.today.unlearnt)
    _learn(profile, day, trusted=trusted)
    summary = _summary(profile, day=day - 1, days_count=day - closed, trusted=trusted)
    quiet_before = day - profile.config.policy.quiet_days
    for channel in [name for name, run in state.open_runs.items() if run.last_day < quiet_before]:
        del state.open_runs[channel]
    effects: tuple[Effect, ...] = (summary,)
    ledger = profile.ledger.state
    if ledger.today_count >= PUBLISHED_COHORT_RATIO * profile.config.cohort.size:
        effects += (new_holdings(profile, at_ms=state.frontier_ms),)
    ledger.today.clear()
    ledger.today_count = 0
    if state.incident is not None and state.incident.last_day < quiet_before:
        effects += close(profile, at_ms=at_ms)
    _open_day(profile, day)
    return effects


def _learn(profile: Profile, day: int, *, trusted: bool) -> None:
    """Learn the day that closes and the silent ones after it, up to `day`."""
    state = profile.state
    closed = state.today.day
    if trusted:
        profile.baseline.learn(closed, _day_maxima(profile))
        profile.multivariate.learn(day_point(profile.windows))
    settled_day = state.first_day + profile.config.baseline.settling_days
    if closed < settled_day <= day:
        _settle(profile)
    if closed >= settled_day:
        month_usual = usual_now(profile, closed)[-1]
        profile.drip.learn(state.today.new, month_usual=month_usual)
        for _ in range(min(_GAP_DAYS_MAX, day - closed - 1)):
            profile.drip.learn(0, month_usual=month_usual)
    if trusted:
        _learn_silence(profile, first=max(closed + 1, day - _GAP_DAYS_MAX), last=day - 1)


def new_holdings(profile: Profile, *, at_ms: int) -> NewHoldings:
    """Return who was taken new on the open day, so far."""
    return NewHoldings(
        institution=profile.state.institution,
        day=profile.state.today.day,
        at_ms=at_ms,
        participants=profile.ledger.state.today.serialize(),
    )


def _settle(profile: Profile) -> None:
    """End the first days: what was loaded then is held, but is no evidence any more.

    Else it would fill the windows for another month, and what is new would not stand out. Caps
    go on counting it.
    """
    profile.windows.forget(_EVIDENCE)
    profile.state.open_runs.clear()
    if profile.state.incident is not None and not profile.state.incident.raised:
        profile.state.incident = None


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


def _learn_silence(profile: Profile, *, first: int, last: int) -> None:
    """Learn the silent days between two events: nothing was taken, but sums reach back."""
    for silent in range(first, last + 1):
        profile.windows.advance(silent * DAY_MS)
        reaching = [profile.windows.total(window, Quantity.NEW) for window in _REACHING_BACK]
        profile.baseline.learn(silent, [0, 0, *reaching])


def _summary(profile: Profile, *, day: int, days_count: int, trusted: bool) -> DailySummary:
    state = profile.state
    scale = COMMON_COHORT / profile.config.cohort.size
    return DailySummary(
        institution=state.institution,
        group=group_of(profile),
        day=day,
        days_count=days_count,
        age_days=day - state.first_day,
        usual=tuple(amount * scale for amount in profile.baseline.known(day)),
        runs=state.today.runs,
        held_participants=profile.ledger.state.held_participants,
        trusted=trusted,
        alerted=state.today.alerted,
    )


def _open_day(profile: Profile, day: int) -> None:
    old = profile.state.today
    fresh = DayState(day=day, hour=old.hour, hour_bytes=old.hour_bytes)
    fresh.people_before = profile.ledger.state.held_participants
    for name, holding in profile.ledger.state.holdings.items():
        fresh.held_before[name] = holding.held_participants
        fresh.counted_before[name] = holding.counted_participants
    if profile.state.incident is not None:
        # Who took what is asked of the whole incident, not of its last day.
        fresh.users, fresh.projects, fresh.samples = old.users, old.projects, old.samples
    profile.state.today = fresh
