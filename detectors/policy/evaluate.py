"""Steps 4 to 6 of 7: one institution at one moment -> verdict. Score, calibrate, decide."""

from math import log10
from typing import Final

from detectors.calibration.combine import P_VALUE_MIN, combine
from detectors.calibration.tail import Tail
from detectors.detector import Score
from detectors.features.baseline import COMMON_COHORT
from detectors.features.vector import Features
from detectors.features.windows import Quantity
from detectors.instants import DAY_MS
from detectors.profile import OpenRun, Profile
from detectors.reference import DEFAULT_TAIL, INCIDENT_CHANNEL, tails_of, usual_of
from detectors.verdict import ReasonDetail, Run, Verdict

# A rule is not a matter of probability; this value only says "certain" on the common scale.
RULE_P_VALUE: Final = 1e-9
# What still stands in a window is no new evidence: a run or an incident goes on only while it
# grows, by a quarter at least.
GROWTH_DECADES: Final = 0.1


def features_of(profile: Profile, at_ms: int) -> Features:
    """Return what the detectors may look at now."""
    state, windows = profile.state, profile.windows
    now = state.windows.open[Quantity.NEW]
    return Features(
        at_ms=at_ms,
        windows=windows,
        new=tuple([closed + now for closed in windows.closed_new()]),
        usual=usual_now(profile, at_ms // DAY_MS),
        cohort_size=profile.config.cohort.size,
        hour_bytes=state.today.hour_bytes,
        today_new=state.today.new,
    )


def usual_now(profile: Profile, day: int) -> tuple[float, ...]:
    """Return the usual per learnt window on `day`, in this cohort."""
    peers = usual_of(profile.reference, group_of(profile))
    scale = profile.config.cohort.size / COMMON_COHORT
    return profile.baseline.usual(day, peers=peers, scale=scale)


def group_of(profile: Profile) -> str:
    """Return the peer group: who sends only counts is compared with others who do."""
    mostly_counted = 2 * profile.state.counted_events > profile.state.events_count
    return f"{profile.entry.group}/counted" if mostly_counted else profile.entry.group


def evaluate(profile: Profile, at_ms: int, *, breaches: tuple[Score, ...] = ()) -> Verdict:
    """Return the verdict of this moment; note what was strange in the open runs."""
    features = features_of(profile, at_ms)
    _mark_judged(profile, features)
    scores = [score for detector in profile.detectors for score in detector.score(features)]
    scores += breaches
    if not scores:
        return Verdict(watched=False, p_value=1.0, reasons=())
    tails = tails_of(profile.reference, group_of(profile))
    p_values = {
        score.channel: RULE_P_VALUE
        if score.rule
        else _penalised(profile, score, tails.get(score.channel, DEFAULT_TAIL).p_value(score.value))
        for score in scores
    }
    today = at_ms // DAY_MS
    for score in scores:
        if not score.rule:
            note_run(profile, score.channel, score.value, today=today)
    effective = [score for score in scores if score.detector not in profile.shadow]
    return _verdict(profile, effective, p_values, tail=tails[INCIDENT_CHANNEL], today=today)


def _penalised(profile: Profile, score: Score, p_value: float) -> float:
    """Return a p-value behind the bar that a false positive has raised for its detector."""
    bar = profile.state.penalties.get(score.detector)
    if bar is None or profile.state.frontier_ms >= bar.until_ms:
        return p_value
    return min(1.0, bar.factor * p_value)


def _verdict(
    profile: Profile, scores: list[Score], p_values: dict[str, float], *, tail: Tail, today: int
) -> Verdict:
    rules = [score for score in scores if score.rule]
    soft = {score.channel: p_values[score.channel] for score in scores if not score.rule}
    combined, shares = combine(soft, weights=profile.weights)
    surprise = -log10(max(combined, P_VALUE_MIN))
    if surprise >= profile.config.policy.candidate_surprise:
        note_run(profile, INCIDENT_CHANNEL, surprise, today=today)
    calibrated = tail.p_value(surprise)
    if rules:
        shares = dict.fromkeys(shares, 0.0) | {score.channel: 1.0 / len(rules) for score in rules}
        calibrated = RULE_P_VALUE
    reasons = tuple(
        sorted(
            (
                _detail(score, p_value=p_values[score.channel], share=shares[score.channel])
                for score in scores
                if score.channel in shares
            ),
            key=lambda detail: (-detail.share, detail.detector, detail.window_seconds),
        )
    )
    unusual = bool(rules) or surprise >= profile.config.policy.candidate_surprise
    return Verdict(watched=unusual and bool(reasons), p_value=calibrated, reasons=reasons)


def _detail(score: Score, *, p_value: float, share: float) -> ReasonDetail:
    return ReasonDetail(
        detector=score.detector,
        reason=score.reason,
        feature=score.feature,
        window_seconds=score.window_seconds,
        observed=score.observed,
        expected=score.expected,
        p_value=max(p_value, P_VALUE_MIN),
        share=share,
    )


def _mark_judged(profile: Profile, features: Features) -> None:
    today = profile.state.today
    today.judged = list(features.new)
    today.judged_bytes = features.hour_bytes


def note_run(profile: Profile, channel: str, value: float, *, today: int) -> None:
    """Remember that `channel` was strange today, as part of its run."""
    runs = profile.state.open_runs
    run = runs.get(channel)
    if run is None:
        run = runs[channel] = OpenRun(
            first_day=today, last_day=today, peak_day=today, peak=value, mark=value
        )
    if value >= run.mark + GROWTH_DECADES:
        run.last_day, run.mark = max(run.last_day, today), value
    if value > run.peak:
        run.peak_day, run.peak = today, value
    profile.state.today.runs[channel] = Run(
        first_day=run.first_day, peak_day=run.peak_day, peak=run.peak
    )
