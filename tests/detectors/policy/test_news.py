"""What people have been told of an open incident, and what of it would be news alone."""

from math import inf

import pytest

from detectors.config import CoreConfig
from detectors.features.datasets import DatasetConfig
from detectors.incident import Incident
from detectors.pipeline import Profile, judge, open_profile
from detectors.policy.evaluate import features_of
from detectors.policy.news import (
    News,
    _of_classes,
    _of_users,
    family_of,
    news_of,
    note_facts,
    note_untold,
    rule_facts,
)
from detectors.verdict import ReasonDetail, Verdict
from tests.builders import alert, coverage, event, reason_detail, taking, window_shares

START_MS = 1_767_225_600_000
CANARY = reason_detail(detector="canary", feature="canaries")
QUOTA = reason_detail(detector="quota", feature="new_participants")


def north(**datasets: DatasetConfig) -> Profile:
    """Return a profile on whose day 40,000 people were taken."""
    profile = open_profile("north", config=CoreConfig(datasets=datasets))
    judge(profile, taking(40_000, time=START_MS, user="ann"))
    return profile


def incident(*facts: str) -> Incident:
    """Return an incident of which some facts were told."""
    return Incident(number=1, first_day=0, last_day=0, started_ms=0, mark=0.0, facts=list(facts))


def verdict(*reasons: ReasonDetail, p_value: float = 1e-9) -> Verdict:
    """Return a verdict for some reasons."""
    return Verdict(watched=True, p_value=p_value, reasons=reasons)


def test_whoever_was_not_told_of_is_counted() -> None:
    """By user, nobody named being one, and by class; whom people know is not."""
    open_incident = incident("user/ann", "class/genomes")
    profile = north(genomes=DatasetConfig(class_name="genomes"))
    takings = [("ann", "imaging", 5), ("ben", "genomes", 7), (None, "imaging", 11), ("ben", "x", 1)]
    for user, dataset, new in takings:
        note_untold(profile, open_incident, event(user=user, dataset=dataset), new)
    assert open_incident.untold_users == {"ben": 8, "": 11}
    assert open_incident.untold_classes == {"": 17}


def test_of_many_who_were_not_told_of_the_heavy_ones_are_counted() -> None:
    """Sixteen exactly; one more takes from all what the least have."""
    open_incident, profile = incident(), north()
    for place in range(17):
        note_untold(profile, open_incident, event(user=f"u{place:02d}"), 10 + place)
    assert open_incident.untold_users == {f"u{place:02d}": place for place in range(1, 17)}


def test_facts_are_what_rules_found_and_by_whom() -> None:
    """Of one event its user, or nobody named; what has no share in a verdict is no fact."""
    reasons = verdict(
        CANARY,
        QUOTA,
        reason_detail(detector="scope", feature="dataset_not_approved", share=0.0),
        reason_detail(detector="excess"),
    )
    broke = event(user="ann")
    assert rule_facts(reasons, broke) == (
        "canary/canaries",
        "canary/canaries/ann",
        "quota/new_participants",
    )
    assert rule_facts(verdict(CANARY), event()) == ("canary/canaries", "canary/canaries/")
    assert rule_facts(verdict(CANARY), None) == ("canary/canaries",)


@pytest.mark.parametrize(
    ("source", "family"),
    [
        (reason_detail(), "people"),
        (reason_detail(detector="volume", feature="bytes"), "bytes"),
        (QUOTA, "quota"),
        (reason_detail(detector="multivariate", feature="half_space_trees"), "multivariate"),
    ],
)
def test_a_family_is_what_is_counted(source: ReasonDetail, family: str) -> None:
    """People or bytes; rules and models of points stand for themselves."""
    assert family_of(source) == family


def test_what_an_alert_tells_is_told() -> None:
    """Of whom, of what data, by which family; each once, and nobody of these is untold any more."""
    profile = north(genomes=DatasetConfig(class_name="genomes"))
    open_incident = incident("user/ann")
    open_incident.untold_users |= {"ann": 3, "ben": 5, "": 7}
    open_incident.untold_classes |= {"genomes": 9, "": 2}
    stated = alert(
        reasons=(
            reason_detail(),
            CANARY,
            reason_detail(detector="volume", feature="bytes", share=0.0),
        ),
        top_user="ann",
        shares=window_shares(total=100, nobody=50),
        coverage=(
            coverage(dataset="imaging", before_ratio=0.5, after_ratio=0.6),
            coverage(dataset="genomes", before_ratio=0.0, after_ratio=0.2),
            coverage(dataset="plates", before_ratio=0.9, after_ratio=0.9),
        ),
    )
    note_facts(profile, open_incident, stated, ["canary/canaries"])
    assert open_incident.facts == [
        "user/ann",
        "canary/canaries",
        "family/people",
        "family/canary",
        "user/",
        "class/genomes",
    ]
    assert open_incident.untold_users == {"ben": 5}
    assert open_incident.untold_classes == {"": 2}


