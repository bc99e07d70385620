"""Step 6 of 7: an open incident, and what people were not told of -> news that speaks for itself.

An open incident is no licence: who takes beside it is judged as if it were not there. Told at once
are a rule that was broken, by whomever it was not broken before; and a user, a class of data or a
family of detectors that was not told of, where the evidence about it alone is within the budget.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from detectors.detector import Score
from detectors.event import AccessEvent
from detectors.features.baseline import LEARNT_WINDOWS
from detectors.features.takers import count_bounded
from detectors.features.vector import Features
from detectors.features.windows import WINDOW_SECONDS
from detectors.incident import Incident
from detectors.policy.evaluate import features_of, verdict_on
from detectors.policy.explain import MAJORITY_RATIO
from detectors.profile import Profile
from detectors.registry import feature_of, is_rule
from detectors.verdict import Alert, ReasonDetail, Verdict

# Of users and of classes, so many are counted apart.
_UNTOLD_MAX: Final = 16
# Beyond so many facts it is no news any more who else does the same.
_FACTS_MAX: Final = 64
# The detector that says how many new people are too many; who is judged alone is judged by it.
_LEAD: Final = "excess"
_NOBODY: Final = ""


class News(Struct, frozen=True, kw_only=True):
    """What people were not told of, judged alone."""

    facts: Annotated[tuple[str, ...], Meta(description="that are told by it")]
    verdict: Verdict


def note_untold(profile: Profile, incident: Incident, event: AccessEvent, new: int) -> None:
    """Count new participants for whoever, and of whatever class, people were not told of."""
    user = event.user or _NOBODY
    class_name = profile.ledger.totals.class_of(event.dataset)
    if _user_fact(user) not in incident.facts:
        count_bounded(incident.untold_users, user, new, takers_max=_UNTOLD_MAX)
    if _class_fact(class_name) not in incident.facts:
        count_bounded(incident.untold_classes, class_name, new, takers_max=_UNTOLD_MAX)


def news_of(
    profile: Profile, verdict: Verdict, *, at_ms: int, event: AccessEvent, rate: float
) -> News | None:
    """Return what is to be told beside an open incident, if anything.

    `rate` is the p-value at which evidence is within the budget.
    """
    incident = profile.state.incident
    if incident is None:
        return None
    broken = [fact for fact in rule_facts(verdict, event) if _is_new(incident, fact)]
    if broken:
        return News(facts=tuple(broken), verdict=verdict)
    if verdict.p_value > rate:
        return None
    looks: tuple[Callable[[Profile, Incident, Features], News | None], ...] = (
        _of_users,
        _of_classes,
        _of_families,
    )
    features = features_of(profile, at_ms)
    for look in looks:
        news = look(profile, incident, features)
        if news is not None and news.verdict.watched and news.verdict.p_value <= rate:
            return news
    return None


def rule_facts(verdict: Verdict, event: AccessEvent | None) -> tuple[str, ...]:
    """Return what rules found, and by whom where one event broke them."""
    facts: list[str] = []
    for detail in verdict.reasons:
        if is_rule(detail.detector) and detail.share > 0.0:
            kind = f"{detail.detector}/{detail.feature}"
            of_event = feature_of(detail.detector, detail.feature).shares_basis == "event"
            by_user = [f"{kind}/{event.user or _NOBODY}"] if of_event and event is not None else []
            facts += [kind, *by_user]
    return tuple(facts)


def note_facts(profile: Profile, incident: Incident, alert: Alert, facts: Iterable[str]) -> None:
    """Remember what an alert tells: of whom, of what data, and by which family of detectors."""
    parts = [
        *facts,
        *(f"family/{family_of(each)}" for each in alert.reasons if each.share > 0.0),
    ]
    if alert.top_user is not None:
        parts.append(_user_fact(alert.top_user))
    if alert.shares is not None and alert.shares.nobody >= MAJORITY_RATIO * alert.shares.total:
        parts.append(_user_fact(_NOBODY))
    grown = [each for each in alert.coverage if each.after_ratio > each.before_ratio]
    if grown:
        most = max(grown, key=lambda each: each.after_ratio - each.before_ratio)
        parts.append(_class_fact(profile.ledger.totals.class_of(most.dataset)))
    incident.facts.extend(fact for fact in dict.fromkeys(parts) if fact not in incident.facts)
    for untold, fact_of in (
        (incident.untold_users, _user_fact),
        (incident.untold_classes, _class_fact),
    ):
        for name in [each for each in untold if fact_of(each) in incident.facts]:
            del untold[name]


def family_of(source: ReasonDetail | Score) -> str:
    """Return what a reason counts, people or bytes; else it is of a family of its own."""
    feature = feature_of(source.detector, source.feature)
    if is_rule(source.detector):
        return source.detector
    if feature.counts_new_participants:
        return "people"
    return "bytes" if feature.counts_bytes else source.detector


def _is_new(incident: Incident, fact: str) -> bool:
    by_user = fact.count("/") > 1
    return fact not in incident.facts and not (by_user and len(incident.facts) >= _FACTS_MAX)


def _user_fact(user: str) -> str:
    return f"user/{user}"


def _class_fact(class_name: str) -> str:
    return f"class/{class_name}"


def _of_users(profile: Profile, incident: Incident, features: Features) -> News | None:
    """Return the taking of the user who took most of those who were not told of."""
    return _of_largest(profile, incident.untold_users, _user_fact, features)


def _of_classes(profile: Profile, incident: Incident, features: Features) -> News | None:
    return _of_largest(profile, incident.untold_classes, _class_fact, features)


def _of_largest(
    profile: Profile, untold: dict[str, int], fact_of: Callable[[str], str], features: Features
) -> News | None:
    if not untold:
        return None
    name = min(untold, key=lambda each: (-untold[each], each))
    return News(facts=(fact_of(name),), verdict=_verdict_alone(profile, untold[name], features))


def _verdict_alone(profile: Profile, participants: int, features: Features) -> Verdict:
    """Return the verdict as if only so many had been taken; its numbers are those of all."""
    alone = replace(features, new=tuple(min(new, participants) for new in features.new))
    by_seconds = {
        WINDOW_SECONDS[window]: float(new)
        for window, new in zip(LEARNT_WINDOWS, features.new, strict=True)
    }
    scores = [
        replace(score, observed=by_seconds[score.window_seconds])
        for detector in profile.detectors
        for score in detector.score(alone)
        if score.detector == _LEAD
    ]
    return verdict_on(profile, scores)


def _of_families(profile: Profile, incident: Incident, features: Features) -> News | None:
    """Return the first family of detectors that was not told of and has something to say."""
    scores = [score for detector in profile.detectors for score in detector.score(features)]
    for family in dict.fromkeys(family_of(score) for score in scores):
        if f"family/{family}" not in incident.facts:
            theirs = [score for score in scores if family_of(score) == family]
            return News(facts=(f"family/{family}",), verdict=verdict_on(profile, theirs))
    return None
