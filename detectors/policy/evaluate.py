"""Steps 4 to 6 of 7: one institution at one moment -> verdict. Score, calibrate, decide."""

from collections.abc import Iterable
from math import log10
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from detectors.calibration.combine import P_VALUE_MIN, combine
from detectors.detector import Breach, Score
from detectors.event import AccessEvent
from detectors.features.baseline import COMMON_COHORT
from detectors.features.exemptions import is_exempt
from detectors.features.participant_sets import ParticipantSet
from detectors.features.vector import Features
from detectors.features.windows import Quantity
from detectors.instants import DAY_MS
from detectors.peers.reference import COUNTED, INCIDENT_CHANNEL, tail_of, usual_of
from detectors.profile import Profile
from detectors.registry import reason_of
from detectors.verdict import ReasonDetail, Verdict

# A rule is not a matter of probability; this value only says "certain" on the common scale.
RULE_P_VALUE: Final = 1e-9


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
        hour_unnamed_bytes=state.today.hour_unnamed_bytes,
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
    return profile.entry.group + COUNTED if mostly_counted else profile.entry.group


class Unusual(Struct, frozen=True, kw_only=True):
    """What the detectors make of one moment together; nothing is decided yet."""

    surprise: Annotated[float, Meta(description="-log10 of the combined p-value")]
    reasons: tuple[ReasonDetail, ...]


class Evaluation(Struct, frozen=True, kw_only=True):
    """What one look at an institution has shown."""

    at_ms: int
    features: Features
    verdict: Verdict
    strange: Annotated[
        tuple[tuple[str, float], ...], Meta(description="channels that spoke, with their scores")
    ] = ()


def evaluate(profile: Profile, at_ms: int, *, breaches: tuple[Breach, ...] = ()) -> Evaluation:
    """Look at an institution as it is at `at_ms`; change nothing, which is for `note`.

    `breaches` are the lines that the event at hand has crossed. A crossed line decides alone; what
    is unusual beside it is shown, with no share in the decision.
    """
    features = features_of(profile, at_ms)
    scores = [score for detector in profile.detectors for score in detector.score(features)]
    in_windows = (breach for rule in profile.window_rules for breach in rule.evaluate(features))
    breaches = (*in_windows, *breaches)
    if not scores and not breaches:
        silence = Verdict(watched=False, p_value=1.0, reasons=())
        return Evaluation(at_ms=at_ms, features=features, verdict=silence)
    unusual = _unusual(profile, [score for score in scores if score.detector not in profile.shadow])
    audible = [breach for breach in breaches if breach.detector not in profile.shadow]
    strange = [(score.channel, score.value) for score in scores]
    if _is_candidate(profile, unusual):
        strange.append((INCIDENT_CHANNEL, unusual.surprise))
    return Evaluation(
        at_ms=at_ms,
        features=features,
        verdict=_broken(audible, unusual) if audible else _judged(profile, unusual),
        strange=tuple(strange),
    )


def verdict_on(profile: Profile, scores: Iterable[Score]) -> Verdict:
    """Return the verdict on some scores, as if there were no others; change nothing."""
    audible = [score for score in scores if score.detector not in profile.shadow]
    return _judged(profile, _unusual(profile, audible))


def _is_candidate(profile: Profile, unusual: Unusual) -> bool:
    return unusual.surprise >= profile.config.policy.candidate_surprise


def _judged(profile: Profile, unusual: Unusual) -> Verdict:
    """Return the verdict on what is unusual, calibrated against whole incidents."""
    tail = tail_of(profile.reference, group_of(profile), INCIDENT_CHANNEL)
    return Verdict(
        watched=_is_candidate(profile, unusual),
        p_value=tail.p_value(unusual.surprise),
        reasons=_in_order(unusual.reasons),
    )


def _unusual(profile: Profile, scores: list[Score]) -> Unusual:
    """Return the scores on one scale, each with its share of the evidence."""
    group = group_of(profile)
    p_values = {
        score.channel: _penalised(
            profile,
            score.detector,
            tail_of(profile.reference, group, score.channel).p_value(score.value),
        )
        for score in scores
    }
    combined, shares = combine(p_values, weights=profile.weights)
    return Unusual(
        surprise=-log10(max(combined, P_VALUE_MIN)),
        reasons=tuple(
            _detail(score, p_value=p_values[score.channel], share=shares[score.channel])
            for score in scores
            if score.channel in shares
        ),
    )


def _penalised(profile: Profile, detector: str, p_value: float) -> float:
    """Return a p-value, raised while a false positive of its detector counts against it."""
    return min(1.0, penalty_factor(profile, detector) * p_value)


def compared(
    profile: Profile, event: AccessEvent, people: ParticipantSet | None, *, at_ms: int
) -> tuple[Breach, ...]:
    """Compare whom an event took with whom earlier ones did; return what it breaks by that."""
    breaches: tuple[Breach, ...] = ()
    if people is None:
        return breaches
    for name, rule in profile.set_rules.items():
        if not rule.note(event, people, at_ms=at_ms):
            continue
        breach = rule.evaluate(event, factor=penalty_factor(profile, name))
        if breach is not None and not is_exempt(profile.entry, event, at_ms=at_ms):
            breaches += (breach,)
    return breaches


def penalty_factor(profile: Profile, detector: str) -> float:
    """Return by how much a detector is harder to convince now, after a false positive."""
    penalty = profile.state.penalties.get(detector)
    if penalty is None or profile.state.frontier_ms >= penalty.until_ms:
        return 1.0
    limit = penalty.participants_max
    if limit is not None and profile.ledger.unapproved_participants > limit:
        return 1.0
    return penalty.factor


def _broken(breaches: list[Breach], unusual: Unusual) -> Verdict:
    """Return the verdict on crossed lines: certain, whatever is unusual beside them."""
    share = 1.0 / len(breaches)
    reasons = [
        *(msgspec.structs.replace(detail, share=0.0) for detail in unusual.reasons),
        *(_detail(breach, p_value=RULE_P_VALUE, share=share) for breach in breaches),
    ]
    return Verdict(watched=True, p_value=RULE_P_VALUE, reasons=_in_order(reasons))


def _in_order(reasons: Iterable[ReasonDetail]) -> tuple[ReasonDetail, ...]:
    """Return the reasons, the weightiest first."""
    order = sorted(
        reasons, key=lambda detail: (-detail.share, detail.detector, detail.window_seconds)
    )
    return tuple(order)


def _detail(source: Score | Breach, *, p_value: float, share: float) -> ReasonDetail:
    return ReasonDetail(
        detector=source.detector,
        reason=reason_of(source.detector, source.feature),
        feature=source.feature,
        window_seconds=source.window_seconds,
        observed=source.observed,
        expected=source.expected,
        p_value=max(p_value, P_VALUE_MIN),
        share=share,
    )