def test_what_an_alert_does_not_tell_is_not_told() -> None:
    """Nobody named below a half, no user, no dataset that has grown, nothing of bytes."""
    open_incident = incident()
    stated = alert(
        reasons=(reason_detail(),),
        top_user=None,
        shares=window_shares(total=100, nobody=49),
        coverage=(coverage(before_ratio=0.5, after_ratio=0.5),),
    )
    note_facts(north(), open_incident, stated, [])
    note_facts(
        north(), open_incident, alert(reasons=(), top_user=None, shares=None, coverage=()), []
    )
    assert open_incident.facts == ["family/people"]


def test_the_largest_of_the_untold_is_judged_alone() -> None:
    """Of equals the first in the alphabet; as if only so many had been taken, in numbers of all."""
    profile, open_incident = north(), incident()
    features = features_of(profile, profile.state.frontier_ms)
    assert _of_users(profile, open_incident, features) is None
    open_incident.untold_users |= {"zoe": 9, "cleo": 20_000, "ben": 20_000}
    open_incident.untold_classes |= {"genomes": 40_000, "": 30}
    users = _of_users(profile, open_incident, features)
    classes = _of_classes(profile, open_incident, features)
    assert (users is not None, classes is not None) == (True, True)
    assert isinstance(users, News)
    assert isinstance(classes, News)
    assert (users.facts, classes.facts) == (("user/ben",), ("class/genomes",))
    assert users.verdict.p_value > classes.verdict.p_value
    for news in (users, classes):
        assert {detail.detector for detail in news.verdict.reasons} == {"excess"}
        assert [detail.observed for detail in news.verdict.reasons] == [40_000.0]
        assert news.verdict.watched


def test_no_incident_has_no_news() -> None:
    """The first alert tells all there is."""
    profile = north()
    profile.state.incident = None
    at_ms = profile.state.frontier_ms
    assert news_of(profile, verdict(CANARY), at_ms=at_ms, event=event(), rate=1.0) is None


def test_a_rule_that_was_broken_is_news_whatever_the_budget() -> None:
    """Once, and once for each user; what is known of a rule is not said again beside it."""
    profile = north()
    profile.state.incident = incident("canary/canaries", "canary/canaries/ann", "family/people")
    at_ms = profile.state.frontier_ms
    by_ann, by_ben = (
        news_of(profile, broken, at_ms=at_ms, event=event(user=user), rate=0.0)
        for broken, user in ((verdict(CANARY), "ann"), (verdict(CANARY, QUOTA), "ben"))
    )
    assert by_ann is None
    assert by_ben == News(
        facts=("canary/canaries/ben", "quota/new_participants"), verdict=verdict(CANARY, QUOTA)
    )


@pytest.mark.parametrize(("facts_count", "is_news"), [(62, True), (63, False)])
def test_of_many_facts_it_is_no_news_who_else_does_the_same(
    facts_count: int, *, is_news: bool
) -> None:
    """Another kind of breach is news all the same."""
    profile = north()
    facts = [f"fact {number}" for number in range(facts_count)]
    profile.state.incident = incident("canary/canaries", *facts)
    at_ms = profile.state.frontier_ms
    by_ben = news_of(profile, verdict(CANARY), at_ms=at_ms, event=event(user="ben"), rate=0.0)
    assert (by_ben is not None) == is_news
    other = news_of(profile, verdict(QUOTA), at_ms=at_ms, event=event(user="ben"), rate=0.0)
    assert other is not None


def test_evidence_is_news_within_the_budget_alone() -> None:
    """The first of a user, a class and a family that was not told of, and is rare enough alone."""
    profile = north()
    at_ms = profile.state.frontier_ms
    features = features_of(profile, at_ms)
    open_incident = profile.state.incident = incident()
    open_incident.untold_users["ben"] = 20_000
    open_incident.untold_classes["genomes"] = 40_000
    of_user, of_class = (
        _of_users(profile, open_incident, features),
        _of_classes(profile, open_incident, features),
    )
    assert isinstance(of_user, News)
    assert isinstance(of_class, News)

    def news_at(rate: float, p_value: float = 0.0) -> News | None:
        return news_of(
            profile, verdict(p_value=p_value), at_ms=at_ms, event=event(user="ben"), rate=rate
        )

    assert news_at(of_user.verdict.p_value) == of_user
    assert news_at(of_class.verdict.p_value) == of_class
    assert news_at(0.0) is None
    assert news_at(1.0, p_value=1.0) == of_user
    assert news_at(0.5, p_value=inf) is None
    open_incident.untold_users.clear()
    open_incident.untold_classes.clear()
    family = news_at(1.0)
    assert isinstance(family, News)
    assert family.facts == ("family/people",)
    open_incident.facts.append("family/people")
    later = news_at(1.0)
    assert later is None or later.facts != ("family/people",)
